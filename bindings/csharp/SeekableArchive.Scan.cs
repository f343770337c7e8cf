using System;
using System.IO;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Fastpar;

/// <content>Loops over the content.</content>
public sealed unsafe partial class SeekableArchive
{
    /// <summary>
    /// Decompresses the content in parallel, and calls a body for each piece of it, on the thread that has
    /// just decompressed it.
    /// </summary>
    /// <typeparam name="T">
    /// A record, as it is in the content. One that the end of a frame cuts comes whole, as a piece of
    /// its own.
    /// </typeparam>
    /// <param name="body">
    /// Called on several threads at a time. Which pieces there are depends on the archive and the
    /// options only.
    /// </param>
    /// <param name="options">Null: the whole content.</param>
    /// <param name="cancellationToken">Cancels the scan: no new piece is begun.</param>
    /// <exception cref="ArgumentException">
    /// The part does not lie in the content, or is no whole number of records.
    /// </exception>
    /// <exception cref="InvalidDataException">The data is damaged, or passes a limit of the
    /// options.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The archive is disposed.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    [OverloadResolutionPriority(1)] // null fits both
    public void Scan<T>(ScanAction<T> body, ScanOptions? options = null, CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(body, nameof(body));
        Scan<T>((records, _) => body(records), options, cancellationToken);
    }

    /// <summary>The same for a body that is told where the piece is, and its lane.</summary>
    /// <inheritdoc cref="Scan{T}(ScanAction{T}, ScanOptions, CancellationToken)"/>
    public void Scan<T>(
        ScanPieceAction<T> body, ScanOptions? options = null, CancellationToken cancellationToken = default)
        where T : unmanaged => Scan(body, sizeof(T), options, cancellationToken);

    /// <summary>
    /// The same for text: whole lines, each with its end, byte 10; the last one may end with the
    /// content. Of a part the lines come that begin in it, the last one whole.
    /// </summary>
    /// <param name="body">Called on several threads at a time.</param>
    /// <param name="options">Null: the whole content.</param>
    /// <param name="cancellationToken">Cancels the scan.</param>
    /// <inheritdoc cref="Scan{T}(ScanAction{T}, ScanOptions, CancellationToken)"/>
    [OverloadResolutionPriority(1)] // null fits both
    public void ScanLines(
        ScanAction<byte> body, ScanOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        ScanLines((lines, _) => body(lines), options, cancellationToken);
    }

    /// <summary>The same for a body that is told where the piece is, and its lane.</summary>
    /// <inheritdoc cref="ScanLines(ScanAction{byte}, ScanOptions, CancellationToken)"/>
    public void ScanLines(
        ScanPieceAction<byte> body, ScanOptions? options = null, CancellationToken cancellationToken = default) =>
        Scan(body, 0, options, cancellationToken);

    /// <summary>Scans records of so many bytes, or lines where that is 0.</summary>
    private void Scan<T>(ScanPieceAction<T> body, int record, ScanOptions? options, CancellationToken token)
        where T : unmanaged
    {
        Check.NotNull(body, nameof(body));
        using var lease = new Lease(handle);
        new PieceScan<T>(body, options, path, token).Scan((fastpar_archive*)lease.Pointer, record);
    }

    /// <summary>
    /// Folds the pieces of the content into accumulators, in parallel, and combines these in the order of the
    /// pieces: the result is the same to the bit however many threads ran it, sums of floats too.
    /// </summary>
    /// <typeparam name="T">A record.</typeparam>
    /// <typeparam name="TResult">The accumulator, of any type.</typeparam>
    /// <param name="identity">Makes what an accumulator begins with; called on several threads.</param>
    /// <param name="fold">Adds the records of a piece to an accumulator.</param>
    /// <param name="combine">
    /// Adds the accumulator of a piece to the result; on the calling thread, in rising order.
    /// </param>
    /// <param name="options">Null: the whole content.</param>
    /// <param name="cancellationToken">Cancels the scan.</param>
    /// <returns>The result.</returns>
    /// <inheritdoc cref="Scan{T}(ScanAction{T}, ScanOptions, CancellationToken)"/>
    [OverloadResolutionPriority(1)] // null fits both
    public TResult ScanReduce<T, TResult>(
        Func<TResult> identity,
        ScanFold<T, TResult> fold,
        Func<TResult, TResult, TResult> combine,
        ScanOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(fold, nameof(fold));
        return ScanReduce<T, TResult>(
            identity, (records, sum, _) => fold(records, sum), combine, options, cancellationToken);
    }

    /// <summary>The same for a fold that is told where the piece is, and its lane.</summary>
    /// <inheritdoc
    /// cref="ScanReduce{T, TResult}(Func{TResult}, ScanFold{T, TResult}, Func{TResult, TResult, TResult},
    /// ScanOptions, CancellationToken)"/>
    public TResult ScanReduce<T, TResult>(
        Func<TResult> identity,
        ScanPieceFold<T, TResult> fold,
        Func<TResult, TResult, TResult> combine,
        ScanOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(identity, nameof(identity));
        Check.NotNull(fold, nameof(fold));
        Check.NotNull(combine, nameof(combine));
        using var lease = new Lease(handle);
        var scan = new FoldScan<T, TResult>(identity, fold, combine, options, path, cancellationToken);
        scan.Reduce((fastpar_archive*)lease.Pointer, sizeof(T));
        return scan.Result;
    }

