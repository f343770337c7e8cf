using System;
using System.ComponentModel;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>Loops whose body works on one item.</content>
public static partial class FastparLoop
{
    /// <summary>
    /// Calls a body for every number from <paramref name="fromInclusive"/> up to, but without,
    /// <paramref name="toExclusive"/>, in parallel, as <see cref="Parallel"/> does.
    /// </summary>
    /// <param name="fromInclusive">The first number.</param>
    /// <param name="toExclusive">One past the last; the same or less: the body is not called.</param>
    /// <param name="body">Gets the number. A chunk calls it for one number after the other.</param>
    /// <param name="options">
    /// Null, and options that cut the range in no way of their own: chunks that shrink
    /// (<see cref="Schedule.Guided"/>), as bodies of items take longer or shorter.
    /// </param>
    /// <param name="cancellationToken">Cancels the loop: no new item is begun.</param>
    /// <inheritdoc cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    public static void For(
        int fromInclusive,
        int toExclusive,
        Action<int> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        Each(fromInclusive, toExclusive, body, default(Ints), options, cancellationToken);
    }

    /// <inheritdoc cref="For(int, int, Action{int}, LoopOptions, CancellationToken)"/>
    public static void For(
        long fromInclusive,
        long toExclusive,
        Action<long> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        Each(fromInclusive, toExclusive, body, default(Longs), options, cancellationToken);
    }

    /// <summary>
    /// Calls an asynchronous body for every number from <paramref name="fromInclusive"/> up to, but without,
    /// <paramref name="toExclusive"/>.
    /// </summary>
    /// <param name="fromInclusive">The first number.</param>
    /// <param name="toExclusive">One past the last; the same or less: the body is not called.</param>
    /// <param name="body">Gets the number, and a token as other bodies of this method.</param>
    /// <param name="options">
    /// Null, and options that cut the range in no way of their own: each number is a chunk.
    /// </param>
    /// <param name="cancellationToken">Cancels the loop: no new body begins.</param>
    /// <inheritdoc
    /// cref="ForAsync(long, Func{Range64, CancellationToken, ValueTask}, LoopOptions, CancellationToken)"/>
    public static Task ForAsync(
        int fromInclusive,
        int toExclusive,
        Func<int, CancellationToken, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        return ForAsync(
            (long)fromInclusive, toExclusive, (item, token) => body((int)item, token), options, cancellationToken);
    }

    /// <inheritdoc
    /// cref="ForAsync(int, int, Func{int, CancellationToken, ValueTask}, LoopOptions, CancellationToken)"/>
    public static Task ForAsync(
        long fromInclusive,
        long toExclusive,
        Func<long, CancellationToken, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        ValueTask Items(Range64 range, CancellationToken token) => range.Length == 1
            ? body(fromInclusive + range.Begin, token)
            : OneByOne(new Range64(fromInclusive + range.Begin, fromInclusive + range.End), body, token);
        return ForAsync(CountOf(fromInclusive, toExclusive), Items, ItemByItem(options), cancellationToken);
    }

    /// <summary>The same for a body without a token.</summary>
    /// <inheritdoc
    /// cref="ForAsync(int, int, Func{int, CancellationToken, ValueTask}, LoopOptions, CancellationToken)"/>
    public static Task ForAsync(
        int fromInclusive,
        int toExclusive,
        Func<int, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        return ForAsync((long)fromInclusive, toExclusive, (item, _) => body((int)item), options, cancellationToken);
    }

    /// <summary>The same for a body without a token.</summary>
    /// <inheritdoc
    /// cref="ForAsync(int, int, Func{int, CancellationToken, ValueTask}, LoopOptions, CancellationToken)"/>
    public static Task ForAsync(
        long fromInclusive,
        long toExclusive,
        Func<long, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        return ForAsync(fromInclusive, toExclusive, (item, _) => body(item), options, cancellationToken);
    }

    /// <summary>The same for a body that only throws.</summary>
    /// <inheritdoc cref="For(int, int, Action{int}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        int fromInclusive,
        int toExclusive,
        Func<int, NoReturn> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        For(fromInclusive, toExclusive, new Action<int>(item => body(item)), options, cancellationToken);
    }

    /// <summary>The same for a body that only throws.</summary>
    /// <inheritdoc cref="For(int, int, Action{int}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        long fromInclusive,
        long toExclusive,
        Func<long, NoReturn> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        For(fromInclusive, toExclusive, new Action<long>(item => body(item)), options, cancellationToken);
    }

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="fromInclusive">Not used.</param>
    /// <param name="toExclusive">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        int fromInclusive,
        int toExclusive,
        Func<int, Task> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc cref="For(int, int, Func{int, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        int fromInclusive,
        int toExclusive,
        Func<int, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc cref="For(int, int, Func{int, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        long fromInclusive,
        long toExclusive,
        Func<long, Task> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc cref="For(int, int, Func{int, Task}, LoopOptions, CancellationToken)"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        long fromInclusive,
        long toExclusive,
        Func<long, ValueTask> body,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);

    /// <summary>The options of a loop over items of which no body knows how long the next takes.</summary>
    private static LoopOptions Shrinking(LoopOptions? options) =>
        options == null ? LoopOptions.Shrinking : options.OrElse(LoopOptions.Shrinking);

    private static LoopOptions ItemByItem(LoopOptions? options) =>
        options == null ? LoopOptions.ItemByItem : options.OrElse(LoopOptions.ItemByItem);

    /// <summary>One loop for both kinds of numbers: for each the compiler makes its own code.</summary>
    private static void Each<T, TNumbers>(
        long from, long to, Action<T> body, TNumbers numbers, LoopOptions? options, CancellationToken token)
        where TNumbers : struct, INumbers<T>
    {
        var loop = new ItemLoop(token);
        void Items(Range64 range)
        {
            long end = from + range.End;
            for (long i = from + range.Begin; i < end && !loop.IsOver; i++)
            {
                body(numbers.Of(i));
            }
        }
        loop.Run(CountOf(from, to), Items, Shrinking(options));
    }

    private static long CountOf(long fromInclusive, long toExclusive) =>
        toExclusive <= fromInclusive ? 0
        : toExclusive - fromInclusive > 0 ? toExclusive - fromInclusive
        : throw new ArgumentOutOfRangeException(
            nameof(toExclusive), toExclusive, "the range has more than 2^63 - 1 items");

    private static async ValueTask OneByOne(
        Range64 range, Func<long, CancellationToken, ValueTask> body, CancellationToken token)
    {
        foreach (long item in range)
        {
            token.ThrowIfCancellationRequested();
            await body(item, token).ConfigureAwait(false);
        }
    }

    private interface INumbers<out T>
    {
        T Of(long item);
    }

    private readonly struct Ints : INumbers<int>
    {
        public int Of(long item) => (int)item;
    }

    private readonly struct Longs : INumbers<long>
    {
        public long Of(long item) => item;
    }
}
