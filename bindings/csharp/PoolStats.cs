using System;

namespace Fastpar;

/// <summary>What the pool has done since it started.</summary>
public readonly struct PoolStats
{
    internal PoolStats(in fastpar_pool_stats stats)
    {
        Threads = (int)stats.threads;
        Busy = (int)stats.busy;
        Jobs = (long)stats.jobs;
        Chunks = (long)stats.chunks;
        Helpers = (long)stats.helpers;
        BytesIn = (long)stats.bytes_in;
        BytesOut = (long)stats.bytes_out;
        BusyTime = Time(stats.busy_ns);
        WaitingTime = Time(stats.waiting_ns);
        CallbackTime = Time(stats.callback_ns);
        CodecTime = Time(stats.codec_ns);
        ContextsMade = (long)stats.contexts_made;
        ContextsReused = (long)stats.contexts_reused;
        LateHelpers = (long)stats.late_helpers;
    }

    /// <summary>Worker threads; 0: the pool does not run.</summary>
    public int Threads { get; }

    /// <summary>Workers that are working for a job at this moment.</summary>
    public int Busy { get; }

    /// <summary>Parallel calls begun.</summary>
    public long Jobs { get; }

    /// <summary>Chunks of those calls.</summary>
    public long Chunks { get; }

    /// <summary>Times that a worker came to help with a call.</summary>
    public long Helpers { get; }

    /// <summary>Bytes that the codec has taken.</summary>
    public long BytesIn { get; }

    /// <summary>Bytes that the codec has given for them.</summary>
    public long BytesOut { get; }

    /// <summary>
    /// How long workers have worked for jobs, all together; those at work count when they leave their job.
    /// </summary>
    public TimeSpan BusyTime { get; }

    /// <summary>How long threads have waited inside calls: for other threads, and for files.</summary>
    public TimeSpan WaitingTime { get; }

    /// <summary>
    /// Time in bodies and other callbacks, on all threads together; that of a thread counts when it leaves
    /// the call.
    /// </summary>
    public TimeSpan CallbackTime { get; }

    /// <summary>Time of compressing and decompressing, on all threads together.</summary>
    public TimeSpan CodecTime { get; }

    /// <summary>Working memory of the codec, for a frame at a time, that was made anew.</summary>
    public long ContextsMade { get; }

    /// <summary>Times that such memory was there from earlier frames.</summary>
    public long ContextsReused { get; }

    /// <summary>Workers that came to help when nothing was left to do.</summary>
    public long LateHelpers { get; }

    private static TimeSpan Time(ulong nanoseconds) => TimeSpan.FromTicks((long)(nanoseconds / 100));
}
