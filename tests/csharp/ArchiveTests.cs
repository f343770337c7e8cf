using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

internal static class ArchiveTests
{
    private static readonly byte[] Data = Expect.Data(2_000_000);
    private static readonly byte[] Packed = Codec.Compress(Data, new ZstdOptions { FrameSize = 100_000 });

    /// <summary>
    /// Every range that a read may have: within a frame, over several, at the end, behind it.
    /// </summary>
    private static void CheckReads(SeekableArchive archive)
    {
        Expect.Equal(Data.Length, archive.Length);
        Expect.Equal(20, archive.Frames);
        long content = 0, offset = 0;
        for (long i = 0; i < archive.Frames; i++)
        {
            FrameInfo frame = archive.Frame(i);
            Expect.Equal(content, frame.ContentOffset);
            Expect.Equal(offset, frame.Offset);
            content += frame.ContentSize;
            offset += frame.Size;
        }
        Expect.Equal(archive.Length, content);
        Task[] readers = Enumerable.Range(0, 6).Select(reader => Task.Run(() =>
        {
            var random = new Random(reader);
            for (int i = 0; i < 150; i++)
            {
                int from = random.Next(Data.Length);
                int length = Math.Min(random.Next(i % 10 == 0 ? 400_000 : 5000), Data.Length - from);
                var part = new byte[length];
                Expect.Equal(length, archive.Read(from, part));
                Expect.Same(Data.AsSpan(from, length), part);
            }
        })).ToArray();
        Expect.True(Task.WaitAll(readers, 30000), "in time");
        var end = new byte[100];
        Expect.Equal(10, archive.Read(Data.Length - 10, end));
        Expect.Same(Data.AsSpan(Data.Length - 10), end.AsSpan(0, 10));
        Expect.Equal(0, archive.Read(Data.Length, end));
        Expect.Equal(0, archive.Read(long.MaxValue, end));
        Expect.Equal(0, archive.Read(5, Span<byte>.Empty));
        Expect.Throws<ArgumentOutOfRangeException>(() => archive.Read(-1, end));
        Expect.Throws<ArgumentOutOfRangeException>(() => archive.Frame(-1));
        Expect.Throws<ArgumentOutOfRangeException>(() => archive.Frame(20));
    }

    [Test]
    private static void InMemory()
    {
        using (SeekableArchive archive = SeekableArchive.Open(Packed))
        {
            CheckReads(archive);
        }
        var padded = new byte[Packed.Length + 20];
        Packed.CopyTo(padded, 10);
        using (SeekableArchive archive = SeekableArchive.Open(padded.AsMemory(10, Packed.Length)))
        {
            CheckReads(archive);
            Expect.Fails(FastparStatus.InvalidArgument, () => archive.Read(0, padded.AsSpan(0, 1000)));
        }
        using SeekableArchive nothing = SeekableArchive.Open(ReadOnlyMemory<byte>.Empty);
        Expect.Equal(0, nothing.Length + nothing.Frames + nothing.Read(0, new byte[1]));
    }

    [Test]
    private static void OutsideOfDotNet()
    {
        IntPtr memory = Marshal.AllocHGlobal(Packed.Length + Data.Length);
        try
        {
            Marshal.Copy(Packed, 0, memory, Packed.Length);
            using SeekableArchive archive = SeekableArchive.Open(memory, Packed.Length);
            CheckReads(archive);
            Expect.Equal(Data.Length, archive.Read(0, memory + Packed.Length, Data.Length));
            var all = new byte[Data.Length];
            Marshal.Copy(memory + Packed.Length, all, 0, all.Length);
            Expect.Same(Data, all);
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
        }
        Expect.Throws<ArgumentOutOfRangeException>(() => SeekableArchive.Open(IntPtr.Zero, -1));
    }

    [Test]
    private static void InAFile()
    {
        string path = Path.Combine(Path.GetTempPath(), "fastpar-ärchive-" + Guid.NewGuid());
        File.WriteAllBytes(path, Packed);
        try
        {
            using SeekableArchive archive = SeekableArchive.OpenFile(path);
            CheckReads(archive);
        }
        finally
        {
            File.Delete(path);
        }
        FastparException missing = Expect.Fails(FastparStatus.Io, () => SeekableArchive.OpenFile(path));
        Expect.Equal(2, missing.Code, "ENOENT, ERROR_FILE_NOT_FOUND");
        Expect.Throws<ArgumentNullException>(() => SeekableArchive.OpenFile(null!));
        Expect.Throws<ArgumentException>(() => SeekableArchive.OpenFile("a\0b"));
    }

