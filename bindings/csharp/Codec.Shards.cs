using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <content>The work of many machines.</content>
public static unsafe partial class Codec
{
    /// <summary>
    /// Joins compressed files to one, without decompressing them: frames are copied, and one seek table is
    /// written. The target appears when it is complete, as by <see cref="CompressFile"/>.
    /// </summary>
    /// <param name="sourcePaths">At least one ordinary file.</param>
    /// <param name="destinationPath">
    /// A file, or nothing yet. It may be the first source: that appends the others.
    /// </param>
    /// <param name="options">May be null. Progress is told bytes of the target.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">There is no source, or the target is another than the
    /// first.</exception>
    /// <exception cref="InvalidDataException">A source is damaged.</exception>
    /// <exception cref="IOException">What the system reports of a file.</exception>
    public static FileStats ConcatFiles(
        IEnumerable<string> sourcePaths,
        string destinationPath,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var pins = new List<GCHandle>();
        try
        {
            foreach (string path in Check.NotNull(sourcePaths, nameof(sourcePaths)))
            {
                string told = path ?? throw new ArgumentException("a path is null", nameof(sourcePaths));
                pins.Add(GCHandle.Alloc(PathOf(told, nameof(sourcePaths)), GCHandleType.Pinned));
            }
            if (pins.Count == 0)
            {
                throw new ArgumentException("there is no file to join", nameof(sourcePaths));
            }
            var names = new IntPtr[pins.Count];
            for (int i = 0; i < names.Length; i++)
            {
                names[i] = pins[i].AddrOfPinnedObject();
            }
            fastpar_file_stats stats = default;
            stats.struct_size = (UIntPtr)sizeof(fastpar_file_stats);
            fastpar_error error;
            using var call = new CodecCall(options, cancellationToken);
            fastpar_zstd_options native;
            fixed (byte* to = PathOf(destinationPath, nameof(destinationPath)))
            {
                fixed (IntPtr* from = names)
                {
                    int status = NativeMethods.fastpar_concat_files(
                        call.Options(&native), (byte**)from, (UIntPtr)(uint)names.Length, to, &stats, &error);
                    var site = new ErrorSite { Reads = true, Target = destinationPath };
                    call.Fits(status, &error, site);
                }
            }
            return new FileStats(stats);
        }
        finally
        {
            foreach (GCHandle pin in pins)
            {
                pin.Free();
            }
        }
    }

    /// <summary>
    /// The seek table of frames that a program has put one after the other itself: several machines into one
    /// file, or a store that joins what it is sent. They are compressed without a seek table;
    /// <see cref="FrameRead(ReadOnlySpan{byte})"/> tells their sizes.
    /// </summary>
    /// <param name="sizes">Bytes of each frame, in their order.</param>
    /// <param name="contentSizes">Bytes of the content of each.</param>
    /// <param name="checksums">Of all frames, the lower half of the XXH64 of each content; or none.</param>
    /// <returns>What comes behind the last frame, at the very end of the data.</returns>
    /// <exception cref="ArgumentException">There are not as many of each, or one is negative.</exception>
    /// <exception cref="FastparException">
    /// A frame or a content has 4 GiB or more, which no table can tell.
    /// </exception>
    public static byte[] SeekTableWrite(
        ReadOnlySpan<long> sizes, ReadOnlySpan<long> contentSizes, ReadOnlySpan<uint> checksums = default)
    {
        if (contentSizes.Length != sizes.Length || (checksums.Length != 0 && checksums.Length != sizes.Length))
        {
            throw new ArgumentException(
                "there are not as many of each",
                contentSizes.Length != sizes.Length ? nameof(contentSizes) : nameof(checksums));
        }
        fixed (long* from = &MemoryMarshal.GetReference(sizes), contents = &MemoryMarshal.GetReference(contentSizes))
        fixed (uint* sums = &MemoryMarshal.GetReference(checksums))
        {
            for (int i = 0; i < sizes.Length; i++)
            {
                Check.NotNegative(from[i], nameof(sizes));
                Check.NotNegative(contents[i], nameof(contentSizes));
            }
            uint* told = checksums.Length == 0 ? null : sums;
            var frames = (UIntPtr)(uint)sizes.Length;
            fastpar_error error;
            UIntPtr length;
            int status = NativeMethods.fastpar_seek_table_write(
                (ulong*)from, (ulong*)contents, told, frames, null, UIntPtr.Zero, &length, &error);
            if (status != NativeMethods.FASTPAR_ERR_BUFFER_TOO_SMALL)
            {
                Check.Ok(status, &error);
            }
            var table = new byte[(int)length];
            fixed (byte* to = table)
            {
                Check.Ok(
                    NativeMethods.fastpar_seek_table_write(
                        (ulong*)from, (ulong*)contents, told, frames, to, length, &length, &error),
                    &error);
            }
            return table;
        }
    }
}
