using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Threading;

namespace Fastpar.Tests;

internal static class PoolTests
{
    [Test]
    private static void Versions()
    {
        Expect.Equal(1, FastparLibrary.AbiVersion);
        Expect.Equal(FastparLibrary.RequiredAbiVersion, FastparLibrary.AbiVersion);
        int[] parts = FastparLibrary.VersionString.Split('.').Select(int.Parse).ToArray();
        Expect.Equal((parts[0] * 10000) + (parts[1] * 100) + parts[2], FastparLibrary.Version);
        string assembly = typeof(FastparPool).Assembly.GetName().Version!.ToString(3);
        Expect.Equal(FastparLibrary.VersionString, assembly, "version of the assembly");
        Expect.True(FastparLibrary.ZstdVersionString.StartsWith("1."), FastparLibrary.ZstdVersionString);
        Expect.Equal("FASTPAR_ERR_UNKNOWN", FastparLibrary.StatusName((FastparStatus)12345));
        Expect.Equal("the checksum differs", FastparLibrary.StatusMessage(FastparStatus.Checksum));
    }

    [Test]
    private static void AProcessOf32BitsIsTold()
    {
        Type native = typeof(FastparLibrary).Assembly.GetType("Fastpar.NativeMethods")!;
        MethodInfo require = native.GetMethod("RequireProcess", BindingFlags.NonPublic | BindingFlags.Static)!;
        var check = (Action<int>)require.CreateDelegate(typeof(Action<int>));
        check(8);
        string message = Expect.Throws<PlatformNotSupportedException>(() => check(4)).Message;
        Expect.True(message.Contains("needs a 64-bit process, and this process has 32 bits"), message);
    }

    /// <summary>
    /// .NET Framework looks beside copies of assemblies, which hosts make; there is no library.
    /// </summary>
    [Test]
    private static void TheOriginalPlaceIsTold()
    {
        Assembly assembly = typeof(FastparLibrary).Assembly;
        bool standard = assembly.GetCustomAttributesData().Any(data =>
            data.AttributeType.Name == "TargetFrameworkAttribute"
            && ((string)data.ConstructorArguments[0].Value!).StartsWith(".NETStandard"));
        Type? place = assembly.GetType("Fastpar.OriginalPlace");
        Expect.Equal(standard, place != null, "builds for .NET Framework");
        if (place != null)
        {
            MethodInfo beside = place.GetMethod("Beside", BindingFlags.NonPublic | BindingFlags.Static)!;
            string folder = Path.Combine(Path.GetTempPath(), "a b#c");
            string address = new Uri(Path.Combine(folder, "Fastpar.Net.dll")).AbsoluteUri;
            Expect.Equal(Path.Combine(folder, "fastpar.dll"), beside.Invoke(null, new object[] { address })!);
        }
    }

#if NET
    [Test]
    private static void StacksNameSourcesByTheirPlaceInTheRepository()
    {
        var exception = Expect.Throws<ArgumentOutOfRangeException>(() => new PoolOptions { Threads = -1 });
        Expect.True(exception.StackTrace!.Contains(" in /fastpar/bindings/csharp/"), exception.StackTrace);
    }
#endif

    [Test]
    private static void WorkersHaveNumbers()
    {
        Expect.Equal(-1, FastparPool.Worker);
        int worker = -2;
        FastparJob job = FastparLoop.Start(1, range => worker = FastparPool.Worker);
        job.Completion.Wait(Expect.Limit);
        Expect.True(worker >= 0 && worker < FastparPool.Threads, $"worker {worker}");
    }

    [Test]
    private static void WorkersDoNotKeepTheProcess()
    {
        int foreground = 0;
        FastparTeam.Run(0, member =>
        {
            bool own = member.Member == 0;
            Interlocked.Add(ref foreground, own || Thread.CurrentThread.IsBackground ? 0 : 1);
        });
        Expect.Equal(0, foreground, "foreground threads");
    }

