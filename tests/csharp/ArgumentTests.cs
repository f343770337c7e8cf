using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>What is wrong is told by the name that the caller's parameter has.</summary>
internal static class ArgumentTests
{
    [StructLayout(LayoutKind.Sequential)]
    private struct Row
    {
        internal long Time;
        internal double Price;
        internal Label Label;
    }

    /// <summary>No number: bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Label
    {
        internal int First;
        internal ushort Last;
    }

    /// <summary>More bytes than keys may have.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 5000)]
    private struct Large
    {
        internal byte First;
    }

    private static readonly Row[] Rows = Enumerable.Range(0, 100).Select(i => new Row { Time = i, Price = i }).ToArray();

    /// <summary>The exception is about this parameter.</summary>
    private static void Names(string parameter, Action call)
    {
        try
        {
            call();
        }
        catch (ArgumentException exception)
        {
            Expect.Equal(parameter, exception.ParamName!, exception.Message);
            return;
        }
        throw new UnexpectedException($"nothing is wrong with {parameter}");
    }

    [Test]
    private static void OfLoops()
    {
        var wrong = new LoopOptions { Segments = 2, Grain = 3 };
        Names("count", () => FastparLoop.For(-1, range => { }));
        Names("count", () => FastparLoop.ForUntil(-1, (in Chunk chunk) => 0));
        Names("count", () => FastparLoop.Start(-1, range => { }));
        Names("count", () => FastparLoop.ForAsync(-1, range => default));
        Names("count", () => FastparLoop.Reduce(-1, 0, (range, part) => part, (a, b) => a));
        Names("count", () => FastparLoop.ReduceAsync(-1, 0, (range, part) => part, (a, b) => a));
        Names("count", () => FastparLoop.Prefix(-1, 0, (range, part) => part, (a, b) => a, (range, before) => { }));
        Names("count", () => FastparLoop.PlanMake(-1));
        Names("count", () => FastparLoop.PlanChunk(-1, 0));
        Names("index", () => FastparLoop.PlanChunk(100, 24));
        Names("toExclusive", () => FastparLoop.For(long.MinValue, long.MaxValue, item => { }));
        Names("toExclusive", () => FastparLoop.ForAsync(long.MinValue, long.MaxValue, item => default));
        Names("options", () => FastparLoop.For(1, range => { }, wrong));
        Names("options", () => FastparLoop.Start(1, range => { }, wrong));
        Names("options", () => FastparLoop.ForAsync(1, range => default, wrong));
        Names("options", () => FastparLoop.Reduce(1, 0, (range, part) => part, (a, b) => a, wrong));
        Names("options", () => FastparLoop.PlanMake(1, wrong));
        Names("value", () => wrong.MaxLanes = -1);
        Names("array", () => new Range64(1, 4).Of(new int[3]).Clear());
        Names("span", () => new Range64(1, 4).Of(new int[3].AsSpan()).Clear());
        Names("timeout", () => FastparPool.Shutdown(TimeSpan.FromSeconds(-2)));
        Names("members", () => FastparTeam.Run(-1, member => { }));
        Names("capacity", () => new FastparQueue(0));
    }

    [Test]
    private static void OfSorts()
    {
        var wrong = new LoopOptions { Segments = 2 };
        SortKey good = new(0, SortKeyType.Int64), outside = new(100, SortKeyType.Int64);
        Names("T", () => FastparSort.Sort(new Guid[2]));
        Names("TKey", () => FastparSort.SortBy(new[] { 1, 2 }, item => Guid.Empty));
        Names("options", () => FastparSort.Sort(new long[2], false, wrong));
        Names("keys", () => FastparSort.Sort(new long[2], new[] { outside }));
        Names("keys", () => FastparSort.Sort(new long[2], new SortKey[1]));
        Names("keys", () => FastparSort.Sort(new long[2], Array.Empty<SortKey>()));
        Names("options", () => FastparSort.Sort(new long[2], new[] { good }, wrong));
        Names("count", () => FastparSort.Memory<Row>(-1, new[] { good }));
        Names("count", () => FastparSort.Memory<Row>(long.MaxValue, new[] { good }));
        Names("keys", () => FastparSort.Memory<Row>(1, new[] { outside }));
        var table = new FastparTable<Row>(Rows);
        Names("keys", () => table.Order(new[] { outside }));
        Names("options", () => table.Order(new[] { good }, wrong));
        Names("keys", () => table.Merge(table, new SortKey[17]));
        Names("options", () => table.Merge(table, new[] { good }, wrong));
    }

