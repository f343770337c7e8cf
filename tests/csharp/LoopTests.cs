using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

internal static class LoopTests
{
    private static readonly LoopOptions[] Shapes =
    {
        new LoopOptions(),
        new LoopOptions { Segments = 7 },
        new LoopOptions { Schedule = Schedule.Grain, Grain = 13 },
        new LoopOptions { Schedule = Schedule.Guided },
        new LoopOptions { Schedule = Schedule.Cache, ItemSize = 48, CacheBytes = 4800 },
        new LoopOptions { MaxLanes = 1 },
        new LoopOptions { MaxLanes = 2, Segments = 1000 },
    };

    [Test]
    private static void EveryItemExactlyOnce()
    {
        foreach (LoopOptions options in Shapes)
        {
            foreach (int count in new[] { 0, 1, 2, 23, 24, 25, 1000, 10007 })
            {
                var seen = new int[count];
                FastparLoop.For(count, range => Visit(seen, range), options);
                Expect.True(seen.All(times => times == 1), $"{count} items");
                FastparLoop.For(count, (in Chunk chunk) => Visit(seen, chunk.Range), options);
                Expect.True(seen.All(times => times == 2), $"{count} items, chunks");
            }
        }
    }

    [Test]
    private static void OptionsNameTheirSchedule()
    {
        Expect.Equal(100L, FastparLoop.PlanMake(1000, new LoopOptions { Grain = 10 }).Chunks, "grain");
        Expect.True(FastparLoop.PlanMake(100000, new LoopOptions { ItemSize = 1 << 20 }).Chunks > 1000, "cache");
        Expect.True(FastparLoop.PlanMake(100000, new LoopOptions { CacheDetect = true }).Chunks >= 1, "detected");
        Expect.Fails(
            FastparStatus.InvalidArgument, () => FastparLoop.PlanMake(1000, new LoopOptions { Grain = 10, Segments = 5 }));
    }

    [Test]
    private static void BodiesAskAndTell()
    {
        Expect.True(!FastparLoop.IsCancelled, "outside");
        using var source = new CancellationTokenSource();
        int told = 0;
        Expect.Throws<OperationCanceledException>(() => FastparLoop.For(
            100,
            range =>
            {
                source.Cancel();
                Interlocked.Add(ref told, FastparLoop.IsCancelled ? 1 : 0);
            },
            null,
            source.Token));
        Expect.True(told > 0, "told");
        FastparException failure = Expect.Fails(FastparStatus.Corrupt, () => FastparLoop.ForUntil(1, (in Chunk chunk) =>
        {
            FastparLoop.Fail(new FastparException(FastparStatus.Corrupt, "row 7 is damaged"));
            return 1;
        }));
        Expect.Equal("row 7 is damaged", failure.Message, "message");
    }

