using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Fastpar.Tests;

/// <summary>In order in, in parallel, in order out.</summary>
internal static class PipelineTests
{
    private static readonly AsyncLocal<string?> Ambient = new();

    [Test]
    private static void InOrderInAndOut()
    {
        int caller = Environment.CurrentManagedThreadId;
        foreach (int lanes in new[] { 0, 1, 3 })
        {
            foreach (int inFlight in new[] { 0, 1, 7 })
            {
                var options = new PipelineOptions { MaxLanes = lanes, InFlight = inFlight };
                int underWay = 0, most = 0, elsewhere = 0;
                IEnumerable<int> Source()
                {
                    for (int i = 0; i < 500; i++)
                    {
                        most = Math.Max(most, ++underWay);
                        elsewhere += Environment.CurrentManagedThreadId == caller ? 0 : 1;
                        yield return i;
                    }
                }
                var results = new List<string?>();
                FastparPipeline.Run(
                    Source(),
                    i => i % 10 == 0 ? null : i.ToString(),
                    result =>
                    {
                        underWay--;
                        elsewhere += Environment.CurrentManagedThreadId == caller ? 0 : 1;
                        results.Add(result);
                    },
                    options);
                Expect.True(
                    results.SequenceEqual(Enumerable.Range(0, 500).Select(i => i % 10 == 0 ? null : i.ToString())), "results");
                Expect.Equal(0, elsewhere, "calls on other threads");
                int bound = inFlight != 0 ? inFlight : 2 * (lanes != 0 ? lanes : FastparPool.Threads);
                Expect.True(most <= bound, $"{most} in flight, not {bound}");
            }
        }
        FastparPipeline.Run(Array.Empty<int>(), i => i, i => throw new FormatException());
    }

    /// <summary>What is done is given out before the source is asked again.</summary>
    [Test]
    private static void ASourceThatLives()
    {
        const int Most = 1 << 20;
        int fed = 0, taken = 0;
        IEnumerable<int> UntilOneIsTaken()
        {
            while (taken == 0 && fed < Most)
            {
                Thread.Yield();
                yield return fed++;
            }
        }
        FastparPipeline.Run(
            UntilOneIsTaken(),
            i => i,
            i => Expect.Equal(taken++, i, "order"),
            new PipelineOptions { InFlight = Most });
        Expect.Equal(fed, taken, "taken");
        Expect.True(fed < Most, "nothing was taken until the source had ended");

        int underWay = 0;
        IEnumerable<int> OneByOne()
        {
            for (int i = 0; i < 100; i++)
            {
                Expect.Equal(0, underWay++, "under way on one lane");
                yield return i;
            }
        }
        FastparPipeline.Run(
            OneByOne(), i => i, i => underWay--, new PipelineOptions { MaxLanes = 1, InFlight = 50 });
    }

    [Test]
    private static void AnItemThatFailsEndsIt()
    {
        var taken = new List<int>();
        var exception = Expect.Throws<FormatException>(() => FastparPipeline.Run(
            Enumerable.Range(0, 1000),
            i => i is 40 or 41 ? throw new FormatException($"item {i}") : i,
            taken.Add));
        Expect.Equal("item 40", exception.Message);
        Expect.True(taken.SequenceEqual(Enumerable.Range(0, 40)), "those before it");

        var all = Expect.Throws<AggregateException>(() => FastparPipeline.Run(
            Enumerable.Range(0, 10),
            i => i == 5 ? throw new FormatException() : i,
            i => { },
            new PipelineOptions { Errors = LoopErrors.All }));
        Expect.True(all.InnerExceptions.Single() is FormatException, "the exception");
    }

    [Test]
    private static void SourceAndSinkMayFail()
    {
        bool disposed = false;
        IEnumerable<int> Broken()
        {
            try
            {
                yield return 1;
                yield return 2;
                throw new FormatException("source");
            }
            finally
            {
                disposed = true;
            }
        }
        Expect.Equal(
            "source",
            Expect.Throws<FormatException>(() => FastparPipeline.Run(Broken(), i => i, i => { })).Message);
        Expect.True(disposed, "the source is disposed");
        int taken = 0;
        Expect.Throws<NotSupportedException>(() => FastparPipeline.Run(
            Enumerable.Range(0, 1000),
            i => i,
            i =>
            {
                taken++;
                throw i == 0 ? new NotSupportedException() : new FormatException();
            }));
        Expect.Equal(1, taken, "taken");
    }

    [Test]
    private static void ATokenCancels()
    {
        using var source = new CancellationTokenSource();
        int fed = 0;
        IEnumerable<int> Endless()
        {
            while (true)
            {
                yield return fed++;
            }
        }
        var cancelled = Expect.Throws<OperationCanceledException>(() => FastparPipeline.Run(
            Endless(),
            i => i,
            i =>
            {
                if (i == 20)
                {
                    source.Cancel();
                }
                Expect.True(i <= 20, "taken after the cancel");
            },
            cancellationToken: source.Token));
        Expect.Equal(source.Token, cancelled.CancellationToken, "token");
        int before = fed;
        Expect.Throws<OperationCanceledException>(
            () => FastparPipeline.Run(Endless(), i => i, i => { }, null, source.Token));
        Expect.Equal(before, fed, "fed after the cancel");
    }

    [Test]
    private static void EverythingSeesTheContextOfTheCaller()
    {
        Ambient.Value = "caller";
        int wrong = 0;
        void See()
        {
            if (Ambient.Value != "caller")
            {
                Interlocked.Increment(ref wrong);
            }
            Ambient.Value = "changed";
        }
        FastparPipeline.Run(
            Enumerable.Range(0, 200).Select(i =>
            {
                See();
                return i;
            }),
            i =>
            {
                See();
                return i;
            },
            i => See());
        Expect.Equal(0, wrong, "other contexts");
        Expect.Equal("caller", Ambient.Value);
    }

    [Test]
    private static void PipelinesNest()
    {
        long sum = 0;
        FastparPipeline.Run(
            Enumerable.Range(0, 20),
            i =>
            {
                long part = 0;
                FastparPipeline.Run(Enumerable.Range(0, i), j => (long)j, j => part += j);
                FastparGroup.Run(group => group.Spawn(_ => part++));
                return part;
            },
            part => sum += part);
        Expect.Equal(Enumerable.Range(0, 20).Sum(i => i * (i - 1) / 2 + 1), sum);
    }

    [Test]
    private static void Arguments()
    {
        int[] items = { 1 };
        Expect.Throws<ArgumentNullException>(() => FastparPipeline.Run<int, int>(null!, i => i, (Action<int>)(i => { })));
        Expect.Throws<ArgumentNullException>(() => FastparPipeline.Run<int, int>(items, null!, (Action<int>)(i => { })));
        Expect.Throws<ArgumentNullException>(() => FastparPipeline.Run(items, i => i, (Action<int>)null!));
        Expect.Throws<ArgumentOutOfRangeException>(() => new PipelineOptions { MaxLanes = -1 });
        Expect.Throws<ArgumentOutOfRangeException>(() => new PipelineOptions { InFlight = -1 });
        Expect.Throws<ArgumentOutOfRangeException>(() => new PipelineOptions { Errors = (LoopErrors)2 });
    }
}
