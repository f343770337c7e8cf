using System;
using System.Collections.Concurrent;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

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
        Expect.Throws<ArgumentNullException>(() => archive.Scan<Trade>(null!));
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
            Expect.Throws<ArgumentException>(() => archive.Shard<Trade>(5, 5));
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
