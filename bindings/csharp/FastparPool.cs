using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>Options of the pool. A property that is not set means its default.</summary>
public sealed class PoolOptions
{
    /// <summary>
    /// For <see cref="Threads"/>: as many as the operating system lets this process use (affinity, cgroup
    /// quota).
    /// </summary>
    public const long ThreadsAuto = NativeMethods.FASTPAR_THREADS_AUTO;

    /// <summary>
    /// .NET takes up to 128 KiB of every stack for itself, and refuses to go deeper in the last of them.
    /// </summary>
    private const long SmallestStack = 256 << 10;

    /// <summary>
    /// Worker threads, 1 to 1024. 0: the environment variable FASTPAR_THREADS ("auto" or a number), else 24.
    /// </summary>
    public long Threads { get; set => field = value == ThreadsAuto ? value : Check.Within(value, 0, 1024, nameof(value)); }

    /// <summary>Each worker stays on one logical CPU.</summary>
    public bool Pin { get; set; }

    /// <summary>Run with the threads that can be started, be it none, rather than fail.</summary>
    public bool Partial { get; set; }

    /// <summary>Bytes of stack of each worker, 256 KiB to 1 GiB. 0: 2 MiB; other threads of .NET have
    /// 1.5 MiB (Windows, macOS) or 8 MiB (Linux), and an overflow ends the process.</summary>
    public long StackSize { get; set => field = value == 0 ? 0 : Check.Within(value, SmallestStack, 1 << 30, nameof(value)); }

    /// <summary>Prefix of the workers' names. Null: "fastpar".</summary>
    public string? ThreadName { get; set; }
}

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

    /// <summary>Time in bodies and other callbacks, on all threads together.</summary>
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

/// <summary>
/// The one pool of threads of the process. There is no need to start it: the first parallel call does.
/// </summary>
public static unsafe class FastparPool
{
    private const string AsyncHooks = "A worker waits for no task: hooks are synchronous.";

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
                stack_size = (UIntPtr)(ulong)options.StackSize,
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

    /// <summary>
    /// Adds functions that run on every worker thread when it starts and when it ends: on every live worker
    /// before this returns, and on every later one before its first body. They stay until
    /// <see cref="Unhook"/>, or for the life of the process.
    /// </summary>
    /// <param name="onStart">Gets the worker's number. May be null.</param>
    /// <param name="onExit">Gets the worker's number. May be null, but not both.</param>
    /// <remarks>
    /// What <paramref name="onStart"/> throws before this returns, this throws: of several workers the
    /// lowest. Later, and from <paramref name="onExit"/>, no caller could get the exception: it goes to
    /// <see cref="HookFailed"/>, and is lost if that has no handler.
    /// </remarks>
    public static void Hook(Action<int>? onStart, Action<int>? onExit = null)
    {
        if (onStart == null && onExit == null)
        {
            throw new ArgumentNullException(nameof(onStart), "one of the two functions must be there");
        }
        fastpar_error error;
        var hook = new HookState(onStart, onExit);
        hook.Root();
        int status = NativeMethods.fastpar_pool_hook(
            onStart == null ? null : HookState.OnStart,
            onExit == null ? null : HookState.OnExit,
            hook.UserData,
            &error);
        if (status != NativeMethods.FASTPAR_OK)
        {
            hook.Unroot();
            throw Check.Exception(&error);
        }
        lock (Hooked)
        {
            Hooked.Add(hook);
        }
        hook.Installed();
    }

    /// <summary>
    /// Takes back what <see cref="Hook(Action{int}, Action{int})"/> has added last with the same two: when
    /// this returns neither runs, and neither will.
    /// </summary>
    /// <param name="onStart">As it was given.</param>
    /// <param name="onExit">As it was given. It is not called for workers where the other has run.</param>
    /// <returns>False: there is no such pair.</returns>
    /// <exception cref="InvalidOperationException">From inside a body or a hook.</exception>
    public static bool Unhook(Action<int>? onStart, Action<int>? onExit = null)
    {
        HookState? hook;
        lock (Hooked)
        {
            hook = Hooked.FindLast(known => known.Is(onStart, onExit));
            if (hook == null)
            {
                return false;
            }
            Hooked.Remove(hook);
        }
        fastpar_error error;
        int status = NativeMethods.fastpar_pool_unhook(
#if NET
            onStart == null ? null : HookState.OnStart,
            onExit == null ? null : HookState.OnExit,
#else
            onStart == null ? IntPtr.Zero : Marshal.GetFunctionPointerForDelegate(HookState.OnStart),
            onExit == null ? IntPtr.Zero : Marshal.GetFunctionPointerForDelegate(HookState.OnExit),
#endif
            hook.UserData,
            &error);
        if (status != NativeMethods.FASTPAR_OK)
        {
            lock (Hooked)
            {
                Hooked.Add(hook);
            }
            throw Check.Exception(&error);
        }
        hook.Unroot();
        return true;
    }

