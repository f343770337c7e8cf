using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// A loop over asynchronous bodies. Workers begin them, in pumps that take chunk after chunk; a body that is
/// suspended occupies no worker, but counts as one of the bodies in flight that MaxLanes allows. When such a
/// body ends a new pump may start.
/// </summary>
internal sealed partial class AsyncLoop : PumpState
{
    /// <summary>What <see cref="Next"/> is told instead of items: the pump begins.</summary>
    private const long Arrived = -1;

    /// <summary>The body will end later, without its pump.</summary>
    private const long Suspended = -2;

    /// <summary>
    /// Pumps that a loop begins with: more could not run at once. Where bodies block their pumps send for
    /// more. Of up to 63 a worker takes one at a time, and a body that blocks holds up its own.
    /// </summary>
    private static readonly long FirstPumps = Math.Min(Environment.ProcessorCount, 63);

    private static readonly long ReportPause = Stopwatch.Frequency / 20;

    /// <summary>Takes a range; a token too, if there is <see cref="stopping"/>.</summary>
    private readonly Delegate body;
    private readonly LoopOptions options;
    private readonly fastpar_loop_options native;
    private readonly CancellationTokenSource? stopping;
    private readonly CancellationToken stoppingToken;
    private readonly TaskCompletionSource<bool> source = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly object gate = new();
    private readonly long count;
    private readonly long chunks;
    private readonly int places;
    private CancellationTokenRegistration registration;

    // Under the lock of the gate:
    private List<(long Chunk, Exception Exception)>? failures;
    private long next;
    private long done;
    private long reported;
    private int active;
    private int starting;
    private bool stopped;
    private bool ended;

    private AsyncLoop(long count, Delegate body, bool wantsToken, LoopOptions options, CancellationToken token)
        : base(options.Utf8Name, token)
    {
        this.count = count;
        this.body = body;
        this.options = options;
        native = options.ToNative();
        LoopPlan plan = FastparLoop.PlanMake(count, options);
        chunks = plan.Chunks;
        places = options.MaxLanes == 0 ? plan.Lanes : options.MaxLanes; // bodies that are suspended take no thread
        if (wantsToken)
        {
            stopping = CancellationTokenSource.CreateLinkedTokenSource(token);
            stoppingToken = stopping.Token;
        }
    }

    /// <summary>Starts a loop; the task ends after its last body.</summary>
    internal static Task Start(
        long count, Func<Range64, ValueTask> body, LoopOptions? options, CancellationToken token) =>
        Start(count, body, wantsToken: false, options, token);

    /// <summary>The same for a body with a token.</summary>
    internal static Task Start(
        long count, Func<Range64, CancellationToken, ValueTask> body, LoopOptions? options, CancellationToken token) =>
        Start(count, body, wantsToken: true, options, token);

    private static Task Start(
        long count, Delegate body, bool wantsToken, LoopOptions? options, CancellationToken token)
    {
        Check.NotNegative(count, nameof(count));
        var loop = new AsyncLoop(count, body, wantsToken, options ?? LoopOptions.Defaults, token);
        if (token.IsCancellationRequested)
        {
            loop.stopping?.Dispose();
            return Task.FromCanceled(token);
        }
        if (loop.chunks == 0)
        {
            loop.stopping?.Dispose();
            loop.options.Progress?.Report(new FastparProgress(0, 0));
            return Task.CompletedTask;
        }
        loop.starting = (int)Math.Min(Math.Min(loop.places, loop.chunks), FirstPumps);
        if (token.CanBeCanceled)
        {
            loop.registration = token.Register(state => ((AsyncLoop)state!).Stop(), loop);
        }
        try
        {
            loop.StartPumps(loop.starting);
        }
        catch
        {
            loop.registration.Dispose();
            loop.stopping?.Dispose();
            throw;
        }
        return loop.source.Task;
    }

    /// <summary>Works on chunks while there are some, and fewer bodies in flight than MaxLanes.</summary>
    protected override void Pump()
    {
        ExecutionContext? own = ExecutionContext.Capture();
        long items = Arrived;
        while (Next(items, out long index, out bool another))
        {
            if (another)
            {
                Recruit();
            }
            items = Begin(index, own);
        }
    }

    /// <summary>
    /// A pump has arrived, or a body of it has ended or is suspended: gives it the next chunk. The last body
    /// ends the loop.
    /// </summary>
    private bool Next(long items, out long index, out bool another)
    {
        bool last;
        lock (gate)
        {
            if (items == Arrived)
            {
                starting--;
            }
            else if (items != Suspended)
            {
                active--;
                done += items;
                Report();
            }
            index = next;
            another = false;
            if (!stopped && active != places && next != chunks)
            {
                next++;
                active++;
                another = WantsPump();
                return true;
            }
            last = IsLast();
        }
        if (last)
        {
            Complete();
        }
        return false;
    }

