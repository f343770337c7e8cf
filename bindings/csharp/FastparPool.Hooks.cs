using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>Functions that run on every worker.</content>
public static unsafe partial class FastparPool
{
    private const string AsyncHooks = "A worker waits for no task: hooks are synchronous.";

    /// <summary>Those that are there.</summary>
    private static readonly List<HookState> Hooked = new();

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
