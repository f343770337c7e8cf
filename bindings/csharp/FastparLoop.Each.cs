using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>Works on one item in its place.</summary>
/// <typeparam name="T">The items.</typeparam>
/// <param name="item">The item, which may be set.</param>
public delegate void RefAction<T>(ref T item);

/// <summary>Works on items that lie one after the other.</summary>
/// <typeparam name="T">The items.</typeparam>
/// <param name="items">Those of one chunk, in their place.</param>
public delegate void SliceAction<T>(Span<T> items);

/// <summary>Works on items that lie one after the other, and knows which they are.</summary>
/// <typeparam name="T">The items.</typeparam>
/// <param name="items">Those of one chunk, in their place.</param>
/// <param name="range">Their numbers.</param>
public delegate void RangedSliceAction<T>(Span<T> items, Range64 range);

/// <summary>Works on items that lie one after the other.</summary>
/// <typeparam name="T">The items.</typeparam>
/// <param name="items">Those of one chunk.</param>
public delegate void ReadOnlySliceAction<T>(ReadOnlySpan<T> items);

/// <content>Loops over arrays, lists and memory.</content>
public static partial class FastparLoop
{
    /// <summary>
    /// Calls a body for every item of an array or a list, in parallel, as <see cref="Parallel"/> does.
    /// </summary>
    /// <typeparam name="T">The items.</typeparam>
    /// <param name="items">Must stay as it is during the call.</param>
    /// <param name="body">Gets the item. A chunk calls it for one item after the other.</param>
    /// <param name="options">
    /// Null, and options that cut the range in no way of their own: chunks that shrink
    /// (<see cref="Schedule.Guided"/>), as bodies of items take longer or shorter.
    /// </param>
    /// <param name="cancellationToken">Cancels the loop: no new item is begun.</param>
    /// <inheritdoc cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    public static void ForEach<T>(
        IReadOnlyList<T> items, Action<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(items, nameof(items));
        Check.NotNull(body, nameof(body));
        var loop = new ItemLoop(cancellationToken);
        void Items(Range64 range)
        {
            for (int i = (int)range.Begin; i < (int)range.End && !loop.IsOver; i++)
            {
                body(items[i]);
            }
        }
        loop.Run(items.Count, Items, Shrinking(options));
    }

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Action{T}, LoopOptions, CancellationToken)"/>
    public static void ForEach<T>(
        T[] items, Action<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        ForEach(new ReadOnlyMemory<T>(Check.NotNull(items, nameof(items))), body, options, cancellationToken);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Action{T}, LoopOptions, CancellationToken)"/>
    public static void ForEach<T>(
        ReadOnlyMemory<T> items, Action<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        var loop = new ItemLoop(cancellationToken);
        void Items(Range64 range)
        {
            // As memory that is written: Mono's read-only span has another indexer than .NET Standard 2.1
            // names.
            foreach (T item in range.Of(MemoryMarshal.AsMemory(items).Span))
            {
                if (loop.IsOver)
                {
                    return;
                }
                body(item);
            }
        }
        loop.Run(items.Length, Items, Shrinking(options));
    }

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Action{T}, LoopOptions, CancellationToken)"/>
    public static void ForEach<T>(
        Memory<T> items, Action<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        ForEach((ReadOnlyMemory<T>)items, body, options, cancellationToken);

    /// <summary>The same for a body that sets items: <c>(ref int item) =&gt; item *= 2</c>.</summary>
    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Action{T}, LoopOptions, CancellationToken)"/>
    public static void ForEach<T>(
        Memory<T> items, RefAction<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        var loop = new ItemLoop(cancellationToken);
        void Items(Range64 range)
        {
            foreach (ref T item in range.Of(items.Span))
            {
                if (loop.IsOver)
                {
                    return;
                }
                body(ref item);
            }
        }
        loop.Run(items.Length, Items, Shrinking(options));
    }

    /// <summary>The same for a body that sets items: <c>(ref int item) =&gt; item *= 2</c>.</summary>
    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Action{T}, LoopOptions, CancellationToken)"/>
    public static void ForEach<T>(
        T[] items, RefAction<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        ForEach(Check.NotNull(items, nameof(items)).AsMemory(), body, options, cancellationToken);

    /// <summary>
    /// Calls a body for every chunk of an array, with the items of the chunk:
    /// <c>FastparLoop.For(prices, slice =&gt; slice.Fill(0))</c>.
    /// </summary>
    /// <typeparam name="T">The items.</typeparam>
    /// <param name="items">The array, of which every chunk is worked on in its place.</param>
    /// <param name="body">Works on the items of one chunk.</param>
    /// <param name="options">Null: 24 chunks, every thread of the pool.</param>
    /// <param name="cancellationToken">Cancels the loop: no new chunk starts.</param>
    /// <inheritdoc cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    public static void For<T>(
        T[] items, SliceAction<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        For(Check.NotNull(items, nameof(items)).AsMemory(), body, options, cancellationToken);

    /// <summary>The same for a body that is told which items it gets.</summary>
    /// <inheritdoc cref="For{T}(T[], SliceAction{T}, LoopOptions, CancellationToken)"/>
    public static void For<T>(
        T[] items, RangedSliceAction<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        For(Check.NotNull(items, nameof(items)).AsMemory(), body, options, cancellationToken);

    /// <summary>The same for memory.</summary>
    /// <inheritdoc cref="For{T}(T[], SliceAction{T}, LoopOptions, CancellationToken)"/>
    public static void For<T>(
        Memory<T> items, SliceAction<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        For(items.Length, new Action<Range64>(range => body(range.Of(items.Span))), options, cancellationToken);
    }

    /// <summary>The same for memory, and a body that is told which items it gets.</summary>
    /// <inheritdoc cref="For{T}(T[], SliceAction{T}, LoopOptions, CancellationToken)"/>
    public static void For<T>(
        Memory<T> items, RangedSliceAction<T> body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        For(items.Length, new Action<Range64>(range => body(range.Of(items.Span), range)), options, cancellationToken);
    }

    /// <summary>The same for memory that is only read.</summary>
    /// <inheritdoc cref="For{T}(T[], SliceAction{T}, LoopOptions, CancellationToken)"/>
    public static void For<T>(
        ReadOnlyMemory<T> items,
        ReadOnlySliceAction<T> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        For(items.Length, new Action<Range64>(range => body(range.Of(items.Span))), options, cancellationToken);
    }

    /// <summary>Calls an asynchronous body for every item of an array or a list.</summary>
    /// <typeparam name="T">The items.</typeparam>
    /// <param name="items">Must stay as it is until the task has ended.</param>
    /// <param name="body">Gets the item, and a token as other bodies of asynchronous loops.</param>
    /// <param name="options">
    /// Null, and options that cut the range in no way of their own: each item is a chunk.
    /// </param>
    /// <param name="cancellationToken">Cancels the loop: no new body begins.</param>
    /// <inheritdoc
    /// cref="ForAsync(long, Func{Range64, CancellationToken, ValueTask}, LoopOptions, CancellationToken)"/>
    public static Task ForEachAsync<T>(
        IReadOnlyList<T> items,
        Func<T, CancellationToken, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(items, nameof(items));
        Check.NotNull(body, nameof(body));
        return ForAsync(0L, items.Count, (item, token) => body(items[(int)item], token), options, cancellationToken);
    }

    /// <summary>The same for a body without a token.</summary>
    /// <inheritdoc
    /// cref="ForEachAsync{T}(IReadOnlyList{T}, Func{T, CancellationToken, ValueTask}, LoopOptions,
    /// CancellationToken)"/>
    public static Task ForEachAsync<T>(
        IReadOnlyList<T> items,
        Func<T, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        return ForEachAsync(items, (item, _) => body(item), options, cancellationToken);
    }

    /// <summary>The same for a body that only throws.</summary>
    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Action{T}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        IReadOnlyList<T> items, Func<T, NoReturn> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        ForEach(items, Thrower(body), options, cancellationToken);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, NoReturn}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        T[] items, Func<T, NoReturn> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        ForEach(items, Thrower(body), options, cancellationToken);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, NoReturn}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        ReadOnlyMemory<T> items, Func<T, NoReturn> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        ForEach(items, Thrower(body), options, cancellationToken);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, NoReturn}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        Memory<T> items, Func<T, NoReturn> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        ForEach(items, Thrower(body), options, cancellationToken);

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <typeparam name="T">The items.</typeparam>
    /// <param name="items">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncItems, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        IReadOnlyList<T> items, Func<T, Task> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncItems);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncItems, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        IReadOnlyList<T> items, Func<T, ValueTask> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncItems);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncItems, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        ReadOnlyMemory<T> items, Func<T, Task> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncItems);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncItems, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        ReadOnlyMemory<T> items, Func<T, ValueTask> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncItems);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncItems, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        Memory<T> items, Func<T, Task> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncItems);

    /// <inheritdoc cref="ForEach{T}(IReadOnlyList{T}, Func{T, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncItems, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void ForEach<T>(
        Memory<T> items, Func<T, ValueTask> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncItems);

    private const string AsyncItems = "A loop waits for no task: FastparLoop.ForEachAsync takes asynchronous bodies.";

    private static Action<T> Thrower<T>(Func<T, NoReturn> body)
    {
        Check.NotNull(body, nameof(body));
        return item => body(item);
    }
}
