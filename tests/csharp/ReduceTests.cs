using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

internal static class ReduceTests
{
    private struct Extremes
    {
        internal double Least;
        internal double Most;
        internal long Count;
    }

    private static long Sum(Range64 range, long sum)
    {
        for (long i = range.Begin; i < range.End; i++)
        {
            sum += i;
        }
        return sum;
    }

    [Test]
    private static void Sums()
    {
        foreach (long count in new long[] { 0, 1, 24, 1000, 100003 })
        {
            long expected = count * (count - 1) / 2;
            Expect.Equal(expected, FastparLoop.Reduce(count, 0L, Sum, (a, b) => a + b), "by value");
            Expect.Equal(
                expected,
                FastparLoop.Reduce(
                    count,
                    0L,
                    (in Chunk chunk, ref long sum) => sum = Sum(chunk.Range, sum),
                    (ref long into, in long from) => into += from),
                "in place");
        }
    }

    [Test]
    private static void StructsAndTheBits()
    {
        double[] values = Enumerable.Range(0, 100000).Select(i => Math.Sin(i) * 1e10).ToArray();
        double Total(LoopOptions? options) => FastparLoop.Reduce(
            values.Length,
            0.0,
            (range, sum) => values.Skip((int)range.Begin).Take((int)range.Length).Aggregate(sum, (a, b) => a + b),
            (a, b) => a + b,
            options);
        double first = Total(null);
        for (int lanes = 1; lanes < 5; lanes++)
        {
            Expect.Equal(
                BitConverter.DoubleToInt64Bits(first),
                BitConverter.DoubleToInt64Bits(Total(new LoopOptions { MaxLanes = lanes })));
        }
        var extremes = FastparLoop.Reduce(
            values.Length,
            new Extremes { Least = double.MaxValue, Most = double.MinValue },
            (in Chunk chunk, ref Extremes all) =>
            {
                for (long i = chunk.Begin; i < chunk.End; i++)
                {
                    all.Least = Math.Min(all.Least, values[i]);
                    all.Most = Math.Max(all.Most, values[i]);
                    all.Count++;
                }
            },
            (ref Extremes into, in Extremes from) =>
            {
                into.Least = Math.Min(into.Least, from.Least);
                into.Most = Math.Max(into.Most, from.Most);
                into.Count += from.Count;
            });
        Expect.Equal(values.Min(), extremes.Least);
        Expect.Equal(values.Max(), extremes.Most);
        Expect.Equal(values.Length, extremes.Count);
    }

    [Test]
    private static void ObjectsCombineInOrder()
    {
        List<long> all = FastparLoop.Reduce(
            5000,
            () => new List<long>(),
            Collect,
            Join,
            new LoopOptions { Schedule = Schedule.Grain, Grain = 7 });
        Expect.True(all.SequenceEqual(Enumerable.Range(0, 5000).Select(i => (long)i)), "order");
    }

    private static List<long> Collect(Range64 range, List<long> list)
    {
        for (long i = range.Begin; i < range.End; i++)
        {
            list.Add(i);
        }
        return list;
    }

    private static List<long> Join(List<long> into, List<long> from)
    {
        into.AddRange(from);
        return into;
    }

    [Test]
    private static async Task WithoutWaiting()
    {
        Expect.Equal(499500L, await FastparLoop.ReduceAsync(1000, 0L, Sum, (a, b) => a + b));
        Expect.Equal(0L, await FastparLoop.ReduceAsync(0, 0L, Sum, (a, b) => a + b));
        List<long> all = await FastparLoop.ReduceAsync(
            5000, () => new List<long>(), Collect, Join, new LoopOptions { Schedule = Schedule.Grain, Grain = 3 });
        Expect.True(all.SequenceEqual(Enumerable.Range(0, 5000).Select(i => (long)i)), "order");
        Task<long> failed = FastparLoop.ReduceAsync(
            1000, 0L, (range, sum) => throw new FormatException("fold"), (a, b) => a + b, new LoopOptions { Segments = 1 });
        Expect.Throws<FormatException>(() => failed.GetAwaiter().GetResult());
    }

    [Test]
    private static void Cancels()
    {
        using var source = new CancellationTokenSource();
        Expect.Throws<OperationCanceledException>(() => FastparLoop.Reduce(
            1000,
            0L,
            (range, sum) =>
            {
                source.Cancel();
                return sum;
            },
            (a, b) => a + b,
            cancellationToken: source.Token));
    }
}
