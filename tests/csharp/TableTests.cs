using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar.Tests;

internal static class TableTests
{
    private enum Side : byte
    {
        Buy,
        Sell,
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Trade
    {
        internal long Time;
        internal double Price;
        internal uint Quantity;
        internal Symbol Name;
        internal Side Side;
    }

    /// <summary>No number: bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Symbol
    {
        internal ushort First;
        internal byte Last;
    }

    private static Trade[] Trades(int count)
    {
        var random = new Random(7);
        return Enumerable.Range(0, count).Select(i => new Trade
        {
            Time = (i * 10L) - 5000,
            Price = random.Next(1000) / 8.0,
            Quantity = (uint)random.Next(500),
            Name = new Symbol { First = (ushort)random.Next(3), Last = 1 },
            Side = (Side)random.Next(2),
        }).ToArray();
    }

    private static bool Same(IEnumerable<Trade> expected, IEnumerable<Trade> found) =>
        expected.Select(trade => (trade.Time, trade.Price, trade.Quantity))
            .SequenceEqual(found.Select(trade => (trade.Time, trade.Price, trade.Quantity)));

    [Test]
    private static void AggregatesMasksAndRows()
    {
        Trade[] trades = Trades(70001);
        var table = new FastparTable<Trade>(trades);
        TableField<Trade> price = table.Field((ref Trade t) => ref t.Price);
        TableField<Trade> quantity = table.Field((ref Trade t) => ref t.Quantity);
        TableValue[] found = table.Aggregate(new[]
        {
            TableAggregate<Trade>.Count,
            TableAggregate<Trade>.Sum(quantity),
            TableAggregate<Trade>.Dot(price, quantity),
            TableAggregate<Trade>.Max(price),
            TableAggregate<Trade>.Last(table.Field((ref Trade t) => ref t.Time)),
            TableAggregate<Trade>.WeightedMean(price, quantity),
        });
        ulong volume = trades.Aggregate(0UL, (sum, trade) => sum + trade.Quantity);
        double turnover = trades.Sum(trade => trade.Price * trade.Quantity);
        Expect.Equal(70001L, found[0].ToInt64(), "count");
        Expect.Equal(volume, found[1].ToUInt64(), "sum");
        Expect.Equal(turnover, found[2].Number, "dot");
        Expect.Equal(trades.Max(trade => trade.Price), found[3].Number, "max");
        Expect.Equal(trades[70000].Time, found[4].ToInt64(), "last");
        Expect.True(Math.Abs(found[5].Number - (turnover / volume)) < 1e-9, "weighted mean");

        TableMask mask = table.Between((ref Trade t) => ref t.Price, 10.0, 20.0)
            & table.Compare((ref Trade t) => ref t.Side, TableComparison.Equal, Side.Sell);
        Trade[] expected = trades.Where(trade => trade.Price is >= 10 and < 20 && trade.Side == Side.Sell).ToArray();
        Expect.Equal(expected.Length, mask.Count(), "mask");
        Expect.True(Same(expected, table.Take(mask)), "rows of a mask");
        Expect.True(Same(new[] { trades[7], trades[0] }, table.Take(new ulong[] { 7, 0 })), "rows by numbers");
        Expect.Equal(0, (mask - mask).Count() + (mask & ~mask).Count() + (mask ^ mask).Count(), "logic");
        Expect.Equal(trades.Length, (mask | ~mask).Count(), "logic");
        TableValue some = table.Aggregate(new[] { TableAggregate<Trade>.Sum(quantity) }, mask)[0];
        Expect.Equal(expected.Sum(trade => trade.Quantity), some.ToInt64(), "sum of a mask");
        ulong[] bins = table.Histogram(price, 0, 125, 125);
        Expect.Equal((ulong)trades.Count(trade => (int)trade.Price == 3), bins[3], "histogram");
        Expect.Throws<ArgumentException>(() => table.Take(new TableMask(3)));
        Expect.Throws<ArgumentException>(() => table.Aggregate(new[] { TableAggregate<Trade>.Sum(table.Field((ref Trade t) => ref t.Name)) }));
        Expect.Throws<ArgumentException>(() => table.Take(new ulong[] { 70001 }));
        var other = new Trade[1];
        Expect.Throws<ArgumentException>(() => table.Field((ref Trade _) => ref other[0].Price));
    }

