using System;
using System.Collections.Concurrent;
using System.Threading;

namespace Fastpar;

/// <summary>A scan at work: what it does with a piece.</summary>
internal abstract unsafe class ScanState : CallState
{
    private const int PieceKind = 1;
    private const int FoldKind = 2;
    private const int CombineKind = 3;
    private const int TransformKind = 4;
    private const int SinkKind = 5;

#if NET
    private static fastpar_archive_take_sink OnSink => &RunSink;
    private static fastpar_archive_for_body OnPiece => &RunPiece;
    private static fastpar_archive_reduce_fold OnFold => &RunFold;
    private static fastpar_archive_reduce_combine OnCombine => &RunCombine;
    private static fastpar_transform_file_body OnTransform => &RunTransform;
#else
    private static readonly fastpar_archive_take_sink OnSink = RunSink;
    private static readonly fastpar_archive_for_body OnPiece = RunPiece;
    private static readonly fastpar_archive_reduce_fold OnFold = RunFold;
    private static readonly fastpar_archive_reduce_combine OnCombine = RunCombine;
    private static readonly fastpar_transform_file_body OnTransform = RunTransform;
#endif

    private readonly ScanOptions? options;
    private readonly string? path;

    protected ScanState(ScanOptions? options, string? path, CancellationToken token)
        : base(options?.Progress, token, options?.Errors ?? default)
    {
        this.options = options;
        this.path = path;
    }

    /// <summary>Runs the scan to its end; a record of 0 bytes: lines.</summary>
    internal void Scan(fastpar_archive* archive, int record)
    {
        using var call = new SyncCall(this);
        fastpar_scan_options native = Native(call, record);
        fastpar_error error;
        int status;
        fixed (byte* name = options?.Utf8Name)
        {
            native.name = name;
            status = NativeMethods.fastpar_archive_for(&native, archive, OnPiece, UserData, &error);
        }
        call.End(status, &error, Site());
    }

    /// <summary>The same with accumulators, which hold the numbers of their pieces.</summary>
    internal void Reduce(fastpar_archive* archive, int record)
    {
        using var call = new SyncCall(this);
        fastpar_scan_options native = Native(call, record);
        fastpar_error error;
        long number = 0;
        int status;
        fixed (byte* name = options?.Utf8Name)
        {
            native.name = name;
            status = NativeMethods.fastpar_archive_reduce(
                &native, archive, OnFold, OnCombine, UserData, &number, (UIntPtr)sizeof(long), &error);
        }
        call.End(status, &error, Site());
    }

    /// <summary>The same with an output.</summary>
    internal FileStats Transform(
        fastpar_archive* archive, int record, string destinationPath, ZstdOptions? destinationOptions)
    {
        if (destinationOptions != null
            && (destinationOptions.MaxLanes != 0 || destinationOptions.MaxMemory != 0 || destinationOptions.Progress != null))
        {
            throw new ArgumentException(
                "lanes, memory and progress are set by the options of the scan", nameof(destinationOptions));
        }
        using var call = new SyncCall(this);
        using var lease = new OptionLease(destinationOptions);
        fastpar_scan_options native = Native(call, record);
        fastpar_zstd_options to = (destinationOptions ?? ZstdOptions.Defaults).ToNative();
        lease.Apply(&to);
        fastpar_file_stats stats = default;
        stats.struct_size = (UIntPtr)sizeof(fastpar_file_stats);
        fastpar_error error;
        fixed (byte* place = Codec.PathOf(destinationPath, nameof(destinationPath)), name = options?.Utf8Name)
        {
            native.name = name;
            int status = NativeMethods.fastpar_transform_file(
                &native, archive, &to, place, OnTransform, UserData, &stats, &error);
            bool refused = status == NativeMethods.FASTPAR_ERR_INVALID_ARGUMENT && IsRefused(&to);
            string? wrong = refused ? nameof(destinationOptions) : null;
            var site = new ErrorSite { Parameter = wrong, Reads = true, Source = path, Target = destinationPath };
            call.End(status, &error, site);
        }
        return new FileStats(stats);
    }

