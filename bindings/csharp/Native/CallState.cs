using System;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>
/// The state that the callbacks of one call share: native frames carry it as a GCHandle in their user_data,
/// so it and the delegates in it live for as long as the call. An exception of a callback is kept here, and
/// leaves the call that began it: nothing managed passes through a native frame.
/// </summary>
internal abstract unsafe class CallState
{
    /// <summary>The kind of callback that tells progress; kinds of derived classes count from 1.</summary>
    private const int ProgressKind = 0;

#if NET
    private static IntPtr OnProgressPointer => (IntPtr)(delegate* unmanaged<void*, ulong, ulong, int>)&OnProgress;
#else
    private static readonly NativeMethods.ProgressCallback OnProgressDelegate = OnProgress;
    private static readonly IntPtr OnProgressPointer = Marshal.GetFunctionPointerForDelegate(OnProgressDelegate);
#endif

    private readonly IProgress<FastparProgress>? progress;
    private readonly List<CallThread> threads = new();
    private GCHandle handle;
    private List<Failure>? failures;

    protected CallState(IProgress<FastparProgress>? progress, CancellationToken token, LoopErrors errors = LoopErrors.First)
    {
        this.progress = progress;
        WantsAll = errors == LoopErrors.All;
        Token = token;
        Context = ExecutionContext.Capture();
    }

    /// <summary>The token that cancels the call; of a stream, the call that is being made.</summary>
    internal CancellationToken Token { get; set; }

    /// <summary>The ambient context of the code that began the call; null: its flow was suppressed.</summary>
    internal ExecutionContext? Context { get; set; }

    /// <summary>Whether the exceptions of all callbacks are thrown, in an AggregateException.</summary>
    protected bool WantsAll { get; }

    /// <summary>The user_data of native frames.</summary>
    internal void* UserData => (void*)GCHandle.ToIntPtr(handle);

    /// <summary>The progress callback of the options; null: there is none.</summary>
    internal void* ProgressFunction => progress == null ? null : (void*)OnProgressPointer;

    /// <summary>Whether native frames call back at all; if not, there is no need to root this.</summary>
    internal virtual bool IsCalledBack => true;

    /// <summary>Whether a callback threw.</summary>
    internal bool HasFailed => failures != null;

    /// <summary>The state behind the user_data of a callback.</summary>
    internal static object From(void* userData) => GCHandle.FromIntPtr((IntPtr)userData).Target!;

    /// <summary>
    /// From here on callbacks can find this; to be undone by <see cref="Unroot"/>. Weak: only while a call
    /// holds it.
    /// </summary>
    internal void Root(GCHandleType type = GCHandleType.Normal) => handle = GCHandle.Alloc(this, type);

    /// <summary>No callback comes any more.</summary>
    internal void Unroot()
    {
        if (handle.IsAllocated)
        {
            handle.Free();
        }
        ReleaseThreads();
    }

    /// <summary>A worker has begun to run callbacks of this call.</summary>
    internal void Joined(CallThread thread)
    {
        lock (threads)
        {
            if (!threads.Contains(thread))
            {
                threads.Add(thread);
            }
        }
    }

    /// <summary>A worker runs no callback of this call any more, and has nothing to take back.</summary>
    internal void Left(CallThread thread)
    {
        lock (threads)
        {
            threads.Remove(thread);
        }
    }

    /// <summary>No callback runs: takes back what callbacks have left on workers.</summary>
    internal void ReleaseThreads()
    {
        lock (threads)
        {
            foreach (CallThread thread in threads)
            {
                thread.End(this);
            }
            threads.Clear();
        }
    }

    /// <summary>Runs a callback in the context of the call; gives what the native frame is to get.</summary>
    internal int Callback(int kind, void* a, void* b = null, void* c = null)
    {
        CallThread? thread = null;
        int result;
        try
        {
            thread = CallThread.For(this);
#if NET
            if (thread.IsForeign)
            {
                ExecutionContext.Restore(Context!);
            }
            result = Run(kind, a, b, c);
#else
            ExecutionContext? context = Context ?? thread.Own;
            result = context == null ? Run(kind, a, b, c) : new Frame(this, kind, a, b, c).Run(context);
#endif
        }
        catch (Exception exception)
        {
            result = Fail(exception, kind == ProgressKind ? long.MaxValue : Position(kind, a, b));
        }
        thread?.Restore();
        return result;
    }

