using System;
using System.Collections.Concurrent;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>Loops over what is compressed.</summary>
internal static class ScanTests
{
    private static readonly Trade[] Rows =
        Enumerable.Range(0, 50_000).Select(i => new Trade { Price = 1.0 / (i + 1), Time = i, Volume = i % 100 }).ToArray();

    private static readonly byte[] Data = MemoryMarshal.AsBytes(Rows.AsSpan()).ToArray();

    /// <summary>Frames that cut records.</summary>
    private static readonly byte[] Packed = Codec.Compress(Data, new ZstdOptions { FrameSize = 50_001 });

    [Test]
    private static void RecordsComeWhole()
    {
        using SeekableArchive archive = SeekableArchive.Open(Packed);
        var seen = new ConcurrentDictionary<long, int>();
        archive.Scan<Trade>(piece =>
        {
            Trade[] records = piece.ToArray(); // the spans of Mono have another indexer than netstandard2.1's
            for (int i = 0; i < records.Length; i++)
            {
                Expect.Equal(records[0].Time + i, records[i].Time);
            }
            seen[records[0].Time] = records.Length;
        });
        Expect.Equal(Rows.Length, seen.Values.Sum());
        long bytes = 0;
        var part = new ScanOptions { Offset = 2400, Size = 4800, PieceSize = 240 };
        archive.Scan<Trade>(records => Interlocked.Add(ref bytes, records.Length), part);
        Expect.Equal(200L, bytes);
        Expect.Throws<ArgumentException>(() => archive.Scan<Trade>(_ => { }, new ScanOptions { Offset = 1 }));
        Expect.Throws<ArgumentNullException>(() => archive.Scan((ScanAction<Trade>)null!));
    }

    [Test]
    private static void BodiesAreToldWhereTheirPieceIs()
    {
        using SeekableArchive archive = SeekableArchive.Open(Packed);
        var part = new ScanOptions { Offset = 2400, Size = 24 * 40_000, PieceSize = 24_000 };
        var seen = new ConcurrentDictionary<long, long>();
        void Look(ReadOnlySpan<Trade> records, ScanPiece piece)
        {
            Expect.Equal(records.ToArray()[0].Time * 24, piece.Offset, "offset");
            Expect.True(piece.Lane >= 0 && piece.Lane < piece.Lanes && piece.Lanes <= FastparPool.Threads, "lanes");
            Expect.True(seen.TryAdd(piece.Index, piece.Offset), "an index comes once");
        }
        archive.Scan<Trade>(Look, part);
        long[] offsets = seen.OrderBy(pair => pair.Key).Select(pair => pair.Value).ToArray();
        Expect.Equal(2400L, offsets[0]);
        Expect.True(offsets.SequenceEqual(offsets.OrderBy(offset => offset)), "pieces in their order");
        Expect.Same(
            BitConverter.GetBytes(offsets.Sum()),
            BitConverter.GetBytes(archive.ScanReduce<Trade, long>(
                () => 0, (_, sum, piece) => sum + piece.Offset, (a, b) => a + b, part)));
        Expect.Equal(
            offsets.Sum(), archive.ScanReduce<Trade, long>(0, (_, sum, piece) => sum + piece.Offset, (a, b) => a + b, part));
        seen.Clear();
        archive.ScanLines((_, piece) => seen[piece.Offset] = piece.Lane, part);
        Expect.True(seen.Keys.All(offset => offset >= 2400 && offset < archive.Length), "lines of the part");
        string target = Path.GetTempFileName();
        try
        {
            archive.TransformFile<Trade>(target, (_, output, piece) => output.Write(piece.Offset), part);
            Expect.Same(
                MemoryMarshal.AsBytes<long>(offsets), Codec.Decompress(File.ReadAllBytes(target)));
        }
        finally
        {
            File.Delete(target);
        }
    }

