using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// A loop over asynchronous bodies. Workers begin them, in pumps that take chunk after chunk; a body that is
/// suspended occupies no worker, but counts as one of the bodies in flight that MaxLanes allows. When such a
/// body ends a new pump may start.
/// </summary>
internal sealed class AsyncLoop
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

    private readonly Func<Range64, CancellationToken, ValueTask> body;
    private readonly LoopOptions options;
    private readonly fastpar_loop_options native;
    private readonly CancellationToken token;
    private readonly CancellationTokenSource stopping;
    private readonly CancellationToken stoppingToken;
    private readonly ExecutionContext? context = ExecutionContext.Capture();
    private readonly TaskCompletionSource<bool> source = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(long Chunk, Exception Exception)> failures = new();
    private readonly long count;
    private readonly long chunks;
    private readonly int places;
    private CancellationTokenRegistration registration;

    // Under the lock of the failures:
    private long next;
    private long done;
    private long reported;
    private int active;
    private int starting;
    private bool stopped;
    private bool ended;

    private AsyncLoop(
        long count, Func<Range64, CancellationToken, ValueTask> body, LoopOptions? options, CancellationToken token)
    {
        this.count = count;
        this.body = body;
        this.options = options ?? LoopOptions.Defaults;
        this.token = token;
        native = this.options.ToNative();
        LoopPlan plan = FastparLoop.PlanMake(count, this.options);
        chunks = plan.Chunks;
        places = plan.Lanes;
        stopping = CancellationTokenSource.CreateLinkedTokenSource(token);
        stoppingToken = stopping.Token;
    }

    /// <summary>Starts a loop; the task ends after its last body.</summary>
    internal static Task Start(
        long count, Func<Range64, CancellationToken, ValueTask> body, LoopOptions? options, CancellationToken token)
    {
        Check.NotNegative(count, nameof(count));
        var loop = new AsyncLoop(count, body, options, token);
        if (token.IsCancellationRequested)
        {
            return Task.FromCanceled(token);
        }
        if (loop.chunks == 0)
        {
            loop.options.Progress?.Report(new FastparProgress(0, 0));
            return Task.CompletedTask;
        }
        loop.starting = (int)Math.Min(Math.Min(loop.places, loop.chunks), FirstPumps);
        loop.StartPumps(loop.starting);
        if (token.CanBeCanceled)
        {
            loop.registration = token.Register(state => ((AsyncLoop)state!).Stop(), loop);
        }
        return loop.source.Task;
    }

    private void StartPumps(int pumps) =>
        JobState.StartDetached(pumps, Pump, LoopOptions.ItemByItem, context);

    /// <summary>Works on chunks while there are some, and fewer bodies in flight than MaxLanes.</summary>
    private void Pump(in Chunk pump)
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
        lock (failures)
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
            lock (failures)
            {
                starting--;
            }
            Fail(long.MaxValue, exception);
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
            Range64 range = FastparLoop.RangeOf(count, index, native);
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
            Fail(index, exception);
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
            return body(range, stoppingToken);
        }
        finally
        {
            CallThread.Restore(own, null);
        }
#else
        ValueTask task = default;
        InContext(own, () => task = body(range, stoppingToken));
        return task;
#endif
    }

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
            Fail(index, exception);
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
        lock (failures)
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
        lock (failures)
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

    private void Fail(long index, Exception exception)
    {
        lock (failures)
        {
            failures.Add((index, exception));
            stopped = true;
        }
        try
        {
            stopping.Cancel();
        }
        catch (Exception callback)
        {
            lock (failures)
            {
                failures.Add((long.MaxValue, callback));
            }
        }
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
            failures.Add((long.MaxValue, exception));
            stopped = true;
        }
    }

    private void Complete()
    {
        registration.Dispose();
        stopping.Dispose();
        List<Exception> own = failures.Where(failure => !IsConsequence(failure.Exception))
            .OrderBy(failure => failure.Chunk).Select(failure => failure.Exception).ToList();
        if (own.Count > 0)
        {
            source.SetException(own); // await throws the first
        }
        else if (stopped)
        {
            source.TrySetCanceled(token);
        }
        else
        {
            source.SetResult(true);
        }
    }

    /// <summary>Whether a body only tells that the loop was ending anyway.</summary>
    private bool IsConsequence(Exception exception) =>
        exception is OperationCanceledException cancelled && stopped
        && ((cancelled.CancellationToken == token && token.IsCancellationRequested)
            || cancelled.CancellationToken == stoppingToken);
}
