using System;
using System.Threading;

namespace Fastpar;

/// <summary>
/// A reduction or prefix sums at work. The native library owns the accumulators, and calls back with
/// pointers to them.
/// </summary>
internal abstract unsafe class FoldState : CallState
{
    protected FoldState(LoopOptions? options, CancellationToken token)
        : base(options?.Progress, token, options?.Errors ?? default)
    {
    }

    /// <summary>Runs the call to its end.</summary>
    internal void Run(long count, LoopOptions? options, void* accumulator, int size)
    {
        UIntPtr items = Check.Count(count, nameof(count));
        fastpar_loop_options native = (options ?? LoopOptions.Defaults).ToNative();
        fastpar_error error;
        using var call = new SyncCall(this);
        native.cancel = call.Cancel;
        native.progress = ProgressFunction;
        native.progress_data = UserData;
        int status;
        fixed (byte* name = options?.Utf8Name)
        {
            native.name = name;
            status = Call(&native, items, accumulator, (UIntPtr)(uint)size, &error);
        }
        call.End(status, &error);
    }

    /// <summary>Calls the native function.</summary>
    protected abstract int Call(
        fastpar_loop_options* options, UIntPtr count, void* accumulator, UIntPtr size, fastpar_error* error);

    protected abstract void Fold(fastpar_chunk* chunk, void* accumulator);

    protected abstract void Combine(void* into, void* from);
}