    [Test]
    private static void TheLimitCapsEveryLoop()
    {
        Expect.True(FastparPool.Cpus >= 1, "CPUs");
        FastparPool.Limit = 1;
        int caller = Environment.CurrentManagedThreadId, others = 0;
        FastparLoop.For(100, range => Interlocked.Add(ref others, Environment.CurrentManagedThreadId == caller ? 0 : 1));
        Expect.Equal(1, FastparPool.Limit, "limit");
        FastparPool.Limit = 0;
        Expect.Equal(0, others, "others");
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparPool.Limit = -1);
    }

    private static void Visit(int[] seen, Range64 range)
    {
        for (long i = range.Begin; i < range.End; i++)
        {
            Interlocked.Increment(ref seen[i]);
        }
    }

    [Test]
    private static void ChunksAreThoseOfThePlan()
    {
        foreach (LoopOptions options in Shapes)
        {
            LoopPlan plan = FastparLoop.PlanMake(1000, options);
            var chunks = new Chunk[plan.Chunks];
            FastparLoop.For(1000, (in Chunk chunk) => chunks[chunk.Index] = chunk, options);
            for (int i = 0; i < chunks.Length; i++)
            {
                Chunk planned = FastparLoop.PlanChunk(1000, i, options);
                Expect.Equal(planned.Range, chunks[i].Range, $"chunk {i}");
                Expect.Equal(plan.Lanes, chunks[i].Lanes, "lanes");
                Expect.True(chunks[i].Lane >= 0 && chunks[i].Lane < plan.Lanes, "lane");
                Expect.True(chunks[i].Length <= plan.Largest, "largest");
            }
            Expect.Equal(1000, plan.Count, "count");
        }
    }

    [Test]
    private static void LanesAreHeldByOneThreadAtATime()
    {
        var holders = new int[64];
        int wrong = 0;
        FastparLoop.For(
            5000,
            (in Chunk chunk) =>
            {
                if (Interlocked.Exchange(ref holders[chunk.Lane], 1) != 0)
                {
                    Interlocked.Increment(ref wrong);
                }
                Thread.SpinWait(200);
                Volatile.Write(ref holders[chunk.Lane], 0);
            },
            new LoopOptions { Segments = 2000 });
        Expect.Equal(0, wrong, "lanes held twice");
    }

    [Test]
    private static void ABodyMayStopTheLoop()
    {
        LoopResult result = FastparLoop.ForUntil(
            1000, (in Chunk chunk) => chunk.Begin <= 300 && 300 < chunk.End ? 77 : 0, new LoopOptions { Segments = 100 });
        Expect.True(!result.IsCompleted, "completed");
        Expect.Equal(77, result.Code, "code");
        Expect.Equal(30L, result.Chunk, "chunk");
        Expect.True(FastparLoop.ForUntil(1000, (in Chunk chunk) => 0).IsCompleted, "not completed");
    }

    [Test]
    private static void RangesAreSlicesAndSequences()
    {
        var values = new int[1000];
        FastparLoop.For(values.Length, range =>
        {
            foreach (int i in range)
            {
                values[i] += i;
            }
            foreach (ref int value in range.Of(values))
            {
                value++;
            }
            (long begin, long end) = range;
            values[begin] += (int)(end - begin - range.Length);
        });
        Expect.True(values.Select((value, i) => value == i + 1).All(right => right), "each item once");
        Expect.Equal(3, new Range64(2, 5).Of((ReadOnlySpan<int>)values).Length);
        Expect.Throws<ArgumentOutOfRangeException>(() => new Range64(2, 1001).Of(values));
        Expect.Throws<ArgumentOutOfRangeException>(() => new Range64(5, 4).Of(values));
        Expect.Throws<ArgumentNullException>(() => new Range64(0, 0).Of((int[])null!));
    }

    [Test]
    private static void LoopsNest()
    {
        long sum = 0;
        FastparLoop.For(24, outer => FastparLoop.For(100, inner => Interlocked.Add(ref sum, inner.Length * outer.Length)));
        Expect.Equal(2400, sum, "sum");
    }

    [Test]
    private static void ManyThreadsAtATime()
    {
        long sum = 0;
        var threads = Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            for (int round = 0; round < 200; round++)
            {
                FastparLoop.For(100, range => Interlocked.Add(ref sum, range.Length));
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        Expect.Equal(8 * 200 * 100, sum, "sum");
    }

    [Test]
    private static void ArgumentsAreChecked()
    {
        Expect.Throws<ArgumentNullException>(() => FastparLoop.For(1, (Action<Range64>)null!));
        Expect.Throws<ArgumentNullException>(() => FastparLoop.For(1, (ChunkAction)null!));
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparLoop.For(-1, range => { }));
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparLoop.For(1, range => { }, new LoopOptions { Grain = -1 }));
        Expect.Throws<ArgumentOutOfRangeException>(() => new LoopOptions { Schedule = (Schedule)9 });
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparLoop.PlanChunk(10, 10));
    }

    [Test]
    private static void ProgressIsToldAndEndsWithAll()
    {
        var told = new List<FastparProgress>();
        var options = new LoopOptions { Segments = 60, Progress = new Listener(told.Add) };
        FastparLoop.For(600, range => Thread.Sleep(2), options);
        Expect.True(told.Count >= 1 && told.All(report => report.Total == 600), "reports");
        Expect.Equal(600, told.Last().Done, "done");
        Expect.True(told.Zip(told.Skip(1), (a, b) => a.Done <= b.Done).All(rising => rising), "rising");
    }

    [Test]
    private static void WhatProgressThrowsStopsTheLoop()
    {
        var listener = new Listener(_ => throw new TimeZoneNotFoundException("told"));
        var options = new LoopOptions { Segments = 10000, Progress = listener };
        int ran = 0;
        Expect.Throws<TimeZoneNotFoundException>(() => FastparLoop.For(
            10000,
            range =>
            {
                Interlocked.Increment(ref ran);
                Thread.Sleep(1);
            },
            options));
        Expect.True(ran < 10000, "the loop went on");
    }

    [Test]
    private static void ATokenCancels()
    {
        using var source = new CancellationTokenSource();
        int ran = 0;
        var exception = Expect.Throws<OperationCanceledException>(() => FastparLoop.For(
            10000,
            range =>
            {
                if (Interlocked.Increment(ref ran) == 10)
                {
                    source.Cancel();
                }
            },
            new LoopOptions { Segments = 10000 },
            source.Token));
        Expect.Equal(source.Token, exception.CancellationToken, "token");
        Expect.True(ran < 10000, "the loop went on");
        Expect.Throws<OperationCanceledException>(
            () => FastparLoop.For(1, range => ran = -1, cancellationToken: source.Token));
        Expect.True(ran > 0, "a loop with a cancelled token began");
    }

    [Test]
    private static void BodiesMayAskTheTokenThemselves()
    {
        using var source = new CancellationTokenSource();
        Expect.Throws<OperationCanceledException>(() => FastparLoop.For(
            1000,
            range =>
            {
                source.Cancel();
                source.Token.ThrowIfCancellationRequested();
            },
            cancellationToken: source.Token));
        // A failure is more than a cancel.
        using var other = new CancellationTokenSource();
        Expect.Throws<FormatException>(() => FastparLoop.For(
            24,
            (in Chunk chunk) =>
            {
                other.Cancel();
                if (chunk.Index == 0)
                {
                    throw new FormatException("wrong");
                }
                other.Token.ThrowIfCancellationRequested();
            },
            cancellationToken: other.Token));
    }

    [Test]
    private static async Task CancellingFromOutside()
    {
        for (int round = 0; round < 50; round++)
        {
            using var source = new CancellationTokenSource();
            void Loop() => FastparLoop.For(
                Expect.Endless, range => Thread.SpinWait(50), new LoopOptions { Segments = Expect.Endless }, source.Token);
            Task loop = Task.Run(Loop, source.Token);
            await Task.Delay(round % 5);
            source.Cancel();
            Expect.Equal(loop, await Task.WhenAny(loop, Task.Delay(Expect.Limit)), "the loop");
            Expect.True(loop.IsCanceled, "not cancelled");
        }
    }
}

/// <summary>Unlike Progress of .NET, tells at once.</summary>
internal sealed class Listener : IProgress<FastparProgress>
{
    private readonly Action<FastparProgress> action;

    internal Listener(Action<FastparProgress> action) => this.action = action;

    public void Report(FastparProgress value) => action(value);
}
