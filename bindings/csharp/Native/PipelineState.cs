using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>
/// A pipeline at work, and what native frames call: delegates for them must not be of a generic class.
/// </summary>
internal abstract unsafe class PipelineState : CallState
{
    private const int FeedKind = 1;
    private const int WorkKind = 2;
    private const int TakeKind = 3;

#if NET
    private static fastpar_pipeline_run_feed OnFeed => &RunFeed;
    private static fastpar_pipeline_run_work OnWork => &RunWork;
    private static fastpar_pipeline_run_take OnTake => &RunTake;
#else
    private static readonly fastpar_pipeline_run_feed OnFeed = RunFeed;
    private static readonly fastpar_pipeline_run_work OnWork = RunWork;
    private static readonly fastpar_pipeline_run_take OnTake = RunTake;
#endif
#if NET
    private static IntPtr OnDropPointer => (IntPtr)(delegate* unmanaged<void*, void*, void>)&Drop;
#else
    private static readonly NativeMethods.DropCallback OnDrop = Drop;
    private static readonly IntPtr OnDropPointer = Marshal.GetFunctionPointerForDelegate(OnDrop);
#endif

    private readonly PipelineOptions? options;
    private long fed;

    protected PipelineState(PipelineOptions? options, CancellationToken token)
        : base(null, token, options?.Errors ?? default) => this.options = options;

    /// <summary>Runs the pipeline to its end.</summary>
    internal void Run()
    {
        fastpar_error error;
        using var call = new SyncCall(this);
        var native = new fastpar_pipeline_options
        {
            struct_size = (UIntPtr)sizeof(fastpar_pipeline_options),
            max_lanes = (uint)(options?.MaxLanes ?? 0),
            in_flight = (uint)(options?.InFlight ?? 0),
            cancel = call.Cancel,
            drop = (void*)OnDropPointer,
        };
        int status;
        fixed (byte* name = options?.Utf8Name)
        {
            native.name = name;
            status = NativeMethods.fastpar_pipeline_run(&native, OnFeed, OnWork, OnTake, UserData, &error);
        }
        call.End(status, &error);
    }

    /// <summary>The next item, with its number; null: the end.</summary>
    protected abstract Item? Feed(long number);

    protected abstract void Work(Item item);

    protected abstract void Take(Item item);

    protected sealed override int Invoke(int kind, void* a, void* b, void* c)
    {
        switch (kind)
        {
            case FeedKind:
                if (Feed(fed) is Item item)
                {
                    *(IntPtr*)a = GCHandle.ToIntPtr(GCHandle.Alloc(item));
                    fed++;
                }
                break;
            case WorkKind:
                Work((Item)From(a));
                break;
            default:
                Take((Item)From(a));
                break;
        }
        return 0;
    }

    protected sealed override long Position(int kind, void* a, void* b) => kind == FeedKind ? fed : ((Item)From(a)).Number;

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_pipeline_run_feed_delegate))]
    private static int RunFeed(void* userData, void** item) =>
        ((PipelineState)From(userData)).Callback(FeedKind, item);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_pipeline_run_work_delegate))]
    private static int RunWork(void* userData, void* item, uint lane) =>
        ((PipelineState)From(userData)).Callback(WorkKind, item);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_pipeline_run_take_delegate))]
    private static int RunTake(void* userData, void* item, uint lane)
    {
        int result = ((PipelineState)From(userData)).Callback(TakeKind, item);
        GCHandle.FromIntPtr((IntPtr)item).Free();
        return result;
    }

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.DropCallback))]
    private static void Drop(void* userData, void* item) => GCHandle.FromIntPtr((IntPtr)item).Free();

    /// <summary>
    /// An item under way. Native frames carry it as a GCHandle until it is taken or dropped.
    /// </summary>
    protected abstract class Item
    {
        protected Item(long number) => Number = number;

        /// <summary>Its number, from 0.</summary>
        internal long Number { get; }
    }
}

/// <summary>The three functions of a pipeline, with their types.</summary>
internal sealed class PipelineState<T, TResult> : PipelineState
{
    private readonly IEnumerator<T> source;
    private readonly Func<T, TResult> work;
    private readonly Action<TResult> sink;

    internal PipelineState(
        IEnumerator<T> source, Func<T, TResult> work, Action<TResult> sink, PipelineOptions? options, CancellationToken token)
        : base(options, token)
    {
        this.source = source;
        this.work = work;
        this.sink = sink;
    }

    protected override Item? Feed(long number) => source.MoveNext() ? new Value(number, source.Current) : null;

    protected override void Work(Item item) => ((Value)item).Do(work);

    protected override void Take(Item item) => sink(((Value)item).Result!);

    private sealed class Value : Item
    {
        private T? input;

        internal Value(long number, T input)
            : base(number) => this.input = input;

        internal TResult? Result { get; private set; }

        internal void Do(Func<T, TResult> work)
        {
            T given = input!;
            input = default; // it may be large, and a result waits for those before it
            Result = work(given);
        }
    }
}
