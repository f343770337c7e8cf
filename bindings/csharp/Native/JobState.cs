using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// A loop in the background. It is rooted until the native job has told that it has ended, even if the
/// managed objects are dropped, and completes its task then: no thread waits for it.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The end of the native job disposes the handle.")]
internal sealed unsafe class JobState : CallState
{
    private const int RangeKind = 1;
    private const int ChunkKind = 2;

#if NET
    private static fastpar_for_start_body OnRange => &RunRange;
    private static fastpar_for_start_body OnChunk => &RunChunk;
    private static fastpar_job_notify_done OnDone => &RunDone;
#else
    private static readonly fastpar_for_start_body OnRange = RunRange;
    private static readonly fastpar_for_start_body OnChunk = RunChunk;
    private static readonly fastpar_job_notify_done OnDone = RunDone;
#endif

    private readonly Delegate body;
    private readonly TaskCompletionSource<bool> source = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private JobHandle? handle;
    private CancellationTokenRegistration registration;
    private FastparProgress last;

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
    internal static JobState Start(long count, Delegate body, LoopOptions? options, CancellationToken token)
    {
        Check.NotNegative(count, nameof(count));
        var state = new JobState(body, options, token);
        if (token.IsCancellationRequested)
        {
            state.last = new FastparProgress(0, count);
            state.source.TrySetCanceled(token);
            return state;
        }
        fastpar_job* job = state.Start(count, options ?? LoopOptions.Defaults);
        state.handle = new JobHandle(job);
        if (token.CanBeCanceled)
        {
            state.registration = token.Register(started => ((JobState)started!).Cancel(), state);
        }
        state.Notify(job);
        return state;
    }

    private fastpar_job* Start(long count, LoopOptions options)
    {
        fastpar_loop_options native = options.ToNative();
        Root();
        native.progress = ProgressFunction;
        native.progress_data = UserData;
        fastpar_error error;
        fastpar_job* job;
        int status;
        fixed (byte* name = options.Utf8Name)
        {
            native.name = name;
            status = NativeMethods.fastpar_for_start(
                &native, (nuint)(ulong)count, body is ChunkAction ? OnChunk : OnRange, UserData, &job, &error);
        }
        if (status != NativeMethods.FASTPAR_OK)
        {
            Unroot();
            throw Check.Exception(&error);
        }
        return job;
    }

    /// <summary>Has the end of the job told; without that there is no job.</summary>
    private void Notify(fastpar_job* job)
    {
        fastpar_error error;
        int status = NativeMethods.fastpar_job_notify(job, OnDone, UserData, &error);
        if (status == NativeMethods.FASTPAR_OK)
        {
            return;
        }
        registration.Dispose();
        if (handle != null)
        {
            handle.Dispose(); // cancels and waits
        }
        else
        {
            NativeMethods.fastpar_job_free(job);
        }
        Unroot();
        throw Check.Exception(&error);
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
            // It has just ended.
        }
    }

    /// <summary>Waits, helping with the chunks; false: the time is over.</summary>
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
            return true; // it has just ended
        }
        if (status == NativeMethods.FASTPAR_ERR_TIMEOUT)
        {
            return false;
        }
        if (status == NativeMethods.FASTPAR_ERR_BUSY)
        {
            throw Check.Exception(&error);
        }
        // Any other status is the job's result, and the notification has returned.
        return true;
    }

    /// <summary>Items done, and their total.</summary>
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
        return 0;
    }

    protected override long Position(int kind, void* a, void* b) => (long)(ulong)((fastpar_chunk*)a)->index;

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_start_body_delegate))]
    private static int RunRange(void* userData, fastpar_chunk* chunk) =>
        ((JobState)From(userData)).Callback(RangeKind, chunk);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_start_body_delegate))]
    private static int RunChunk(void* userData, fastpar_chunk* chunk) =>
        ((JobState)From(userData)).Callback(ChunkKind, chunk);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_job_notify_done_delegate))]
    private static void RunDone(void* userData, int status, fastpar_error* error) =>
        ((JobState)From(userData)).End(status, error);

    private static FastparProgress Progress(fastpar_job* job)
    {
        fastpar_error error;
        ulong done, total;
        Check.Ok(NativeMethods.fastpar_job_progress(job, &done, &total, &error), &error);
        return new FastparProgress((long)done, (long)total);
    }

    /// <summary>The native job has ended: no callback comes any more.</summary>
    private void End(int status, fastpar_error* error)
    {
        try
        {
            if (handle != null)
            {
                last = Progress((fastpar_job*)handle.DangerousGetHandle());
                handle.Dispose();
            }
            Unroot();
            Complete(status, error);
        }
        catch (Exception exception)
        {
            source.TrySetException(exception); // nothing may pass into the native frame
        }
        // Not waiting for a Cancel that is under way: it may hold the job, whose release waits for this.
#if NET
        registration.Unregister();
#else
        CancellationTokenRegistration ended = registration;
        ThreadPool.UnsafeQueueUserWorkItem(_ => ended.Dispose(), null);
#endif
    }

    private void Complete(int status, fastpar_error* error)
    {
        ExceptionDispatchInfo? outcome = Outcome(status, error);
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
    }
}
