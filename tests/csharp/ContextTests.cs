using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Security.Principal;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>
/// The ambient context of callers: it is there in every callback, and nothing that a callback sets stays.
/// </summary>
internal static class ContextTests
{
    private static readonly AsyncLocal<string?> User = new();

    /// <summary>
    /// Mono keeps the principal on the thread, and Parallel.For leaves it there, too; a name can be set once.
    /// </summary>
    private static readonly bool PrincipalFlows = Type.GetType("Mono.Runtime") == null;

    private static readonly LoopOptions Many = new() { Segments = 120 };

    /// <summary>Callbacks that did not find the caller's value.</summary>
    private static int strangers;

    private static int calls;

    /// <summary>A callback: looks for the caller's value, and leaves everything that it can leave.</summary>
    private static void Body()
    {
        Interlocked.Increment(ref calls);
        if (User.Value != "caller" || SynchronizationContext.Current is OfBody)
        {
            Interlocked.Increment(ref strangers);
        }
        User.Value = "body";
        CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = { NumberDecimalSeparator = "#" } };
        if (PrincipalFlows)
        {
            Thread.CurrentPrincipal = new GenericPrincipal(new GenericIdentity("body"), null);
            Thread.CurrentThread.Name = "body";
        }
        Thread.CurrentThread.Priority = ThreadPriority.BelowNormal;
        Thread.CurrentThread.IsBackground = false;
        SynchronizationContext.SetSynchronizationContext(new OfBody());
        Thread.SpinWait(2000);
    }

    /// <summary>What the current thread has, as text.</summary>
    private static string State() =>
        $"{User.Value}, {1.5.ToString(CultureInfo.CurrentCulture)}, {Thread.CurrentPrincipal?.Identity?.Name}, "
        + $"{Thread.CurrentThread.Priority}, {Thread.CurrentThread.Name}, {SynchronizationContext.Current}";

    /// <summary>
    /// Runs a call as "caller"; afterwards the caller is as before, and so is every worker.
    /// </summary>
    private static void Check(string what, Action call)
    {
        strangers = calls = 0;
        User.Value = "caller";
        Thread.CurrentThread.IsBackground = false;
        string before = State();
        call();
        Expect.True(calls > 0, $"{what}: no callback");
        Expect.Equal(0, strangers, $"{what}: callbacks without the caller's context");
        Expect.Equal(before, State(), $"{what}: the caller");
        Expect.True(!Thread.CurrentThread.IsBackground, $"{what}: the caller is a background thread");
        User.Value = null;
        var left = new ConcurrentBag<string>();
        FastparTeam.Run(0, member =>
        {
            if (member.Member != 0)
            {
                left.Add($"{State()}, {Thread.CurrentThread.IsBackground}");
            }
        });
        var clean = $", 1.5, , Normal, , , True";
        Expect.Equal(0, left.Count(state => state != clean), $"{what}: workers are left as {left.FirstOrDefault(s => s != clean)}");
    }

    private static void OnOwnThread(Action action)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (failure != null)
        {
            throw failure;
        }
    }

    [Test]
    private static void Loops() => OnOwnThread(() =>
    {
        Check("For", () => FastparLoop.For(120, (Range64 range) => Body(), Many));
        Check("For with chunks", () => FastparLoop.For(120, (in Chunk chunk) => Body(), Many));
        Check("ForUntil", () => FastparLoop.ForUntil(120, Until, Many));
        Check("nested", () => FastparLoop.For(4, (Range64 range) =>
        {
            FastparLoop.For(40, (Range64 inner) => Body(), Many);
            Expect.Equal("caller", User.Value, "the body after a nested loop");
        }));
        Check("Reduce", () => FastparLoop.Reduce(120, 0L, Fold, Combine, Many));
        Check("Reduce of objects", () => FastparLoop.Reduce(120, () => 0L, Fold, Combine, Many));
        Check("Run", () => FastparTeam.Run(0, member => Body()));
        Check("throwing", () => Expect.Throws<FormatException>(() => FastparLoop.For(120, Throw, Many)));
        Check("progress", () => FastparLoop.For(1, (Range64 range) => { }, new LoopOptions { Progress = new Listener(_ => Body()) }));
    });

    private static int Until(in Chunk chunk)
    {
        Body();
        return 0;
    }

    private static long Fold(Range64 range, long sum)
    {
        Body();
        return sum;
    }

    private static long Combine(long into, long from)
    {
        Body();
        return into + from;
    }

    private static void Throw(Range64 range)
    {
        Body();
        throw new FormatException("thrown");
    }

    [Test]
    private static void Jobs() => OnOwnThread(() =>
    {
        Check("Start, waited for elsewhere", () =>
        {
            using FastparJob job = FastparLoop.Start(120, (Range64 range) => Body(), Many);
            ((IAsyncResult)job.Completion).AsyncWaitHandle.WaitOne();
            job.Wait();
        });
        Check("Start, helped with", () =>
        {
            using FastparJob job = FastparLoop.Start(120, (Range64 range) => Body(), Many);
            job.Wait();
        });
        Check("Start, helped with by a stranger", () =>
        {
            using FastparJob job = FastparLoop.Start(120, (in Chunk chunk) => Body(), Many);
            string? after = null;
            OnOwnThread(() =>
            {
                User.Value = "stranger";
                job.Wait();
                after = User.Value;
            });
            Expect.Equal("stranger", after, "the stranger");
        });
        Check("ReduceAsync", () => FastparLoop.ReduceAsync(120, 0L, Fold, Combine, Many).Wait());
        Check("ForAsync, bodies that end at once", () => FastparLoop.ForAsync(
            120,
            range =>
            {
                Body();
                return default;
            },
            Many).Wait());
        Check("ForAsync, progress", () => FastparLoop.ForAsync(
            120,
            range =>
            {
                User.Value = "body";
                return default;
            },
            new LoopOptions { Segments = 120, Progress = new Listener(_ => Body()) }).Wait());
        Check("ForAsync", () => FastparLoop.ForAsync(
            120,
            async range =>
            {
                Body();
                await Task.Yield();
                Expect.Equal("body", User.Value, "a body after an await");
            },
            new LoopOptions { Segments = 120, MaxLanes = 3 }).Wait());
    });

    [Test]
    private static void ContextsOfDifferentCallersDoNotMix() => OnOwnThread(() =>
    {
        int mixed = 0;
        var callers = Enumerable.Range(0, 6).Select(number => new Thread(() =>
        {
            User.Value = number % 3 == 0 ? null : $"caller {number}";
            string? own = User.Value;
            for (int round = 0; round < 50; round++)
            {
                FastparLoop.For(
                    60,
                    (Range64 range) =>
                    {
                        Interlocked.Add(ref mixed, User.Value == own ? 0 : 1);
                        User.Value = "dirt";
                    },
                    Many);
                Interlocked.Add(ref mixed, User.Value == own ? 0 : 1);
            }
        })).ToList();
        callers.ForEach(caller => caller.Start());
        callers.ForEach(caller => caller.Join());
        Expect.Equal(0, mixed, "bodies in the context of another caller");
    });

    [Test]
    private static void AFlowThatIsSuppressed() => OnOwnThread(() =>
    {
        User.Value = "caller";
        int wrong = 0;
        AsyncFlowControl flow = ExecutionContext.SuppressFlow();
        FastparLoop.For(
            120,
            (in Chunk chunk) =>
            {
                Interlocked.Add(ref wrong, chunk.Lane == 0 || User.Value == null ? 0 : 1);
                User.Value = "body";
            },
            Many);
        Expect.True(ExecutionContext.IsFlowSuppressed(), "the flow goes on");
        flow.Undo();
        Expect.Equal("caller", User.Value, "the caller");
        Expect.Equal(0, wrong, "bodies with a context that does not flow");
    });

    [Test]
    private static void Streams() => OnOwnThread(() =>
    {
        byte[] data = Expect.Data(1_000_000);
        var packed = new MemoryStream();
        var options = new ZstdOptions { FrameSize = 100_000, Progress = new Listener(_ => Body()) };
        Check("sinks", () =>
        {
            using var stream = new FastparStream(new Watched(packed), CompressionMode.Compress, options, leaveOpen: true);
            stream.Write(data);
            stream.Flush();
            stream.Finish();
        });
        Check("sources", () =>
        {
            packed.Position = 0;
            using var stream = new FastparStream(new Watched(packed), CompressionMode.Decompress, options);
            var back = new byte[data.Length + 1];
            int length = 0;
            for (int read; (read = stream.Read(back, length, back.Length - length)) > 0;)
            {
                length += read;
            }
            Expect.Same(data, back.AsSpan(0, length));
        });
        Check("Compress", () => Codec.Compress(data, options));
    });

    [Test]
    private static void Hooks()
    {
        FastparPool.Shutdown();
        OnOwnThread(() =>
        {
            User.Value = "hooks";
            int seen = 0;
            FastparPool.Hook(
                worker =>
                {
                    Interlocked.Add(ref seen, User.Value == "hooks" ? 1 : 0);
                    User.Value = "dirt";
                    Thread.CurrentThread.IsBackground = false;
                });
            FastparPool.Start();
            Expect.Soon(() => Volatile.Read(ref seen) == FastparPool.Threads, "hooks in the context that they were made in");
            User.Value = null;
            int left = 0;
            FastparTeam.Run(0, member =>
            {
                if (member.Member != 0 && (User.Value != null || !Thread.CurrentThread.IsBackground))
                {
                    Interlocked.Increment(ref left);
                }
            });
            Expect.Equal(0, left, "workers that keep the values of a hook");
        });
    }

    /// <summary>Where a body would have continuations go.</summary>
    private sealed class OfBody : SynchronizationContext
    {
    }

    /// <summary>A stream whose methods are callbacks.</summary>
    private sealed class Watched : Stream
    {
        private readonly Stream inner;

        internal Watched(Stream inner) => this.inner = inner;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            Body();
            return inner.Read(buffer, offset, count);
        }

        public override void Write(byte[] buffer, int offset, int count)
        {
            Body();
            inner.Write(buffer, offset, count);
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
