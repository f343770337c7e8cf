using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>The same without waiting: the workers of the pool do it.</content>
public static partial class Codec
{
    /// <summary>Compresses a buffer into a new array, on the pool.</summary>
    /// <param name="source">What to compress; must stay as it is until the task has ended.</param>
    /// <param name="options">Null: level 3, 24 frames.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>The compressed bytes.</returns>
    public static Task<byte[]> CompressAsync(
        ReadOnlyMemory<byte> source, ZstdOptions? options = null, CancellationToken cancellationToken = default) =>
        Background.Run(() => Compress(source.Span, options, cancellationToken), cancellationToken);

    /// <summary>Compresses a buffer into another, on the pool.</summary>
    /// <param name="source">What to compress; must stay as it is until the task has ended.</param>
    /// <param name="destination">Where to; must not overlap.</param>
    /// <param name="options">Null: level 3, 24 frames.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>Bytes of the result.</returns>
    /// <exception cref="ArgumentException">The destination is too small.</exception>
    public static Task<int> CompressAsync(
        ReadOnlyMemory<byte> source,
        Memory<byte> destination,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default) =>
        Background.Run(() => Compress(source.Span, destination.Span, options, cancellationToken), cancellationToken);

    /// <summary>Decompresses zstd data into a new array, on the pool.</summary>
    /// <param name="source">The data; must stay as it is until the task has ended.</param>
    /// <param name="options">May be null.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>The bytes.</returns>
    /// <exception cref="InvalidDataException">
    /// The data is damaged, or passes a limit of the options.
    /// </exception>
    public static Task<byte[]> DecompressAsync(
        ReadOnlyMemory<byte> source, ZstdOptions? options = null, CancellationToken cancellationToken = default) =>
        Background.Run(() => Decompress(source.Span, options, cancellationToken), cancellationToken);

    /// <summary>Decompresses zstd data from a buffer into another, on the pool.</summary>
    /// <param name="source">The data; must stay as it is until the task has ended.</param>
    /// <param name="destination">Where to; must not overlap.</param>
    /// <param name="options">May be null.</param>
    /// <param name="cancellationToken">Cancels the call, inside frames too.</param>
    /// <returns>Bytes of the result.</returns>
    /// <exception cref="ArgumentException">The destination is too small.</exception>
    /// <exception cref="InvalidDataException">
    /// The data is damaged, or passes a limit of the options.
    /// </exception>
    public static Task<int> DecompressAsync(
        ReadOnlyMemory<byte> source,
        Memory<byte> destination,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default) =>
        Background.Run(() => Decompress(source.Span, destination.Span, options, cancellationToken), cancellationToken);

    /// <summary>Compresses a file into another, on the pool.</summary>
    /// <inheritdoc cref="CompressFile"/>
    public static Task<FileStats> CompressFileAsync(
        string sourcePath,
        string destinationPath,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default) =>
        FileAsync(CompressFile, sourcePath, destinationPath, options, cancellationToken);

    /// <summary>Decompresses a file into another, on the pool.</summary>
    /// <inheritdoc cref="DecompressFile"/>
    public static Task<FileStats> DecompressFileAsync(
        string sourcePath,
        string destinationPath,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default) =>
        FileAsync(DecompressFile, sourcePath, destinationPath, options, cancellationToken);

    /// <summary>Names that are wrong are told at the call.</summary>
    private static Task<FileStats> FileAsync(
        Func<string, string, ZstdOptions?, CancellationToken, FileStats> convert,
        string sourcePath,
        string destinationPath,
        ZstdOptions? options,
        CancellationToken token)
    {
        PathOf(sourcePath, nameof(sourcePath));
        PathOf(destinationPath, nameof(destinationPath));
        return Background.Run(() => convert(sourcePath, destinationPath, options, token), token);
    }
}
