using System;
using System.IO;
using System.Text;
using System.Threading;

namespace Fastpar;

/// <summary>What a call on files has done.</summary>
public readonly struct FileStats
{
    internal FileStats(in fastpar_file_stats stats)
    {
        BytesIn = (long)stats.bytes_in;
        BytesOut = (long)stats.bytes_out;
        Frames = (long)stats.frames;
        Seconds = stats.seconds;
        PeakMemory = (long)stats.peak_memory;
    }

    /// <summary>Bytes read.</summary>
    public long BytesIn { get; }

    /// <summary>Bytes written, the seek table included.</summary>
    public long BytesOut { get; }

    /// <summary>zstd frames written, or decoded; skippable frames are not counted.</summary>
    public long Frames { get; }

    /// <summary>Wall time.</summary>
    public double Seconds { get; }

    /// <summary>The most working memory that the call had at a time, in bytes.</summary>
    public long PeakMemory { get; }
}

/// <content>From file to file.</content>
public static unsafe partial class Codec
{
    /// <summary>
    /// Compresses a file into another; reading, compressing and writing overlap. The target appears when it
    /// is complete: an existing target is replaced in one step, and stays as it is if the call fails.
    /// </summary>
    /// <param name="sourcePath">May be a FIFO or a device.</param>
    /// <param name="destinationPath">
    /// A new name, or an ordinary file or a link, which is replaced itself; a FIFO, a device or an open
    /// descriptor is written where it stands. Not the source.
    /// </param>
    /// <param name="options">Null: level 3, frames of 4 MiB. Progress is told bytes of the source.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="FileNotFoundException">There is no such source.</exception>
    /// <exception cref="DirectoryNotFoundException">A folder does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">A file or folder does not allow it.</exception>
    /// <exception cref="IOException">Whatever else the system reports.</exception>
    public static FileStats CompressFile(
        string sourcePath,
        string destinationPath,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default) =>
        OnFiles(NativeMethods.fastpar_compress_file, false, sourcePath, destinationPath, options, cancellationToken);

    /// <summary>
    /// Decompresses a file into another, in parallel where the data allows; the target as by the other
    /// direction.
    /// </summary>
    /// <param name="sourcePath">May be a FIFO or a device; its content need not be trusted.</param>
    /// <param name="destinationPath">
    /// A new name, or an ordinary file or a link, which is replaced itself; a FIFO, a device or an open
    /// descriptor is written where it stands. Not the source.
    /// </param>
    /// <param name="options">May be null. Progress is told bytes of the source.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="FileNotFoundException">There is no such source.</exception>
    /// <exception cref="DirectoryNotFoundException">A folder does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">A file or folder does not allow it.</exception>
    /// <exception cref="IOException">Whatever else the system reports.</exception>
    public static FileStats DecompressFile(
        string sourcePath,
        string destinationPath,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default) =>
        OnFiles(NativeMethods.fastpar_decompress_file, true, sourcePath, destinationPath, options, cancellationToken);

    private delegate int FileFunction(
        fastpar_zstd_options* options, byte* source, byte* destination, fastpar_file_stats* stats, fastpar_error* error);

    private static FileStats OnFiles(
        FileFunction function,
        bool reads,
        string sourcePath,
        string destinationPath,
        ZstdOptions? options,
        CancellationToken token)
    {
        fastpar_file_stats stats = default;
        stats.struct_size = (UIntPtr)sizeof(fastpar_file_stats);
        fastpar_error error;
        using var call = new CodecCall(options, token);
        fastpar_zstd_options native;
        fixed (byte* from = PathOf(sourcePath, nameof(sourcePath)), to = PathOf(destinationPath, nameof(destinationPath)))
        {
            var site = new ErrorSite { Reads = reads, Source = sourcePath, Target = destinationPath };
            call.Fits(function(call.Options(&native), from, to, &stats, &error), &error, site);
        }
        return new FileStats(stats);
    }

    /// <summary>A path as the library wants it: UTF-8, with a NUL at its end.</summary>
    internal static byte[] PathOf(string path, string name) =>
        Check.NotNull(path, name).Length == 0 ? throw new ArgumentException("the path is empty", name)
        : path.AsSpan().IndexOf('\0') >= 0 ? throw new ArgumentException("a path holds no NUL", name)
        : Encoding.UTF8.GetBytes(path + "\0");
}
