using System;
using System.Collections.Generic;

namespace Fastpar;

/// <summary>
/// Options of the codec, for both directions: what concerns the other one has no effect. A property that is
/// not set means its default. They are read when a call begins.
/// </summary>
public sealed class ZstdOptions
{
    internal const int FastestLevel = -131_072;
    internal const int SmallestLevel = 22;
    private const long LargestFrame = 1 << 30;
    private const int Strategies = 9;

    /// <summary>
    /// Compress: -131072 (fastest) to 22 (smallest). 0: the level of <see cref="Dict"/>, or 3 without one.
    /// </summary>
    public int Level { get; set => field = (int)Check.Within(value, FastestLevel, SmallestLevel, nameof(value)); }

    /// <summary>
    /// Compress: frames carry a checksum, as they do by default. Checksums that are there are always
    /// verified.
    /// </summary>
    public bool Checksum { get; set; } = true;

    /// <summary>Compress: a seek table follows the frames, as it does by default.</summary>
    public bool SeekTable { get; set; } = true;

    /// <summary>Compress: one frame, in parallel; <see cref="FrameSize"/> must be 0.</summary>
    public bool SingleFrame { get; set; }

    /// <summary>
    /// Compress: long-distance matching, with a window of 128 MiB unless <see cref="WindowLog"/> says
    /// otherwise.
    /// </summary>
    public bool LongDistance { get; set; }

    /// <summary>
    /// Compress: frames end where a rolling hash of the content says so, at about <see cref="FrameSize"/>
    /// bytes, so that a change of the content changes only the frames around it; not with
    /// <see cref="SingleFrame"/>.
    /// </summary>
    public bool Rsyncable { get; set; }

    /// <summary>
    /// Compress: a seek table is written for a single frame, too. Decompress: the data must end with a seek
    /// table that covers all of it, else it is truncated: its writer did not come to the end.
    /// </summary>
    public bool Complete { get; set; }

    /// <summary>
    /// Streams that decompress: a seek table is expected, and the checksums that it tells of frames without
    /// their own are compared when it comes. Files and memory streams are looked at for such a table anyway.
    /// </summary>
    public bool CheckTable { get; set; }

    /// <summary>
    /// Files are on the disk (fsync) when a call returns. From memory to memory: no effect.
    /// </summary>
    public bool Sync { get; set; }

    /// <summary>
    /// Files: a new target has holes where the data is zero for 4 KiB or more.
    /// </summary>
    public bool Sparse { get; set; }

    /// <summary>
    /// Files: an existing target is never replaced, but an <see cref="System.IO.IOException"/>.
    /// </summary>
    public bool Keep { get; set; }

    /// <summary>
    /// Files: an ordinary target that a rename cannot replace is emptied and written where it stands, instead
    /// of an <see cref="System.IO.IOException"/> before the work begins.
    /// </summary>
    public bool InPlace { get; set; }

    /// <summary>
    /// Compress: uncompressed bytes per frame, at most 1 GiB. 0: 24 equal frames, fewer when they would be
    /// under 512 KiB, a multiple of 24 when they would pass 64 MiB.
    /// </summary>
    public long FrameSize { get; set => field = Check.Within(value, 0, LargestFrame, nameof(value)); }

    /// <summary>
    /// Threads that work at the same time, the caller included. 0: as many as the CPUs this process may use.
    /// </summary>
    public int MaxLanes { get; set => field = (int)Check.NotNegative(value, nameof(value)); }

    /// <summary>
    /// Compress: the window is 2 to the power of this, 10 to 31; 0: by level. Decompress: larger windows are
    /// refused; 0: 27 (128 MiB).
    /// </summary>
    public int WindowLog { get; set => field = value == 0 ? 0 : (int)Check.Within(value, 10, 31, nameof(value)); }

    /// <summary>Compress: how libzstd searches, 1 to 9; 0: by level.</summary>
    public int Strategy { get; set => field = (int)Check.Within(value, 0, Strategies, nameof(value)); }

    /// <summary>Files, compress: where the part of the source begins that is compressed, in bytes.</summary>
    public long SourceOffset { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>Files, compress: the bytes of that part. 0: up to the end of the source.</summary>
    public long SourceSize { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>The most bytes that may come out. 0: no limit beyond the destination.</summary>
    public long MaxOutput { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>Working memory of one call in bytes: lanes are given up to keep it. 0: no limit.</summary>
    public long MaxMemory { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>
    /// A dictionary: compress with it; decompress the frames that name it, and those that name none. May be
    /// disposed while calls use it.
    /// </summary>
    public FastparDict? Dict { get; set; }

    /// <summary>
    /// Decompress: more dictionaries, of which a frame gets the one that it names. May be disposed while
    /// calls use them.
    /// </summary>
    public IReadOnlyCollection<FastparDict>? Dicts { get; set; }

    /// <summary>
    /// What the single frame may repeat, such as an older version of the content; the same to decompress
    /// it. Needs <see cref="SingleFrame"/> to compress, and goes not with <see cref="Dict"/>. Pinned, and
    /// must not change, as long as the call, or what was opened with it.
    /// </summary>
    public ReadOnlyMemory<byte> Prefix { get; set; }

    /// <summary>
    /// Told how many uncompressed bytes are done; <see cref="FastparProgress.Total"/> is -1 while the data
    /// does not tell. Called as <see cref="LoopOptions.Progress"/> is.
    /// </summary>
    public IProgress<FastparProgress>? Progress { get; set; }

    /// <summary>The options that null stands for.</summary>
    internal static ZstdOptions Defaults { get; } = new ZstdOptions();

    /// <summary>The C struct, without pointers.</summary>
    internal unsafe fastpar_zstd_options ToNative() => new fastpar_zstd_options
    {
        struct_size = (UIntPtr)sizeof(fastpar_zstd_options),
        level = Level,
        flags = (Checksum ? 0 : NativeMethods.FASTPAR_ZSTD_NO_CHECKSUM)
            | (SeekTable ? 0 : NativeMethods.FASTPAR_ZSTD_NO_SEEK_TABLE)
            | (SingleFrame ? NativeMethods.FASTPAR_ZSTD_SINGLE_FRAME : 0)
            | (LongDistance ? NativeMethods.FASTPAR_ZSTD_LONG : 0)
            | (Rsyncable ? NativeMethods.FASTPAR_ZSTD_RSYNCABLE : 0)
            | (Complete ? NativeMethods.FASTPAR_ZSTD_COMPLETE : 0)
            | (CheckTable ? NativeMethods.FASTPAR_ZSTD_CHECK_TABLE : 0)
            | (Sync ? NativeMethods.FASTPAR_ZSTD_SYNC : 0)
            | (Sparse ? NativeMethods.FASTPAR_ZSTD_SPARSE : 0)
            | (Keep ? NativeMethods.FASTPAR_ZSTD_KEEP : 0)
            | (InPlace ? NativeMethods.FASTPAR_ZSTD_IN_PLACE : 0),
        frame_size = (nuint)(ulong)FrameSize,
        max_lanes = (uint)MaxLanes,
        window_log = (uint)WindowLog,
        strategy = (uint)Strategy,
        max_output = (ulong)MaxOutput,
        max_memory = (ulong)MaxMemory,
        src_offset = (ulong)SourceOffset,
        src_size = (ulong)SourceSize,
    };
}