    /// <summary>Whether options of a target contradict each other.</summary>
    private static bool IsRefused(fastpar_zstd_options* options)
    {
        fastpar_error error;
        UIntPtr bound;
        int status = NativeMethods.fastpar_compress_bound(options, UIntPtr.Zero, &bound, &error);
        return status == NativeMethods.FASTPAR_ERR_INVALID_ARGUMENT;
    }

    /// <summary>Aggregates of records that pass.</summary>
    internal void Aggregate(
        fastpar_archive* archive, int record, fastpar_table* table, fastpar_aggregate[] asked, fastpar_value[] values)
    {
        using var call = new SyncCall(this);
        fastpar_scan_options native = Native(call, record);
        fastpar_error error;
        fixed (fastpar_aggregate* aggregates = asked)
        fixed (fastpar_value* to = values)
        {
            int status = NativeMethods.fastpar_archive_aggregate(
                &native, archive, table, aggregates, (UIntPtr)(uint)asked.Length, to, &error);
            call.End(status, &error, Site());
        }
    }

    /// <summary>Groups of records that pass; they are the caller's, also where this throws.</summary>
    internal void Group(
        fastpar_archive* archive,
        int record,
        fastpar_table* table,
        fastpar_group_key[] keys,
        fastpar_aggregate[] asked,
        ulong maxMemory,
        fastpar_groups** groups)
    {
        using var call = new SyncCall(this);
        fastpar_scan_options native = Native(call, record);
        fastpar_error error;
        fixed (fastpar_group_key* by = keys)
        fixed (fastpar_aggregate* aggregates = asked)
        {
            int status = NativeMethods.fastpar_archive_group(
                &native,
                archive,
                table,
                by,
                (UIntPtr)(uint)keys.Length,
                aggregates,
                (UIntPtr)(uint)asked.Length,
                maxMemory,
                groups,
                &error);
            call.End(status, &error, Site());
        }
    }

    /// <summary>Gives records that pass to <see cref="Sink"/>.</summary>
    internal void Take(fastpar_archive* archive, int record, fastpar_table* table)
    {
        using var call = new SyncCall(this);
        fastpar_scan_options native = Native(call, record);
        fastpar_error error;
        int status = NativeMethods.fastpar_archive_take(&native, archive, table, OnSink, UserData, &error);
        call.End(status, &error, Site());
    }

    protected virtual void Sink(void* data, long length) => throw new NotSupportedException();

    protected virtual void Piece(fastpar_piece* piece) => throw new NotSupportedException();

    protected virtual void Fold(fastpar_piece* piece) => throw new NotSupportedException();

    protected virtual void Combine(long piece) => throw new NotSupportedException();

    protected virtual void Transform(fastpar_piece* piece, fastpar_output* output) => throw new NotSupportedException();

    protected static ReadOnlySpan<T> Records<T>(fastpar_piece* piece)
        where T : unmanaged => new(piece->data, checked((int)((ulong)piece->size / (ulong)sizeof(T))));

    protected sealed override int Invoke(int kind, void* a, void* b, void* c)
    {
        switch (kind)
        {
            case PieceKind:
                Piece((fastpar_piece*)a);
                break;
            case FoldKind:
                Fold((fastpar_piece*)a);
                *(long*)b = (long)((fastpar_piece*)a)->index;
                break;
            case CombineKind:
                Combine(*(long*)b);
                break;
            case SinkKind:
                Sink(a, (long)b);
                break;
            default:
                Transform((fastpar_piece*)a, (fastpar_output*)b);
                break;
        }
        return 0;
    }