    /// <summary>Does what a callback of this kind does, with its arguments.</summary>
    protected abstract int Invoke(int kind, void* a, void* b, void* c);

    /// <summary>
    /// Where a callback of this kind stands among those that may fail: the lowest is reported.
    /// </summary>
    protected virtual long Position(int kind, void* a, void* b) => long.MaxValue;

    /// <summary>
    /// Keeps the exception of a callback; the callback returns this value, to stop the call.
    /// </summary>
    internal virtual int Fail(Exception exception, long position)
    {
        var failure = new Failure(position, ExceptionDispatchInfo.Capture(exception));
        lock (threads)
        {
            (failures ??= new List<Failure>()).Add(failure);
        }
        return 1;
    }

    /// <summary>
    /// The exception of a call; null: success. First the exceptions of callbacks: that of the lowest chunk,
    /// or all of them in one. A body that ended because the token was cancelled has not failed.
    /// </summary>
    internal ExceptionDispatchInfo? Outcome(int status, fastpar_error* error, in ErrorSite site = default)
    {
        if (failures == null)
        {
            return status == NativeMethods.FASTPAR_OK ? null : Capture(Check.Exception(error, site, Token));
        }
        List<Failure> own = OwnFailures();
        if (own.Count == 0)
        {
            return failures[0].Exception;
        }
        return WantsAll
            ? Capture(new AggregateException(own.ConvertAll(failure => failure.Exception.SourceException)))
            : own[0].Exception;
    }

    /// <summary>The exceptions of callbacks that failed by themselves, lowest chunk first.</summary>
    protected List<Exception> OwnExceptions() =>
        failures == null ? new() : OwnFailures().ConvertAll(failure => failure.Exception.SourceException);

    /// <summary>Whether an exception only tells that the call was ending anyway.</summary>
    protected virtual bool IsConsequence(Exception exception) =>
        exception is OperationCanceledException cancelled
        && cancelled.CancellationToken == Token && Token.IsCancellationRequested;

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.ProgressCallback))]
    private static int OnProgress(void* userData, ulong done, ulong total) =>
        ((CallState)From(userData)).Callback(ProgressKind, &done, &total);

    private static ExceptionDispatchInfo Capture(Exception exception) => ExceptionDispatchInfo.Capture(exception);

    private int Run(int kind, void* a, void* b, void* c)
    {
        if (kind != ProgressKind)
        {
            return Invoke(kind, a, b, c);
        }
        progress!.Report(new FastparProgress((long)*(ulong*)a, (long)*(ulong*)b));
        return 0;
    }

    private List<Failure> OwnFailures()
    {
        List<Failure> own = failures!.FindAll(failure => !IsConsequence(failure.Exception.SourceException));
        own.Sort((a, b) => a.Position.CompareTo(b.Position));
        return own;
    }

    private readonly struct Failure
    {
        internal Failure(long position, ExceptionDispatchInfo exception)
        {
            Position = position;
            Exception = exception;
        }

        internal long Position { get; }

        internal ExceptionDispatchInfo Exception { get; }
    }

#if !NET
    /// <summary>
    /// A callback that runs in another context: these runtimes can only run a delegate there, and restore by
    /// that.
    /// </summary>
    private sealed class Frame
    {
        private static readonly ContextCallback Enter = frame => ((Frame)frame!).Continue();

        private readonly CallState state;
        private readonly int kind;
        private readonly void* a;
        private readonly void* b;
        private readonly void* c;
        private int result;

        internal Frame(CallState state, int kind, void* a, void* b, void* c)
        {
            this.state = state;
            this.kind = kind;
            this.a = a;
            this.b = b;
            this.c = c;
        }

        internal int Run(ExecutionContext context)
        {
            // .NET Framework takes a context for one use.
            ExecutionContext.Run(context.CreateCopy(), Enter, this);
            return result;
        }

        private void Continue() => result = state.Run(kind, a, b, c);
    }
#endif
}

/// <summary>
/// Runtimes that compile ahead of time look for an attribute of this name on what native code calls.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MonoPInvokeCallbackAttribute : Attribute
{
    internal MonoPInvokeCallbackAttribute(Type type) => Type = type;

    internal Type Type { get; }
}
