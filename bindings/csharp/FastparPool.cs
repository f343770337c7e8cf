using System;
using System.Text;
using System.Threading;

namespace Fastpar;

/// <summary>
/// The one pool of threads of the process. There is no need to start it: the first parallel call does.
/// </summary>
public static unsafe partial class FastparPool
{
    /// <summary>
    /// How many threads the pool has, or would start with; 0: FASTPAR_THREADS in the environment is not a
    /// number.
    /// </summary>
    public static int Threads => (int)NativeMethods.fastpar_pool_threads();

    /// <summary>
    /// Logical CPUs that this process may use now: affinity and cgroup quota counted (Windows: affinity, CPU
    /// sets, the CPU rate of the job object); at least 1.
    /// </summary>
    public static int Cpus => (int)NativeMethods.fastpar_cpus();

    /// <summary>
    /// A cap on the threads that work for a call at the same time, the caller included; 0: none. For every
    /// call of the process from now on, teams excepted. Plans and lanes stay what they are.
    /// </summary>
    public static int Limit
    {
        get => (int)NativeMethods.fastpar_pool_limit_get();
        set
        {
            fastpar_error error;
            Check.Ok(NativeMethods.fastpar_pool_limit((uint)Check.NotNegative(value, nameof(value)), &error), &error);
        }
    }

    /// <summary>The calling thread's worker number; -1 outside the pool.</summary>
    public static int Worker => NativeMethods.fastpar_pool_worker();

    /// <summary>Starts the pool now, with these options.</summary>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="FastparException">
    /// <see cref="FastparStatus.AlreadyStarted"/>: it runs with other options.
    /// </exception>
    public static void Start(PoolOptions? options = null)
    {
        options ??= new PoolOptions();
        fastpar_error error;
        byte[]? name = options.ThreadName == null ? null : Encoding.UTF8.GetBytes(options.ThreadName + "\0");
        fixed (byte* pinned = name)
        {
            var native = new fastpar_pool_options
            {
                struct_size = (UIntPtr)sizeof(fastpar_pool_options),
                threads = (uint)options.Threads,
                flags = (options.Pin ? NativeMethods.FASTPAR_POOL_PIN : 0)
                    | (options.Partial ? NativeMethods.FASTPAR_POOL_PARTIAL : 0),
                stack_size = (nuint)(ulong)options.StackSize,
                thread_name = pinned,
            };
            Check.Ok(NativeMethods.fastpar_pool_start(&native, &error), &error);
        }
    }

    /// <summary>
    /// Waits for the parallel calls under way, then ends every thread. A later call starts a new pool, with
    /// the defaults.
    /// </summary>
    /// <exception cref="InvalidOperationException">From inside a body or a hook.</exception>
    /// <remarks>
    /// In handlers of AppDomain.ProcessExit it waits two seconds at most, as the call that it waits for may
    /// be waiting for the handlers: what runs then ends with the process.
    /// </remarks>
    public static void Shutdown()
    {
        if (ProcessExit.Began)
        {
            ProcessExit.Shutdown();
            return;
        }
        fastpar_error error;
        Check.Ok(NativeMethods.fastpar_pool_shutdown(&error), &error);
    }

    /// <summary>The same, if the calls under way end in time.</summary>
    /// <param name="timeout">
    /// 0: only if none is under way; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.
    /// </param>
    /// <returns>False: calls or jobs are under way still, and the pool goes on.</returns>
    /// <exception cref="InvalidOperationException">From inside a body or a hook.</exception>
    /// <remarks>While other threads keep calling, a call may have to wait for a tenth of a second.</remarks>
    public static bool Shutdown(TimeSpan timeout)
    {
        fastpar_error error;
        ulong milliseconds = Check.Timeout(timeout, nameof(timeout));
        int status = NativeMethods.fastpar_pool_shutdown_within(milliseconds, &error);
        if (status == NativeMethods.FASTPAR_ERR_TIMEOUT)
        {
            return false;
        }
        Check.Ok(status, &error);
        return true;
    }

    /// <summary>
    /// What the pool has done since it started; the numbers need not be from the same instant.
    /// </summary>
    /// <returns>The numbers; all 0 if it does not run.</returns>
    public static PoolStats StatsRead()
    {
        fastpar_error error;
        fastpar_pool_stats stats = default;
        stats.struct_size = (UIntPtr)sizeof(fastpar_pool_stats);
        Check.Ok(NativeMethods.fastpar_pool_stats_read(&stats, &error), &error);
        return new PoolStats(stats);
    }
}