    [Test]
    private static async Task RecordsInOrder()
    {
        using SeekableArchive archive = SeekableArchive.Open(Packed);
        long next = 100, pieces = 0;
        await foreach (ReadOnlyMemory<Trade> records in archive.ReadRecordsAsync<Trade>(100 * 24))
        {
            pieces++;
            foreach (Trade row in records.ToArray())
            {
                Expect.Equal(next++, row.Time);
            }
        }
        Expect.Equal((long)Rows.Length, next);
        await foreach (ReadOnlyMemory<byte> _ in archive.ReadRecordsAsync<byte>(archive.Length))
        {
            throw new UnexpectedException("a piece behind the end");
        }
        Expect.Throws<ArgumentException>(() => archive.ReadRecordsAsync<Trade>(1));
        Expect.Throws<ArgumentOutOfRangeException>(() => archive.ReadRecordsAsync<byte>(archive.Length + 1));
        byte[] large = new byte[20 << 20]; // several pieces
        large[9 << 20] = 7;
        using SeekableArchive zeros = SeekableArchive.Open(Codec.Compress(large));
        next = pieces = 0;
        await foreach (ReadOnlyMemory<byte> piece in zeros.ReadRecordsAsync<byte>())
        {
            Expect.Same(large.AsSpan((int)next, piece.Length), piece.Span);
            next += piece.Length;
            pieces++;
        }
        Expect.Equal((long)large.Length, next);
        Expect.True(pieces > 2, "pieces");
        await foreach (ReadOnlyMemory<byte> _ in zeros.ReadRecordsAsync<byte>())
        {
            break; // and nothing is left that reads
        }
    }

    [Test]
    private static async Task LinesInOrder()
    {
        string last = new('x', 9 << 20); // longer than what is read at once
        string[] lines = { "first", string.Empty, "\u00e4\u20ac", "with its return", last, "without an end" };
        byte[] text = System.Text.Encoding.UTF8.GetBytes("\ufeff" + string.Join("\n", lines).Replace("return\n", "return\r\n"));
        using SeekableArchive archive = SeekableArchive.Open(Codec.Compress(text, new ZstdOptions { FrameSize = 10_007 }));
        int next = 0;
        await foreach (string line in archive.ReadLinesAsync())
        {
            Expect.Equal(lines[next++], line);
        }
        Expect.Equal(lines.Length, next);
        await foreach (string line in archive.ReadLinesAsync(text.Length - 3))
        {
            Expect.Equal("end", line);
        }
        using var source = new CancellationTokenSource();
        next = 0;
        try
        {
            await foreach (string line in archive.ReadLinesAsync(0, source.Token))
            {
                next++;
                source.Cancel();
            }
            throw new UnexpectedException("the token was not seen");
        }
        catch (OperationCanceledException exception)
        {
            Expect.Equal(source.Token, exception.CancellationToken);
        }
        Expect.True(next < lines.Length, "it went on to the end");
    }

    [Test]
    private static async Task WhatComesInOrderFailsInOrder()
    {
        byte[] data = new byte[24 << 20];
        new Random(7).NextBytes(data);
        byte[] damaged = Codec.Compress(data, new ZstdOptions { FrameSize = 1 << 20 });
        damaged[damaged.Length - (2 << 20)] ^= 0xff;
        using SeekableArchive archive = SeekableArchive.Open(damaged);
        long read = 0;
        try
        {
            await foreach (ReadOnlyMemory<byte> piece in archive.ReadRecordsAsync<byte>())
            {
                Expect.Same(data.AsSpan((int)read, piece.Length), piece.Span);
                read += piece.Length;
            }
            throw new UnexpectedException("damage was not found");
        }
        catch (InvalidDataException)
        {
            Expect.Equal(16L << 20, read); // the whole pieces before it
        }
    }

    [Test]
    private static void ReductionsAreTheSameOnAnyNumberOfLanes()
    {
        using SeekableArchive archive = SeekableArchive.Open(Packed);
        double Sum(int lanes) => archive.ScanReduce<Trade, double>(
            () => 0.0,
            (records, sum) =>
            {
                foreach (Trade row in records.ToArray())
                {
                    sum += row.Price;
                }
                return sum;
            },
            (a, b) => a + b,
            new ScanOptions { MaxLanes = lanes });
        Expect.Equal(Sum(1), Sum(2));
        Expect.Equal(Sum(1), Sum(24));
    }

    [Test]
    private static void LinesComeWhole()
    {
        byte[] text = System.Text.Encoding.ASCII.GetBytes(string.Join("\n", Enumerable.Range(0, 50_000)));
        using SeekableArchive archive = SeekableArchive.Open(Codec.Compress(text, new ZstdOptions { FrameSize = 10_007 }));
        long lines = 0, bytes = 0;
        archive.ScanLines(piece =>
        {
            int found = 0;
            foreach (byte letter in piece.ToArray())
            {
                found += letter == (byte)'\n' ? 1 : 0;
            }
            Interlocked.Add(ref lines, found);
            Interlocked.Add(ref bytes, piece.Length);
        });
        Expect.Equal(49_999L, lines);
        Expect.Equal((long)text.Length, bytes);
    }

