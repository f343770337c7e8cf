using System;
using System.Buffers;
using System.Threading;

namespace Fastpar;

/// <summary>One buffer of a batch: where it comes from, where it goes to, and what became of it.</summary>
public struct BatchItem
{
    /// <summary>Makes an item to be worked on.</summary>
    /// <param name="source">The input. Inputs may overlap each other.</param>
    /// <param name="destination">
    /// Where the output goes; must not overlap any other buffer of the batch.
    /// </param>
    public BatchItem(ReadOnlyMemory<byte> source, Memory<byte> destination)
    {
        Source = source;
        Destination = destination;
        Written = 0;
        Status = FastparStatus.Ok;
        Code = 0;
    }

    /// <summary>The input.</summary>
    public ReadOnlyMemory<byte> Source { get; set; }

    /// <summary>Where the output goes. What follows the result may be overwritten.</summary>
    public Memory<byte> Destination { get; set; }

    /// <summary>
    /// Out: bytes written. <see cref="FastparStatus.BufferTooSmall"/>: a capacity that is enough, or 0 where
    /// that is not known.
    /// </summary>
    public long Written { get; internal set; }

    /// <summary>
    /// Out: what became of this item; <see cref="FastparStatus.Cancelled"/>: it was not done.
    /// </summary>
    public FastparStatus Status { get; internal set; }

    /// <summary>Out: zstd's error code, if the failure comes from there, else 0.</summary>
    public int Code { get; internal set; }
}

/// <content>Many buffers in one call.</content>
public static unsafe partial class Codec
{
    /// <summary>Items of which the buffers are pinned at a time: the collector looks at every pin.</summary>
    private const int PartOfBatch = 1024;

    private delegate int BatchFunction(
        fastpar_zstd_options* options,
        fastpar_batch_item* items,
        UIntPtr itemSize,
        UIntPtr count,
        UIntPtr* failed,
        fastpar_error* error);

    /// <summary>
    /// Compresses many buffers, each to one zstd frame, in parallel, without the cost of a call for each. A
    /// dictionary pays most here.
    /// </summary>
    /// <param name="items">In and out. What fails tells so by its status; the others are done.</param>
    /// <param name="options">
    /// Null: level 3. <see cref="ZstdOptions.MaxOutput"/> is the limit of each item.
    /// </param>
    /// <param name="cancellationToken">
    /// Cancels the call between two items; those that were not done tell so.
    /// </param>
    /// <returns>How many items have failed.</returns>
    public static long CompressBatch(
        Span<BatchItem> items, ZstdOptions? options = null, CancellationToken cancellationToken = default) =>
        OnBatch(NativeMethods.fastpar_compress_batch, items, options, cancellationToken);

    /// <summary>Decompresses many buffers, each with all the zstd frames in it, in parallel.</summary>
    /// <param name="items">
    /// In and out; the inputs need not be trusted. What fails tells so by its status; the others are done.
    /// </param>
    /// <param name="options">
    /// May be null. <see cref="ZstdOptions.MaxOutput"/> is the limit of each item.
    /// </param>
    /// <param name="cancellationToken">
    /// Cancels the call between two items; those that were not done tell so.
    /// </param>
    /// <returns>How many items have failed.</returns>
    public static long DecompressBatch(
        Span<BatchItem> items, ZstdOptions? options = null, CancellationToken cancellationToken = default) =>
        OnBatch(NativeMethods.fastpar_decompress_batch, items, options, cancellationToken);

    private static long OnBatch(BatchFunction function, Span<BatchItem> items, ZstdOptions? options, CancellationToken token)
    {
        foreach (ref BatchItem item in items)
        {
            item.Written = 0;
            item.Status = FastparStatus.Cancelled; // what it is as long as it is not looked at
            item.Code = 0;
        }
        // Progress is told of a whole call.
        int part = options?.Progress == null ? PartOfBatch : int.MaxValue;
        long failed = 0;
        do
        {
            int count = Math.Min(part, items.Length);
            failed += OnPart(function, items.Slice(0, count), options, token);
            items = items.Slice(count);
        }
        while (items.Length > 0);
        return failed;
    }

    private static long OnPart(BatchFunction function, Span<BatchItem> items, ZstdOptions? options, CancellationToken token)
    {
        var native = new fastpar_batch_item[items.Length];
        var pins = new MemoryHandle[2 * items.Length];
        UIntPtr failed = UIntPtr.Zero;
        UIntPtr size = (UIntPtr)(uint)sizeof(fastpar_batch_item);
        UIntPtr count = (UIntPtr)(uint)items.Length;
        try
        {
            for (int i = 0; i < native.Length; i++)
            {
                pins[2 * i] = items[i].Source.Pin();
                pins[(2 * i) + 1] = items[i].Destination.Pin();
                native[i].src = pins[2 * i].Pointer;
                native[i].src_len = (UIntPtr)(uint)items[i].Source.Length;
                native[i].dst = pins[(2 * i) + 1].Pointer;
                native[i].dst_capacity = (UIntPtr)(uint)items[i].Destination.Length;
                native[i].status = (int)FastparStatus.Cancelled;
            }
            fastpar_error error;
            using var call = new CodecCall(options, token);
            fastpar_zstd_options own;
            fixed (fastpar_batch_item* first = native)
            {
                call.Fits(function(call.Options(&own), first, size, count, &failed, &error), &error);
            }
            return (long)(ulong)failed;
        }
        finally
        {
            for (int i = 0; i < native.Length; i++)
            {
                pins[2 * i].Dispose();
                pins[(2 * i) + 1].Dispose();
                items[i].Written = (long)(ulong)native[i].written;
                items[i].Status = (FastparStatus)native[i].status;
                items[i].Code = native[i].code;
            }
        }
    }
}
