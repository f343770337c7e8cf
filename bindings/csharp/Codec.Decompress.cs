using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <content>The other direction.</content>
public static unsafe partial class Codec
{
    /// <summary>Array.MaxLength, which not all frameworks name.</summary>
    private const int MostOfArray = 0x7FFF_FFC7;

    private static readonly ErrorSite Reading = new() { Reads = true };

    /// <summary>
    /// How many bytes zstd data decompresses to, by its headers; nothing is decompressed. A few kilobytes may
    /// decompress to gigabytes: compare with a limit of yours before you allocate.
    /// </summary>
    /// <param name="source">The data; need not be trusted.</param>
    /// <returns>Bytes; null: a frame does not tell its size.</returns>
    public static long? DecompressedSize(ReadOnlySpan<byte> source)
    {
        fixed (byte* from = &Start(source))
        {
            return DecompressedSize((IntPtr)from, source.Length);
        }
    }

    /// <summary>The same for memory outside of .NET.</summary>
    /// <param name="source">Address of the data.</param>
    /// <param name="sourceLength">Its bytes.</param>
    /// <returns>Bytes; null: a frame does not tell its size.</returns>
    public static long? DecompressedSize(IntPtr source, long sourceLength)
    {
        fastpar_error error;
        ulong size;
        UIntPtr length = Check.Place(source, sourceLength, nameof(source), nameof(sourceLength));
        int status = NativeMethods.fastpar_decompressed_size((void*)source, length, &size, &error);
        if (status == NativeMethods.FASTPAR_ERR_UNSUPPORTED)
        {
            return null;
        }
        Check.Ok(status, &error, Reading);
        return size <= long.MaxValue ? (long)size : throw TooLarge($"it decompresses to {size} bytes");
    }

    /// <summary>
    /// What the first frame of some zstd data tells, by its headers; nothing is decompressed.
    /// </summary>
    /// <param name="source">The data, at least the whole frame; need not be trusted.</param>
    /// <returns>What it tells.</returns>
    /// <exception cref="InvalidDataException">No whole frame begins there.</exception>
    public static ZstdInfo FrameRead(ReadOnlySpan<byte> source)
    {
        fixed (byte* from = &Start(source))
        {
            return FrameRead((IntPtr)from, source.Length);
        }
    }

    /// <summary>The same for memory outside of .NET.</summary>
    /// <param name="source">Address of the data.</param>
    /// <param name="sourceLength">Its bytes.</param>
    /// <returns>What it tells.</returns>
    public static ZstdInfo FrameRead(IntPtr source, long sourceLength)
    {
        fastpar_error error;
        fastpar_zstd_info info = new() { struct_size = (UIntPtr)sizeof(fastpar_zstd_info) };
        UIntPtr length = Check.Place(source, sourceLength, nameof(source), nameof(sourceLength));
        Check.Ok(NativeMethods.fastpar_frame_read((void*)source, length, &info, &error), &error, Reading);
        return new ZstdInfo(info);
    }

    /// <summary>
    /// Decompresses zstd data from a buffer into another, in parallel where the data allows.
    /// </summary>
    /// <param name="source">The data; need not be trusted.</param>
    /// <param name="destination">
    /// Where to; must not overlap. What follows the result may be overwritten.
    /// </param>
    /// <param name="options">May be null.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>Bytes of the result.</returns>
    /// <exception cref="ArgumentException">The destination is too small.</exception>
    /// <exception cref="InvalidDataException">
    /// The data is damaged, or passes a limit of the options.
    /// </exception>
    public static int Decompress(
        ReadOnlySpan<byte> source,
        Span<byte> destination,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default) =>
        TryDecompress(source, destination, out long written, options, cancellationToken)
            ? (int)written
            : throw TooSmall(written, nameof(destination));