    /// <summary>Whether a pump is to be started; it counts as starting then.</summary>
    private bool WantsPump()
    {
        bool wants = !stopped && starting == 0 && active < places && next < chunks;
        starting += wants ? 1 : 0;
        return wants;
    }

    private void Recruit()
    {
        try
        {
            StartPumps(1);
        }
        catch (Exception exception)
        {
            lock (gate)
            {
                starting--;
            }
            Failed(long.MaxValue, exception);
        }
    }

    /// <summary>
    /// Calls the body of a chunk, on a worker whose pump has this context; gives the items that are done, or
    /// <see cref="Suspended"/>.
    /// </summary>
    private long Begin(long index, ExecutionContext? own)
    {
        try
        {
            // Of chunks of one item each, as by default, nothing has to be asked.
            Range64 range = chunks == count ? new Range64(index, index + 1) : FastparLoop.RangeOf(count, index, native);
            ValueTask task = Call(range, own);
            if (!task.IsCompleted)
            {
                _ = EndLater(task, index, range);
                return Suspended;
            }
            task.GetAwaiter().GetResult();
            return range.Length;
        }
        catch (Exception exception)
        {
            Failed(index, exception);
            return 0;
        }
    }

    /// <summary>
    /// Calls a body; what it sets on the thread is not there for the next body, nor for progress.
    /// </summary>
    private ValueTask Call(Range64 range, ExecutionContext? own)
    {
#if NET
        try
        {
            return Call(range);
        }
        finally
        {
            CallThread.Restore(own, null);
        }
#else
        ValueTask task = default;
        InContext(own, () => task = Call(range));
        return task;
#endif
    }

    private ValueTask Call(Range64 range) => stopping == null
        ? ((Func<Range64, ValueTask>)body)(range)
        : ((Func<Range64, CancellationToken, ValueTask>)body)(range, stoppingToken);

    /// <summary>Runs a callback in this context; what it sets on the thread ends with it.</summary>
    private static void InContext(ExecutionContext? own, Action callback)
    {
        SynchronizationContext? synchronization = SynchronizationContext.Current;
        try
        {
#if NET
            callback();
#else
            if (own == null)
            {
                callback();
            }
            else
            {
                ExecutionContext.Run(own.CreateCopy(), _ => callback(), null);
            }
#endif
        }
        finally
        {
            CallThread.Restore(own, synchronization);
        }
    }

    /// <summary>Waits for a body that is suspended, without a thread.</summary>
    private async Task EndLater(ValueTask task, long index, Range64 range)
    {
        long length = range.Length;
        try
        {
            await task.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Failed(index, exception);
            length = 0;
        }
        if (End(length))
        {
            Recruit();
        }
    }

    /// <summary>
    /// A body that was suspended has ended; whether a new pump is needed. The last body ends the loop.
    /// </summary>
    private bool End(long items)
    {
        bool last, wants;
        lock (gate)
        {
            active--;
            done += items;
            Report();
            last = IsLast();
            wants = !last && WantsPump();
        }
        if (last)
        {
            Complete();
        }
        return wants;
    }

    /// <summary>Lets no new body begin.</summary>
    private void Stop()
    {
        bool last;
        lock (gate)
        {
            stopped = true;
            last = IsLast();
        }
        if (last)
        {
            Complete();
        }
    }

    /// <summary>Whether this is the moment in which the loop ends.</summary>
    private bool IsLast()
    {
        bool last = !ended && active == 0 && (stopped || next == chunks);
        ended |= last;
        return last;
    }

    /// <summary>Tells progress, at most 20 times a second, and at the end.</summary>
    private void Report()
    {
        if (options.Progress == null || stopped)
        {
            return;
        }
        long now = Stopwatch.GetTimestamp();
        if (done < count && now - reported < ReportPause)
        {
            return;
        }
        reported = now;
        try
        {
            InContext(ExecutionContext.Capture(), () => options.Progress.Report(new FastparProgress(done, count)));
        }
        catch (Exception exception)
        {
            Keep(long.MaxValue, exception);
            stopped = true;
        }
    }

    private void Complete()
    {
        registration.Dispose();
        stopping?.Dispose();
        List<Exception>? own = OwnFailures();
        if (own != null)
        {
            source.SetException(own); // await throws the first
        }
        else if (stopped)
        {
            source.TrySetCanceled(Token);
        }
        else
        {
            source.SetResult(true);
        }
    }
}