    [Test]
    private static void OfTables()
    {
        var table = new FastparTable<Row>(Rows);
        TableField<Row> time = table.Field((ref Row row) => ref row.Time);
        TableField<Row> price = table.Field((ref Row row) => ref row.Price);
        TableField<Row> label = table.Field((ref Row row) => ref row.Label);
        var count = new[] { TableAggregate<Row>.Count };
        var byTime = new[] { new TableKey<Row>(time) };
        var wrong = new LoopOptions { Segments = 2 };
        var few = new TableMask(3);

        Names("field", () => TableAggregate<Row>.Sum(label));
        Names("field", () => TableAggregate<Row>.Last(default));
        Names("field", () => TableAggregate<Row>.Dot(label, price));
        Names("other", () => TableAggregate<Row>.Dot(price, label));
        Names("weights", () => TableAggregate<Row>.WeightedMean(price, label));
        Names("field", () => new TableKey<Row>(default));
        Names("field", () => new TableKey<Row>(price, 10));
        Names("field", () => new TableKey<Row>(label, 10));
        Names("width", () => new TableKey<Row>(time, 0));
        Names("field", () => TableKey<Row>.OfFloats(time, 10));
        Names("width", () => TableKey<Row>.OfFloats(price, double.NaN));
        Names("width", () => TableKey<Row>.OfFloats(price, double.PositiveInfinity));
        Names("origin", () => TableKey<Row>.OfFloats(price, 1, double.NegativeInfinity));
        Names("length", () => TableField<Row>.Bytes(0, 0));
        Names("offset", () => TableField<Row>.Bytes(30, 10));

        Names("where", () => table.Aggregate(count, few));
        Names("options", () => table.Aggregate(count, null, wrong));
        Names("aggregates", () => table.Aggregate(new TableAggregate<Row>[257]));
        Names("comparison", () => table.Compare((ref Row row) => ref row.Time, (TableComparison)7, 1));
        Names("options", () => table.Compare((ref Row row) => ref row.Time, TableComparison.Less, 1, wrong));
        Names("options", () => table.Between((ref Row row) => ref row.Time, 1, 2, false, wrong));
        Names("rows", () => table.Take(few));
        Names("rows", () => table.Take(new ulong[] { 1, 100 }));
        Names("options", () => table.Take(new ulong[] { 1, 100 }, wrong));
        Names("field", () => table.Histogram(label, 0, 1, 2));
        Names("low", () => table.Histogram(price, double.NaN, 1, 2));
        Names("high", () => table.Histogram(price, 0, double.PositiveInfinity, 2));
        Names("high", () => table.Histogram(price, 2, 1, 2));
        Names("high", () => table.Histogram(price, 0, double.Epsilon, 1 << 20));
        Names("bins", () => table.Histogram(price, 0, 1, 0));
        Names("where", () => table.Histogram(price, 0, 1, 2, few));
        Names("options", () => table.Histogram(price, 0, 1, 2, null, wrong));
        Names("options", () => table.Search((ref Row row) => ref row.Time, new long[1], false, wrong));
        Names("keys", () => table.GroupBy(Array.Empty<TableKey<Row>>(), count));
        Names("keys", () => table.GroupBy(new TableKey<Row>[1], count));
        Names("keys", () => table.GroupBy(Enumerable.Repeat(byTime[0], 17).ToArray(), count));
        Names("aggregates", () => table.GroupBy(byTime, new TableAggregate<Row>[257]));
        Names("where", () => table.GroupBy(byTime, count, few));
        Names("maxMemory", () => table.GroupBy(byTime, count, null, -1));
        Names("options", () => table.GroupBy(byTime, count, null, 0, wrong));
        Names("keys", () => new FastparTable<Large>(new Large[1]).GroupBy(
            new[] { new TableKey<Large>(TableField<Large>.Bytes(0, 4097)) }, Array.Empty<TableAggregate<Large>>()));
        Names("right", () => (few & new TableMask(4)).Count());
        Names("mask", () => (~(TableMask)null!).Count());
        Names("row", () => few[3].ToString());
        Names("index", () => table.GroupBy(byTime, count).Keys(1).ToArray());
    }

