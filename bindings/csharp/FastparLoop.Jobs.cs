using System;
using System.ComponentModel;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>Loops in the background.</content>
public static unsafe partial class FastparLoop
{
    /// <summary>
    /// Starts a loop and returns at once. The body and the options live until it has ended, even if the job
    /// is dropped.
    /// </summary>
    /// <param name="count">How many items; 0: the body is not called.</param>
    /// <param name="body">
    /// Works on the items of one chunk, on a thread of the pool or a thread that waits for the job.
    /// </param>
    /// <param name="options">
    /// As for <see cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>.
    /// </param>
    /// <param name="cancellationToken">Cancels the job: no new chunk starts.</param>
    /// <returns>The job.</returns>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="FastparException">The pool could not be started.</exception>
    public static FastparJob Start(
        long count, Action<Range64> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        new FastparJob(JobState.Start(count, Check.NotNull(body, nameof(body)), options, cancellationToken));

    /// <summary>
    /// The same for a body that is told more: <c>(in Chunk chunk) =&gt; ...</c> sees its lane and its index.
    /// </summary>
    /// <inheritdoc cref="Start(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    public static FastparJob Start(
        long count, ChunkAction body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        new FastparJob(JobState.Start(count, Check.NotNull(body, nameof(body)), options, cancellationToken));

    /// <summary>
    /// Calls an asynchronous body for every chunk; the task ends after the last body. Bodies begin on threads
    /// of the pool, never on the calling one. A body that is suspended occupies no thread and goes on as in
    /// other asynchronous code, on the thread pool of .NET; at most <see cref="LoopOptions.MaxLanes"/> have
    /// begun and not ended, which may be more than the pool has threads. 0: as many as it has.
    /// </summary>
    /// <param name="count">How many items; 0: the body is not called.</param>
    /// <param name="body">Works on the items of one chunk.</param>
    /// <param name="options">
    /// As for <see cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>.
    /// </param>
    /// <param name="cancellationToken">Cancels the loop: no new body begins.</param>
    /// <returns>
    /// Ends well, cancelled, or with all exceptions of bodies; <c>await</c> throws that of the lowest chunk.
    /// </returns>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="FastparException">The pool could not be started.</exception>
    public static Task ForAsync(
        long count,
        Func<Range64, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default) =>
        AsyncLoop.Start(count, Check.NotNull(body, nameof(body)), options, cancellationToken);

    /// <summary>
    /// The same for a body that gets a token, which is cancelled with the loop and when another body has
    /// failed.
    /// </summary>
    /// <inheritdoc cref="ForAsync(long, Func{Range64, ValueTask}, LoopOptions, CancellationToken)"/>
    public static Task ForAsync(
        long count,
        Func<Range64, CancellationToken, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default) =>
        AsyncLoop.Start(count, Check.NotNull(body, nameof(body)), options, cancellationToken);

    /// <summary>The same for a body that only throws.</summary>
    /// <inheritdoc cref="Start(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static FastparJob Start(
        long count, Func<Range64, NoReturn> body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        return Start(count, new Action<Range64>(range => body(range)), options, cancellationToken);
    }

    /// <summary>The same for a body that only throws.</summary>
    /// <inheritdoc cref="Start(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static FastparJob Start(
        long count, ChunkNoReturn body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        return Start(count, new ChunkAction((in Chunk chunk) => body(chunk)), options, cancellationToken);
    }

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="count">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static FastparJob Start(
        long count, Func<Range64, Task> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="count">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static FastparJob Start(
        long count, Func<Range64, ValueTask> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="count">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static FastparJob Start(
        long count, ChunkTask body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="count">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static FastparJob Start(
        long count, ChunkValueTask body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);
}
