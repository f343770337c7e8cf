using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>
/// What streams of this library promise beside that: constructors, single bytes, overlapping calls, tokens
/// during a call, and the end.
/// </summary>
internal static class StreamContractTests
{
    private static readonly byte[] Noise = MakeNoise();

    private static byte[] MakeNoise()
    {
        var noise = new byte[300_000];
        new Random(1).NextBytes(noise);
        return noise;
    }

    [Test]
    private static void ConstructorsAsOtherStreamsHaveThem()
    {
        foreach (CompressionLevel level in new[] { CompressionLevel.Optimal, CompressionLevel.Fastest, (CompressionLevel)3 })
        {
            var packed = new MemoryStream();
            using (var writer = new FastparStream(packed, level, leaveOpen: true))
            {
                writer.Write(Noise, 0, 1000);
            }
            packed.Position = 0;
            using (var reader = new FastparStream(packed, CompressionMode.Decompress, leaveOpen: true))
            {
                var back = new MemoryStream();
                reader.CopyTo(back);
                Expect.Same(Noise.AsSpan(0, 1000), back.ToArray());
            }
            Expect.True(packed.CanRead, "open");
        }
        Expect.Throws<ArgumentOutOfRangeException>(() => new FastparStream(new MemoryStream(), (CompressionLevel)9));
    }

    [Test]
    private static void SingleBytesMixWithOthers()
    {
        var packed = new MemoryStream();
        using (var writer = new FastparStream(packed, CompressionMode.Compress, null, true))
        {
            for (int i = 0; i < 20_000; i++)
            {
                writer.WriteByte(Noise[i]);
                if (i == 10_000)
                {
                    writer.Write(Noise, i + 1, 5000);
                    i += 5000;
                }
            }
            writer.WriteByte(Noise[20_000]);
        }
        Expect.Same(Noise.AsSpan(0, 20_001), Codec.Decompress(packed.ToArray()));
        packed.Position = 0;
        using var reader = new FastparStream(packed, CompressionMode.Decompress);
        var back = new List<byte>();
        var part = new byte[77];
        for (int value; (value = reader.ReadByte()) >= 0;)
        {
            back.Add((byte)value);
            back.AddRange(part.Take(reader.Read(part, 0, part.Length)));
        }
        Expect.Same(Noise.AsSpan(0, 20_001), back.ToArray());
        Expect.Equal(-1, reader.ReadByte(), "after the end");
    }

    [Test]
    private static void OverlappingCallsAreRefusedAtTheCall()
    {
        var inner = new Slow();
        var writer = new FastparStream(inner, CompressionMode.Compress, new ZstdOptions { FrameSize = 1000, MaxLanes = 1 });
        Task first = WriteUntilPending(writer);
        Expect.Throws<InvalidOperationException>(() => _ = writer.WriteAsync(Noise, 0, 1));
        Expect.Throws<InvalidOperationException>(() => writer.Write(Noise, 0, 1));
        inner.Go.SetResult(true);
        Expect.True(first.Wait(Expect.Limit), "ends");
        writer.Write(Noise, 0, 1);
        writer.Dispose();
    }

    private static Task WriteUntilPending(FastparStream writer)
    {
        for (int i = 0; i < 1000; i++)
        {
            Task write = writer.WriteAsync(Noise, 0, Noise.Length);
            if (!write.IsCompleted)
            {
                return write;
            }
        }
        throw new UnexpectedException("no write waits for the stream behind");
    }

    [Test]
    private static async Task ATokenActsOnItsOwnCall()
    {
        var inner = new Slow();
        inner.Go.SetResult(true);
        await using var writer = new FastparStream(inner, CompressionMode.Compress, new ZstdOptions { FrameSize = 1000 });
        using var source = new CancellationTokenSource();
        await writer.WriteAsync(Noise, 0, 1000, source.Token);
        source.Cancel();
        Expect.True(writer.WriteAsync(Noise, 0, 1, source.Token).IsCanceled, "cancelled before");
        Expect.True(writer.FlushAsync(source.Token).IsCanceled, "cancelled before");
        await writer.WriteAsync(Noise, 0, 1000);
        await writer.FinishAsync();
        Expect.Equal(2000, Codec.Decompress(inner.ToArray()).Length);
        await writer.FlushAsync();
        writer.Flush();
    }

