using System;
using System.Linq;
using System.Threading;

namespace Fastpar.Tests;

/// <summary>Each chunk is told what came before it.</summary>
internal static class PrefixTests
{
    private static long Sum(int[] values, long begin, long end)
    {
        long sum = 0;
        for (long i = begin; i < end; i++)
        {
            sum += values[i];
        }
        return sum;
    }

    [Test]
    private static void SumsOfAllBefore()
    {
        int[] values = Enumerable.Range(0, 40_000).Select(i => i * 7919 % 1000 - 300).ToArray();
        // More chunks than one wave folds before the first is applied.
        foreach (var options in new[] { null, new LoopOptions { Grain = 1 }, new LoopOptions { Grain = 100, MaxLanes = 1 } })
        {
            foreach (int count in new[] { 0, 1, values.Length })
            {
                var sums = new long[count];
                long total = FastparLoop.Prefix(
                    count,
                    0L,
                    (range, part) => part + Sum(values, range.Begin, range.End),
                    (into, from) => into + from,
                    (range, before) =>
                    {
                        for (long i = range.Begin; i < range.End; i++)
                        {
                            sums[i] = before += values[i];
                        }
                    },
                    options);
                Expect.Equal(Sum(values, 0, count), total, "total");
                long expected = 0;
                for (int i = 0; i < count; i++)
                {
                    expected += values[i];
                    if (sums[i] != expected)
                    {
                        Expect.Equal(expected, sums[i], $"sum {i} of {count}");
                    }
                }
            }
        }
    }

    [Test]
    private static void FailuresAndCancelling()
    {
        var one = new LoopOptions { Segments = 10, MaxLanes = 1 };
        void Run(int fold, int combine, int apply, CancellationToken token = default)
        {
            int combined = 0;
            FastparLoop.Prefix(
                10,
                0,
                (range, part) => range.Begin == fold ? throw new FormatException("fold") : part + 1,
                (into, from) => combined++ == combine ? throw new FormatException("combine") : into + from,
                (range, before) =>
                {
                    if (range.Begin == apply)
                    {
                        throw new FormatException("apply");
                    }
                },
                one,
                token);
        }
        Run(-1, -1, -1);
        Expect.Equal("fold", Expect.Throws<FormatException>(() => Run(3, -1, -1)).Message);
        Expect.Equal("combine", Expect.Throws<FormatException>(() => Run(-1, 3, -1)).Message);
        Expect.Equal("apply", Expect.Throws<FormatException>(() => Run(-1, -1, 3)).Message);
        Expect.Throws<FormatException>(() => FastparLoop.Prefix(
            1, 0, (range, part) => part, (into, from) => into, (range, before) => throw new FormatException()));

        using var source = new CancellationTokenSource();
        bool late = false;
        var cancelled = Expect.Throws<OperationCanceledException>(() => FastparLoop.Prefix(
            10,
            0,
            (range, part) =>
            {
                source.Cancel();
                return part;
            },
            (into, from) => into,
            (range, before) => late = true,
            one,
            source.Token));
        Expect.Equal(source.Token, cancelled.CancellationToken, "token");
        Expect.True(!late, "applied after the cancel");
        Expect.Throws<ArgumentOutOfRangeException>(
            () => FastparLoop.Prefix(-1, 0, (range, part) => part, (into, from) => into, (range, before) => { }));
        Expect.Throws<ArgumentNullException>(
            () => FastparLoop.Prefix(1, 0, (range, part) => part, null!, (range, before) => { }));
    }
}
