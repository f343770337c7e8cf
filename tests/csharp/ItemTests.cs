using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
#if NET
using System.Diagnostics.Metrics;
#endif

namespace Fastpar.Tests;

/// <summary>Loops over items, calls that are not waited for, waits with tokens, and what is seen from
/// outside.</summary>
internal static class ItemTests
{
    [Test]
    private static void EachItemOnce()
    {
        foreach (LoopOptions? options in new[] { null, new LoopOptions { MaxLanes = 3 }, new LoopOptions { Segments = 7 } })
        {
            int[] seen = new int[1001];
            FastparLoop.For(0, seen.Length, i => seen[i]++, options);
            FastparLoop.For(-1L, 1000L, i => seen[i + 1]++, options);
            FastparLoop.ForEach(Enumerable.Range(0, seen.Length).ToArray(), i => seen[i]++, options);
            FastparLoop.ForEach(Enumerable.Range(0, seen.Length).ToList(), i => seen[i]++, options);
            FastparLoop.ForEach(new HashSet<int>(Enumerable.Range(0, seen.Length)), i => seen[i]++, options);
            FastparLoop.ForEach(Enumerable.Range(0, 2 * seen.Length).Where(i => i % 2 == 0), i => { seen[i / 2]++; }, options);
            FastparLoop.ForEach(seen, (ref int item) => item++, options);
            FastparLoop.For(seen, (items, range) => { foreach (int i in range) { items[i - (int)range.Begin]++; } }, options);
            FastparLoop.For(new ReadOnlyMemory<int>(seen), slice => Expect.True(slice.IndexOf(7) < 0, "an item twice"), options);
            Expect.True(seen.All(count => count == 8), "items are missing, or there twice");
        }
    }

    [Test]
    private static void EdgesOfRanges()
    {
        int calls = 0;
        FastparLoop.For(5, 5, _ => { calls++; });
        FastparLoop.For(5, -5, _ => { calls++; });
        FastparLoop.ForEach(Array.Empty<int>(), _ => { calls++; });
        Expect.Equal(0, calls, "calls");
        FastparLoop.For(int.MaxValue - 2, int.MaxValue, i => { Interlocked.Add(ref calls, i - int.MaxValue); });
        FastparLoop.For(long.MaxValue - 2, long.MaxValue, i => { Interlocked.Add(ref calls, (int)(i - long.MaxValue)); });
        Expect.Equal(-6, calls, "the highest numbers");
        Expect.Equal(
            "toExclusive",
            Expect.Throws<ArgumentOutOfRangeException>(() => FastparLoop.For(long.MinValue, 1, _ => { })).ParamName);
        Expect.Throws<ArgumentNullException>(() => FastparLoop.For(0, 1, (Action<int>)null!));
        Expect.Throws<ArgumentNullException>(() => FastparLoop.ForEach((int[])null!, (int _) => { }));
        Expect.Equal(
            "items",
            Expect.Throws<ArgumentNullException>(() => FastparLoop.ForEach((IEnumerable<int>)null!, (int _) => { })).ParamName);
        IEnumerable<int> unread = Enumerable.Range(0, 1).Select<int, int>(_ => throw new FormatException());
        Expect.Equal(
            "body", Expect.Throws<ArgumentNullException>(() => FastparLoop.ForEach(unread, (Action<int>)null!)).ParamName);
        Expect.Throws<FormatException>(() => FastparLoop.ForEach(unread, (int _) => { }));
    }

    [Test]
    private static void FailuresAndTokens()
    {
        Expect.Throws<FormatException>(() => FastparLoop.For(0, 100, i => throw new FormatException()));
        using var source = new CancellationTokenSource();
        Expect.Throws<OperationCanceledException>(
            () => FastparLoop.For(0L, Expect.Endless, _ => source.Cancel(), null, source.Token));
    }