    [Test]
    private static void Bars()
    {
        Trade[] trades = Trades(5000);
        var table = new FastparTable<Trade>(trades);
        TableGroups groups = table.GroupBy(
            new[]
            {
                new TableKey<Trade>(table.Field((ref Trade t) => ref t.Name)),
                new TableKey<Trade>(table.Field((ref Trade t) => ref t.Time), 1000),
            },
            new[]
            {
                TableAggregate<Trade>.First(table.Field((ref Trade t) => ref t.Price)),
                TableAggregate<Trade>.Sum(table.Field((ref Trade t) => ref t.Quantity)),
            });
        var expected = trades.GroupBy(trade => (trade.Name.First, Minute: (long)Math.Floor(trade.Time / 1000.0) * 1000))
            .ToDictionary(group => group.Key, group => group.ToArray());
        Expect.Equal(expected.Count, groups.Count, "groups");
        // Arrays, as Mono's read-only span has another indexer.
        TableValue[] minutes = groups.Keys(1).ToArray(), opens = groups.Values(0).ToArray(), volumes = groups.Values(1).ToArray();
        for (int i = 0; i < groups.Count; i++)
        {
            Trade first = trades[groups.FirstRow(i)];
            Trade[] rows = expected[(first.Name.First, minutes[i].ToInt64())];
            Expect.Equal((long)rows.Length, opens[i].Rows, "rows");
            Expect.Equal(rows[0].Price, opens[i].Number, "open");
            Expect.Equal(rows.Sum(row => row.Quantity), volumes[i].ToInt64(), "volume");
        }
        var floats = new[] { TableKey<Trade>.OfFloats(table.Field((ref Trade t) => ref t.Price), 50, 25) };
        Expect.Equal(-25.0, table.GroupBy(floats, new[] { TableAggregate<Trade>.Count }).Keys(0).ToArray()[0].Number, "floats");
        Expect.Fails(
            FastparStatus.LimitExceeded,
            () => table.GroupBy(floats, new[] { TableAggregate<Trade>.Count }, maxMemory: 10));
    }

    [Test]
    private static void RecordsOfAnArchive()
    {
        Trade[] trades = Trades(30001);
        byte[] packed = Codec.Compress(
            MemoryMarshal.AsBytes(trades.AsSpan()).ToArray(), new ZstdOptions { FrameSize = 20001 }); // which cut records
        using SeekableArchive archive = SeekableArchive.Open(packed);
        ArchiveTable<Trade> table = archive.Table<Trade>();
        TableField<Trade> quantity = table.Field((ref Trade t) => ref t.Quantity);
        var asked = new[]
        {
            TableAggregate<Trade>.Count,
            TableAggregate<Trade>.Sum(quantity),
            TableAggregate<Trade>.Mean(quantity),
            TableAggregate<Trade>.Last(table.Field((ref Trade t) => ref t.Time)),
        };
        ArchiveTable<Trade> some = table.Where(
            TableCondition<Trade>.Between((ref Trade t) => ref t.Price, 10.0, 20.0)
            & ~TableCondition<Trade>.Compare((ref Trade t) => ref t.Side, TableComparison.Equal, Side.Buy));
        Trade[] expected = trades.Where(trade => trade.Price is >= 10 and < 20 && trade.Side != Side.Buy).ToArray();
        TableValue[] found = some.Aggregate(asked);
        Expect.Equal((long)expected.Length, found[0].ToInt64(), "count");
        Expect.Equal(expected.Sum(trade => trade.Quantity), found[1].ToInt64(), "sum");
        Expect.Equal(expected.Average(trade => (double)trade.Quantity), found[2].Number, "mean");
        Expect.Equal(expected.Last().Time, found[3].ToInt64(), "last");
        Expect.True(Same(expected, some.Take()), "rows");
        Expect.True(Same(trades, table.Take()), "all rows");
        var first = TableCondition<Trade>.Compare((ref Trade t) => ref t.Time, TableComparison.Less, 0L);
        Expect.Equal(expected.Count(trade => trade.Time < 0), some.Where(first).Take().Length, "both");
        Expect.Equal(0, table.Where((first - first) | (first ^ first)).Take().Length, "logic");
        TableGroups groups = some.GroupBy(new[] { new TableKey<Trade>(table.Field((ref Trade t) => ref t.Name)) }, asked);
        var names = expected.GroupBy(trade => trade.Name.First).OrderBy(group => BitConverter.GetBytes(group.Key)[0]).ToArray();
        Expect.Equal(names.Length, groups.Count, "groups");
        TableValue[] sums = groups.Values(1).ToArray();
        for (int i = 0; i < names.Length; i++)
        {
            Expect.Equal(names[i].Sum(trade => trade.Quantity), sums[i].ToInt64(), "sum of a group");
            Expect.Equal(names[i].First().Time, trades[groups.FirstRow(i)].Time, "first row");
            byte[] name = groups.KeyBytes(0, i).ToArray();
            Expect.Equal(names[i].Key, BitConverter.ToUInt16(name, 0), "key");
            Expect.Equal(4, name.Length, "bytes");
        }
        foreach (int index in new[] { -1, 4, int.MaxValue })
        {
            Expect.Throws<ArgumentOutOfRangeException>(() => groups.Keys(index));
            Expect.Throws<ArgumentOutOfRangeException>(() => groups.Values(index));
            Expect.Throws<ArgumentOutOfRangeException>(() => groups.KeyBytes(index, 0));
            Expect.Throws<ArgumentOutOfRangeException>(() => groups.KeyBytes(0, index < 0 ? index : groups.Count));
            Expect.Throws<ArgumentOutOfRangeException>(() => groups.FirstRow(index < 0 ? index : groups.Count));
        }
        var part = new ScanOptions { Offset = 100L * Marshal.SizeOf<Trade>(), Size = 50L * Marshal.SizeOf<Trade>() };
        Expect.True(Same(trades.Skip(100).Take(50), table.Take(part)), "a part");
        Expect.Throws<OperationCanceledException>(() => table.Aggregate(asked, cancellationToken: new CancellationToken(true)));
        Expect.Fails(
            FastparStatus.LimitExceeded,
            () => table.GroupBy(new[] { new TableKey<Trade>(table.Field((ref Trade t) => ref t.Time)) }, asked, maxMemory: 1000));
        Expect.Throws<ArgumentNullException>(() => table.Where(null!));
    }

