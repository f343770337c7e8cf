using System;
using System.Runtime.InteropServices;

namespace Fastpar;

/// <summary>Works on the records of a piece, on any thread. They are gone when it returns.</summary>
/// <typeparam name="T">A record.</typeparam>
/// <param name="records">Whole records, at least one.</param>
public delegate void ScanAction<T>(ReadOnlySpan<T> records)
    where T : unmanaged;

/// <summary>Adds the records of a piece to an accumulator.</summary>
/// <typeparam name="T">A record.</typeparam>
/// <typeparam name="TResult">The accumulator.</typeparam>
/// <param name="records">Whole records, at least one; gone when it returns.</param>
/// <param name="accumulator">The accumulator.</param>
/// <returns>The new accumulator.</returns>
public delegate TResult ScanFold<T, TResult>(ReadOnlySpan<T> records, TResult accumulator)
    where T : unmanaged;

/// <summary>Writes what becomes of the records of a piece.</summary>
/// <typeparam name="T">A record.</typeparam>
/// <param name="records">Whole records, at least one; gone when it returns.</param>
/// <param name="output">Where to write; what is written is in the order of the pieces.</param>
public delegate void TransformAction<T>(ReadOnlySpan<T> records, ScanOutput output)
    where T : unmanaged;

/// <summary>Fills a buffer from an offset of compressed data on; called on several threads at a
/// time.</summary>
/// <param name="offset">Where in the compressed data.</param>
/// <param name="buffer">All of it is to be filled; gone when the callback returns.</param>
public delegate void ReadAtAction(long offset, Span<byte> buffer);

/// <summary>
/// Options of a scan. A property that is not set means its default. They are read when a call begins.
/// </summary>
public sealed class ScanOptions
{
    /// <summary>
    /// The most bytes of a piece. 0: a frame, and 256 KiB of frames over 1 MiB; the same on every machine.
    /// </summary>
    public long PieceSize { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>Where the part of the content begins that is scanned, in bytes.</summary>
    public long Offset { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>The bytes of the part. 0: up to the end.</summary>
    public long Size { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>
    /// Threads that work at the same time, the caller included. 0: as the archive was opened with.
    /// </summary>
    public int MaxLanes { get; set => field = (int)Check.NotNegative(value, nameof(value)); }

    /// <summary>
    /// Working memory in bytes, and the longest line. 0: as the archive was opened with; lines of 64 MiB.
    /// </summary>
    public long MaxMemory { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>What traces call the scan; null: nothing of its own.</summary>
    public string? Name { get; set => Utf8Name = CallName.Utf8(field = value); }

    /// <summary>The name, to be pinned for a call.</summary>
    internal byte[]? Utf8Name { get; private set; }

    /// <summary>Told how many bytes of the part are done; called as <see cref="LoopOptions.Progress"/>
    /// is.</summary>
    public IProgress<FastparProgress>? Progress { get; set; }

    /// <summary>What the call throws when several bodies have failed.</summary>
    public LoopErrors Errors { get; set => field = Check.Errors(value, nameof(value)); }

    /// <summary>The options that null stands for.</summary>
    internal static ScanOptions Defaults { get; } = new();

    /// <summary>The C struct, without pointers, for records of a size; 0: lines.</summary>
    internal unsafe fastpar_scan_options ToNative(int record) => new fastpar_scan_options
    {
        struct_size = (UIntPtr)sizeof(fastpar_scan_options),
        record_size = (UIntPtr)(uint)record,
        flags = record == 0 ? NativeMethods.FASTPAR_SCAN_LINES : 0,
        piece_size = (nuint)(ulong)PieceSize,
        max_lanes = (uint)MaxLanes,
        offset = (ulong)Offset,
        size = (ulong)Size,
        max_memory = (ulong)MaxMemory,
    };
}

/// <summary>What a body of a transform writes to; for that body only.</summary>
public readonly unsafe ref struct ScanOutput
{
    private readonly fastpar_output* output;

    internal ScanOutput(fastpar_output* output) => this.output = output;

    /// <summary>Adds bytes, which are copied.</summary>
    /// <param name="data">The bytes.</param>
    /// <exception cref="OutOfMemoryException">There is no memory for them.</exception>
    public void Write(ReadOnlySpan<byte> data)
    {
        fastpar_error error;
        fixed (byte* from = &MemoryMarshal.GetReference(data))
        {
            Check.Ok(NativeMethods.fastpar_output_write(output, from, (UIntPtr)(uint)data.Length, &error), &error);
        }
    }

    /// <summary>Adds a record.</summary>
    /// <typeparam name="T">The record, without references.</typeparam>
    /// <param name="record">Its bytes are written as they are in memory.</param>
    public void Write<T>(in T record)
        where T : unmanaged
    {
        fastpar_error error;
        fixed (T* from = &record)
        {
            Check.Ok(NativeMethods.fastpar_output_write(output, from, (UIntPtr)(uint)sizeof(T), &error), &error);
        }
    }
}

/// <summary>A part of an archive, for one of several machines.</summary>
public readonly struct ArchiveShard
{
    internal ArchiveShard(in fastpar_shard shard)
    {
        Offset = (long)shard.offset;
        Size = (long)shard.size;
        FirstFrame = (long)shard.first_frame;
        Frames = (long)shard.frames;
    }

    /// <summary>Where it begins in the content: for <see cref="ScanOptions.Offset"/>.</summary>
    public long Offset { get; }

    /// <summary>
    /// Its bytes: for <see cref="ScanOptions.Size"/>. 0: it is empty, and its offset is the content's end.
    /// </summary>
    public long Size { get; }

    /// <summary>The first frame that is to be read for it.</summary>
    public long FirstFrame { get; }

    /// <summary>How many frames are.</summary>
    public long Frames { get; }
}