    [Test]
    private static void AsAStream()
    {
        using SeekableArchive archive = SeekableArchive.Open(Packed);
        Stream stream = archive.OpenStream();
        Expect.True(stream.CanRead && stream.CanSeek && !stream.CanWrite && stream.Length == Data.Length, "abilities");
        var all = new MemoryStream();
        stream.CopyTo(all, 70_001);
        Expect.Same(Data, all.ToArray());
        Expect.Equal(-1, stream.ReadByte());
        Expect.Equal(1_234_567, stream.Seek(1_234_567 - Data.Length, SeekOrigin.End));
        Expect.Equal(Data[1_234_567], (byte)stream.ReadByte());
        Expect.Equal(1_234_569, stream.Seek(1, SeekOrigin.Current));
        Expect.Equal(Data[1_234_569], (byte)stream.ReadByte());
        stream.Position = 3;
        var part = new byte[10];
        Expect.Equal(4, stream.ReadAsync(part, 1, 4).Result);
        Expect.Same(Data.AsSpan(3, 4), part.AsSpan(1, 4));
        Expect.Equal(7, stream.Position);
        Expect.Equal(long.MaxValue, stream.Seek(long.MaxValue, SeekOrigin.Begin));
        Expect.Equal(0, stream.Read(part, 0, 10));
        Expect.Throws<IOException>(() => stream.Seek(1, SeekOrigin.Current));
        Expect.Throws<IOException>(() => stream.Seek(-1, SeekOrigin.Begin));
        Expect.Throws<ArgumentOutOfRangeException>(() => stream.Position = -1);
        Expect.Throws<ArgumentOutOfRangeException>(() => stream.Seek(0, (SeekOrigin)7));
        Expect.Throws<NotSupportedException>(() => stream.WriteByte(1));
        Expect.Throws<NotSupportedException>(() => stream.SetLength(1));
        Expect.Equal(long.MaxValue, stream.Position);
        stream.Dispose();
        Expect.True(!stream.CanRead && !stream.CanSeek, "closed");
        Expect.Throws<ObjectDisposedException>(() => stream.ReadByte());
        Expect.Equal(10, archive.Read(0, part), "the archive is open");
    }

    [Test]
    private static void DamageShowsWhereItIs()
    {
        byte[] damaged = (byte[])Packed.Clone();
        FrameInfo frame;
        using (SeekableArchive whole = SeekableArchive.Open(Packed))
        {
            frame = whole.Frame(7);
        }
        damaged[frame.Offset + frame.Size - 1] ^= 1; // of its checksum
        using SeekableArchive archive = SeekableArchive.Open(damaged);
        var part = new byte[1000];
        Expect.Equal(1000, archive.Read(600_000, part));
        Expect.Equal((long?)frame.Offset, Expect.Fails(FastparStatus.Checksum, () => archive.Read(750_000, part)).Position);
        Expect.Equal(1000, archive.Read(800_000, part));
        Expect.Same(Data.AsSpan(800_000, 1000), part);
        Expect.Fails(FastparStatus.NotZstd, () => SeekableArchive.Open(new byte[100]));
        Expect.Fails(FastparStatus.Truncated, () => SeekableArchive.Open(Packed.AsMemory(0, 5000)));
    }

    [Test]
    private static void Options()
    {
        Expect.Fails(
            FastparStatus.LimitExceeded,
            () => SeekableArchive.Open(Packed, new ZstdOptions { MaxOutput = Data.Length - 1 }));
        Expect.Throws<ArgumentOutOfRangeException>(() => SeekableArchive.Open(Packed, new ZstdOptions { MaxLanes = -1 }));
        Expect.Throws<ArgumentOutOfRangeException>(() => new ZstdOptions { WindowLog = 50 });
        byte[] packed;
        SeekableArchive archive;
        using (var dict = new FastparDict(Data.AsSpan(0, 10_000)))
        {
            var options = new ZstdOptions { Dict = dict, FrameSize = 100_000 };
            packed = Codec.Compress(Data, options);
            archive = SeekableArchive.Open(packed, options);
        }
        using (archive)
        {
            CheckReads(archive); // it keeps what it needs of the dictionary
        }
    }

    [Test]
    private static void ATokenCancels()
    {
        using var source = new CancellationTokenSource();
        using SeekableArchive archive = SeekableArchive.Open(Packed, null, source.Token);
        var part = new byte[Data.Length];
        Expect.Equal(part.Length, archive.Read(0, part));
        Task reads = Task.Run(() =>
        {
            while (true)
            {
                archive.Read(0, part);
            }
        });
        source.CancelAfter(20);
        Expect.Soon(() => reads.IsCompleted, "a read that is cancelled");
        var exception = Expect.Throws<OperationCanceledException>(() => reads.GetAwaiter().GetResult());
        Expect.Equal(source.Token, exception.CancellationToken);
        Expect.Throws<OperationCanceledException>(() => archive.Read(0, part));
        Expect.Throws<OperationCanceledException>(() => SeekableArchive.Open(Packed, null, source.Token));
    }