    [Test]
    private static void FieldsAreShared()
    {
        // 300 aggregates would have 300 columns, of 256 that there may be.
        TableField<Trade> price = TableField<Trade>.Of((ref Trade t) => ref t.Price);
        var asked = Enumerable.Repeat(TableAggregate<Trade>.WeightedMean(price, price), 200).ToArray();
        TableValue[] found = new FastparTable<Trade>(Trades(100)).Aggregate(asked);
        Expect.Equal(found[0].Number, found[199].Number);
    }

    [Test]
    private static void Orders()
    {
        Trade[] trades = Trades(3000);
        var keys = new[] { new SortKey((int)Marshal.OffsetOf<Trade>(nameof(Trade.Price)), SortKeyType.Double) };
        var table = new FastparTable<Trade>(trades);
        Trade[] sorted = table.Take(table.Order(keys));
        Expect.True(Same(trades.OrderBy(trade => trade.Price), sorted), "order");
        Trade[] a = sorted.Where((_, i) => i % 3 == 0).ToArray(), b = sorted.Where((_, i) => i % 3 != 0).ToArray();
        Trade[] merged = new FastparTable<Trade>(a).Merge(new FastparTable<Trade>(b), keys);
        Expect.True(Same(a.Concat(b).OrderBy(trade => trade.Price), merged), "merged");
        double[] values = { -1, 3, 1000 };
        ulong[] before = new FastparTable<Trade>(sorted).Search((ref Trade t) => ref t.Price, values);
        ulong[] after = new FastparTable<Trade>(sorted).Search((ref Trade t) => ref t.Price, values, after: true);
        for (int i = 0; i < values.Length; i++)
        {
            Expect.Equal((ulong)sorted.Count(trade => trade.Price < values[i]), before[i], "before");
            Expect.Equal((ulong)sorted.Count(trade => trade.Price <= values[i]), after[i], "after");
        }
    }

    [Test]
    private static void NoRowsAndCancelled()
    {
        var table = new FastparTable<Trade>(new Trade[0]);
        Expect.Equal(0L, table.Aggregate(new[] { TableAggregate<Trade>.Count })[0].ToInt64(), "count");
        Expect.Equal(0, table.Take(new TableMask(0)).Length, "rows");
        var some = new FastparTable<Trade>(Trades(10));
        Expect.Throws<OperationCanceledException>(
            () => some.Aggregate(new[] { TableAggregate<Trade>.Count }, cancellationToken: new CancellationToken(true)));
        Expect.Throws<OverflowException>(() => Large().ToInt64());
    }

    private static TableValue Large()
    {
        var table = new FastparTable<ulong>(new[] { ulong.MaxValue, ulong.MaxValue });
        return table.Aggregate(new[] { TableAggregate<ulong>.Sum(table.Field((ref ulong value) => ref value)) })[0];
    }
}
