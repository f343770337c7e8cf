using System;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar
{
    /// <content>Loops that nobody waits for.</content>
    public static unsafe partial class FastparLoop
    {
        /// <summary>
        /// Starts a loop and returns at once. The body and the options live until it has ended, whoever drops the result.
        /// </summary>
        /// <param name="count">How many items; 0: the body is not called.</param>
        /// <param name="body">Works on the items of one chunk, on a thread of the pool or of somebody who waits.</param>
        /// <param name="options">As for <see cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>.</param>
        /// <param name="cancellationToken">Cancels the job: no new chunk starts.</param>
        /// <returns>The job.</returns>
        /// <exception cref="FastparException">An option is not valid, or the pool could not be started.</exception>
        public static FastparJob ForStart(
            long count, Action<Range64> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
            new FastparJob(JobState.Start(count, Check.NotNull(body, nameof(body)), options, cancellationToken));

        /// <summary>
        /// The same for a body that is told more: <c>(in Chunk chunk) =&gt; ...</c> sees its lane and its index.
        /// </summary>
        /// <inheritdoc cref="ForStart(long, Action{Range64}, LoopOptions, CancellationToken)"/>
        public static FastparJob ForStart(
            long count, ChunkAction body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
            new FastparJob(JobState.Start(count, Check.NotNull(body, nameof(body)), options, cancellationToken));

        /// <summary>Starts a loop; the task completes when it has ended. No thread waits for it.</summary>
        /// <returns>Completes well, with what bodies threw, or cancelled.</returns>
        /// <inheritdoc cref="ForStart(long, Action{Range64}, LoopOptions, CancellationToken)"/>
        public static Task ForAsync(
            long count, Action<Range64> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
            JobState.Start(count, Check.NotNull(body, nameof(body)), options, cancellationToken).Completion;

        /// <summary>
        /// The same for a body that is told more: <c>(in Chunk chunk) =&gt; ...</c> sees its lane and its index.
        /// </summary>
        /// <inheritdoc cref="ForAsync(long, Action{Range64}, LoopOptions, CancellationToken)"/>
        public static Task ForAsync(
            long count, ChunkAction body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
            JobState.Start(count, Check.NotNull(body, nameof(body)), options, cancellationToken).Completion;
    }
}