    [Test]
    private static void OfTablesOfArchives()
    {
        using SeekableArchive archive = SeekableArchive.Open(Codec.Compress(MemoryMarshal.AsBytes(Rows.AsSpan())));
        ArchiveTable<Row> table = archive.Table<Row>();
        TableField<Row> time = table.Field((ref Row row) => ref row.Time);
        var count = new[] { TableAggregate<Row>.Count };
        var byTime = new[] { new TableKey<Row>(time) };
        var wrong = new ScanOptions { Offset = 1L << 40 };
        Names("aggregates", () => table.Aggregate(new TableAggregate<Row>[257]));
        Names("options", () => table.Aggregate(count, wrong));
        Names("keys", () => table.GroupBy(new TableKey<Row>[1], count));
        Names("options", () => table.GroupBy(byTime, count, 0, wrong));
        Names("options", () => table.Take(wrong));
        Names("comparison", () => TableCondition<Row>.Compare((ref Row row) => ref row.Time, default, 1));
        TableCondition<Row> condition = TableCondition<Row>.Compare((ref Row row) => ref row.Time, TableComparison.Less, 1L);
        for (int i = 0; i < 7; i++)
        {
            condition |= condition;
        }
        Expect.Equal(1, table.Where(condition).Take().Length, "rows of 255 steps");
        Names("right", () => (condition & condition).ToString());
        Names("passes", () => table.Where(condition).Where(condition));
        Names("condition", () => (~(~condition)).ToString());
    }

    [Test]
    private static void OfTheCodec()
    {
        byte[] data = Expect.Data(1000), packed = Codec.Compress(data);
        var wrong = new ZstdOptions { SingleFrame = true, FrameSize = 1000 };
        GCHandle pin = GCHandle.Alloc(data, GCHandleType.Pinned);
        IntPtr at = pin.AddrOfPinnedObject();
        Names("sourceLength", () => Codec.CompressBound(-1));
        Names("sourceLength", () => Codec.CompressBound(long.MaxValue));
        Names("sourceLength", () => Codec.CompressBound(long.MaxValue, new ZstdOptions { SingleFrame = true }));
        Names("options", () => Codec.CompressBound(1, wrong));
        Names("options", () => Codec.Compress(data, wrong));
        Names("destination", () => Codec.Compress(data, new byte[1]));
        Names("destination", () => Codec.Compress(data, data));
        Names("destination", () => Codec.Decompress(packed, new byte[1]));
        Names("source", () => Codec.TryCompress(IntPtr.Zero, 10, at, 10, out _));
        Names("destination", () => Codec.TryCompress(at, 10, IntPtr.Zero, 10, out _));
        Names("destination", () => Codec.TryCompress(at, 10, at + 9, 10, out _));
        Names("source", () => Codec.TryDecompress(IntPtr.Zero, 10, at, 10, out _));
        Names("destination", () => Codec.TryDecompress(at, 10, IntPtr.Zero, 10, out _));
        Names("destination", () => Codec.TryDecompress(at + 9, 10, at, 10, out _));
        Names("source", () => Codec.DecompressedSize(IntPtr.Zero, 10));
        Names("source", () => Codec.FrameRead(IntPtr.Zero, 10));
        Names("sourceLength", () => Codec.FrameRead(at, -1));
        Names("data", () => SeekableArchive.Open(IntPtr.Zero, 10));
        Names("checksums", () => Codec.SeekTableWrite(new long[2], new long[2], new uint[1]));
        Names("contentSizes", () => Codec.SeekTableWrite(new long[2], new long[1]));
        Names("sizes", () => Codec.SeekTableWrite(new[] { -1L }, new long[1]));
        Names("level", () => new FastparDict(data, 23));
        Names("data", () => new FastparDict(Array.Empty<byte>()));
        Names("capacity", () => FastparDict.Train(new[] { data }, 10));
        Names("destination", () => FastparDict.Train(data, new[] { 1000 }, new byte[10]));
        Names("samples", () => FastparDict.Train(new[] { data, null! }));
        Names("options", () => new FastparStream(Stream.Null, CompressionMode.Compress, wrong));
        Names("level", () => new FastparStream(Stream.Null, (CompressionLevel)9));
        Names("mode", () => new FastparStream(Stream.Null, (CompressionMode)9));
        pin.Free();
    }

