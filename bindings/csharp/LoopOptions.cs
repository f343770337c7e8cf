using System;

namespace Fastpar;

/// <summary>How a range is cut into chunks.</summary>
public enum Schedule
{
    /// <summary>
    /// <see cref="LoopOptions.Segments"/> chunks whose sizes differ by at most one item. The default.
    /// </summary>
    Segments = (int)NativeMethods.FASTPAR_SCHEDULE_SEGMENTS,

    /// <summary>
    /// Chunks of which one for every lane fits into <see cref="LoopOptions.CacheBytes"/> at the same time, in
    /// whole waves of one chunk a lane.
    /// </summary>
    Cache = (int)NativeMethods.FASTPAR_SCHEDULE_CACHE,

    /// <summary>Chunks of <see cref="LoopOptions.Grain"/> items.</summary>
    Grain = (int)NativeMethods.FASTPAR_SCHEDULE_GRAIN,

    /// <summary>
    /// Chunks that shrink from half a fair share down to <see cref="LoopOptions.Grain"/> items.
    /// </summary>
    Guided = (int)NativeMethods.FASTPAR_SCHEDULE_GUIDED,
}

/// <summary>
/// Options of a loop. A property that is not set means its default. Without a schedule and segments, a grain
/// means <see cref="Schedule.Grain"/>, and what is for the cache <see cref="Schedule.Cache"/>; what the
/// schedule does not use must not be set. They are read when a call begins.
/// </summary>
public sealed class LoopOptions
{
    /// <summary>How the range is cut.</summary>
    public Schedule Schedule
    {
        get;
        set => field = value is >= Schedule.Segments and <= Schedule.Guided
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "is no schedule");
    }

    /// <summary>
    /// Threads that work on the loop at the same time, the caller included. 0: every thread of the pool.
    /// </summary>
    public int MaxLanes { get; set => field = (int)Check.NotNegative(value, nameof(value)); }

    /// <summary>For <see cref="Schedule.Segments"/>: how many chunks. 0: 24.</summary>
    public long Segments { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>
    /// For <see cref="Schedule.Grain"/>: items per chunk, 0: about 1/768 of the range. For
    /// <see cref="Schedule.Guided"/>: the smallest chunk, 0: about 1/64 of a fair share.
    /// </summary>
    public long Grain { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>For <see cref="Schedule.Cache"/>: bytes per item. 0: 1.</summary>
    public long ItemSize { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>
    /// For <see cref="Schedule.Cache"/>: all lanes' chunks together stay within it. 0: 64 MiB.
    /// </summary>
    public long CacheBytes { get; set => field = Check.NotNegative(value, nameof(value)); }

    /// <summary>
    /// For <see cref="Schedule.Cache"/>: <see cref="CacheBytes"/>, which must be 0, is half of what the
    /// last-level caches of this machine have together.
    /// </summary>
    public bool CacheDetect { get; set; }

    /// <summary>
    /// Told how many items are done: at most about 20 times a second, and once at the end of a call that
    /// succeeds; from the threads that work, never from two at the same time. What it throws stops the loop.
    /// </summary>
    public IProgress<FastparProgress>? Progress { get; set; }

    /// <summary>What traces call the loop; null: nothing of its own.</summary>
    public string? Name { get; set => Utf8Name = CallName.Utf8(field = value); }

    /// <summary>The name, to be pinned for a call.</summary>
    internal byte[]? Utf8Name { get; private set; }

    /// <summary>What the call throws when several bodies have failed.</summary>
    public LoopErrors Errors { get; set => field = Check.Errors(value, nameof(value)); }

    /// <summary>
    /// The schedule; by what it is set by, where it is the default and there are no segments.
    /// </summary>
    private Schedule ScheduleInUse =>
        Schedule != Schedule.Segments || Segments != 0 ? Schedule
        : Grain != 0 ? Schedule.Grain
        : ItemSize != 0 || CacheBytes != 0 || CacheDetect ? Schedule.Cache
        : Schedule.Segments;

    /// <summary>The options that null stands for.</summary>
    internal static LoopOptions Defaults { get; } = new();

    /// <summary>Of loops over items.</summary>
    internal static LoopOptions Shrinking { get; } = new() { Schedule = Schedule.Guided };

    /// <summary>Of loops over items with asynchronous bodies.</summary>
    internal static LoopOptions ItemByItem { get; } = new() { Schedule = Schedule.Grain, Grain = 1 };

    /// <summary>These options, with another schedule where they choose none.</summary>
    internal LoopOptions OrElse(LoopOptions schedule)
    {
        if (ScheduleInUse != Schedule.Segments || Segments != 0)
        {
            return this;
        }
        var own = (LoopOptions)MemberwiseClone();
        own.Schedule = schedule.Schedule;
        own.Grain = schedule.Grain;
        return own;
    }

    /// <summary>The C struct, without pointers.</summary>
    internal unsafe fastpar_loop_options ToNative() => new fastpar_loop_options
    {
        struct_size = (UIntPtr)sizeof(fastpar_loop_options),
        schedule = (uint)ScheduleInUse,
        max_lanes = (uint)MaxLanes,
        segments = (nuint)(ulong)Segments,
        grain = (nuint)(ulong)Grain,
        item_size = (nuint)(ulong)ItemSize,
        cache_bytes = (nuint)(ulong)CacheBytes,
        flags = CacheDetect ? NativeMethods.FASTPAR_LOOP_CACHE_DETECT : 0,
    };
}

/// <summary>How a loop would be cut.</summary>
public readonly struct LoopPlan
{
    internal LoopPlan(in fastpar_plan plan)
    {
        Count = (long)(ulong)plan.count;
        Chunks = (long)(ulong)plan.chunks;
        Largest = (long)(ulong)plan.largest;
        Lanes = (int)plan.lanes;
    }

    /// <summary>Items.</summary>
    public long Count { get; }

    /// <summary>Chunks; 0 if there are no items.</summary>
    public long Chunks { get; }

    /// <summary>Items in the largest chunk.</summary>
    public long Largest { get; }

    /// <summary><see cref="Chunk.Lanes"/> of every chunk: at least 1.</summary>
    public int Lanes { get; }
}