    [Test]
    private static void BodiesThatOnlyThrow()
    {
        int[] items = new int[10];
        Expect.Throws<FormatException>(() => FastparLoop.ForEach(items, item => throw new FormatException()));
        Expect.Throws<FormatException>(() => FastparLoop.ForEach(items.ToList(), item => throw new FormatException()));
        Expect.Throws<FormatException>(() => FastparLoop.ForEach(items.Skip(1), item => throw new FormatException()));
        Expect.Throws<FormatException>(() => FastparLoop.ForEach(items.AsMemory(), item => throw new FormatException()));
        Expect.Throws<FormatException>(
            () => FastparLoop.ForEach(new ReadOnlyMemory<int>(items), item => throw new FormatException()));
        Expect.Throws<ArgumentNullException>(() => FastparLoop.ForEach(items, (Func<int, NoReturn>)null!));
    }

    [Test]
    private static void WhatIsCancelledIsNotReadOn()
    {
        using var source = new CancellationTokenSource();
        int read = 0;
        IEnumerable<int> Items()
        {
            while (read < 1_000_000)
            {
                if (++read == 7)
                {
                    source.Cancel();
                }
                yield return read;
            }
        }
        int calls = 0;
        var thrown = Expect.Throws<OperationCanceledException>(
            () => FastparLoop.ForEach(Items(), _ => { calls++; }, null, source.Token));
        Expect.True(thrown.CancellationToken == source.Token, "of another token");
        Expect.Throws<OperationCanceledException>(() => FastparLoop.ForEach(Items(), _ => { calls++; }, null, source.Token));
        Task later = FastparLoop.ForEachAsync(Items(), _ => default, null, source.Token);
        Expect.Throws<TaskCanceledException>(() => later.GetAwaiter().GetResult());
        Expect.True(later.IsCanceled, "not cancelled");
        Expect.Equal(7, read, "items");
        Expect.Equal(0, calls, "bodies");
    }

    [Test]
    private static async Task AsynchronousItems()
    {
        int[] seen = new int[500];
        await FastparLoop.ForAsync(0, seen.Length, async (i, _) => { await Task.Yield(); Interlocked.Increment(ref seen[i]); });
        await FastparLoop.ForAsync(0L, seen.Length, i => { seen[i]++; return default; });
        await FastparLoop.ForAsync(
            0, seen.Length, async i => { await Task.Yield(); Interlocked.Increment(ref seen[i]); }, new LoopOptions { Segments = 3 });
        await FastparLoop.ForEachAsync(new int[10], (_, token) => default);
        Expect.True(seen.All(count => count == 3), "items are missing, or there twice");
        int inFlight = 0, most = 0;
        await FastparLoop.ForAsync(
            0,
            40,
            async (_, token) =>
            {
                int now = Interlocked.Increment(ref inFlight);
                lock (seen)
                {
                    most = Math.Max(most, now);
                }
                await Task.Delay(1, token);
                Interlocked.Decrement(ref inFlight);
            },
            new LoopOptions { MaxLanes = 3 });
        Expect.True(most is >= 1 and <= 3, $"{most} bodies at a time");
    }

    [Test]
    private static async Task WithoutWaiting()
    {
        byte[] data = Expect.Data(300_000);
        byte[] packed = await Codec.CompressAsync(data);
        byte[] back = await Codec.DecompressAsync(packed);
        Expect.Same(Codec.Compress(data), packed);
        Expect.Same(data, back);
        byte[] room = new byte[400_000];
        Expect.Equal(packed.Length, await Codec.CompressAsync(data, room));
        Task<int> small = Codec.DecompressAsync(packed, new byte[10]);
        Expect.Fails(FastparStatus.BufferTooSmall, () => small.GetAwaiter().GetResult());
        Task<byte[]> cancelled = Codec.CompressAsync(data, null, new CancellationToken(true));
        await Task.WhenAny(cancelled);
        Expect.True(cancelled.IsCanceled, "not cancelled");
        Expect.Throws<ArgumentNullException>(() => _ = Codec.CompressFileAsync(null!, "x"));
        using var archive = SeekableArchive.Open(new MemoryStream(packed));
        int read = await archive.ReadAsync(7, room);
        Expect.Equal(data.Length - 7, read);
        Expect.Same(data.AsSpan(7), room.AsSpan(0, data.Length - 7));
        Expect.Throws<ArgumentNullException>(() => archive.Scan<byte>(null!));
    }

