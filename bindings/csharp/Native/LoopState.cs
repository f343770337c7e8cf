using System;
using System.Threading;

namespace Fastpar;

/// <summary>A loop at work, with one of three kinds of bodies.</summary>
internal sealed unsafe class LoopState : CallState
{
    private const int RangeKind = 1;
    private const int ChunkKind = 2;
    private const int FuncKind = 3;

#if NET
    private static fastpar_for_body OnRange => &RunRange;
    private static fastpar_for_body OnChunk => &RunChunk;
    private static fastpar_for_body OnFunc => &RunFunc;
#else
    private static readonly fastpar_for_body OnRange = RunRange;
    private static readonly fastpar_for_body OnChunk = RunChunk;
    private static readonly fastpar_for_body OnFunc = RunFunc;
#endif

    private readonly Delegate body;
    private readonly LoopOptions? options;

    internal LoopState(Delegate body, LoopOptions? options, CancellationToken token)
        : base(options?.Progress, token, options?.Errors ?? default)
    {
        this.body = body;
        this.options = options;
    }

    /// <summary>
    /// Runs the loop to its end; gives the status and fills the error, or throws what bodies threw.
    /// </summary>
    internal int Run(long count, fastpar_error* error)
    {
        UIntPtr items = Check.Count(count, nameof(count));
        fastpar_loop_options native = options == null ? default : options.ToNative();
        using var call = new SyncCall(this);
        fastpar_for_body callback =
            body is Action<Range64> ? OnRange : body is ChunkAction ? OnChunk : OnFunc;
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
            fixed (byte* name = options?.Utf8Name)
            {
                native.name = name;
                status = NativeMethods.fastpar_for(&native, items, callback, UserData, error);
            }
        }
        // A code that the body returned is for the caller to look at.
        if (status != NativeMethods.FASTPAR_ERR_CALLBACK || HasFailed)
        {
            call.End(status, error);
        }
        return status;
    }

    protected override int Invoke(int kind, void* a, void* b, void* c)
    {
        var chunk = (fastpar_chunk*)a;
        switch (kind)
        {
            case RangeKind:
                ((Action<Range64>)body)(new Range64((long)(ulong)chunk->begin, (long)(ulong)chunk->end));
                return 0;
            case ChunkKind:
                ((ChunkAction)body)(new Chunk(chunk));
                return 0;
            default:
                return ((ChunkFunc)body)(new Chunk(chunk));
        }
    }

    protected override long Position(int kind, void* a, void* b) => (long)(ulong)((fastpar_chunk*)a)->index;

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_body_delegate))]
    private static int RunRange(void* userData, fastpar_chunk* chunk) =>
        ((LoopState)From(userData)).Callback(RangeKind, chunk);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_body_delegate))]
    private static int RunChunk(void* userData, fastpar_chunk* chunk) =>
        ((LoopState)From(userData)).Callback(ChunkKind, chunk);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_body_delegate))]
    private static int RunFunc(void* userData, fastpar_chunk* chunk) =>
        ((LoopState)From(userData)).Callback(FuncKind, chunk);
}
