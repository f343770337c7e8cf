using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

internal static class StreamTests
{
    private static readonly ZstdOptions SmallFrames = new ZstdOptions { FrameSize = 100_000 };

    private static byte[] Compressed(byte[] data, ZstdOptions? options = null)
    {
        var target = new MemoryStream();
        using (var stream = new FastparStream(target, CompressionMode.Compress, options, leaveOpen: true))
        {
            stream.Write(data);
        }
        return target.ToArray();
    }

    [Test]
    private static void ThereAndBack()
    {
        foreach (int length in new[] { 0, 1, 5000, 3_000_000 })
        {
            byte[] data = Expect.Data(length);
            byte[] compressed = Compressed(data, SmallFrames);
            Expect.Same(Codec.Compress(data, SmallFrames), compressed);
            Expect.Same(data, Codec.Decompress(compressed));
            using var reader = new FastparStream(new MemoryStream(compressed), CompressionMode.Decompress);
            var back = new MemoryStream();
            reader.CopyTo(back, 70_001);
            Expect.Same(data, back.ToArray());
            Expect.Equal(0, reader.Read(new byte[10], 0, 10));
            Expect.Equal(-1, reader.ReadByte());
        }
    }

    [Test]
    private static async Task WithoutWaiting()
    {
        byte[] data = Expect.Data(2_000_000);
        var target = new AsyncOnly(new MemoryStream());
        await using (var stream = new FastparStream(target, CompressionMode.Compress, SmallFrames, leaveOpen: true))
        {
            for (int at = 0; at < data.Length; at += 250_000)
            {
                await stream.WriteAsync(data.AsMemory(at, 250_000));
            }
            await stream.FlushAsync();
            await stream.FinishAsync();
        }
        var source = new AsyncOnly(new MemoryStream(((MemoryStream)target.Inner).ToArray()));
        await using var reader = new FastparStream(source, CompressionMode.Decompress);
        var back = new MemoryStream();
        await reader.CopyToAsync(back);
        Expect.Same(data, back.ToArray());
    }

    [Test]
    private static void SmallPieces()
    {
        byte[] data = Expect.Data(20_000);
        var target = new MemoryStream();
        using (var stream = new FastparStream(target, CompressionMode.Compress))
        {
            foreach (byte value in data)
            {
                stream.WriteByte(value);
            }
            stream.Flush();
            Expect.Same(data, Codec.Decompress(target.ToArray()));
        }
        using var reader = new FastparStream(new MemoryStream(target.ToArray()), CompressionMode.Decompress);
        Expect.True(data.All(value => reader.ReadByte() == value), "bytes");
        Expect.Equal(-1, reader.ReadByte());
    }

    [Test]
    private static void OpenAndClosed()
    {
        var inner = new MemoryStream();
        var stream = new FastparStream(inner, CompressionMode.Compress);
        Expect.True(stream.CanWrite && !stream.CanRead && !stream.CanSeek && stream.BaseStream == inner, "abilities");
        Expect.Throws<NotSupportedException>(() => Expect.Equal(0, stream.Read(new byte[1], 0, 1), "read"));
        Expect.Throws<NotSupportedException>(() => stream.Seek(0, SeekOrigin.Begin));
        stream.Write(new byte[10]);
        stream.Finish();
        Expect.Fails(FastparStatus.Closed, () => stream.WriteByte(1));
        stream.Dispose();
        stream.Dispose();
        Expect.True(!inner.CanWrite && !stream.CanWrite, "open");
        Expect.Throws<ObjectDisposedException>(() => stream.WriteByte(1));
        Expect.Throws<ArgumentException>(() => new FastparStream(inner, CompressionMode.Compress));
        Expect.Throws<ArgumentNullException>(() => new FastparStream(null!, CompressionMode.Compress));
        var wrong = new ZstdOptions { SingleFrame = true, FrameSize = 1000 };
        Expect.Fails(
            FastparStatus.InvalidArgument,
            () => new FastparStream(new MemoryStream(), CompressionMode.Compress, wrong));
    }

