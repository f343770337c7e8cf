#if NET
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar.Tests;

/// <summary>
/// Mixed work from C#, and from C and C++ in the same process (tests/soak/library.c), for so long: results
/// are verified, and nothing is left behind. No forks: a child would have the runtime without its threads.
/// </summary>
internal static class Soak
{
    private const int Threads = 2;

    /// <summary>What the collector and the allocators keep varies by some megabytes.</summary>
    private const long Megabytes = 48;

    /// <summary>
    /// Shutdowns: a slow machine takes more time for them, up to so many times the seconds that were asked
    /// for.
    /// </summary>
    private const int Least = 24;

    private const int Patience = 3;

    private static readonly byte[] Text = Expect.Data(200_000);

    private static readonly byte[] Packed = Codec.Compress(Text, Frames);

    private static readonly Action<CancellationToken>[] Kinds =
    {
        Loops, Exceptions, Jobs, Shared, InMemory, Streams, Batches, Files, Damaged,
    };

    private static ZstdOptions Frames => new ZstdOptions { Level = 1, FrameSize = 20_000 };

    /// <summary>Works for so long; 0: all was well.</summary>
    internal static int Run(int seconds, int seed)
    {
        FastparPool.Shutdown();
        FastparPool.Start(new PoolOptions { Threads = 7 });
        Expect.Equal(7u, Native.soak_pool_threads(), "threads of the library that C uses");
        FastparPool.Shutdown();
        // The runtime's own threads and files come with the first use, those of the console too.
        Kinds.ToList().ForEach(kind => kind(CancellationToken.None));
        Console.WriteLine($"  {RuntimeInformation.FrameworkDescription}");
        FastparPool.Shutdown();
        int threads = Count("/proc/self/task");
        string[] files = OpenFiles();
        var random = new Random(seed);
        Native.soak_begin((ulong)seed);
        Worker[] workers = Enumerable.Range(0, Threads).Select(i => new Worker(seed + i)).ToArray();
        int shutdowns = 0;
        long before = 0, after = 0;
        var clock = Stopwatch.StartNew();
        double Done() => Math.Min(clock.Elapsed.TotalSeconds / seconds, (double)shutdowns / Least);
        while (Done() < 1 && clock.Elapsed.TotalSeconds < seconds * Patience && workers.All(worker => worker.Failure == null))
        {
            Thread.Sleep(random.Next(10));
            workers[random.Next(Threads)].Cancel();
            if (random.Next(16) != 0)
            {
                continue;
            }
            FastparPool.Shutdown();
            shutdowns++;
            // What is kept for later is kept by a quarter of the time. The work under way comes and goes by
            // some ten megabytes: what stays is the least that there is in the second quarter, and in the
            // last.
            long now = Resident();
            int quarter = (int)(Done() * 4);
            if (quarter == 1 && (before == 0 || now < before))
            {
                before = now;
            }
            if (quarter == 3 && (after == 0 || now < after))
            {
                after = now;
            }
        }
        workers.ToList().ForEach(worker => worker.End());
        Expect.Equal(0, Native.soak_end(), "failed checks of C and C++");
        FastparPool.Shutdown();
        Console.WriteLine(
            $"  {workers.Sum(worker => worker.Done.Sum())} calls in C#, {workers.Sum(worker => worker.Cancelled)} cancelled, "
            + $"{shutdowns} shutdowns; {after} MB, before {before} MB");
        for (int kind = 0; kind < Kinds.Length; kind++)
        {
            Expect.True(workers.Sum(worker => worker.Done[kind]) > 0, $"nothing done of {Kinds[kind].Method.Name}");
        }
        Expect.True(workers.Sum(worker => worker.Cancelled) > 0 && shutdowns >= Least, "nothing to see");
        Expect.True(before > 0 && after > 0, "no memory seen");
        Expect.True(after < before + Megabytes, "memory has grown");
        Expect.Soon(() => Count("/proc/self/task") <= threads, $"no more than {threads} threads");
        Expect.Equal(string.Join("\n", files), string.Join("\n", OpenFiles()), "open files");
        Console.WriteLine("test mixed_work ... ok");
        return 0;
    }

    /// <summary>
    /// What is open, by name, in order; but for what the runtime opens when it comes to it: its assemblies,
    /// and a pipe for each thread of its own. Neither the library nor the work here has pipes.
    /// </summary>
    private static string[] OpenFiles() =>
        new DirectoryInfo("/proc/self/fd")
            .GetFileSystemInfos()
            .Select(file => file.LinkTarget)
            .OfType<string>() // those of the list itself, and of a thread that reads a file, are closed by now
            .Where(name => !name.EndsWith(".dll", StringComparison.Ordinal))
            .Where(name => !name.StartsWith("pipe:", StringComparison.Ordinal))
            .Order()
            .ToArray();