    [Test]
    private static void ACancelledWriteEndsTheStreamAlways()
    {
        for (int round = 0; round < 50; round++)
        {
            var inner = new Slow();
            var writer = new FastparStream(inner, CompressionMode.Compress, new ZstdOptions { FrameSize = 1000 });
            using var source = new CancellationTokenSource();
            Task write = Task.CompletedTask;
            for (int i = 0; i < 1000 && write.IsCompleted; i++)
            {
                write = writer.WriteAsync(Noise, 0, Noise.Length, source.Token);
            }
            source.Cancel();
            try
            {
                write.GetAwaiter().GetResult();
                throw new UnexpectedException("not cancelled");
            }
            catch (OperationCanceledException)
            {
                Expect.True(write.IsCanceled, "the task");
            }
            for (int call = 0; call < 3; call++)
            {
                try
                {
                    writer.Write(Noise, 0, 10);
                    throw new UnexpectedException("the stream goes on");
                }
                catch (OperationCanceledException)
                {
                    // As the call that was cancelled.
                }
            }
            writer.Dispose();
        }
    }

    [Test]
    private static void DisposingDuringACall()
    {
        var inner = new Hung();
        var writer = new FastparStream(inner, CompressionMode.Compress);
        Exception? seen = null;
        var thread = new Thread(() =>
        {
            try
            {
                writer.Write(new byte[10], 0, 10);
                writer.Flush();
            }
            catch (Exception exception)
            {
                seen = exception;
            }
        });
        thread.Start();
        Expect.True(inner.Entered.Wait(Expect.Limit), "inside");
        writer.Dispose();
        Expect.True(thread.Join(Expect.Limit), "the write goes on");
        Expect.True(seen is ObjectDisposedException, $"{seen}");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference[] Drop() => Enumerable.Range(0, 20).Select(_ =>
    {
        var knows = new Knows();
        knows.Zstd = new FastparStream(
            knows, CompressionMode.Compress, new ZstdOptions { Progress = new Listener(_ => GC.KeepAlive(knows.Zstd)) });
        knows.Zstd.Write(Noise, 0, 100_000);
        return new WeakReference(knows.Zstd);
    }).ToArray();

    [Test]
    private static void ADroppedStreamIsCollectedThoughTheOneBehindKnowsIt()
    {
        WeakReference[] dropped = Drop();
        bool Collected()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return dropped.Count(one => one.IsAlive) < 3; // a conservative collector may keep some
        }
        Expect.Soon(Collected, "dropped streams are collected");
    }

    /// <summary>Asynchronous writes wait.</summary>
    private sealed class Slow : MemoryStream
    {
        internal TaskCompletionSource<bool> Go { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            await Task.WhenAny(Go.Task, Task.Delay(Timeout.Infinite, cancellationToken)).Unwrap();
            Write(buffer, offset, count);
        }

#if !NETSTANDARD2_0
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            await WriteAsync(buffer.ToArray(), 0, buffer.Length, cancellationToken);
#endif
    }

    /// <summary>Writes hang until it is disposed.</summary>
    private sealed class Hung : MemoryStream
    {
        private readonly ManualResetEventSlim free = new();

        internal ManualResetEventSlim Entered { get; } = new();

        public override void Write(byte[] buffer, int offset, int count)
        {
            Entered.Set();
            free.Wait();
            throw new IOException("gone");
        }

#if !NETSTANDARD2_0
        public override void Write(ReadOnlySpan<byte> buffer) => Write(buffer.ToArray(), 0, buffer.Length);
#endif

        protected override void Dispose(bool disposing) => free.Set();
    }

    private sealed class Knows : MemoryStream
    {
        internal FastparStream Zstd { get; set; } = null!;
    }
}
