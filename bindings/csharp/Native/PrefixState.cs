using System;
using System.Threading;

namespace Fastpar;

/// <summary>Prefix sums at work.</summary>
internal abstract unsafe class PrefixState : FoldState
{
    private const int FoldKind = 1;
    private const int CombineKind = 2;
    private const int ApplyKind = 3;

#if NET
    private static fastpar_prefix_fold OnFold => &RunFold;
    private static fastpar_prefix_combine OnCombine => &RunCombine;
    private static fastpar_prefix_apply OnApply => &RunApply;
#else
    private static readonly fastpar_prefix_fold OnFold = RunFold;
    private static readonly fastpar_prefix_combine OnCombine = RunCombine;
    private static readonly fastpar_prefix_apply OnApply = RunApply;
#endif

    protected PrefixState(LoopOptions? options, CancellationToken token)
        : base(options, token)
    {
    }

    protected sealed override int Call(
        fastpar_loop_options* options, UIntPtr count, void* accumulator, UIntPtr size, fastpar_error* error) =>
        NativeMethods.fastpar_prefix(options, count, OnFold, OnCombine, OnApply, UserData, accumulator, size, error);

    protected abstract void Apply(fastpar_chunk* chunk, void* before);

    protected sealed override int Invoke(int kind, void* a, void* b, void* c)
    {
        switch (kind)
        {
            case FoldKind:
                Fold((fastpar_chunk*)a, b);
                break;
            case CombineKind:
                Combine(a, b);
                break;
            default:
                Apply((fastpar_chunk*)a, b);
                break;
        }
        return 0;
    }

    protected sealed override long Position(int kind, void* a, void* b) =>
        kind == CombineKind ? long.MaxValue : (long)(ulong)((fastpar_chunk*)a)->index;

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_prefix_fold_delegate))]
    private static int RunFold(void* userData, fastpar_chunk* chunk, void* accumulator) =>
        ((PrefixState)From(userData)).Callback(FoldKind, chunk, accumulator);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_prefix_combine_delegate))]
    private static int RunCombine(void* userData, void* into, void* from) =>
        ((PrefixState)From(userData)).Callback(CombineKind, into, from);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_prefix_apply_delegate))]
    private static int RunApply(void* userData, fastpar_chunk* chunk, void* before) =>
        ((PrefixState)From(userData)).Callback(ApplyKind, chunk, before);
}

/// <summary>The three functions, with their type.</summary>
internal sealed unsafe class PrefixState<T> : PrefixState
    where T : unmanaged
{
    private readonly Func<Range64, T, T> fold;
    private readonly Func<T, T, T> combine;
    private readonly Action<Range64, T> apply;

    internal PrefixState(
        Func<Range64, T, T> fold, Func<T, T, T> combine, Action<Range64, T> apply, LoopOptions? options, CancellationToken token)
        : base(options, token)
    {
        this.fold = fold;
        this.combine = combine;
        this.apply = apply;
    }

    protected override void Fold(fastpar_chunk* chunk, void* accumulator) =>
        *(T*)accumulator = fold(new Chunk(chunk).Range, *(T*)accumulator);

    protected override void Combine(void* into, void* from) => *(T*)into = combine(*(T*)into, *(T*)from);

    protected override void Apply(fastpar_chunk* chunk, void* before) => apply(new Chunk(chunk).Range, *(T*)before);
}
