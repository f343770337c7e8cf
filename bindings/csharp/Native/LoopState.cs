using System;
using System.Threading;

namespace Fastpar
{
    /// <summary>A loop at work: one of three kinds of bodies, and the native callback for each.</summary>
    internal sealed unsafe class LoopState : CallState
    {
        internal static readonly NativeMethods.fastpar_for_body_delegate OnRange = RunRange;
        internal static readonly NativeMethods.fastpar_for_body_delegate OnChunk = RunChunk;
        internal static readonly NativeMethods.fastpar_for_body_delegate OnFunc = RunFunc;

        private readonly Action<Range64>? onRange;
        private readonly ChunkAction? onChunk;
        private readonly ChunkFunc? onFunc;

        internal LoopState(Action<Range64> body, LoopOptions? options, CancellationToken token)
            : base(options?.Progress, token) => onRange = body;

        internal LoopState(ChunkAction body, LoopOptions? options, CancellationToken token)
            : base(options?.Progress, token) => onChunk = body;

        internal LoopState(ChunkFunc body, LoopOptions? options, CancellationToken token)
            : base(options?.Progress, token) => onFunc = body;

        /// <summary>Runs the loop to its end; gives the status and fills the error, or throws what bodies threw.</summary>
        internal int Run(long count, NativeMethods.fastpar_for_body_delegate callback, LoopOptions? options, fastpar_error* error)
        {
            UIntPtr items = Check.Count(count, nameof(count));
            fastpar_loop_options native = options == null ? default : options.ToNative();
            using var call = new SyncCall(this);
            int status;
            if (options == null && call.Cancel == null)
            {
                status = NativeMethods.fastpar_for(null, items, callback, UserData, error);
            }
            else
            {
                native.struct_size = (UIntPtr)sizeof(fastpar_loop_options);
                native.cancel = call.Cancel;
                native.progress = ProgressFunction;
                native.progress_data = UserData;
                status = NativeMethods.fastpar_for(&native, items, callback, UserData, error);
            }
            // A code that the body returned is for the caller to look at.
            if (status != NativeMethods.FASTPAR_ERR_CALLBACK || HasFailed)
            {
                call.End(status, error);
            }
            return status;
        }

        [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_body_delegate))]
        private static int RunRange(void* userData, fastpar_chunk* chunk)
        {
            var state = (LoopState)From(userData);
            try
            {
                state.onRange!(new Range64((long)(ulong)chunk->begin, (long)(ulong)chunk->end));
                return 0;
            }
            catch (Exception exception)
            {
                return state.Fail(exception, (long)(ulong)chunk->index);
            }
        }

        [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_body_delegate))]
        private static int RunChunk(void* userData, fastpar_chunk* chunk)
        {
            var state = (LoopState)From(userData);
            try
            {
                state.onChunk!(new Chunk(chunk));
                return 0;
            }
            catch (Exception exception)
            {
                return state.Fail(exception, (long)(ulong)chunk->index);
            }
        }

        [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_body_delegate))]
        private static int RunFunc(void* userData, fastpar_chunk* chunk)
        {
            var state = (LoopState)From(userData);
            try
            {
                return state.onFunc!(new Chunk(chunk));
            }
            catch (Exception exception)
            {
                return state.Fail(exception, (long)(ulong)chunk->index);
            }
        }
    }
}