    /// <summary>The same for an accumulator that is a number, or a struct without references.</summary>
    /// <typeparam name="T">A record.</typeparam>
    /// <typeparam name="TResult">The accumulator.</typeparam>
    /// <param name="identity">What every accumulator begins with.</param>
    /// <param name="fold">Adds the records of a piece to an accumulator.</param>
    /// <param name="combine">
    /// Adds the accumulator of a piece to the result; on the calling thread, in rising order.
    /// </param>
    /// <param name="options">Null: the whole content.</param>
    /// <param name="cancellationToken">Cancels the scan.</param>
    /// <inheritdoc
    /// cref="ScanReduce{T, TResult}(Func{TResult}, ScanFold{T, TResult}, Func{TResult, TResult, TResult},
    /// ScanOptions, CancellationToken)"/>
    [OverloadResolutionPriority(1)] // null fits both
    public TResult ScanReduce<T, TResult>(
        TResult identity,
        ScanFold<T, TResult> fold,
        Func<TResult, TResult, TResult> combine,
        ScanOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
        where TResult : unmanaged =>
        ScanReduce<T, TResult>(() => identity, fold, combine, options, cancellationToken);

    /// <summary>The same for a fold that is told where the piece is, and its lane.</summary>
    /// <inheritdoc
    /// cref="ScanReduce{T, TResult}(TResult, ScanFold{T, TResult}, Func{TResult, TResult, TResult},
    /// ScanOptions, CancellationToken)"/>
    public TResult ScanReduce<T, TResult>(
        TResult identity,
        ScanPieceFold<T, TResult> fold,
        Func<TResult, TResult, TResult> combine,
        ScanOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
        where TResult : unmanaged =>
        ScanReduce<T, TResult>(() => identity, fold, combine, options, cancellationToken);

    /// <summary>
    /// Makes a compressed file of what a body writes for the pieces of the content, in their order: to filter
    /// or to convert more than fits into memory. The file appears when it is complete, as by
    /// <see cref="Codec.CompressFile"/>.
    /// </summary>
    /// <typeparam name="T">A record.</typeparam>
    /// <param name="destinationPath">
    /// A new name, or an ordinary file or a link, which is replaced itself; a FIFO, a device or an open
    /// descriptor is written where it stands. Not the archive's own file.
    /// </param>
    /// <param name="body">Called on several threads at a time.</param>
    /// <param name="options">Of the scan; its lanes, memory and progress are for the whole call.</param>
    /// <param name="destinationOptions">
    /// Of the file; its lanes, memory and progress must not be set. Null: level 3, frames of 4 MiB.
    /// </param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>What was done.</returns>
    /// <inheritdoc cref="Scan{T}(ScanAction{T}, ScanOptions, CancellationToken)"/>
    [OverloadResolutionPriority(1)] // null fits both
    public FileStats TransformFile<T>(
        string destinationPath,
        TransformAction<T> body,
        ScanOptions? options = null,
        ZstdOptions? destinationOptions = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(body, nameof(body));
        return TransformFile<T>(
            destinationPath,
            (records, output, _) => body(records, output),
            options,
            destinationOptions,
            cancellationToken);
    }

    /// <summary>The same for a body that is told where the piece is, and its lane.</summary>
    /// <inheritdoc
    /// cref="TransformFile{T}(string, TransformAction{T}, ScanOptions, ZstdOptions, CancellationToken)"/>
    public FileStats TransformFile<T>(
        string destinationPath,
        TransformPieceAction<T> body,
        ScanOptions? options = null,
        ZstdOptions? destinationOptions = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(body, nameof(body));
        Check.NotNull(destinationPath, nameof(destinationPath));
        using var lease = new Lease(handle);
        var scan = new TransformScan<T>(body, options, path, cancellationToken);
        return scan.Transform((fastpar_archive*)lease.Pointer, sizeof(T), destinationPath, destinationOptions);
    }

    /// <summary>
    /// Tells which part of the archive one of several machines is to scan: cut at frames, at whole records.
    /// Arithmetic only, and the same on every machine.
    /// </summary>
    /// <typeparam name="T">A record.</typeparam>
    /// <param name="shards">How many there are, at least 1.</param>
    /// <param name="index">Which, 0 to <paramref name="shards"/> - 1.</param>
    /// <param name="options">May be null; offset and size count.</param>
    /// <returns>The shard.</returns>
    /// <exception cref="ArgumentException">There is no such shard, or as for a scan.</exception>
    /// <exception cref="ObjectDisposedException">The archive is disposed.</exception>
    public ArchiveShard Shard<T>(long shards, long index, ScanOptions? options = null)
        where T : unmanaged
    {
        fastpar_error error;
        fastpar_shard shard = default;
        shard.struct_size = (UIntPtr)sizeof(fastpar_shard);
        fastpar_scan_options native = (options ?? ScanOptions.Defaults).ToNative(sizeof(T));
        ulong count = (ulong)Check.Within(shards, 1, long.MaxValue, nameof(shards));
        ulong number = (ulong)Check.Index(index, shards, nameof(index));
        using var lease = new Lease(handle);
        int status = NativeMethods.fastpar_archive_shard(
            &native, (fastpar_archive*)lease.Pointer, count, number, &shard, &error);
        Check.Ok(status, &error);
        return new ArchiveShard(shard);
    }
}