    [Test]
    private static void ArchivesCloseTheirStreams()
    {
        byte[] packed = Codec.Compress(new byte[10]);
        foreach (bool leaveOpen in new[] { false, true })
        {
            var stream = new MemoryStream(packed);
            SeekableArchive.Open(stream, leaveOpen: leaveOpen).Dispose();
            Expect.Equal(leaveOpen, stream.CanRead, "open");
        }
        var bad = new MemoryStream(new byte[100]);
        Expect.Fails(FastparStatus.NotZstd, () => SeekableArchive.Open(bad));
        Expect.True(!bad.CanRead, "a stream that is no archive stays open");
    }

    [Test]
    private static void WaitsEndWithTokens()
    {
        using var source = new CancellationTokenSource();
        using var queue = new FastparQueue(1);
        var timer = new Thread(source.Cancel);
        timer.Start();
        Expect.Throws<OperationCanceledException>(() => queue.Pop(out _, source.Token));
        queue.Push(1);
        Expect.Throws<OperationCanceledException>(() => queue.Push(2, source.Token));
        Expect.True(queue.Pop(out ulong value, CancellationToken.None) && value == 1, "the value is there");
        queue.Close();
        Expect.True(!queue.Pop(out _, CancellationToken.None), "a closed queue gives a value");
        timer.Join();
        using var go = new ManualResetEventSlim();
        using FastparJob job = FastparLoop.Start(1, _ => { go.Wait(); });
        Expect.Throws<OperationCanceledException>(() => job.Wait(source.Token));
        go.Set();
        job.Wait();
    }

    [Test]
    private static void LengthsAreKept()
    {
        var right = new FastparStream(new MemoryStream(), CompressionMode.Compress);
        right.SetSourceLength(3);
        right.Write(new byte[2], 0, 2);
        right.WriteByte(1);
        Expect.Throws<InvalidOperationException>(() => right.SetSourceLength(3));
        right.Dispose();
        var few = new FastparStream(new MemoryStream(), CompressionMode.Compress);
        few.SetSourceLength(3);
        few.WriteByte(1);
        Expect.Throws<InvalidOperationException>(few.Finish);
        few.Dispose();
        var many = new FastparStream(new MemoryStream(), CompressionMode.Compress);
        many.SetSourceLength(3);
        Expect.Throws<InvalidOperationException>(() => many.Write(new byte[4], 0, 4));
        many.Dispose();
    }

    [Test]
    private static async Task ReadyReadsAllocateNothing()
    {
        byte[] packed = Codec.Compress(new byte[200_000]);
        using var stream = new FastparStream(new MemoryStream(packed), CompressionMode.Decompress);
        byte[] part = new byte[100];
        Expect.Equal(part.Length, await stream.ReadAsync(part, 0, part.Length));
        for (int i = 0; i < 100; i++)
        {
            Task<int> read = stream.ReadAsync(part, 0, part.Length);
            Expect.True(read.IsCompleted && read.Result == part.Length, "not at once");
        }
#if NET
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
        {
            ValueTask<int> read = stream.ReadAsync(part.AsMemory());
            Expect.True(read.IsCompletedSuccessfully, "not at once");
        }
        Expect.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before, "bytes");
#endif
    }

#if NET
    [Test]
    private static void TheMeterTells()
    {
        if (typeof(FastparLoop).Assembly.GetType("Fastpar.Metrics") == null)
        {
            return; // a build for netstandard, which has no meters
        }
        FastparPool.Start();
        var found = new Dictionary<string, long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Meter.Name == "Fastpar")
                {
                    listening.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => found[instrument.Name] = value);
        listener.Start();
        Codec.Compress(new byte[1000]);
        FastparLoop.For(24, (Range64 _) => { });
        listener.RecordObservableInstruments();
        Expect.Equal(FastparPool.Threads, (int)found["fastpar.pool.threads"], "threads");
        Expect.True(found["fastpar.jobs"] > 0 && found["fastpar.chunks"] >= 24, "jobs and chunks");
        Expect.True(found["fastpar.codec.bytes_in"] >= 1000 && found["fastpar.codec.bytes_out"] > 0, "bytes");
        Expect.True(found["fastpar.pool.threads.busy"] >= 0, "busy");
    }
#endif
}
