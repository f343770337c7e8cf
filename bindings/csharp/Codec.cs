using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>
/// Parallel zstd, from memory to memory, in ordinary .zst that every other tool reads. Buffers are worked on
/// in their place, pinned for the time of the call. Every method may be called from any thread, by any number
/// at a time, and from inside bodies of loops.
/// </summary>
/// <remarks>
/// All of them throw <see cref="OperationCanceledException"/> when their token was cancelled, and exceptions
/// of .NET for arguments, damaged data and files, as <see cref="FastparException"/> lists them; with one of
/// that type inside, which has the status, zstd's error code and the position: the frame, or its offset in
/// the source.
/// </remarks>
public static unsafe partial class Codec
{
    /// <summary>A capacity that is enough for compressing any so many bytes with these options.</summary>
    /// <param name="sourceLength">Bytes.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <returns>Bytes, about 0.4 % more.</returns>
    public static long CompressBound(long sourceLength, ZstdOptions? options = null)
    {
        fastpar_error error;
        fastpar_zstd_options native = (options ?? ZstdOptions.Defaults).ToNative();
        UIntPtr bound;
        UIntPtr length = Check.Count(sourceLength, nameof(sourceLength));
        using var lease = new OptionLease(options);
        lease.Apply(&native);
        int status = NativeMethods.fastpar_compress_bound(&native, length, &bound, &error);
        if (status != NativeMethods.FASTPAR_OK)
        {
            // No options would let so many bytes pass, or these do not.
            fastpar_error ignored;
            bool tooLong = NativeMethods.fastpar_compress_bound(null, length, &bound, &ignored) != NativeMethods.FASTPAR_OK;
            Check.Ok(status, &error, new ErrorSite { Parameter = tooLong ? nameof(sourceLength) : nameof(options) });
        }
        return (long)(ulong)bound;
    }

    /// <summary>
    /// Compresses a buffer into another. Data of more than a megabyte becomes several frames; readers that
    /// stop after the first and tell no error (Python's <c>zstandard.decompress</c>, pyzstd's and CPython's
    /// <c>ZstdDecompressor</c>) need <see cref="ZstdOptions.SingleFrame"/>.
    /// </summary>
    /// <param name="source">What to compress.</param>
    /// <param name="destination">
    /// Where to; must not overlap. What follows the result may be overwritten.
    /// </param>
    /// <param name="options">Null: level 3, 24 frames.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>Bytes of the result.</returns>
    /// <exception cref="ArgumentException">The destination is too small.</exception>
    public static int Compress(
        ReadOnlySpan<byte> source,
        Span<byte> destination,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default) =>
        TryCompress(source, destination, out long written, options, cancellationToken)
            ? (int)written
            : throw TooSmall(written, nameof(destination));

    /// <summary>Compresses a buffer into another, if the result fits.</summary>
    /// <param name="written">
    /// Bytes of the result; if it does not fit, a capacity that is always enough.
    /// </param>
    /// <returns>Whether it fits.</returns>
    /// <inheritdoc cref="Compress(ReadOnlySpan{byte}, Span{byte}, ZstdOptions, CancellationToken)"/>
    /// <param name="source">What to compress.</param>
    /// <param name="destination">
    /// Where to; must not overlap. What follows the result may be overwritten.
    /// </param>
    /// <param name="options">Null: level 3, 24 frames.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    public static bool TryCompress(
        ReadOnlySpan<byte> source,
        Span<byte> destination,
        out long written,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        CheckApart(source, destination);
        fixed (byte* from = &Start(source), to = &Start(destination))
        {
            return TryCompress(
                (IntPtr)from, source.Length, (IntPtr)to, destination.Length, out written, options, cancellationToken);
        }
    }

    /// <summary>
    /// The same for memory outside of .NET, which may be larger than a span: mapped files, for instance.
    /// </summary>
    /// <param name="source">Address of what to compress.</param>
    /// <param name="sourceLength">Its bytes.</param>
    /// <param name="destination">Address of where to; must not overlap.</param>
    /// <param name="destinationCapacity">Its bytes.</param>
    /// <param name="written">
    /// Bytes of the result; if it does not fit, a capacity that is always enough.
    /// </param>
    /// <param name="options">Null: level 3, 24 frames.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>Whether it fits.</returns>
    public static bool TryCompress(
        IntPtr source,
        long sourceLength,
        IntPtr destination,
        long destinationCapacity,
        out long written,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        UIntPtr length = Check.Place(source, sourceLength, nameof(source), nameof(sourceLength));
        UIntPtr capacity = Check.Place(destination, destinationCapacity, nameof(destination), nameof(destinationCapacity));
        CheckApart(source, length, destination, capacity);
        UIntPtr result = UIntPtr.Zero;
        fastpar_error error;
        using var call = new CodecCall(options, cancellationToken);
        fastpar_zstd_options native;
        int status = NativeMethods.fastpar_compress(
            call.Options(&native), (void*)source, length, (void*)destination, capacity, &result, &error);
        written = (long)(ulong)result;
        return call.Fits(status, &error);
    }

    /// <summary>
    /// Compresses a buffer into a new array. The result, and it alone, is copied once, to an array of its
    /// size.
    /// </summary>
    /// <param name="source">What to compress.</param>
    /// <param name="options">Null: level 3, 24 frames.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>The compressed bytes.</returns>
    public static byte[] Compress(
        ReadOnlySpan<byte> source, ZstdOptions? options = null, CancellationToken cancellationToken = default)
    {
        long bound = CompressBound(source.Length, options);
        IntPtr memory = Marshal.AllocHGlobal(new IntPtr(bound)); // pages that are not written to cost nothing
        try
        {
            fixed (byte* from = &Start(source))
            {
                if (!TryCompress((IntPtr)from, source.Length, memory, bound, out long written, options, cancellationToken))
                {
                    throw TooSmall(written, nameof(options)); // not while the bound is one
                }
                return new ReadOnlySpan<byte>((void*)memory, checked((int)written)).ToArray();
            }
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
        }
    }

    /// <summary>
    /// What to pin; the pattern of the language needs a method that spans of Mono do not have.
    /// </summary>
    private static ref byte Start(ReadOnlySpan<byte> span) => ref MemoryMarshal.GetReference(span);

    private static void CheckApart(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination)
    {
        if (source.Overlaps(destination))
        {
            throw new ArgumentException("source and destination overlap", nameof(destination));
        }
    }

    private static void CheckApart(IntPtr source, UIntPtr length, IntPtr destination, UIntPtr capacity)
    {
        ulong from = (ulong)source, to = (ulong)destination;
        if (length != UIntPtr.Zero && capacity != UIntPtr.Zero
            && (from <= to ? to - from < (ulong)length : from - to < (ulong)capacity))
        {
            throw new ArgumentException("source and destination overlap", nameof(destination));
        }
    }

    private static ArgumentException TooSmall(long needed, string parameter)
    {
        var failure = new FastparException(FastparStatus.BufferTooSmall) { RequiredSize = needed > 0 ? needed : null };
        return new ArgumentException(
            needed > 0 ? $"{failure.Message}: {needed} bytes are enough" : failure.Message, parameter, failure);
    }

    /// <summary>A result that no array holds.</summary>
    private static InvalidDataException TooLarge(string message) =>
        new(message, new FastparException(FastparStatus.LimitExceeded, message));
}