    [Test]
    private static void WhatTheStreamBehindThrows()
    {
        var stream = new FastparStream(new Broken(5000), CompressionMode.Compress, SmallFrames);
        byte[] noise = new byte[1_000_000];
        new Random(1).NextBytes(noise);
        Expect.Equal("broken", Expect.Throws<IOException>(() => Repeat(() => stream.Write(noise))).Message);
        Expect.Equal("broken", Expect.Throws<IOException>(stream.Flush).Message);
        stream.Dispose(); // it has been told
        using var reader = new FastparStream(new Broken(5000, Codec.Compress(noise)), CompressionMode.Decompress);
        Expect.Equal("broken", Expect.Throws<IOException>(() => Repeat(() => Expect.True(reader.Read(noise) > 0, "the end"))).Message);
    }

    private static void Repeat(Action action)
    {
        for (int i = 0; i < 1000; i++)
        {
            action();
        }
    }

    [Test]
    private static void DamagedData()
    {
        byte[] compressed = Codec.Compress(Expect.Data(100_000));
        using var cut = new FastparStream(new MemoryStream(compressed, 0, 1000), CompressionMode.Decompress);
        Expect.Fails(FastparStatus.Truncated, () => Repeat(() => Expect.True(cut.Read(new byte[200_000]) > 0, "the end")));
        using var other = new FastparStream(new MemoryStream(new byte[100]), CompressionMode.Decompress);
        Expect.Fails(FastparStatus.NotZstd, () => other.ReadByte());
        Expect.Fails(FastparStatus.NotZstd, () => other.ReadByte());
    }

