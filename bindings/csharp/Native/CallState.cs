using System;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar
{
    /// <summary>
    /// What the callbacks of one call share: native frames carry it as a GCHandle in their user_data, so it and the delegates in
    /// it live for as long as the call. What a callback throws is kept here, and leaves the call that began it: nothing managed
    /// passes through a native frame.
    /// </summary>
    internal abstract unsafe class CallState
    {
        private static readonly NativeMethods.ProgressCallback OnProgressDelegate = OnProgress;
        private static readonly IntPtr OnProgressPointer = Marshal.GetFunctionPointerForDelegate(OnProgressDelegate);

        private readonly IProgress<FastparProgress>? progress;
        private GCHandle handle;
        private List<Failure>? failures;

        protected CallState(IProgress<FastparProgress>? progress, CancellationToken token)
        {
            this.progress = progress;
            Token = token;
        }

        /// <summary>What cancels the call; of a stream, the call that is being made.</summary>
        internal CancellationToken Token { get; set; }

        /// <summary>What native frames get as user_data.</summary>
        internal void* UserData => (void*)GCHandle.ToIntPtr(handle);

        /// <summary>The progress callback of the options; null: nobody asks.</summary>
        internal void* ProgressFunction => progress == null ? null : (void*)OnProgressPointer;

        /// <summary>Whether native frames call back at all; if not, there is no need to root this.</summary>
        internal virtual bool IsCalledBack => true;

        /// <summary>Whether a callback threw.</summary>
        internal bool HasFailed => failures != null;

        /// <summary>The state behind the user_data of a callback.</summary>
        internal static object From(void* userData) => GCHandle.FromIntPtr((IntPtr)userData).Target!;

        /// <summary>From here on callbacks can find this; to be undone by <see cref="Unroot"/>.</summary>
        internal void Root() => handle = GCHandle.Alloc(this);

        /// <summary>No callback comes any more.</summary>
        internal void Unroot()
        {
            if (handle.IsAllocated)
            {
                handle.Free();
            }
        }

        /// <summary>Keeps what a callback threw; the callback returns this value, to stop the call.</summary>
        internal virtual int Fail(Exception exception, long position)
        {
            var failure = new Failure(position, ExceptionDispatchInfo.Capture(exception));
            lock (this)
            {
                (failures ??= new List<Failure>()).Add(failure);
            }
            return 1;
        }

        /// <summary>
        /// What the call came to; null: success. First what callbacks threw: one exception as it is, several in one. A body that
        /// ended because the token was cancelled has not failed.
        /// </summary>
        internal ExceptionDispatchInfo? Outcome(int status, fastpar_error* error)
        {
            if (failures != null)
            {
                failures.Sort((a, b) => a.Position.CompareTo(b.Position));
                List<Failure> own = failures.FindAll(failure => !IsConsequence(failure.Exception.SourceException));
                return own.Count switch
                {
                    0 => failures[0].Exception,
                    1 => own[0].Exception,
                    _ => Capture(new AggregateException(own.ConvertAll(failure => failure.Exception.SourceException))),
                };
            }
            return status == NativeMethods.FASTPAR_OK ? null : Capture(Check.Exception(error, Token));
        }

        /// <summary>Whether an exception only tells that the call was ending anyway.</summary>
        protected virtual bool IsConsequence(Exception exception) =>
            exception is OperationCanceledException cancelled
            && cancelled.CancellationToken == Token && Token.IsCancellationRequested;

        [MonoPInvokeCallback(typeof(NativeMethods.ProgressCallback))]
        private static int OnProgress(void* userData, ulong done, ulong total)
        {
            var state = (CallState)From(userData);
            try
            {
                state.progress!.Report(new FastparProgress((long)done, (long)total));
                return 0;
            }
            catch (Exception exception)
            {
                return state.Fail(exception, long.MaxValue);
            }
        }

        private static ExceptionDispatchInfo Capture(Exception exception) => ExceptionDispatchInfo.Capture(exception);

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
    }

    /// <summary>Runtimes that compile ahead of time look for an attribute of this name on what native code calls.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class MonoPInvokeCallbackAttribute : Attribute
    {
        internal MonoPInvokeCallbackAttribute(Type type) => Type = type;

        internal Type Type { get; }
    }
}
