using System;
using System.Buffers;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <content>From sequences of pipes to buffer writers.</content>
public static unsafe partial class Codec
{
    /// <summary>Results that a writer is asked room for at once; larger ones are copied to it.</summary>
    private const int AtOnce = 1 << 20;

    /// <summary>Compresses a sequence, and writes the result.</summary>
    /// <param name="source">
    /// What to compress. Of several segments the bytes are put together first, which copies them once.
    /// </param>
    /// <param name="destination">Gets the compressed bytes; nothing where the call fails.</param>
    /// <param name="options">Null: level 3, 24 frames.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>Bytes of the result.</returns>
    public static long Compress(
        ReadOnlySequence<byte> source,
        IBufferWriter<byte> destination,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(destination, nameof(destination));
        using var whole = new Contiguous(source);
        return Give(destination, whole, CompressBound(whole.Length, options), compresses: true, options, cancellationToken);
    }

    /// <summary>Decompresses a sequence, and writes the result.</summary>
    /// <param name="source">
    /// The data; need not be trusted. Of several segments the bytes are put together first.
    /// </param>
    /// <param name="destination">Gets the bytes; nothing where the call fails.</param>
    /// <param name="options">
    /// May be null. Set <see cref="ZstdOptions.MaxOutput"/> where the data is not trusted.
    /// </param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>Bytes of the result.</returns>
    /// <exception cref="InvalidDataException">
    /// The data is damaged, or passes a limit of the options.
    /// </exception>
    public static long Decompress(
        ReadOnlySequence<byte> source,
        IBufferWriter<byte> destination,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(destination, nameof(destination));
        using var whole = new Contiguous(source);
        long limit = options?.MaxOutput > 0 ? options.MaxOutput : long.MaxValue;
        if (DecompressedSize((IntPtr)whole.Start, whole.Length) is { } size)
        {
            return size <= limit
                ? Give(destination, whole, size, compresses: false, options, cancellationToken)
                : throw TooLarge($"it decompresses to {size} bytes, at most {limit} may come out");
        }
        // The data does not tell its size.
        byte[] result = Decompress(
            new ReadOnlySpan<byte>(whole.Start, checked((int)whole.Length)), options, cancellationToken);
        destination.Write(result);
        return result.Length;
    }

    /// <summary>Has a result of this size at most written.</summary>
    private static long Give(
        IBufferWriter<byte> destination,
        in Contiguous source,
        long capacity,
        bool compresses,
        ZstdOptions? options,
        CancellationToken token)
    {
        if (capacity <= (compresses ? AtOnce : MostOfArray))
        {
            Span<byte> room = destination.GetSpan((int)capacity);
            fixed (byte* to = &Start(room))
            {
                int written = (int)Into(to, room.Length, source, compresses, options, token);
                destination.Advance(written);
                return written;
            }
        }
        IntPtr memory = Marshal.AllocHGlobal(new IntPtr(capacity));
        try
        {
            long written = Into((byte*)memory, capacity, source, compresses, options, token);
            for (long at = 0; at < written; at += AtOnce)
            {
                destination.Write(new ReadOnlySpan<byte>((byte*)memory + at, (int)Math.Min(AtOnce, written - at)));
            }
            return written;
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
        }
    }

    private static long Into(
        byte* to, long capacity, in Contiguous source, bool compresses, ZstdOptions? options, CancellationToken token)
    {
        bool fits = compresses
            ? TryCompress((IntPtr)source.Start, source.Length, (IntPtr)to, capacity, out long written, options, token)
            : TryDecompress((IntPtr)source.Start, source.Length, (IntPtr)to, capacity, out written, options, token);
        return fits ? written : throw TooSmall(written, "destination");
    }

    /// <summary>A sequence in one place: where it is, if it has one segment, else a copy.</summary>
    private readonly ref struct Contiguous
    {
        private readonly MemoryHandle pin;
        private readonly IntPtr copy;

        internal Contiguous(ReadOnlySequence<byte> sequence)
        {
            Length = sequence.Length;
            copy = IntPtr.Zero;
            pin = default;
            if (sequence.IsSingleSegment)
            {
                pin = sequence.First.Pin();
                Start = (byte*)pin.Pointer;
                return;
            }
            copy = Marshal.AllocHGlobal(new IntPtr(Length));
            Start = (byte*)copy;
            byte* at = Start;
            foreach (ReadOnlyMemory<byte> segment in sequence)
            {
                segment.Span.CopyTo(new Span<byte>(at, segment.Length));
                at += segment.Length;
            }
        }

        internal byte* Start { get; }

        internal long Length { get; }

        public void Dispose()
        {
            pin.Dispose();
            Marshal.FreeHGlobal(copy);
        }
    }
}