    [Test]
    private static void OfArchives()
    {
        using SeekableArchive archive = SeekableArchive.Open(Codec.Compress(MemoryMarshal.AsBytes(Rows.AsSpan())));
        using SeekableArchive empty = SeekableArchive.Open(ReadOnlyMemory<byte>.Empty);
        var outside = new ScanOptions { Offset = 1L << 40 };
        Names("index", () => archive.Frame(archive.Frames));
        Names("index", () => empty.Frame(0));
        Names("offset", () => archive.Read(-1, new byte[1]));
        Names("destination", () => archive.Read(0, IntPtr.Zero, 10));
        Names("shards", () => archive.Shard<Row>(0, 0));
        Names("index", () => archive.Shard<Row>(2, 2));
        Names("options", () => archive.Shard<Row>(2, 1, outside));
        Names("options", () => archive.ScanLines(lines => { }, outside));
        Names("size", () => SeekableArchive.OpenSource((offset, buffer) => { }, -1));
    }

    [Test]
    private static void OfFiles()
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        string deep = Path.Combine(new[] { folder }.Concat(Enumerable.Repeat(new string('d', 60), 2)).ToArray());
        Directory.CreateDirectory(deep);
        try
        {
            string first = Path.Combine(folder, "a"), second = Path.Combine(folder, "b");
            Codec.CompressFile(Write(folder, "plain"), first);
            Codec.CompressFile(Write(folder, "plain"), second);
            // Messages leave out the begin of this name.
            string far = Write(deep, new string('f', 60));
            var wrong = new ZstdOptions { SingleFrame = true, FrameSize = 1000 };
            Names("destinationPath", () => Codec.CompressFile(first, first));
            Names("destinationPath", () => Codec.CompressFile(far, far));
            Names("destinationPath", () => Codec.DecompressFile(first, first));
            Names("options", () => Codec.CompressFile(first, second, wrong));
            Names("options", () => Codec.CompressFile(first, second, new ZstdOptions { SourceOffset = 1 << 30 }));
            Names("sourcePaths", () => Codec.ConcatFiles(Array.Empty<string>(), first));
            Names("sourcePaths", () => Codec.ConcatFiles(new[] { first, null! }, second));
            Names("destinationPath", () => Codec.ConcatFiles(new[] { first, second }, second));
            using SeekableArchive archive = SeekableArchive.OpenFile(first);
            void To(string path, ZstdOptions? target, ScanOptions? options = null) =>
                archive.TransformFile<byte>(path, (records, output) => output.Write(records), options, target);
            Names("destinationPath", () => To(first, null));
            Names("options", () => To(second, null, new ScanOptions { Offset = 1L << 40 }));
            Names("destinationOptions", () => To(second, wrong));
            Names("destinationOptions", () => To(second, new ZstdOptions { MaxLanes = 1 }));
            Names("destinationOptions", () => To(second, new ZstdOptions { MaxMemory = 1 << 30 }));
            Names("destinationOptions", () => To(second, new ZstdOptions { Progress = new Progress<FastparProgress>() }));
            Names("destinationPath", () => To(string.Empty, null));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Write(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        File.WriteAllBytes(path, Expect.Data(5000));
        return path;
    }
}