    protected sealed override long Position(int kind, void* a, void* b) =>
        kind == CombineKind || kind == SinkKind ? long.MaxValue : (long)((fastpar_piece*)a)->index;

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_archive_for_body_delegate))]
    private static int RunPiece(void* userData, fastpar_piece* piece) =>
        ((ScanState)From(userData)).Callback(PieceKind, piece);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_archive_reduce_fold_delegate))]
    private static int RunFold(void* userData, fastpar_piece* piece, void* accumulator) =>
        ((ScanState)From(userData)).Callback(FoldKind, piece, accumulator);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_archive_reduce_combine_delegate))]
    private static int RunCombine(void* userData, void* into, void* from) =>
        ((ScanState)From(userData)).Callback(CombineKind, into, from);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_transform_file_body_delegate))]
    private static int RunTransform(void* userData, fastpar_piece* piece, fastpar_output* output) =>
        ((ScanState)From(userData)).Callback(TransformKind, piece, output);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_archive_take_sink_delegate))]
    private static int RunSink(void* userData, void* data, UIntPtr length) =>
        ((ScanState)From(userData)).Callback(SinkKind, data, (void*)length);

    private fastpar_scan_options Native(in SyncCall call, int record)
    {
        fastpar_scan_options native = (options ?? ScanOptions.Defaults).ToNative(record);
        native.cancel = call.Cancel;
        native.progress = ProgressFunction;
        native.progress_data = UserData;
        return native;
    }

    private ErrorSite Site() => new() { Reads = true, Source = path };
}

/// <summary>A scan whose body is called for each piece.</summary>
internal sealed unsafe class PieceScan<T> : ScanState
    where T : unmanaged
{
    private readonly ScanPieceAction<T> body;

    internal PieceScan(ScanPieceAction<T> body, ScanOptions? options, string? path, CancellationToken token)
        : base(options, path, token) => this.body = body;

    protected override void Piece(fastpar_piece* piece) => body(Records<T>(piece), new ScanPiece(piece));
}

/// <summary>A reduction over pieces, whose accumulators stay here.</summary>
internal sealed unsafe class FoldScan<T, TResult> : ScanState
    where T : unmanaged
{
    private readonly Func<TResult> identity;
    private readonly ScanPieceFold<T, TResult> fold;
    private readonly Func<TResult, TResult, TResult> combine;
    private readonly ConcurrentDictionary<long, TResult> parts = new();

    internal FoldScan(
        Func<TResult> identity,
        ScanPieceFold<T, TResult> fold,
        Func<TResult, TResult, TResult> combine,
        ScanOptions? options,
        string? path,
        CancellationToken token)
        : base(options, path, token)
    {
        this.identity = identity;
        this.fold = fold;
        this.combine = combine;
        Result = identity();
    }

    internal TResult Result { get; private set; }

    protected override void Fold(fastpar_piece* piece) =>
        parts[(long)piece->index] = fold(Records<T>(piece), identity(), new ScanPiece(piece));

    protected override void Combine(long piece)
    {
        parts.TryRemove(piece, out TResult? part);
        Result = combine(Result, part!);
    }
}

/// <summary>A scan whose body writes.</summary>
internal sealed unsafe class TransformScan<T> : ScanState
    where T : unmanaged
{
    private readonly TransformPieceAction<T> body;

    internal TransformScan(TransformPieceAction<T> body, ScanOptions? options, string? path, CancellationToken token)
        : base(options, path, token) => this.body = body;

    protected override void Transform(fastpar_piece* piece, fastpar_output* output) =>
        body(Records<T>(piece), new ScanOutput(output), new ScanPiece(piece));
}

/// <summary>A scan of a table, which may give records out.</summary>
internal sealed unsafe class TableScan<T> : ScanState
    where T : unmanaged
{
    private T[] taken = System.Array.Empty<T>();
    private int count;

    internal TableScan(ScanOptions? options, string? path, CancellationToken token)
        : base(options, path, token)
    {
    }

    /// <summary>The records that were given out.</summary>
    internal T[] Taken()
    {
        System.Array.Resize(ref taken, count);
        return taken;
    }

    protected override void Sink(void* data, long length)
    {
        int more = checked((int)(length / sizeof(T)));
        int needed = checked(count + more);
        if (needed > taken.Length)
        {
            System.Array.Resize(ref taken, (int)Math.Max(needed, Math.Min(2L * taken.Length, int.MaxValue / 2)));
        }
        new ReadOnlySpan<T>(data, more).CopyTo(new Span<T>(taken, count, more));
        count = needed;
    }
}