    /// <summary>The same for a function that only throws.</summary>
    /// <param name="onStart">Gets the worker's number.</param>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Hook(Func<int, NoReturn> onStart)
    {
        Check.NotNull(onStart, nameof(onStart));
        Hook(new Action<int>(worker => onStart(worker)));
    }

    /// <summary>Not for asynchronous functions: a worker would begin at their first await.</summary>
    /// <param name="onStart">Not called.</param>
    [Obsolete(AsyncHooks, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Hook(Func<int, Task> onStart) => throw new NotSupportedException(AsyncHooks);

    /// <inheritdoc cref="Hook(Func{int, Task})"/>
    [Obsolete(AsyncHooks, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Hook(Func<int, ValueTask> onStart) => throw new NotSupportedException(AsyncHooks);

    /// <summary>Told what a hook threw when no call was there to throw it. Called on the worker.</summary>
    public static event Action<Exception>? HookFailed;

    /// <summary>Those that are there.</summary>
    private static readonly List<HookState> Hooked = new();

    /// <summary>Two functions on every worker, and what they threw so far.</summary>
    private sealed class HookState : CallState
    {
#if NET
        internal static fastpar_pool_hook_on_start OnStart => &RunStart;
        internal static fastpar_pool_hook_on_exit OnExit => &RunExit;
#else
        internal static readonly fastpar_pool_hook_on_start OnStart = RunStart;
        internal static readonly fastpar_pool_hook_on_exit OnExit = RunExit;
#endif

        private const int StartKind = 1;
        private const int ExitKind = 2;

        private readonly Action<int>? onStart;
        private readonly Action<int>? onExit;
        private List<(uint Worker, Exception Exception)>? failures = new();

        internal HookState(Action<int>? onStart, Action<int>? onExit)
            : base(null, CancellationToken.None)
        {
            this.onStart = onStart;
            this.onExit = onExit;
        }

        /// <summary>Whether it is of these two.</summary>
        internal bool Is(Action<int>? start, Action<int>? exit) => onStart == start && onExit == exit;

        /// <summary>
        /// The hook has run on every live worker: throws what it threw there, that of the lowest worker.
        /// </summary>
        internal void Installed()
        {
            List<(uint Worker, Exception Exception)> thrown;
            lock (this)
            {
                thrown = failures!;
                failures = null;
            }
            if (thrown.Count > 0)
            {
                thrown.Sort((a, b) => a.Worker.CompareTo(b.Worker));
                ExceptionDispatchInfo.Capture(thrown[0].Exception).Throw();
            }
        }

        protected override int Invoke(int kind, void* a, void* b, void* c)
        {
            uint worker = *(uint*)a;
            try
            {
                (kind == StartKind ? onStart : onExit)!((int)worker);
            }
            catch (Exception exception)
            {
                Tell(exception, worker);
            }
            return 0;
        }

        [NativeCallback]
        [MonoPInvokeCallback(typeof(NativeMethods.fastpar_pool_hook_on_start_delegate))]
        private static void RunStart(void* userData, uint worker) => Run((HookState)From(userData), StartKind, worker);

        [NativeCallback]
        [MonoPInvokeCallback(typeof(NativeMethods.fastpar_pool_hook_on_exit_delegate))]
        private static void RunExit(void* userData, uint worker) => Run((HookState)From(userData), ExitKind, worker);

        private static void Run(HookState hook, int kind, uint worker)
        {
            hook.Callback(kind, &worker);
            CallThread.EndHook(hook);
        }

        private void Tell(Exception exception, uint worker)
        {
            lock (this)
            {
                if (failures != null)
                {
                    failures.Add((worker, exception));
                    return;
                }
            }
            try
            {
                HookFailed?.Invoke(exception);
            }
            catch (Exception)
            {
                // No caller is left to tell, and nothing may pass into the native frame.
            }
        }
    }
}
