using System;
using System.ComponentModel;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>Prefix sums.</content>
public static unsafe partial class FastparLoop
{
    private const string AsyncPrefix = "Prefix sums wait for no task of .NET: their functions are synchronous.";

    /// <summary>
    /// Folds the chunks of the items 0 to <paramref name="count"/>, combines what came of them in chunk
    /// order, and gives each chunk the combination of all before it: prefix sums, counting and then filling,
    /// running maxima. For one plan the same to the bit however many threads ran it.
    /// </summary>
    /// <typeparam name="T">The accumulator, without references.</typeparam>
    /// <param name="count">How many items; 0: the identity is the result.</param>
    /// <param name="identity">
    /// What every accumulator, and the total, begins with, such as 0 for a sum.
    /// </param>
    /// <param name="fold">Adds the items of a chunk to an accumulator.</param>
    /// <param name="combine">
    /// Adds the accumulator of a chunk to the total; on the calling thread, in rising order.
    /// </param>
    /// <param name="apply">
    /// Gets a chunk and the total of all before it; may write where the fold of the same chunk has read.
    /// </param>
    /// <param name="options">
    /// As for <see cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>.
    /// </param>
    /// <param name="cancellationToken">Cancels the call; some chunks may have been applied.</param>
    /// <returns>The total.</returns>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before the call returned.
    /// </exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="FastparException">The pool could not be started.</exception>
    public static T Prefix<T>(
        long count,
        T identity,
        Func<Range64, T, T> fold,
        Func<T, T, T> combine,
        Action<Range64, T> apply,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(fold, nameof(fold));
        Check.NotNull(combine, nameof(combine));
        Check.NotNull(apply, nameof(apply));
        new PrefixState<T>(fold, combine, apply, options, cancellationToken).Run(count, options, &identity, sizeof(T));
        return identity;
    }

    /// <summary>The same for a function that only throws.</summary>
    /// <inheritdoc
    /// cref="Prefix{T}(long, T, Func{Range64, T, T}, Func{T, T, T}, Action{Range64, T},
    /// LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static T Prefix<T>(
        long count,
        T identity,
        Func<Range64, T, T> fold,
        Func<T, T, T> combine,
        Func<Range64, T, NoReturn> apply,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(apply, nameof(apply));
        return Prefix(
            count, identity, fold, combine, new Action<Range64, T>((range, before) => apply(range, before)), options, cancellationToken);
    }

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <typeparam name="T">The accumulator.</typeparam>
    /// <param name="count">Not used.</param>
    /// <param name="identity">Not used.</param>
    /// <param name="fold">Not called.</param>
    /// <param name="combine">Not called.</param>
    /// <param name="apply">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    /// <returns>Nothing: it throws.</returns>
    [Obsolete(AsyncPrefix, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static T Prefix<T>(
        long count,
        T identity,
        Func<Range64, T, T> fold,
        Func<T, T, T> combine,
        Func<Range64, T, Task> apply,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged => throw new NotSupportedException(AsyncPrefix);

    /// <inheritdoc
    /// cref="Prefix{T}(long, T, Func{Range64, T, T}, Func{T, T, T}, Func{Range64, T, Task},
    /// LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncPrefix, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static T Prefix<T>(
        long count,
        T identity,
        Func<Range64, T, T> fold,
        Func<T, T, T> combine,
        Func<Range64, T, ValueTask> apply,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged => throw new NotSupportedException(AsyncPrefix);
}