    private static int Count(string folder) => Directory.GetFileSystemEntries(folder).Length;

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]) * Environment.SystemPageSize >> 20;
    }

    private static void Loops(CancellationToken token)
    {
        long sum = 0;
        FastparLoop.For(5000, range => Interlocked.Add(ref sum, range.Length), null, token);
        Expect.Equal(5000, sum, "items");
        Expect.Equal(1000L, FastparLoop.Reduce(1000, 0L, (range, all) => all + range.Length, (a, b) => a + b, null, token));
    }

    private static void Exceptions(CancellationToken token)
    {
        try
        {
            FastparLoop.For(
                24,
                (in Chunk chunk) =>
                {
                    FastparLoop.For(10, range => { });
                    if (chunk.Index == 3)
                    {
                        throw new FormatException("three");
                    }
                },
                null,
                token);
        }
        catch (FormatException exception)
        {
            Expect.Equal("three", exception.Message);
            return;
        }
        throw new UnexpectedException("nothing was thrown");
    }

    private static void Jobs(CancellationToken token)
    {
        long sum = 0;
        using (FastparJob job = FastparLoop.Start(1000, range => Interlocked.Add(ref sum, range.Length)))
        using (FastparLoop.Start(100_000, range => GC.KeepAlive(new byte[10])))
        {
            job.Wait();
        }
        Expect.Equal(1000, sum, "items");
        FastparLoop.Start(100, range => Interlocked.Add(ref sum, range.Length), null, token).Completion.GetAwaiter().GetResult();
        Expect.Equal(1100, sum, "items");
    }

    private static void Shared(CancellationToken token)
    {
        int arrived = 0;
        FastparTeam.Run(2, member =>
        {
            Interlocked.Increment(ref arrived);
            member.Barrier();
            Expect.Equal(2, Volatile.Read(ref arrived), "arrived");
        });
        using var queue = new FastparQueue(10);
        for (ulong i = 0; i < 10; i++)
        {
            queue.Push(i);
        }
        queue.Close();
        for (ulong i = 0; i < 10; i++)
        {
            Expect.True(queue.Pop(out ulong value) && value == i, "a queue");
        }
        Expect.True(!queue.Pop(out _), "more than was pushed");
    }

    private static void InMemory(CancellationToken token)
    {
        byte[] packed = Codec.Compress(Text, Frames, token);
        Expect.Same(Text, Codec.Decompress(packed, null, token));
        using SeekableArchive archive = SeekableArchive.Open(packed);
        var part = new byte[1000];
        Expect.Equal(part.Length, archive.Read(54_321, part));
        Expect.Same(Text.AsSpan(54_321, part.Length), part);
    }

    private static void Streams(CancellationToken token)
    {
        var target = new MemoryStream();
        using (var writer = new FastparStream(target, CompressionMode.Compress, Frames, leaveOpen: true))
        {
            for (int at = 0; at < Text.Length; at += 50_000)
            {
                writer.Write(Text, at, 50_000);
            }
        }
        target.Position = 0;
        var back = new MemoryStream();
        using (var reader = new FastparStream(target, CompressionMode.Decompress))
        {
            reader.CopyTo(back);
        }
        Expect.Same(Text, back.ToArray());
    }

    private static void Batches(CancellationToken token)
    {
        BatchItem[] items = Enumerable.Range(0, 50)
            .Select(i => new BatchItem(Text.AsMemory(i * 2000, 2000), new byte[Codec.CompressBound(2000)]))
            .ToArray();
        long failed = Codec.CompressBatch(items, null, token);
        Expect.Equal(0, failed, "failed items");
        BatchItem last = items[items.Length - 1];
        Expect.Same(last.Source.Span, Codec.Decompress(last.Destination.Span.Slice(0, (int)last.Written)));
    }

    private static void Files(CancellationToken token)
    {
        string folder = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString());
        Directory.CreateDirectory(folder);
        try
        {
            string[] names = new[] { "plain", "packed", "back" }.Select(name => Path.Combine(folder, name)).ToArray();
            File.WriteAllBytes(names[0], Text);
            try
            {
                Codec.CompressFile(names[0], names[1], null, token);
            }
            catch (OperationCanceledException)
            {
                Expect.Equal(1, Count(folder), "files after a call that was cancelled");
                throw;
            }
            Codec.DecompressFile(names[1], names[2]);
            Expect.Same(Text, File.ReadAllBytes(names[2]));
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    private static void Damaged(CancellationToken token)
    {
        Expect.Fails(FastparStatus.Truncated, () => Codec.Decompress(Packed.AsSpan(0, 1000).ToArray()));
        Expect.Fails(FastparStatus.NotZstd, () => Codec.Decompress(new byte[100]));
    }

    /// <summary>Calls of every kind on a thread of its own, some of them cancelled from outside.</summary>
    private sealed class Worker
    {
        private readonly Thread thread;
        private readonly Random random;
        private CancellationTokenSource source = new CancellationTokenSource();
        private volatile bool over;

        internal Worker(int seed)
        {
            random = new Random(seed);
            thread = new Thread(Work);
            thread.Start();
        }

        internal long[] Done { get; } = new long[Kinds.Length];

        internal long Cancelled { get; private set; }

        internal Exception? Failure { get; private set; }

        internal void Cancel() => Volatile.Read(ref source).Cancel();

        internal void End()
        {
            over = true;
            thread.Join();
            if (Failure != null)
            {
                throw new UnexpectedException(Failure.ToString());
            }
        }

        private void Work()
        {
            try
            {
                while (!over)
                {
                    int kind = random.Next(Kinds.Length);
                    Volatile.Write(ref source, new CancellationTokenSource());
                    try
                    {
                        Kinds[kind](source.Token);
                    }
                    catch (OperationCanceledException)
                    {
                        Expect.True(source.IsCancellationRequested, "nobody has cancelled");
                        Cancelled++;
                    }
                    Done[kind]++;
                }
            }
            catch (Exception exception)
            {
                Failure = exception;
            }
        }
    }

    private static class Native
    {
        [DllImport("fastpar_soak")]
        internal static extern uint soak_pool_threads();

        [DllImport("fastpar_soak")]
        internal static extern void soak_begin(ulong seed);

        [DllImport("fastpar_soak")]
        internal static extern int soak_end();
    }
}
#endif