    /// <summary>Decompresses zstd data from a buffer into another, if the result fits.</summary>
    /// <param name="source">The data; need not be trusted.</param>
    /// <param name="destination">
    /// Where to; must not overlap. What follows the result may be overwritten.
    /// </param>
    /// <param name="written">
    /// Bytes of the result; if it does not fit, the capacity needed, or 0 where the data does not tell.
    /// </param>
    /// <param name="options">May be null.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>Whether it fits.</returns>
    public static bool TryDecompress(
        ReadOnlySpan<byte> source,
        Span<byte> destination,
        out long written,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        CheckApart(source, destination);
        fixed (byte* from = &Start(source), to = &Start(destination))
        {
            return TryDecompress(
                (IntPtr)from, source.Length, (IntPtr)to, destination.Length, out written, options, cancellationToken);
        }
    }

    /// <summary>
    /// The same for memory outside of .NET, which may be larger than a span: mapped files, for instance.
    /// </summary>
    /// <param name="source">Address of the data.</param>
    /// <param name="sourceLength">Its bytes.</param>
    /// <param name="destination">Address of where to; must not overlap.</param>
    /// <param name="destinationCapacity">Its bytes.</param>
    /// <param name="written">
    /// Bytes of the result; if it does not fit, the capacity needed, or 0 where the data does not tell.
    /// </param>
    /// <param name="options">May be null.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>Whether it fits.</returns>
    public static bool TryDecompress(
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
        int status = NativeMethods.fastpar_decompress(
            call.Options(&native), (void*)source, length, (void*)destination, capacity, &result, &error);
        written = (long)(ulong)result;
        return call.Fits(status, &error, Reading);
    }

    /// <summary>
    /// Decompresses zstd data into a new array. Data that tells its size is decompressed straight into that
    /// array; other data costs one copy. Set <see cref="ZstdOptions.MaxOutput"/> where the data is not
    /// trusted.
    /// </summary>
    /// <param name="source">The data.</param>
    /// <param name="options">May be null.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>The bytes.</returns>
    public static byte[] Decompress(
        ReadOnlySpan<byte> source, ZstdOptions? options = null, CancellationToken cancellationToken = default)
    {
        long limit = options?.MaxOutput > 0 ? options.MaxOutput : long.MaxValue;
        long? size = DecompressedSize(source);
        if (size > limit || size > MostOfArray)
        {
            throw TooLarge($"it decompresses to {size} bytes, at most {Math.Min(limit, MostOfArray)} may come out");
        }
        if (size == null)
        {
            return DecompressUnknown(source, options, limit, cancellationToken);
        }
        byte[] result = NewArray((int)size);
        if (Decompress(source, result, options, cancellationToken) != result.Length)
        {
            throw new InvalidDataException("the data has another size than it tells", new FastparException(FastparStatus.Corrupt));
        }
        return result;
    }

    /// <summary>
    /// Tries larger and larger destinations; it costs about twice the time of the last one.
    /// </summary>
    private static byte[] DecompressUnknown(
        ReadOnlySpan<byte> source, ZstdOptions? options, long limit, CancellationToken cancellationToken)
    {
        // One byte past the limit, so that the library finds the limit passed.
        long most = Math.Min(limit, MostOfArray) + 1;
        for (long capacity = Math.Min(most, Math.Max(1 << 16, 8L * source.Length)); ; capacity = Math.Min(most, 2 * capacity))
        {
            IntPtr memory = Marshal.AllocHGlobal(new IntPtr(capacity));
            try
            {
                fixed (byte* from = &Start(source))
                {
                    if (TryDecompress(
                        (IntPtr)from, source.Length, memory, capacity, out long written, options, cancellationToken))
                    {
                        return new ReadOnlySpan<byte>((void*)memory, (int)written).ToArray();
                    }
                }
            }
            finally
            {
                Marshal.FreeHGlobal(memory);
            }
            if (capacity == most)
            {
                throw TooLarge($"it decompresses to more than {most - 1} bytes");
            }
        }
    }

    private static byte[] NewArray(int size) =>
#if NET
        GC.AllocateUninitializedArray<byte>(size);
#else
        new byte[size];
#endif
}
