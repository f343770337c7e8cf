using System;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// A loop in the background. It is rooted until the native job has ended, even if the managed objects are dropped, and
/// completes its task without a thread that waits: the callback of the last item, a failure, or a cancel makes a thread of
/// the thread pool collect the outcome, which is then there in no more than the time of the chunks in flight.
/// </summary>
internal sealed unsafe class JobState : CallState
{
    private const int Started = 1;
    private const int Ending = 2;

    private const int RangeKind = 1;
    private const int ChunkKind = 2;

    private static readonly NativeMethods.fastpar_for_start_body_delegate OnRange = RunRange;
    private static readonly NativeMethods.fastpar_for_start_body_delegate OnChunk = RunChunk;

    private readonly Delegate body;
    private readonly TaskCompletionSource<bool> source =
        new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);

    private JobHandle? handle;
    private CancellationTokenRegistration registration;
    private FastparProgress last;
    private long left;
    private int phase;
    private int completed;

    private JobState(Delegate body, LoopOptions? options, CancellationToken token)
        : base(options?.Progress, token, options?.Errors ?? default) => this.body = body;

    internal Task Completion => source.Task;

    /// <summary>Throws what bodies threw, or that the job was cancelled, once it has ended.</summary>
    internal void ThrowOutcome()
    {
        if (WantsAll && source.Task.Exception is { } all)
        {
            throw new AggregateException(all.InnerExceptions);
        }
        source.Task.GetAwaiter().GetResult();
    }

    /// <summary>Starts a loop.</summary>
    internal static JobState Start(
        long count, Delegate body, LoopOptions? options, CancellationToken token, ExecutionContext? context = null)
    {
        UIntPtr items = Check.Count(count, nameof(count));
        var state = new JobState(body, options, token) { left = count };
        state.Context = context ?? state.Context;
        fastpar_loop_options native = (options ?? LoopOptions.Defaults).ToNative();
        if (token.IsCancellationRequested)
        {
            state.last = new FastparProgress(0, count);
            state.completed = 1;
            state.source.TrySetCanceled(token);
            return state;
        }
        state.Root();
        native.progress = state.ProgressFunction;
        native.progress_data = state.UserData;
        fastpar_error error;
        fastpar_job* job;
        int status = NativeMethods.fastpar_for_start(
            &native, items, body is ChunkAction ? OnChunk : OnRange, state.UserData, &job, &error);
        if (status != NativeMethods.FASTPAR_OK)
        {
            state.Unroot();
            throw Check.Exception(&error);
        }
        state.handle = new JobHandle(job);
        if (token.CanBeCanceled)
        {
            state.registration = token.Register(job => ((JobState)job!).Cancel(), state);
        }
        state.Mark(count == 0 ? Started | Ending : Started);
        return state;
    }

    /// <summary>Lets no new chunk start.</summary>
    internal void Cancel()
    {
        if (source.Task.IsCompleted)
        {
            return;
        }
        try
        {
            using var lease = new Lease(handle!);
            NativeMethods.fastpar_job_cancel((fastpar_job*)lease.Pointer);
        }
        catch (ObjectDisposedException)
        {
            return; // it has just ended
        }
        Mark(Ending);
    }

    /// <summary>Waits, helping with the chunks, and collects the outcome; false: the time is over.</summary>
    internal bool Wait(ulong milliseconds)
    {
        if (source.Task.IsCompleted)
        {
            return true;
        }
        fastpar_error error;
        int status;
        try
        {
            using var lease = new Lease(handle!);
            using var visit = new CallThread.Visit(this);
            status = NativeMethods.fastpar_job_wait((fastpar_job*)lease.Pointer, milliseconds, &error);
        }
        catch (ObjectDisposedException)
        {
            return true; // another thread has just collected it
        }
        if (status == NativeMethods.FASTPAR_ERR_TIMEOUT)
        {
            return false;
        }
        if (status == NativeMethods.FASTPAR_ERR_BUSY)
        {
            throw Check.Exception(&error);
        }
        Complete(status, &error);
        Task.WaitAny(source.Task); // another thread may be in the midst of it
        return true;
    }

    /// <summary>Items done, and in all.</summary>
    internal FastparProgress Progress()
    {
        if (!source.Task.IsCompleted)
        {
            try
            {
                using var lease = new Lease(handle!);
                return Progress((fastpar_job*)lease.Pointer);
            }
            catch (ObjectDisposedException)
            {
                // It has just ended.
            }
        }
        return last;
    }

    internal override int Fail(Exception exception, long position)
    {
        int code = base.Fail(exception, position);
        Mark(Ending);
        return code;
    }

    protected override int Invoke(int kind, void* a, void* b, void* c)
    {
        var chunk = new Chunk((fastpar_chunk*)a);
        if (kind == RangeKind)
        {
            ((Action<Range64>)body)(chunk.Range);
        }
        else
        {
            ((ChunkAction)body)(chunk);
        }
        if (Interlocked.Add(ref left, -chunk.Length) == 0)
        {
            Mark(Ending);
        }
        return 0;
    }

    protected override long Position(int kind, void* a, void* b) => (long)(ulong)((fastpar_chunk*)a)->index;

    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_start_body_delegate))]
    private static int RunRange(void* userData, fastpar_chunk* chunk) =>
        ((JobState)From(userData)).Callback(RangeKind, chunk);

    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_start_body_delegate))]
    private static int RunChunk(void* userData, fastpar_chunk* chunk) =>
        ((JobState)From(userData)).Callback(ChunkKind, chunk);

    private static FastparProgress Progress(fastpar_job* job)
    {
        fastpar_error error;
        ulong done, total;
        Check.Ok(NativeMethods.fastpar_job_progress(job, &done, &total, &error), &error);
        return new FastparProgress((long)done, (long)total);
    }

    /// <summary>Once the handle is here and the job is ending, a thread collects the outcome.</summary>
    private void Mark(int reached)
    {
        int before = phase;
        for (int seen; (seen = Interlocked.CompareExchange(ref phase, before | reached, before)) != before; before = seen)
        {
        }
        const int both = Started | Ending;
        if (before != both && (before | reached) == both)
        {
            ThreadPool.UnsafeQueueUserWorkItem(state => ((JobState)state!).Wait(ulong.MaxValue), this);
        }
    }

    /// <summary>The native job has ended: no callback comes any more.</summary>
    private void Complete(int status, fastpar_error* error)
    {
        if (Interlocked.Exchange(ref completed, 1) != 0)
        {
            return; // another thread is doing this
        }
        registration.Dispose();
        Unroot();
        ExceptionDispatchInfo? outcome = Outcome(status, error);
        using (var lease = new Lease(handle!))
        {
            last = Progress((fastpar_job*)lease.Pointer);
        }
        if (outcome == null)
        {
            source.SetResult(true);
        }
        else if (IsConsequence(outcome.SourceException) || (status == NativeMethods.FASTPAR_ERR_CANCELLED && !HasFailed))
        {
            source.TrySetCanceled(Token);
        }
        else if (HasFailed)
        {
            source.SetException(OwnExceptions()); // await throws the first
        }
        else
        {
            source.SetException(outcome.SourceException);
        }
        handle!.Dispose();
    }
}
