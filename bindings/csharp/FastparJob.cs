using System;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// A loop that runs by itself: the workers of the pool run it, and a thread that waits for it helps. It
/// completes even if no thread waits; dropping this object does not end it, disposing does.
/// </summary>
public sealed class FastparJob : IDisposable
{
    private readonly JobState state;

    internal FastparJob(JobState state) => this.state = state;

    /// <summary>Completes when the job has ended: well, with what bodies threw, or cancelled.</summary>
    public Task Completion => state.Completion;

    /// <summary>For <c>await job</c>: the same as awaiting <see cref="Completion"/>.</summary>
    /// <returns>The awaiter of the task.</returns>
    public TaskAwaiter GetAwaiter() => state.Completion.GetAwaiter();

    /// <summary>How far the job is: items done, and their total.</summary>
    public FastparProgress Progress => state.Progress();

    /// <summary>
    /// Lets no new chunk start; the task becomes cancelled once the chunks in flight are done.
    /// </summary>
    public void Cancel() => state.Cancel();

    /// <summary>
    /// Waits until the job has ended, helping with its chunks, and throws what its bodies threw.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="InvalidOperationException">From inside a body of this job.</exception>
    public void Wait() => Wait(Timeout.InfiniteTimeSpan);

    /// <summary>
    /// The same for no longer than the time given, which may be passed by the length of one chunk.
    /// </summary>
    /// <param name="timeout">0: only ask; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <returns>False: it has not ended yet.</returns>
    /// <inheritdoc cref="Wait()"/>
    public bool Wait(TimeSpan timeout)
    {
        if (!state.Wait(Check.Timeout(timeout, nameof(timeout))))
        {
            return false;
        }
        state.ThrowOutcome();
        return true;
    }

    /// <summary>The same; a token ends the waiting, and the job goes on.</summary>
    /// <param name="cancellationToken">Seen within some 20 ms, or at the end of a chunk.</param>
    /// <exception cref="OperationCanceledException">The job, or this call, was cancelled.</exception>
    /// <exception cref="InvalidOperationException">From inside a body of this job.</exception>
    public void Wait(CancellationToken cancellationToken) => Wait(Timeout.InfiniteTimeSpan, cancellationToken);

    /// <summary>The same for no longer than the time given.</summary>
    /// <param name="timeout">0: only ask; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="cancellationToken">Seen within some 20 ms, or at the end of a chunk.</param>
    /// <returns>False: it has not ended yet.</returns>
    /// <inheritdoc cref="Wait(CancellationToken)"/>
    public bool Wait(TimeSpan timeout, CancellationToken cancellationToken)
    {
        Check.Timeout(timeout, nameof(timeout));
        return CancellableWait.Run(timeout, Wait, cancellationToken);
    }

    /// <summary>
    /// Cancels the job if it still runs, and waits for the chunks in flight; from inside a body of this very
    /// job it does not wait. Throws nothing: <see cref="Completion"/> has the result.
    /// </summary>
    public void Dispose()
    {
        state.Cancel();
        try
        {
            state.Wait(ulong.MaxValue);
        }
        catch (InvalidOperationException)
        {
            return; // inside a body of this job: the last body ends it
        }
        _ = state.Completion.Exception; // observed, so that no other code has to
    }
}
