using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar.Tests;

internal static class CodecTests
{
    [Test]
    private static void ThereAndBack()
    {
        foreach (int length in new[] { 0, 1, 1000, 700_000, 5_000_000 })
        {
            byte[] data = Expect.Data(length);
            byte[] compressed = Codec.Compress(data);
            Expect.Equal((long?)length, Codec.DecompressedSize(compressed));
            Expect.Same(data, Codec.Decompress(compressed));
            var into = new byte[Codec.CompressBound(length)];
            int written = Codec.Compress(data, into);
            Expect.Same(compressed, into.AsSpan(0, written));
            var back = new byte[length + 3];
            Expect.Equal(length, Codec.Decompress(compressed, back));
            Expect.Same(data, back.AsSpan(0, length));
        }
        Expect.Same(Array.Empty<byte>(), Codec.Decompress(Array.Empty<byte>()));
    }

    /// <summary>A frame of several sections: one frame, the same bytes on one lane.</summary>
    [Test]
    private static void OneFrameInSections()
    {
        byte[] data = Expect.Data(10_000_000);
        var options = new ZstdOptions { SingleFrame = true, Level = 1 };
        byte[] compressed = Codec.Compress(data, options);
        using (SeekableArchive archive = SeekableArchive.Open(compressed))
        {
            Expect.Equal(1, archive.Frames);
        }
        Expect.Same(data, Codec.Decompress(compressed));
        Expect.Same(compressed, Codec.Compress(data, new ZstdOptions { SingleFrame = true, Level = 1, MaxLanes = 1 }));
    }

    [Test]
    private static void Options()
    {
        byte[] data = Expect.Data(3_000_000);
        byte[] plain = Codec.Compress(data);
        byte[] small = Codec.Compress(data, new ZstdOptions { Level = 12 });
        Expect.True(small.Length < plain.Length, "level 12 is not smaller");
        foreach (var options in new[]
        {
            new ZstdOptions { Checksum = false }, new ZstdOptions { SeekTable = false },
                new ZstdOptions { SingleFrame = true },
            new ZstdOptions { FrameSize = 100_000 }, new ZstdOptions { WindowLog = 20 },
                new ZstdOptions { Level = -5, Sync = true },
            new ZstdOptions { MaxLanes = 1, MaxMemory = 64 << 20 },
        })
        {
            byte[] compressed = Codec.Compress(data, options);
            Expect.Same(data, Codec.Decompress(compressed, options));
            Expect.True(options.Checksum || compressed.Length < plain.Length, "no checksum");
            Expect.True(options.SeekTable || compressed.Length < plain.Length, "no seek table");
        }
        var complete = new ZstdOptions { Complete = true };
        Expect.Same(data, Codec.Decompress(Codec.Compress(data, complete), complete));
        byte[] without = Codec.Compress(data, new ZstdOptions { SeekTable = false });
        Expect.Fails(FastparStatus.Truncated, () => Codec.Decompress(without, complete));
        Expect.Throws<ArgumentOutOfRangeException>(() => new ZstdOptions { Level = 23 });
        var both = new ZstdOptions { SingleFrame = true, FrameSize = 1000 };
        Expect.Fails(FastparStatus.InvalidArgument, () => Codec.Compress(data, both));
        Expect.Throws<ArgumentOutOfRangeException>(() => Codec.Compress(data, new ZstdOptions { FrameSize = -1 }));
        Expect.Fails(FastparStatus.LimitExceeded, () => Codec.Decompress(plain, new ZstdOptions { MaxOutput = 100 }));
        var told = new List<FastparProgress>();
        Codec.Compress(data, new ZstdOptions { Progress = new Listener(told.Add) });
        Expect.Equal(data.Length, told.Last().Done);
        Expect.Equal(data.Length, told.Last().Total);
    }

    [Test]
    private static void TooSmall()
    {
        byte[] data = Expect.Data(100_000);
        byte[] compressed = Codec.Compress(data);
        var small = new byte[compressed.Length - 1];
        Expect.True(!Codec.TryCompress(data, small, out long enough), "it fits");
        Expect.True(enough >= compressed.Length && enough <= Codec.CompressBound(data.Length), "enough");
        Expect.Equal(
            enough, Expect.Fails(FastparStatus.BufferTooSmall, () => Codec.Compress(data, small)).RequiredSize!.Value);
        Expect.True(!Codec.TryDecompress(compressed, new byte[10], out long needed), "it fits");
        Expect.Equal(data.Length, needed);
        Expect.True(Codec.TryCompress(data, new byte[compressed.Length], out long written), "it does not fit exactly");
        Expect.Equal(compressed.Length, written);
    }