    [Test]
    private static void StartAndShutdown()
    {
        FastparPool.Shutdown();
        Expect.Equal(0, FastparPool.StatsRead().Threads);
        FastparPool.Start(new PoolOptions { Threads = 3, StackSize = 1 << 20, ThreadName = "tést" });
        Expect.Equal(3, FastparPool.Threads);
        FastparPool.Start(new PoolOptions { Threads = 3, StackSize = 1 << 20, ThreadName = "tést" });
        Expect.Fails(FastparStatus.AlreadyStarted, () => FastparPool.Start(new PoolOptions { Threads = 4 }));
        FastparLoop.For(100, (in Chunk chunk) => Expect.Equal(3, chunk.Lanes));
        PoolStats stats = FastparPool.StatsRead();
        Expect.Equal(3, stats.Threads);
        Expect.True(stats.Jobs >= 1 && stats.Chunks >= 24 && stats.Busy <= 3 && stats.Helpers >= 0, "stats");
        Expect.True(stats.CallbackTime > TimeSpan.Zero && stats.BusyTime >= TimeSpan.Zero, "times");
        byte[] packed = Codec.Compress(new byte[100_000]);
        PoolStats codec = FastparPool.StatsRead();
        Expect.Equal(100_000, codec.BytesIn);
        Expect.Equal(packed.Length, codec.BytesOut);
        Expect.True(codec.ContextsMade + codec.ContextsReused == 1 && codec.CodecTime > TimeSpan.Zero, "codec");
        Expect.True(codec.WaitingTime >= stats.WaitingTime && codec.LateHelpers >= stats.LateHelpers, "later");
        FastparPool.Shutdown();
        FastparPool.Start(new PoolOptions { Threads = PoolOptions.ThreadsAuto, Pin = true });
        FastparPool.Shutdown();
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparPool.Start(new PoolOptions { Threads = -1 }));
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparPool.Start(new PoolOptions { Threads = 5000 }));
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparPool.Start(new PoolOptions { StackSize = 1 << 16 }));
        FastparPool.Start();
        Expect.Fails(FastparStatus.Busy, () => FastparLoop.For(1, range => FastparPool.Shutdown()));
    }

    [Test]
    private static void TakenBackAndInTime()
    {
        int started = 0;
        Action<int> onStart = worker => Interlocked.Increment(ref started);
        FastparPool.Start();
        int threads = FastparPool.Threads;
        FastparPool.Hook(onStart);
        Expect.Equal(threads, started, "started");
        Expect.True(!FastparPool.Unhook(null, onStart), "another pair");
        Expect.Fails(FastparStatus.Busy, () => FastparLoop.For(1, range => FastparPool.Unhook(onStart)));
        Expect.True(FastparPool.Unhook(onStart) && !FastparPool.Unhook(onStart), "once");
        using var begun = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        var caller = new Thread(() => FastparLoop.For(1, range =>
        {
            begun.Set();
            mayEnd.Wait();
        }));
        caller.Start();
        begun.Wait();
        Expect.True(!FastparPool.Shutdown(TimeSpan.FromMilliseconds(5)), "a call runs");
        mayEnd.Set();
        Expect.True(FastparPool.Shutdown(Expect.Limit), "it has ended");
        caller.Join();
        FastparPool.Start();
        Expect.Equal(threads, started, "taken back");
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparPool.Shutdown(TimeSpan.FromSeconds(-5)));
    }

    /// <summary>Groups, pipelines and scans have the names that their options give.</summary>
    [Test]
    private static void NamesInTraces()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        byte[] packed = Codec.Compress(new byte[100_000]);
        using var archive = SeekableArchive.Open(packed);
        FastparTrace.Start(path);
        try
        {
            FastparGroup.Run(group => { }, new GroupOptions { Name = "gruppe" });
            FastparPipeline.Run(new[] { 1 }, item => item, item => { }, new PipelineOptions { Name = "fließt" });
            archive.Scan<byte>(records => { }, new ScanOptions { Name = "sucht" });
            archive.ScanReduce<byte, long>(() => 0, (records, sum) => sum + records.Length, (a, b) => a + b, new ScanOptions { Name = "summiert" });
            FastparTrace.Stop();
            string text = File.ReadAllText(path);
            foreach (string name in new[] { "gruppe", "fließt", "sucht", "summiert" })
            {
                Expect.True(text.Contains("\"" + name + "\""), name + " in " + text);
            }
        }
        finally
        {
            FastparTrace.Stop();
            File.Delete(path);
        }
    }

    [Test]
    private static void Trace()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        FastparTrace.Stop();
        FastparTrace.Start(path, new TraceOptions { Categories = TraceCategories.User | TraceCategories.Loops });
        try
        {
            Expect.Fails(FastparStatus.AlreadyStarted, () => FastparTrace.Start(path));
            using (FastparTrace.Span("lädt"))
            {
                FastparLoop.For(10, range => { });
            }
            var named = new LoopOptions { Name = "zählt" };
            FastparLoop.For(10, range => { }, named);
            FastparLoop.Start(10, range => { }, named).Wait();
            FastparTeam.Run(new TeamOptions { Members = 1, Name = "treffen" }, member => { });
            FastparTrace.Stop();
            string text = File.ReadAllText(path);
            Expect.True(text.Contains("\"lädt\"") && text.Contains("\"zählt\"") && text.Contains("\"treffen\"") && text.Contains("\"loop\"") && !text.Contains("\"cat\":\"chunks\""), text);
            Expect.True(text.EndsWith("\n]\n"), "its end");
            Expect.Throws<IOException>(() => FastparTrace.Start(path));
            Expect.Throws<ArgumentException>(() => FastparTrace.Start(""));
            Expect.Throws<ArgumentOutOfRangeException>(() => new TraceOptions { MaxMemory = 1 });
        }
        finally
        {
            FastparTrace.Stop();
            File.Delete(path);
        }
    }

    [Test]
    private static void Hooks()
    {
        int started = 0, ended = 0, told = 0;
        FastparPool.Start();
        FastparPool.Hook(worker => Interlocked.Increment(ref started), worker => Interlocked.Increment(ref ended));
        Expect.Equal(FastparPool.Threads, started, "on_start");
        bool throwing = true;
        void Hook(int worker)
        {
            if (Volatile.Read(ref throwing))
            {
                throw new FormatException("hook");
            }
        }
        FastparPool.HookFailed += exception =>
        {
            if (exception is FormatException { Message: "hook" })
            {
                Interlocked.Increment(ref told); // other tests have hooks as well
            }
        };
        Expect.Equal("hook", Expect.Throws<FormatException>(() => FastparPool.Hook((Action<int>)Hook)).Message);
        Expect.Equal(0, told, "told");
        int threads = FastparPool.Threads;
        FastparPool.Shutdown();
        Expect.Equal(threads, ended, "on_exit");
        FastparPool.Start();
        Expect.Soon(() => Volatile.Read(ref told) == threads, "what a later start throws");
        Volatile.Write(ref throwing, false);
        Expect.Throws<ArgumentNullException>(() => FastparPool.Hook((Action<int>?)null, null));
        Expect.Fails(FastparStatus.Busy, () => FastparLoop.For(1, range => FastparPool.Hook(worker => { })));
    }
}
