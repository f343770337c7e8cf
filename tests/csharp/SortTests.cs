using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar.Tests;

internal static class SortTests
{
    [StructLayout(LayoutKind.Sequential)]
    private struct Trade
    {
        internal long Time;
        internal double Price;
        internal ulong Symbol;
        internal int Number;
    }

    private static readonly SortKey[] ByTime = { new SortKey(0, SortKeyType.Int64) };

    private static Trade[] Trades(int count)
    {
        var random = new Random(7);
        return Enumerable.Range(0, count).Select(i => new Trade
        {
            Time = random.Next(5000) - 2500,
            Price = (random.Next(16) - 8) / 2.0,
            Symbol = (ulong)random.Next(3) << 40,
            Number = i,
        }).ToArray();
    }

    private static void Same(IEnumerable<Trade> expected, Trade[] found) =>
        Expect.Equal(true, expected.Select(trade => trade.Number).SequenceEqual(found.Select(trade => trade.Number)), "order");

    private static void Numbers<T>(Func<int, T> number, Func<T, bool>? last = null)
        where T : unmanaged, IComparable<T>
    {
        foreach (int count in new[] { 0, 1, 2, 1000, 40000 })
        {
            T[] values = Enumerable.Range(0, count).Select(i => number(unchecked(i * (int)2654435761))).ToArray();
            T[] expected = values.OrderBy(value => value).ToArray();
            FastparSort.Sort(values);
            Expect.Equal(true, expected.SequenceEqual(values), typeof(T).Name);
            FastparSort.Sort(values, descending: true);
            Expect.Equal(true, Enumerable.Reverse(expected).SequenceEqual(values), typeof(T).Name + " descending");
        }
    }

    [Test]
    private static void NumbersOfEveryType()
    {
        Numbers(i => (byte)i);
        Numbers(i => (sbyte)i);
        Numbers(i => (ushort)i);
        Numbers(i => (short)i);
        Numbers(i => (uint)i);
        Numbers(i => i);
        Numbers(i => (ulong)i * 0x9E3779B97F4A7C15);
        Numbers(i => (long)i * 0x1E3779B97F4A7C15);
        Numbers(i => i / 7f);
        Numbers(i => i / 7.0);
        Numbers(i => (char)i);
        var floats = new[] { double.PositiveInfinity, 0.0, -0.0, double.NegativeInfinity, 1 };
        FastparSort.Sort(floats);
        Expect.Equal(true, 1 / floats[1] < 0 && 1 / floats[2] > 0, "-0.0 before 0.0");
    }

    [Test]
    private static void Records()
    {
        Trade[] trades = Trades(50000);
        Trade[] found = trades.ToArray();
        FastparSort.Sort(found, ByTime);
        Same(trades.OrderBy(trade => trade.Time), found);
        SortKey[] keys = { SortKey.Bytes(16, 8), new SortKey(8, SortKeyType.Double, descending: true) };
        found = trades.ToArray();
        FastparSort.Sort(found, keys, new LoopOptions { MaxLanes = 2 });
        Same(trades.OrderBy(trade => trade.Symbol).ThenByDescending(trade => trade.Price), found);
    }

    [Test]
    private static void ByWhatAFunctionTells()
    {
        string[] words = Trades(20000).Select(trade => trade.Time.ToString()).ToArray();
        string[] found = words.ToArray();
        FastparSort.SortBy(found, word => word.Length, descending: true);
        Expect.Equal(true, words.OrderByDescending(word => word.Length).SequenceEqual(found), "by length");
        Expect.Throws<InvalidCastException>(() => FastparSort.SortBy(found, new Func<string, int>(_ => throw new InvalidCastException())));
    }

    [Test]
    private static void WrongArguments()
    {
        Trade[] trades = Trades(100);
        Expect.Throws<ArgumentNullException>(() => FastparSort.Sort((int[])null!));
        Expect.Throws<ArgumentException>(() => FastparSort.Sort(trades));
        Expect.Throws<ArgumentException>(() => FastparSort.Sort(trades, Array.Empty<SortKey>()));
        Expect.Throws<ArgumentException>(() => FastparSort.Sort(trades, new SortKey[17]));
        Expect.Throws<ArgumentException>(() => FastparSort.Sort(trades, new[] { new SortKey(30, SortKeyType.Int64) }));
        Expect.Throws<ArgumentOutOfRangeException>(() => new SortKey(-1, SortKeyType.Int64));
        Expect.Throws<ArgumentOutOfRangeException>(() => new SortKey(0, SortKeyType.Bytes));
        Expect.Throws<ArgumentOutOfRangeException>(() => SortKey.Bytes(0, 1 << 24));
        Expect.Throws<ArgumentException>(() => FastparSort.Sort(trades, ByTime, new LoopOptions { Segments = 3 }));
        Expect.Equal(true, trades.Select(trade => trade.Number).SequenceEqual(Enumerable.Range(0, 100)), "untouched");
    }

    private sealed class Last : IProgress<FastparProgress>
    {
        internal FastparProgress Value { get; private set; }

        public void Report(FastparProgress value) => Value = value;
    }

    [Test]
    private static void CancelAndProgress()
    {
        Trade[] trades = Trades(50000);
        using var source = new CancellationTokenSource();
        source.Cancel();
        Expect.Throws<OperationCanceledException>(() => FastparSort.Sort(trades, ByTime, null, source.Token));
        Expect.Equal(true, trades.Select(trade => trade.Number).SequenceEqual(Enumerable.Range(0, 50000)), "untouched");
        var last = new Last();
        FastparSort.Sort(trades, ByTime, new LoopOptions { Progress = last });
        Expect.Equal(50000L, last.Value.Done);
    }

    [Test]
    private static void MemoryIsTold()
    {
        long numbers = FastparSort.Memory<long>(1_000_000, ByTime);
        Expect.True(numbers is >= 8_000_000 and < 16_000_000, $"{numbers} bytes for numbers");
        // A pair of 12 bytes for each record on top, twice.
        long trades = FastparSort.Memory<Trade>(1_000_000, ByTime);
        Expect.True(trades > numbers + 12_000_000 && trades < 80_000_000, $"{trades} bytes for records");
        Expect.Throws<ArgumentException>(() => FastparSort.Memory<Trade>(long.MaxValue, ByTime));
        Expect.Throws<OutOfMemoryException>(() => FastparSort.Memory<Trade>((1L << 58) - 1, ByTime));
        Expect.Throws<ArgumentException>(() => FastparSort.Memory<int>(1, ByTime));
        Expect.Throws<ArgumentException>(() => FastparSort.Memory<int>(1, default));
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparSort.Memory<Trade>(-1, ByTime));
    }
}
