using System;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Fastpar
{
    /// <summary>Options of the pool. Every field that is not set means its default.</summary>
    public sealed class PoolOptions
    {
        /// <summary>
        /// For <see cref="Threads"/>: as many as the operating system lets this process use (affinity, cgroup quota).
        /// </summary>
        public const long ThreadsAuto = NativeMethods.FASTPAR_THREADS_AUTO;

        /// <summary>
        /// Worker threads, 1 to 1024. 0: the environment variable FASTPAR_THREADS ("auto" or a number), else 24.
        /// </summary>
        public long Threads { get; set; }

        /// <summary>Each worker stays on one logical CPU.</summary>
        public bool Pin { get; set; }

        /// <summary>Run with the threads that can be started, be it none, rather than fail.</summary>
        public bool Partial { get; set; }

        /// <summary>Bytes of stack of each worker, 64 KiB to 1 GiB. 0: 2 MiB.</summary>
        public long StackSize { get; set; }

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
        }

        /// <summary>Worker threads; 0: the pool does not run.</summary>
        public int Threads { get; }

        /// <summary>Workers that are working for a job at this moment.</summary>
        public int Busy { get; }

        /// <summary>Parallel calls begun.</summary>
        public long Jobs { get; }

        /// <summary>Chunks of those calls.</summary>
        public long Chunks { get; }

        /// <summary>Times that a worker came to help with one.</summary>
        public long Helpers { get; }
    }

    /// <summary>The one pool of threads of the process. There is no need to start it: the first parallel call does.</summary>
    public static unsafe class FastparPool
    {
        /// <summary>
        /// How many threads the pool has, or would start with; 0: FASTPAR_THREADS in the environment is not a number.
        /// </summary>
        public static int Threads => (int)NativeMethods.fastpar_pool_threads();

        /// <summary>Logical CPUs that this process may use now: affinity and cgroup quota counted; at least 1.</summary>
        public static int Cpus => (int)NativeMethods.fastpar_cpus();

        /// <summary>
        /// A cap on the threads that work for a call at the same time, the caller included; 0: none. For every call of the process
        /// from now on, teams excepted. Plans and lanes stay what they are.
        /// </summary>
        public static int Limit
        {
            get => (int)NativeMethods.fastpar_pool_limit_get();
            set
            {
                fastpar_error error;
                Check.Ok(NativeMethods.fastpar_pool_limit(Check.Count32(value, nameof(value)), &error), &error);
            }
        }

        /// <summary>The calling thread's worker number; -1 outside the pool.</summary>
        public static int Worker => NativeMethods.fastpar_pool_worker();

        /// <summary>Starts the pool now, with these options.</summary>
        /// <param name="options">Null: the defaults.</param>
        /// <exception cref="FastparException"><see cref="FastparStatus.AlreadyStarted"/>: it runs with other options.</exception>
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
                    threads = options.Threads >= 0 && options.Threads <= uint.MaxValue
                        ? (uint)options.Threads
                        : throw new ArgumentOutOfRangeException(nameof(options), options.Threads, "Threads"),
                    flags = (options.Pin ? NativeMethods.FASTPAR_POOL_PIN : 0)
                        | (options.Partial ? NativeMethods.FASTPAR_POOL_PARTIAL : 0),
                    stack_size = Check.Count(options.StackSize, nameof(options.StackSize)),
                    thread_name = pinned,
                };
                Check.Ok(NativeMethods.fastpar_pool_start(&native, &error), &error);
            }
        }

        /// <summary>
        /// Waits for the parallel calls under way, then ends every thread. A later call starts a new pool, with the defaults.
        /// </summary>
        /// <exception cref="FastparException"><see cref="FastparStatus.Busy"/>: from inside a body or a hook.</exception>
        public static void Shutdown()
        {
            fastpar_error error;
            Check.Ok(NativeMethods.fastpar_pool_shutdown(&error), &error);
        }

        /// <summary>What the pool has done since it started; the numbers need not be from the same instant.</summary>
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
        /// Adds functions that run on every worker thread when it starts and when it ends: on every live worker before this
        /// returns, and on every later one before its first body. They stay for the life of the process.
        /// </summary>
        /// <param name="onStart">Gets the worker's number. May be null.</param>
        /// <param name="onExit">Gets the worker's number. May be null, but not both.</param>
        /// <remarks>
        /// What <paramref name="onStart"/> throws before this returns, this throws. Later, and from <paramref name="onExit"/>,
        /// there is nobody to tell: such an exception goes to <see cref="HookFailed"/>, and is lost if nobody listens.
        /// </remarks>
        public static void Hook(Action<int>? onStart, Action<int>? onExit = null)
        {
            fastpar_error error;
            var hook = new HookState(onStart, onExit);
            GCHandle forever = GCHandle.Alloc(hook);
            int status = NativeMethods.fastpar_pool_hook(
                onStart == null ? null : HookState.OnStart,
                onExit == null ? null : HookState.OnExit,
                (void*)GCHandle.ToIntPtr(forever),
                &error);
            if (status != NativeMethods.FASTPAR_OK)
            {
                forever.Free();
                throw Check.Exception(&error);
            }
            hook.Installed();
        }

        /// <summary>Told what a hook threw when no call was there to throw it. Called on the worker.</summary>
        public static event Action<Exception>? HookFailed;

        /// <summary>Two functions for the life of the process, and what they threw so far.</summary>
        private sealed class HookState
        {
            internal static readonly NativeMethods.fastpar_pool_hook_on_start_delegate OnStart = RunStart;
            internal static readonly NativeMethods.fastpar_pool_hook_on_exit_delegate OnExit = RunExit;

            private readonly Action<int>? onStart;
            private readonly Action<int>? onExit;
            private List<Exception>? failures = new List<Exception>();

            internal HookState(Action<int>? onStart, Action<int>? onExit)
            {
                this.onStart = onStart;
                this.onExit = onExit;
            }

            /// <summary>The hook has run on every live worker: throws what it threw there.</summary>
            internal void Installed()
            {
                List<Exception> thrown;
                lock (this)
                {
                    thrown = failures!;
                    failures = null;
                }
                if (thrown.Count > 0)
                {
                    Exception whole = thrown.Count == 1 ? thrown[0] : new AggregateException(thrown);
                    ExceptionDispatchInfo.Capture(whole).Throw();
                }
            }

            [MonoPInvokeCallback(typeof(NativeMethods.fastpar_pool_hook_on_start_delegate))]
            private static void RunStart(void* userData, uint worker)
            {
                var hook = (HookState)CallState.From(userData);
                hook.Run(hook.onStart!, worker);
            }

            [MonoPInvokeCallback(typeof(NativeMethods.fastpar_pool_hook_on_exit_delegate))]
            private static void RunExit(void* userData, uint worker)
            {
                var hook = (HookState)CallState.From(userData);
                hook.Run(hook.onExit!, worker);
            }

            private void Run(Action<int> action, uint worker)
            {
                try
                {
                    action((int)worker);
                }
                catch (Exception exception)
                {
                    Tell(exception);
                }
            }

            private void Tell(Exception exception)
            {
                lock (this)
                {
                    if (failures != null)
                    {
                        failures.Add(exception);
                        return;
                    }
                }
                try
                {
                    HookFailed?.Invoke(exception);
                }
                catch (Exception)
                {
                    // Nobody is left to tell, and nothing may pass into the native frame.
                }
            }
        }
    }
}