    [Test]
    private static void DamagedData()
    {
        byte[] compressed = Codec.Compress(Expect.Data(100_000));
        Expect.Fails(FastparStatus.NotZstd, () => Codec.Decompress(new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }));
        Expect.Fails(FastparStatus.Truncated, () => Codec.Decompress(compressed.AsSpan(0, 1000).ToArray()));
        byte[] damaged = (byte[])compressed.Clone();
        damaged[damaged.Length - 1] ^= 1; // of the checksum, as one frame has no seek table
        FastparException exception = Expect.Fails(FastparStatus.Checksum, () => Codec.Decompress(damaged));
        Expect.Equal((long?)0, exception.Position);
    }

    [Test]
    private static void DataThatDoesNotTellItsSize()
    {
        // A frame of two raw blocks, without content size and checksum.
        var frame = new List<byte> { 0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58 };
        byte[] content = Expect.Data(100_000);
        for (int at = 0; at < content.Length; at += 50_000)
        {
            int header = (50_000 << 3) | (at > 0 ? 1 : 0);
            frame.AddRange(new[] { (byte)header, (byte)(header >> 8), (byte)(header >> 16) });
            frame.AddRange(content.Skip(at).Take(50_000));
        }
        byte[] data = frame.ToArray();
        Expect.Equal(null, Codec.DecompressedSize(data));
        Expect.Same(content, Codec.Decompress(data));
        Expect.Same(content, Codec.Decompress(data, new ZstdOptions { MaxOutput = 100_000 }));
        Expect.Fails(FastparStatus.LimitExceeded, () => Codec.Decompress(data, new ZstdOptions { MaxOutput = 99_999 }));
    }

    [Test]
    private static void WhatAFrameTells()
    {
        byte[] compressed = Codec.Compress(Expect.Data(5000));
        ZstdInfo info = Codec.FrameRead(compressed);
        Expect.Equal((long?)5000, info.Size);
        Expect.Equal((long)compressed.Length, info.CompressedSize);
        Expect.True(info.HasChecksum && !info.IsSkippable && info.DictId == 0 && info.Window >= 1024, "its header");
        byte[] skippable = { 0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3, 4 };
        info = Codec.FrameRead(skippable);
        Expect.Equal(11L, info.CompressedSize);
        Expect.True(info.IsSkippable && info.Size == 0, "skippable");
        // A window of 1 KiB, dictionary 0x1234, no size, an empty block.
        info = Codec.FrameRead(new byte[] { 0x28, 0xb5, 0x2f, 0xfd, 2, 0, 0x34, 0x12, 1, 0, 0 });
        Expect.True(info.Size is null && info.DictId == 0x1234 && info.Window == 1024, "no size, a dictionary");
        Expect.Fails(FastparStatus.Truncated, () => Codec.FrameRead(compressed.AsSpan(0, 9)));
        Expect.Fails(FastparStatus.Truncated, () => Codec.FrameRead(default));
        Expect.Fails(FastparStatus.NotZstd, () => Codec.FrameRead(new byte[100]));
        Expect.Throws<ArgumentNullException>(() => Codec.FrameRead(IntPtr.Zero, 10));
    }

    [Test]
    private static void MemoryOutsideOfDotNet()
    {
        byte[] data = Expect.Data(1_000_000);
        long bound = Codec.CompressBound(data.Length);
        IntPtr from = Marshal.AllocHGlobal(data.Length), to = Marshal.AllocHGlobal((IntPtr)bound);
        try
        {
            Marshal.Copy(data, 0, from, data.Length);
            Expect.True(Codec.TryCompress(from, data.Length, to, bound, out long written), "fits");
            Expect.Equal((long?)data.Length, Codec.DecompressedSize(to, written));
            Marshal.Copy(new byte[data.Length], 0, from, data.Length);
            Expect.True(Codec.TryDecompress(to, written, from, data.Length, out long back) && back == data.Length, "back");
            var copy = new byte[data.Length];
            Marshal.Copy(from, copy, 0, copy.Length);
            Expect.Same(data, copy);
        }
        finally
        {
            Marshal.FreeHGlobal(from);
            Marshal.FreeHGlobal(to);
        }
    }

    [Test]
    private static void OverlappingBuffersAreRefused()
    {
        var buffer = new byte[1000];
        Expect.Throws<ArgumentException>(() => Codec.Compress(buffer.AsSpan(0, 100), buffer.AsSpan(50)));
        Expect.Throws<ArgumentException>(() => Codec.Decompress(buffer.AsSpan(0, 100), buffer.AsSpan(50)));
    }

    [Test]
    private static void Cancels()
    {
        using var source = new CancellationTokenSource();
        byte[] data = Expect.Data(20_000_000);
        var options = new ZstdOptions { Level = 12, FrameSize = 100_000, Progress = new Listener(_ => source.Cancel()) };
        var exception = Expect.Throws<OperationCanceledException>(() => Codec.Compress(data, options, source.Token));
        Expect.Equal(source.Token, exception.CancellationToken);
        Expect.Throws<OperationCanceledException>(() => Codec.Decompress(Codec.Compress(data), null, source.Token));
    }

    [Test]
    private static void InsideLoops()
    {
        byte[] data = Expect.Data(300_000);
        byte[] expected = Codec.Compress(data);
        FastparLoop.For(8, range => Expect.Same(expected, Codec.Compress(data)), new LoopOptions { Segments = 8 });
    }
}
