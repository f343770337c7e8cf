using System;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>Reductions.</content>
public static unsafe partial class FastparLoop
{
    /// <summary>
    /// Folds the chunks of the items 0 to <paramref name="count"/> into accumulators, in parallel, and
    /// combines these in chunk order. For one plan the result is the same to the bit however many threads ran
    /// it, sums of floats too.
    /// </summary>
    /// <typeparam name="T">The accumulator, without references.</typeparam>
    /// <param name="count">How many items; 0: the identity is the result.</param>
    /// <param name="identity">
    /// What every accumulator, and the result, begins with, such as 0 for a sum.
    /// </param>
    /// <param name="fold">Adds the items of a chunk to an accumulator.</param>
    /// <param name="combine">
    /// Adds the accumulator of a chunk to the result; on the calling thread, in rising order.
    /// </param>
    /// <param name="options">
    /// As for <see cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>.
    /// </param>
    /// <param name="cancellationToken">Cancels the reduction.</param>
    /// <returns>The result.</returns>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before the call returned.
    /// </exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="FastparException">The pool could not be started.</exception>
    public static T Reduce<T>(
        long count,
        T identity,
        Func<Range64, T, T> fold,
        Func<T, T, T> combine,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(fold, nameof(fold));
        Check.NotNull(combine, nameof(combine));
        new ReduceByValue<T>(fold, combine, options, cancellationToken).Run(count, options, &identity, sizeof(T));
        return identity;
    }

    /// <summary>The same with accumulators that are worked on in their place.</summary>
    /// <inheritdoc
    /// cref="Reduce{T}(long, T, Func{Range64, T, T}, Func{T, T, T}, LoopOptions, CancellationToken)"/>
    public static T Reduce<T>(
        long count,
        T identity,
        FoldAction<T> fold,
        CombineAction<T> combine,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(fold, nameof(fold));
        Check.NotNull(combine, nameof(combine));
        new ReduceByReference<T>(fold, combine, options, cancellationToken).Run(count, options, &identity, sizeof(T));
        return identity;
    }

    /// <summary>
    /// The same for accumulators of every type, such as lists: each chunk gets one of its own.
    /// </summary>
    /// <typeparam name="T">The accumulator.</typeparam>
    /// <param name="count">How many items; 0: an identity is the result.</param>
    /// <param name="identity">Makes what an accumulator begins with; called on several threads.</param>
    /// <param name="fold">Adds the items of a chunk to an accumulator.</param>
    /// <param name="combine">
    /// Adds the accumulator of a chunk to the result; on the calling thread, in rising order.
    /// </param>
    /// <param name="options">
    /// As for <see cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>.
    /// </param>
    /// <param name="cancellationToken">Cancels the reduction.</param>
    /// <returns>The result.</returns>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before the call returned.
    /// </exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="FastparException">The pool could not be started.</exception>
    public static T Reduce<T>(
        long count,
        Func<T> identity,
        Func<Range64, T, T> fold,
        Func<T, T, T> combine,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(identity, nameof(identity));
        Check.NotNull(fold, nameof(fold));
        Check.NotNull(combine, nameof(combine));
        long number = 0;
        var state = new ReduceObjects<T>(identity, fold, combine, options, cancellationToken);
        state.Run(count, options, &number, sizeof(long));
        return state.Result;
    }

    /// <summary>The same without waiting: a background job, whose task has the result.</summary>
    /// <typeparam name="T">The accumulator, without references.</typeparam>
    /// <param name="count">How many items; 0: the identity is the result.</param>
    /// <param name="identity">What every accumulator, and the result, begins with.</param>
    /// <param name="fold">Adds the items of a chunk to an accumulator.</param>
    /// <param name="combine">
    /// Adds the accumulator of a chunk to the result; one at a time, in rising order.
    /// </param>
    /// <param name="options">
    /// As for <see cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>.
    /// </param>
    /// <param name="cancellationToken">Cancels the reduction.</param>
    /// <returns>The result; or what bodies threw, or that it was cancelled.</returns>
    public static Task<T> ReduceAsync<T>(
        long count,
        T identity,
        Func<Range64, T, T> fold,
        Func<T, T, T> combine,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged => ReduceAsync(count, () => identity, fold, combine, options, cancellationToken);

    /// <summary>
    /// The same for accumulators of every type, such as lists: each chunk gets one of its own.
    /// </summary>
    /// <typeparam name="T">The accumulator.</typeparam>
    /// <param name="count">How many items; 0: an identity is the result.</param>
    /// <param name="identity">Makes what an accumulator begins with; called on several threads.</param>
    /// <param name="fold">Adds the items of a chunk to an accumulator.</param>
    /// <param name="combine">
    /// Adds the accumulator of a chunk to the result; one at a time, in rising order.
    /// </param>
    /// <param name="options">
    /// As for <see cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>.
    /// </param>
    /// <param name="cancellationToken">Cancels the reduction.</param>
    /// <returns>The result; or what bodies threw, or that it was cancelled.</returns>
    public static Task<T> ReduceAsync<T>(
        long count,
        Func<T> identity,
        Func<Range64, T, T> fold,
        Func<T, T, T> combine,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(fold, nameof(fold));
        Check.NotNull(combine, nameof(combine));
        var ordered = new OrderedReduction<T>(Check.NotNull(identity, nameof(identity)), fold, combine);
        return ordered.Finish(Start(count, ordered.Fold, options, cancellationToken).Completion);
    }
}
