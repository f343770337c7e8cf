using System;
using System.Threading;

namespace Fastpar;

/// <summary>
/// A thread on which callbacks run, and how it was before them: bodies find the ambient context of the code
/// that began their call, and nothing that they set on the thread stays there.
/// </summary>
/// <remarks>
/// The execution context (values of AsyncLocal, cultures, activity, principal) is compared after each
/// callback, and so is the synchronization context. Priority, IsBackground and name cost more to ask for, so
/// they are taken back once a call: by the thread itself when it makes or joins another call, or by the
/// thread that ends the call. Both hold the lock of this object.
/// </remarks>
internal sealed class CallThread
{
    [ThreadStatic]
    private static CallThread? current;

    private readonly Thread thread = Thread.CurrentThread;

    /// <summary>
    /// The call whose callbacks run here; null: none. Other threads set it to null only, when that call has
    /// ended.
    /// </summary>
    private CallState? call;

    /// <summary>
    /// What is restored when the call has ended. Of worker threads only: a caller keeps them on its stack.
    /// </summary>
    private ThreadSettings settings;

    /// <summary>The context of the thread itself; null: its flow is suppressed.</summary>
    private ExecutionContext? own;

    /// <summary>Where the thread's continuations go; null for workers.</summary>
    private SynchronizationContext? synchronization;

#if !NET
    /// <summary>
    /// The context in which callbacks run whose call has none, so that what they set is taken back.
    /// </summary>
    internal ExecutionContext? Own => own;
#endif

    private CallThread()
    {
    }

    /// <summary>Whether the call has another context than the thread.</summary>
    internal bool IsForeign { get; private set; }

    /// <summary>The current thread, ready for a callback of this call.</summary>
    internal static CallThread For(CallState state)
    {
        CallThread? found = current;
        return found?.call == state ? found : Join(state);
    }

    /// <summary>After a callback: takes back what it has changed in the context.</summary>
    internal void Restore() => Restore(own, synchronization);

    /// <summary>The same with the contexts that are to be restored; null: its flow was suppressed.</summary>
    internal static void Restore(ExecutionContext? context, SynchronizationContext? synchronization)
    {
        if (SynchronizationContext.Current != synchronization)
        {
            SynchronizationContext.SetSynchronizationContext(synchronization);
        }
#if NET
        if (context != null && ExecutionContext.Capture() != context)
        {
            ExecutionContext.Restore(context);
        }
#endif
    }

    /// <summary>
    /// The call has ended: takes back what it has left on this thread, unless the thread works for another
    /// call.
    /// </summary>
    internal void End(CallState state)
    {
        lock (this)
        {
            if (call == state)
            {
                call = null;
                settings.Restore(thread);
            }
        }
    }

    /// <summary>
    /// A hook has run on the current thread, to prepare it, so the priority stays. Nothing else does: else
    /// the process would wait for the worker.
    /// </summary>
    internal static void EndHook(CallState state)
    {
        CallThread found = For(state);
        state.Left(found);
        lock (found)
        {
            found.call = null;
            found.thread.IsBackground = true;
        }
    }

    /// <summary>A worker begins to work for a call.</summary>
    private static CallThread Join(CallState state)
    {
        CallThread found = current ??= Begin();
        lock (found)
        {
            if (found.call != null)
            {
                found.settings.Restore(found.thread);
            }
            found.settings = ThreadSettings.Of(found.thread);
            found.call = state;
        }
        if (SynchronizationContext.Current != null)
        {
            SynchronizationContext.SetSynchronizationContext(null);
        }
        found.Attach(state);
        state.Joined(found);
        return found;
    }

    /// <summary>The first callback on a worker.</summary>
    private static CallThread Begin()
    {
#if !NETCOREAPP
        MonoThreads.AcceptSuspension();
#endif
        return new CallThread();
    }

    private void Attach(CallState state)
    {
        own = ExecutionContext.Capture();
        synchronization = SynchronizationContext.Current;
        IsForeign = state.Context != null && state.Context != own;
    }

    /// <summary>
    /// A call on the thread that makes it: callbacks run here too, and afterwards the thread is as it was.
    /// Calls nest.
    /// </summary>
    internal readonly ref struct Visit
    {
        private readonly CallThread? thread;
        private readonly CallState? outer;
        private readonly ExecutionContext? outerOwn;
        private readonly bool outerForeign;
        private readonly SynchronizationContext? outerSynchronization;
        private readonly SynchronizationContext? synchronization;
        private readonly ThreadSettings settings;
        private readonly bool suppressed;

        /// <summary>
        /// The context of a thread that suppresses its flow; .NET restores it at the end of the call only.
        /// </summary>
        private readonly ExecutionContext? hidden;

        internal Visit(CallState state)
        {
            thread = current ??= new CallThread();
            outer = thread.call;
            outerOwn = thread.own;
            outerForeign = thread.IsForeign;
            outerSynchronization = thread.synchronization;
            synchronization = SynchronizationContext.Current;
            settings = ThreadSettings.Of(thread.thread);
            thread.call = state;
            thread.Attach(state);
            suppressed = ExecutionContext.IsFlowSuppressed();
            if (suppressed)
            {
                ExecutionContext.RestoreFlow();
                hidden = ExecutionContext.Capture();
                ExecutionContext.SuppressFlow();
#if !NET
                thread.own = hidden;
#endif
            }
        }

        public void Dispose()
        {
            if (thread == null)
            {
                return;
            }
            thread.call = outer;
            thread.own = outerOwn;
            thread.IsForeign = outerForeign;
            thread.synchronization = outerSynchronization;
            settings.Restore(thread.thread);
            if (SynchronizationContext.Current != synchronization)
            {
                SynchronizationContext.SetSynchronizationContext(synchronization);
            }
#if NET
            if (suppressed)
            {
                ExecutionContext.Restore(hidden!);
                ExecutionContext.SuppressFlow();
            }
#endif
        }
    }

    /// <summary>
    /// Properties of a thread that a callback may set, and that are not part of the execution context.
    /// </summary>
    private readonly struct ThreadSettings
    {
        private readonly ThreadPriority priority;
        private readonly bool isBackground;
        private readonly string? name;

        private ThreadSettings(ThreadPriority priority, bool isBackground, string? name)
        {
            this.priority = priority;
            this.isBackground = isBackground;
            this.name = name;
        }

        internal static ThreadSettings Of(Thread thread) => new(thread.Priority, thread.IsBackground, thread.Name);

        internal void Restore(Thread thread)
        {
            try
            {
                if (thread.Priority != priority)
                {
                    thread.Priority = priority;
                }
                if (thread.IsBackground != isBackground)
                {
                    thread.IsBackground = isBackground;
                }
                if (thread.Name != name)
                {
                    thread.Name = name;
                }
            }
            catch (ThreadStateException)
            {
                // The worker has ended since.
            }
            catch (InvalidOperationException)
            {
                // .NET Framework and Mono let a name be set once only.
            }
        }
    }
}
