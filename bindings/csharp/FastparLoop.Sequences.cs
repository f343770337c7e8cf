using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>Loops over what can only be enumerated.</content>
public static partial class FastparLoop
{
    /// <summary>
    /// Calls a body for every item of a sequence, such as a set or a query, in parallel.
    /// </summary>
    /// <param name="items">
    /// Is read to its end, on the calling thread, before the first body begins. For what does not fit into
    /// memory, or has no end, there is <see cref="FastparPipeline"/>.
    /// </param>
    /// <param name="body">Gets the item. A chunk calls it for one item after the other.</param>
    /// <param name="options">As for lists.</param>
    /// <param name="cancellationToken">
    /// Cancels the loop: no more items are read, and no new one is begun.
    /// </param>
    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Action{T}, LoopOptions, CancellationToken)"/>
    public static void ForEach<T>(
        IEnumerable<T> items, Action<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        ForEach(Listed(items, body, cancellationToken), body, options, cancellationToken);

    /// <summary>Calls an asynchronous body for every item of a sequence.</summary>
    /// <param name="items">Is read to its end, on the calling thread, before the first body begins.</param>
    /// <param name="body">Gets the item, and a token as other bodies of asynchronous loops.</param>
    /// <param name="options">As for lists.</param>
    /// <param name="cancellationToken">
    /// Cancels the loop: no more items are read, and no new body begins.
    /// </param>
    /// <inheritdoc
    /// cref="ForEachAsync{T}(IReadOnlyList{T}, Func{T, CancellationToken, ValueTask}, LoopOptions,
    /// CancellationToken)"/>
    public static Task ForEachAsync<T>(
        IEnumerable<T> items,
        Func<T, CancellationToken, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ForEachAsync(Listed(items, body, cancellationToken), body, options, cancellationToken);

    /// <summary>The same for a body without a token.</summary>
    /// <inheritdoc
    /// cref="ForEachAsync{T}(IEnumerable{T}, Func{T, CancellationToken, ValueTask}, LoopOptions,
    /// CancellationToken)"/>
    public static Task ForEachAsync<T>(
        IEnumerable<T> items,
        Func<T, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ForEachAsync(Listed(items, body, cancellationToken), body, options, cancellationToken);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, NoReturn}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        IEnumerable<T> items, Func<T, NoReturn> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        ForEach(items, Thrower(body), options, cancellationToken);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncItems, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        IEnumerable<T> items, Func<T, Task> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncItems);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncItems, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        IEnumerable<T> items, Func<T, ValueTask> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncItems);

    /// <summary>
    /// The items by their numbers; a list is taken as it is. Without a body nothing is read, and what is
    /// cancelled is not read on: the loop tells that.
    /// </summary>
    private static IReadOnlyList<T> Listed<T>(IEnumerable<T> items, Delegate body, CancellationToken token)
    {
        Check.NotNull(items, nameof(items));
        Check.NotNull(body, nameof(body));
        if (items is IReadOnlyList<T> list)
        {
            return list;
        }
        // A collection copies itself at once.
        if (!token.CanBeCanceled || (items is ICollection<T> && !token.IsCancellationRequested))
        {
            return new List<T>(items);
        }
        var read = new List<T>();
        if (token.IsCancellationRequested)
        {
            return read;
        }
        foreach (T item in items)
        {
            read.Add(item);
            if (token.IsCancellationRequested)
            {
                break;
            }
        }
        return read;
    }
}
