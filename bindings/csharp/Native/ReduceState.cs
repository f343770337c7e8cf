using System;
using System.Collections.Concurrent;
using System.Threading;

namespace Fastpar;

/// <summary>A reduction at work.</summary>
internal abstract unsafe class ReduceState : FoldState
{
    private const int FoldKind = 1;
    private const int CombineKind = 2;

#if NET
    private static fastpar_reduce_fold OnFold => &RunFold;
    private static fastpar_reduce_combine OnCombine => &RunCombine;
#else
    private static readonly fastpar_reduce_fold OnFold = RunFold;
    private static readonly fastpar_reduce_combine OnCombine = RunCombine;
#endif

    protected ReduceState(LoopOptions? options, CancellationToken token)
        : base(options, token)
    {
    }

    protected sealed override int Call(
        fastpar_loop_options* options, UIntPtr count, void* accumulator, UIntPtr size, fastpar_error* error) =>
        NativeMethods.fastpar_reduce(options, count, OnFold, OnCombine, UserData, accumulator, size, error);

    protected sealed override int Invoke(int kind, void* a, void* b, void* c)
    {
        if (kind == FoldKind)
        {
            Fold((fastpar_chunk*)a, b);
        }
        else
        {
            Combine(a, b);
        }
        return 0;
    }

    protected sealed override long Position(int kind, void* a, void* b) =>
        kind == FoldKind ? (long)(ulong)((fastpar_chunk*)a)->index : long.MaxValue;

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_reduce_fold_delegate))]
    private static int RunFold(void* userData, fastpar_chunk* chunk, void* accumulator) =>
        ((ReduceState)From(userData)).Callback(FoldKind, chunk, accumulator);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_reduce_combine_delegate))]
    private static int RunCombine(void* userData, void* into, void* from) =>
        ((ReduceState)From(userData)).Callback(CombineKind, into, from);
}

/// <summary>Accumulators without references, worked on where they are.</summary>
internal sealed unsafe class ReduceByReference<T> : ReduceState
    where T : unmanaged
{
    private readonly FoldAction<T> fold;
    private readonly CombineAction<T> combine;

    internal ReduceByReference(FoldAction<T> fold, CombineAction<T> combine, LoopOptions? options, CancellationToken token)
        : base(options, token)
    {
        this.fold = fold;
        this.combine = combine;
    }

    protected override void Fold(fastpar_chunk* chunk, void* accumulator) => fold(new Chunk(chunk), ref *(T*)accumulator);

    protected override void Combine(void* into, void* from) => combine(ref *(T*)into, *(T*)from);
}

/// <summary>Accumulators without references, passed and returned as values.</summary>
internal sealed unsafe class ReduceByValue<T> : ReduceState
    where T : unmanaged
{
    private readonly Func<Range64, T, T> fold;
    private readonly Func<T, T, T> combine;

    internal ReduceByValue(Func<Range64, T, T> fold, Func<T, T, T> combine, LoopOptions? options, CancellationToken token)
        : base(options, token)
    {
        this.fold = fold;
        this.combine = combine;
    }

    protected override void Fold(fastpar_chunk* chunk, void* accumulator) =>
        *(T*)accumulator = fold(new Chunk(chunk).Range, *(T*)accumulator);

    protected override void Combine(void* into, void* from) => *(T*)into = combine(*(T*)into, *(T*)from);
}

/// <summary>
/// Accumulators that the garbage collector must see: they stay here, and the native accumulators hold the
/// number of their chunk.
/// </summary>
internal sealed unsafe class ReduceObjects<T> : ReduceState
{
    private readonly Func<T> identity;
    private readonly Func<Range64, T, T> fold;
    private readonly Func<T, T, T> combine;
    private readonly ConcurrentDictionary<long, T> parts = new ConcurrentDictionary<long, T>();

    internal ReduceObjects(
        Func<T> identity, Func<Range64, T, T> fold, Func<T, T, T> combine, LoopOptions? options, CancellationToken token)
        : base(options, token)
    {
        this.identity = identity;
        this.fold = fold;
        this.combine = combine;
        Result = identity();
    }

    internal T Result { get; private set; }

    protected override void Fold(fastpar_chunk* chunk, void* accumulator)
    {
        long index = (long)(ulong)chunk->index;
        parts[index] = fold(new Chunk(chunk).Range, identity());
        *(long*)accumulator = index;
    }

    protected override void Combine(void* into, void* from)
    {
        parts.TryRemove(*(long*)from, out T? part);
        Result = combine(Result, part!);
    }
}