    [Test]
    private static async Task ATokenOfOneReadCancelsThatAlone()
    {
        using var source = new CancellationTokenSource();
        using SeekableArchive archive = SeekableArchive.Open(Packed);
        byte[] part = new byte[Data.Length], other = new byte[Data.Length];
        Expect.Equal(part.Length, archive.Read(0, part, source.Token));
        Task reads = Task.Run(() =>
        {
            while (true)
            {
                archive.Read(0, part, source.Token);
            }
        });
        source.CancelAfter(20);
        while (!reads.IsCompleted)
        {
            Expect.Equal(other.Length, await archive.ReadAsync(0, other));
        }
        var exception = Expect.Throws<OperationCanceledException>(() => reads.GetAwaiter().GetResult());
        Expect.Equal(source.Token, exception.CancellationToken);
        Expect.Throws<OperationCanceledException>(() => archive.Read(0, part, source.Token));
        Expect.Throws<OperationCanceledException>(
            () => archive.ReadAsync(0, part, source.Token).AsTask().GetAwaiter().GetResult());
        Expect.Equal(part.Length, archive.Read(0, part));
        Expect.Equal(true, part.SequenceEqual(Data));
    }

    [Test]
    private static void ClosedWhileItIsRead()
    {
        for (int round = 0; round < 20; round++)
        {
            SeekableArchive archive = SeekableArchive.Open((byte[])Packed.Clone());
            Stream stream = archive.OpenStream();
            Task[] readers = Enumerable.Range(0, 4).Select(reader => Task.Run(() =>
            {
                var part = new byte[300_000];
                try
                {
                    for (int i = reader; ; i++)
                    {
                        int from = i * 7919 % (Data.Length - part.Length);
                        Expect.Equal(part.Length, archive.Read(from, part));
                        Expect.Same(Data.AsSpan(from, part.Length), part);
                    }
                }
                catch (ObjectDisposedException)
                {
                    // As it shall be.
                }
            })).ToArray();
            Thread.Sleep(round % 4);
            archive.Dispose();
            archive.Dispose();
            GC.Collect();
            Expect.True(Task.WaitAll(readers, 20000), "readers end");
            Expect.Throws<ObjectDisposedException>(() => archive.Frame(0));
            Expect.Throws<ObjectDisposedException>(() => stream.ReadByte());
            Expect.Equal(Data.Length, archive.Length);
        }
    }

    /// <summary>Also while an earlier read, which ends well, still holds it.</summary>
    [Test]
    private static async Task ReadsAfterItsEndAreRefused()
    {
        using var inside = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim(initialState: true);
        var archive = SeekableArchive.OpenSource(
            (offset, buffer) =>
            {
                inside.Set();
                Expect.True(goOn.Wait(Expect.Limit), "goes on");
                Packed.AsSpan((int)offset, buffer.Length).CopyTo(buffer);
            },
            Packed.Length);
        goOn.Reset();
        inside.Reset();
        var part = new byte[1000];
        Task<int> read = Task.Run(() => archive.Read(500_000, part));
        Expect.True(inside.Wait(Expect.Limit), "begins");
        archive.Dispose();
        var refused = Expect.Throws<ObjectDisposedException>(() => archive.Read(0, new byte[1000]));
        Expect.Equal(nameof(SeekableArchive), refused.ObjectName);
        goOn.Set();
        Expect.Equal(part.Length, await read);
        Expect.Same(Data.AsSpan(500_000, part.Length), part);
    }

    /// <summary>Memory that counts its pins.</summary>
    private sealed class Pinned : MemoryManager<byte>
    {
        private readonly byte[] bytes;
        private GCHandle handle;

        internal Pinned(byte[] bytes) => this.bytes = bytes;

        internal int Pins { get; private set; }

        public override Span<byte> GetSpan() => bytes;

        public override unsafe MemoryHandle Pin(int elementIndex = 0)
        {
            handle = GCHandle.Alloc(bytes, GCHandleType.Pinned);
            Pins++;
            return new MemoryHandle((byte*)handle.AddrOfPinnedObject() + elementIndex, default, this);
        }

        public override void Unpin()
        {
            handle.Free();
            Pins--;
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    [Test]
    private static void MemoryIsPinnedForAsLongAsTheArchiveLives()
    {
        var memory = new Pinned(Packed);
        SeekableArchive archive = SeekableArchive.Open(memory.Memory);
        Expect.Equal(1, memory.Pins);
        CheckReads(archive);
        archive.Dispose();
        Expect.Equal(0, memory.Pins);
        var wrong = new Pinned(new byte[50]);
        Expect.Fails(FastparStatus.NotZstd, () => SeekableArchive.Open(wrong.Memory));
        Expect.Throws<ArgumentOutOfRangeException>(
            () => SeekableArchive.Open(wrong.Memory, new ZstdOptions { MaxLanes = -1 }));
        Expect.Equal(0, wrong.Pins);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference OpenAndDrop(CancellationToken token)
    {
        var copy = (byte[])Packed.Clone();
        Expect.Equal(10, SeekableArchive.Open(copy, null, token).Read(0, new byte[10]));
        return new WeakReference(copy);
    }

    [Test]
    private static void ADroppedArchiveIsCollected()
    {
        using var source = new CancellationTokenSource(); // outlives them, and keeps none
        List<WeakReference> dropped = Enumerable.Range(0, 5).Select(_ => OpenAndDrop(source.Token)).ToList();
        Expect.Soon(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return dropped.Count(one => !one.IsAlive) >= 3; // a conservative collector may keep one
            },
            "the data of dropped archives is collected");
        source.Cancel();
    }
}