    [Test]
    private static void ChecksumsOfATable()
    {
        // A frame without a checksum, and a table that tells it, as zstd's own seekable writer makes them.
        byte[] data = Expect.Data(100_000);
        byte[] frame = Codec.Compress(data, new ZstdOptions { SingleFrame = true, Checksum = false });
        byte[] summed = Codec.Compress(data, new ZstdOptions { SingleFrame = true });
        var all = new MemoryStream();
        using (var writer = new BinaryWriter(all, System.Text.Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(frame);
            writer.Write(0x184D2A5Eu);
            writer.Write(12 + 9);
            writer.Write(frame.Length);
            writer.Write(data.Length);
            writer.Write(summed, summed.Length - 4, 4);
            writer.Write(1);
            writer.Write((byte)0x80);
            writer.Write(0x8F92EAB1u);
        }
        byte[] packed = all.ToArray();
        byte[] Read(Stream source, ZstdOptions? options)
        {
            using var stream = new FastparStream(source, CompressionMode.Decompress, options);
            var back = new MemoryStream();
            stream.CopyTo(back);
            return back.ToArray();
        }
        var checking = new ZstdOptions { CheckTable = true };
        Expect.Same(data, Read(new Passing(packed), checking));
        packed[frame.Length + 16] ^= 1;
        Expect.Same(data, Read(new Passing(packed), null));
        Expect.Throws<InvalidDataException>(() => Read(new Passing(packed), checking));
        Expect.Throws<InvalidDataException>(() => Read(new MemoryStream(packed), null));
    }

    [Test]
    private static void OneLargeFrame()
    {
        byte[] data = Expect.Data(10_000_000);
        byte[] compressed = Codec.Compress(data, new ZstdOptions { Level = 1, SingleFrame = true });
        long before = FastparPool.StatsRead().Helpers;
        int turns = 0;
        do
        {
            Expect.True(turns++ < 1000, "others help, sooner or later");
            using var reader = new FastparStream(new MemoryStream(compressed), CompressionMode.Decompress);
            var back = new MemoryStream();
            reader.CopyTo(back, 100_000);
            Expect.Same(data, back.ToArray());
        }
        while (FastparPool.Cpus > 1 && FastparPool.StatsRead().Helpers == before);
        // Cut, it gives out what is whole.
        var whole = new MemoryStream();
        using var cut = new FastparStream(new MemoryStream(compressed, 0, compressed.Length / 10 * 9), CompressionMode.Decompress);
        Expect.Fails(FastparStatus.Truncated, () => cut.CopyTo(whole, 100_000));
        Expect.True(whole.Length > data.Length / 2 && whole.Length < data.Length, $"{whole.Length} bytes");
        Expect.Same(data.Take((int)whole.Length).ToArray(), whole.ToArray());
    }

    [Test]
    private static async Task Cancels()
    {
        using var source = new CancellationTokenSource();
        var stream = new FastparStream(new Slow(), CompressionMode.Compress, SmallFrames);
        byte[] noise = new byte[4_000_000];
        new Random(1).NextBytes(noise);
        Task write = stream.WriteAsync(noise, source.Token).AsTask();
        source.CancelAfter(30);
        try
        {
            await write;
            await stream.FlushAsync(source.Token);
            throw new UnexpectedException("it was not cancelled");
        }
        catch (OperationCanceledException)
        {
            // As it shall be.
        }
        await stream.DisposeAsync();
    }

    [Test]
    private static void OneThreadAtATime()
    {
        var inner = new Gate();
        using var stream = new FastparStream(inner, CompressionMode.Compress);
        Task flush = Task.Run(() =>
        {
            stream.Write(new byte[100]);
            stream.Flush();
        });
        Expect.True(inner.Entered.Wait(Expect.Limit), "inside");
        Expect.Fails(FastparStatus.Busy, () => stream.WriteByte(1));
        inner.Go.Set();
        Expect.True(flush.Wait(Expect.Limit), "goes on");
        stream.WriteByte(1);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Drop()
    {
        var inner = new MemoryStream();
        new FastparStream(inner, CompressionMode.Compress).WriteByte(1);
        return new WeakReference(inner);
    }

    [Test]
    private static void ADroppedStreamIsCollected()
    {
        List<WeakReference> dropped = Enumerable.Range(0, 5).Select(_ => Drop()).ToList();
        Expect.Soon(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return dropped.Count(one => !one.IsAlive) >= 3; // a conservative collector may keep one
            },
            "the streams behind are collected");
    }

    [Test]
    private static void Files()
    {
        string folder = Path.Combine(Path.GetTempPath(), "fastpar-tést-" + Guid.NewGuid());
        Directory.CreateDirectory(folder);
        try
        {
            byte[] data = Expect.Data(1_000_000);
            string plain = Path.Combine(folder, "plain"), packed = Path.Combine(folder, "päcked.zst");
            string back = Path.Combine(folder, "back");
            File.WriteAllBytes(plain, data);
            var told = new List<FastparProgress>();
            var options = new ZstdOptions { FrameSize = 100_000, Sync = true, Progress = new Listener(told.Add) };
            FileStats stats = Codec.CompressFile(plain, packed, options);
            Expect.Equal(data.Length, stats.BytesIn);
            Expect.Equal(new FileInfo(packed).Length, stats.BytesOut);
            Expect.Equal(10, stats.Frames);
            Expect.True(stats.Seconds > 0 && stats.PeakMemory > 0, "stats");
            Expect.Equal(data.Length, told.Last().Done);
            Expect.Same(Compressed(data, SmallFrames), File.ReadAllBytes(packed));
            Expect.Equal(data.Length, Codec.DecompressFile(packed, back).BytesOut);
            Expect.Same(data, File.ReadAllBytes(back));
            FastparException missing = Expect.Fails(
                FastparStatus.Io,
                () => Codec.CompressFile(Path.Combine(folder, "no"), packed));
            Expect.Equal(2, missing.Code, "ENOENT, ERROR_FILE_NOT_FOUND");
            string part = Path.Combine(folder, "part");
            var middle = new ZstdOptions { SourceOffset = 1000, SourceSize = 5000, Sparse = true, InPlace = true };
            Expect.Equal(5000, Codec.CompressFile(plain, part, middle).BytesIn);
            Expect.Same(data.AsSpan(1000, 5000), Codec.Decompress(File.ReadAllBytes(part)));
            Expect.Throws<IOException>(() => Codec.CompressFile(plain, part, new ZstdOptions { Keep = true }));
            Expect.Same(data.AsSpan(1000, 5000), Codec.Decompress(File.ReadAllBytes(part)));
            Expect.Throws<ArgumentException>(() => Codec.CompressFile("a\0b", packed));
            var none = Expect.Throws<ArgumentNullException>(() => Codec.CompressFile(plain, null!));
            Expect.Equal("destinationPath", none.ParamName);
            using var source = new CancellationTokenSource();
            options.Progress = new Listener(_ => source.Cancel());
            options.Level = 17; // long enough for a report before the end
            Expect.Throws<OperationCanceledException>(() => Codec.CompressFile(plain, packed, options, source.Token));
            Expect.Same(data, Codec.Decompress(File.ReadAllBytes(packed)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