    [Test]
    private static void WhatABodyThrows()
    {
        using SeekableArchive archive = SeekableArchive.Open(Packed);
        Expect.Throws<FormatException>(() => archive.Scan<Trade>(records =>
        {
            if (records.ToArray()[0].Time > 5000)
            {
                throw new FormatException();
            }
        }));
        using var source = new CancellationTokenSource();
        Expect.Throws<OperationCanceledException>(() => archive.Scan<Trade>(_ => source.Cancel(), null, source.Token));
        byte[] damaged = (byte[])Packed.Clone();
        damaged[damaged.Length / 3] ^= 0xff;
        Expect.Throws<InvalidDataException>(() =>
        {
            using SeekableArchive broken = SeekableArchive.Open(damaged);
            broken.Scan<byte>(_ => { });
        });
    }

    [Test]
    private static void ASourceThatIsAFunction()
    {
        using (SeekableArchive archive = SeekableArchive.OpenSource(
            (offset, buffer) => Packed.AsSpan((int)offset, buffer.Length).CopyTo(buffer), Packed.Length))
        {
            long records = 0;
            archive.Scan<Trade>(piece => Interlocked.Add(ref records, piece.Length));
            Expect.Equal((long)Rows.Length, records);
        }
        FastparException error = Expect.Throws<FastparException>(
            () => SeekableArchive.OpenSource((_, _) => throw new IOException("no network"), Packed.Length));
        Expect.True(error.Message.Contains("no network"), error.Message);
    }

    [Test]
    private static void TransformsShardsAndJoinedFiles()
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        Directory.CreateDirectory(folder);
        try
        {
            string some = Path.Combine(folder, "some.zst"), joined = Path.Combine(folder, "joined.zst");
            using SeekableArchive archive = SeekableArchive.Open(Packed);
            FileStats stats = archive.TransformFile<Trade>(some, (records, output) =>
            {
                foreach (Trade row in records.ToArray())
                {
                    if (row.Volume == 7)
                    {
                        output.Write(row);
                    }
                }
            });
            Expect.Equal(new FileInfo(some).Length, stats.BytesOut);
            byte[] expected = MemoryMarshal.AsBytes(Rows.Where(row => row.Volume == 7).ToArray().AsSpan()).ToArray();
            Expect.Same(expected, Codec.Decompress(File.ReadAllBytes(some)));
            long at = 0;
            for (int i = 0; i < 5; i++)
            {
                ArchiveShard shard = archive.Shard<Trade>(5, i);
                Expect.Equal(at, shard.Offset);
                at += shard.Size;
            }
            Expect.Equal(archive.Length, at);
            Expect.Throws<ArgumentOutOfRangeException>(() => archive.Shard<Trade>(5, 5));
            Codec.ConcatFiles(new[] { some, some }, joined);
            Codec.ConcatFiles(new[] { joined, some }, joined);
            Expect.Same(expected.Concat(expected).Concat(expected).ToArray(), Codec.Decompress(File.ReadAllBytes(joined)));
            Expect.Throws<ArgumentException>(() => Codec.ConcatFiles(Array.Empty<string>(), joined));
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    [Test]
    private static void TablesForFramesThatWereWrittenElsewhere()
    {
        using SeekableArchive archive = SeekableArchive.Open(Packed);
        FrameInfo[] frames = Enumerable.Range(0, (int)archive.Frames).Select(index => archive.Frame(index)).ToArray();
        long[] sizes = frames.Select(frame => frame.Size).ToArray();
        long[] contents = frames.Select(frame => frame.ContentSize).ToArray();
        byte[] table = Codec.SeekTableWrite(sizes, contents);
        Expect.Same(Packed.AsSpan(Packed.Length - table.Length), table);
        Expect.Equal(17 + 8 * sizes.Length, table.Length);
        Expect.Equal(17 + 12 * sizes.Length, Codec.SeekTableWrite(sizes, contents, new uint[sizes.Length]).Length);
        Expect.Equal(17, Codec.SeekTableWrite(default, default).Length);
        Expect.Throws<ArgumentException>(() => Codec.SeekTableWrite(sizes, contents.AsSpan(1)));
        Expect.Throws<ArgumentException>(() => Codec.SeekTableWrite(default, default, new uint[1]));
        contents[1] = -1;
        Expect.Throws<ArgumentOutOfRangeException>(() => Codec.SeekTableWrite(sizes, contents));
        contents[1] = 1L << 32;
        Expect.Equal(1L, Expect.Fails(FastparStatus.LimitExceeded, () => Codec.SeekTableWrite(sizes, contents)).Position);
    }

    private struct Trade
    {
        internal double Price;
        internal long Time;
        internal int Volume;
#pragma warning disable CS0649, CS0169 // as it is in files
        private int reserved;
#pragma warning restore CS0649, CS0169
    }
}
