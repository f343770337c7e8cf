#if NET
using System;
using System.Diagnostics.Metrics;
using System.Runtime.Loader;

namespace Fastpar;

/// <summary>The meter "Fastpar": what the pool does, for tools that watch a process.</summary>
internal static class Metrics
{
    /// <summary>Publishes the instruments, which cost nothing while no tool asks.</summary>
    internal static void Publish()
    {
        var meter = new Meter("Fastpar", typeof(Metrics).Assembly.GetName().Version?.ToString(3));
        Now(meter, "fastpar.pool.threads", stats => stats.Threads, "{thread}", "Worker threads.");
        Now(meter, "fastpar.pool.threads.busy", stats => stats.Busy, "{thread}", "Workers that are working.");
        Sum(meter, "fastpar.jobs", stats => stats.Jobs, "{job}", "Parallel calls begun.");
        Sum(meter, "fastpar.chunks", stats => stats.Chunks, "{chunk}", "Chunks of parallel calls.");
        Sum(meter, "fastpar.codec.bytes_in", stats => stats.BytesIn, "By", "Bytes that the codec has taken.");
        Sum(meter, "fastpar.codec.bytes_out", stats => stats.BytesOut, "By", "Bytes that the codec has given.");
        // Tools hold instruments for ever, and a context that is to be unloaded with them.
        if (AssemblyLoadContext.GetLoadContext(typeof(Metrics).Assembly) is { IsCollectible: true } context)
        {
            context.Unloading += _ => meter.Dispose();
        }
    }

    private static void Now(Meter meter, string name, Func<PoolStats, long> value, string unit, string about) =>
        meter.CreateObservableUpDownCounter(name, () => value(FastparPool.StatsRead()), unit, about);

    private static void Sum(Meter meter, string name, Func<PoolStats, long> value, string unit, string about) =>
        meter.CreateObservableCounter(name, () => value(FastparPool.StatsRead()), unit, about);
}
#endif
