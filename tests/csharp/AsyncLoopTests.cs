using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

internal static class AsyncLoopTests
{
    [Test]
    private static async Task EveryItemExactlyOnce()
    {
        foreach (LoopOptions options in new[] { new LoopOptions(), new() { Segments = 300, MaxLanes = 3 }, new() { MaxLanes = 1 } })
        {
            foreach (int count in new[] { 0, 1, 24, 1000 })
            {
                foreach (bool waits in new[] { false, true })
                {
                    var seen = new int[count];
                    await FastparLoop.ForAsync(
                        count,
                        async range =>
                        {
                            if (waits)
                            {
                                await Task.Yield();
                            }
                            for (long i = range.Begin; i < range.End; i++)
                            {
                                Interlocked.Increment(ref seen[i]);
                            }
                        },
                        options);
                    Expect.True(seen.All(times => times == 1), $"{count} items");
                }
            }
        }
    }

    [Test]
    private static async Task BodiesRunOnWorkersAndGoOnElsewhere()
    {
        int caller = Environment.CurrentManagedThreadId, wrong = 0;
        await FastparLoop.ForAsync(100, async range =>
        {
            bool began = FastparPool.Worker >= 0 && Environment.CurrentManagedThreadId != caller;
            await Task.Yield(); // unlike a delay, which may be over already, it always suspends
            Interlocked.Add(ref wrong, began && FastparPool.Worker < 0 ? 0 : 1);
        });
        Expect.Equal(0, wrong, "bodies in the wrong place");
    }

    /// <summary>None of them ends before the last has begun.</summary>
    [Test]
    private static async Task MoreBodiesThanThreadsAreUnderWay()
    {
        int bodies = 4 * FastparPool.Threads, begun = 0;
        var all = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        await FastparLoop.ForAsync(
            0,
            bodies,
            async item =>
            {
                if (Interlocked.Increment(ref begun) == bodies)
                {
                    all.SetResult(true);
                }
                await all.Task;
            },
            new LoopOptions { MaxLanes = bodies });
        Expect.Equal(bodies, begun);
    }

    [Test]
    private static async Task NoMoreThanTheLanesAreUnderWay()
    {
        int active = 0, most = 0;
        await FastparLoop.ForAsync(
            60,
            async range =>
            {
                int now = Interlocked.Increment(ref active);
                InterlockedMax(ref most, now);
                await Task.Delay(1);
                Interlocked.Decrement(ref active);
            },
            new LoopOptions { Segments = 60, MaxLanes = 5 });
        Expect.True(most >= 2 && most <= 5, $"{most} at a time");
    }

    [Test]
    private static async Task SuspendedBodiesHoldNoWorker()
    {
        var go = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        int lanes = FastparPool.Threads, begun = 0;
        Task suspended = FastparLoop.ForAsync(
            lanes,
            async range =>
            {
                Interlocked.Increment(ref begun);
                await go.Task;
            },
            new LoopOptions { Segments = lanes });
        Expect.Soon(() => Volatile.Read(ref begun) == lanes, "as many bodies as lanes begin");
        Expect.Soon(() => FastparPool.StatsRead().Busy == 0, "workers are free");
        Expect.True(!suspended.IsCompleted, "ended");
        go.SetResult(true);
        await suspended;
    }

    [Test]
    private static async Task TheFirstFailureComesOutAfterTheLastBody()
    {
        int active = 0, ran = 0, told = 0;
        Task loop = FastparLoop.ForAsync(
            1000,
            async (range, token) =>
            {
                Interlocked.Increment(ref active);
                Interlocked.Increment(ref ran);
                using CancellationTokenRegistration registration = token.Register(() => Interlocked.Increment(ref told));
                await Task.Delay(2, CancellationToken.None);
                Interlocked.Decrement(ref active);
                throw new FormatException($"{range.Begin}");
            },
            new LoopOptions { Segments = 1000, MaxLanes = 4 });
        try
        {
            await loop;
            throw new UnexpectedException("no exception");
        }
        catch (FormatException first)
        {
            List<int> all = loop.Exception!.InnerExceptions.Select(inner => int.Parse(inner.Message)).ToList();
            Expect.Equal(int.Parse(first.Message), all.Min(), "the lowest");
            Expect.Equal(ran, all.Count, "all");
        }
        Expect.Equal(0, active, "bodies after the end");
        Expect.True(ran < 1000, "the loop went on");
    }

    [Test]
    private static async Task TheTokenCancels()
    {
        using var source = new CancellationTokenSource();
        int ran = 0;
        Task loop = FastparLoop.ForAsync(
            100_000,
            async (range, token) =>
            {
                if (Interlocked.Increment(ref ran) == 10)
                {
                    source.Cancel();
                }
                await Task.Delay(1, token);
            },
            new LoopOptions { Segments = 100_000 },
            source.Token);
        try
        {
            await loop;
            throw new UnexpectedException("not cancelled");
        }
        catch (OperationCanceledException cancelled)
        {
            Expect.Equal(source.Token, cancelled.CancellationToken, "token");
        }
        Expect.True(loop.IsCanceled && ran < 100_000, "cancelled");
        Expect.True(FastparLoop.ForAsync(1, range => default(ValueTask), null, source.Token).IsCanceled, "began");
    }

    [Test]
    private static async Task ProgressEndsWithAll()
    {
        var told = new List<FastparProgress>();
        await FastparLoop.ForAsync(
            100, async range => await Task.Delay(10), new LoopOptions { Progress = new Listener(told.Add), MaxLanes = 4 });
        Expect.Equal(100, told.Last().Done, "done");
        Expect.True(told.All(report => report.Total == 100), "total");
        var throwing = new LoopOptions { Progress = new Listener(_ => throw new FormatException("told")) };
        Expect.Throws<FormatException>(
            () => FastparLoop.ForAsync(10, range => default(ValueTask), throwing).GetAwaiter().GetResult());
    }

    [Test]
    private static void ArgumentsAreChecked()
    {
        Expect.Throws<ArgumentNullException>(() => FastparLoop.ForAsync(1, (Func<Range64, ValueTask>)null!));
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparLoop.ForAsync(-1, range => default(ValueTask)));
    }

#if NET
    /// <summary>What loops used is collected when they have ended, though their token lives on.</summary>
    [Test]
    private static void LeavesNothingInItsToken()
    {
        using var source = new CancellationTokenSource();
        WeakReference[] used = Enumerable.Range(0, 200).Select(_ => Use(source.Token)).ToArray();
        bool Gone()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return !used.Any(data => data.IsAlive);
        }
        Expect.Soon(Gone, "what bodies hold goes");
        GC.KeepAlive(source);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Use(CancellationToken token)
    {
        var data = new object();
        FastparLoop.ForAsync(1, range => { GC.KeepAlive(data); return default(ValueTask); }, null, token).Wait();
        return new WeakReference(data);
    }
#endif

    private static void InterlockedMax(ref int place, int value)
    {
        for (int seen = Volatile.Read(ref place); seen < value;)
        {
            int before = Interlocked.CompareExchange(ref place, value, seen);
            seen = before == seen ? value : before;
        }
    }
}
