using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// Options of a pipeline. A property that is not set means its default. They are read when a call begins.
/// </summary>
public sealed class PipelineOptions
{
    /// <summary>
    /// Threads that work on items at the same time, the caller included. 0: every thread of the pool.
    /// </summary>
    public int MaxLanes { get; set => field = (int)Check.NotNegative(value, nameof(value)); }

    /// <summary>
    /// The most items that the source has given and the sink has not got yet: it bounds the memory. 0: twice
    /// the lanes.
    /// </summary>
    public int InFlight { get; set => field = (int)Check.NotNegative(value, nameof(value)); }

    /// <summary>What traces call the pipeline; null: nothing of its own.</summary>
    public string? Name { get; set => Utf8Name = CallName.Utf8(field = value); }

    /// <summary>The name, to be pinned for a call.</summary>
    internal byte[]? Utf8Name { get; private set; }

    /// <summary>
    /// What the call throws when several items have failed: the exception of the lowest of those that were
    /// worked on, or all in the order of the items.
    /// </summary>
    public LoopErrors Errors { get; set => field = Check.Errors(value, nameof(value)); }
}

/// <summary>
/// In order in, in parallel, in order out: for files that are read, converted and written in pieces.
/// </summary>
public static class FastparPipeline
{
    private const string AsyncBodies = "A pipeline waits for no task of .NET: its sink is synchronous.";

    /// <summary>
    /// Takes items from a source in order, works on them in parallel, and gives the results to a sink in the
    /// same order. While <see cref="PipelineOptions.InFlight"/> items are under way none is taken. A result
    /// that is there goes to the sink before the source is asked again.
    /// </summary>
    /// <typeparam name="T">An item.</typeparam>
    /// <typeparam name="TResult">What becomes of it.</typeparam>
    /// <param name="source">Gives the items; asked for them on the calling thread.</param>
    /// <param name="work">Called on any thread, several at the same time.</param>
    /// <param name="sink">Called on the calling thread.</param>
    /// <param name="options">How many threads and items; null: every thread of the pool.</param>
    /// <param name="cancellationToken">
    /// Cancels the pipeline: no item is taken, begun or given to the sink any more.
    /// </param>
    /// <remarks>
    /// When the work on an item throws, the sink still gets the results before it, and no later one. An
    /// exception of the source or the sink ends the pipeline at once; in either case items under way and
    /// results that the sink did not get are left to the garbage collector. All three find the execution
    /// context of the caller.
    /// </remarks>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before the call returned.
    /// </exception>
    /// <exception cref="FastparException">The pool could not be started.</exception>
    public static void Run<T, TResult>(
        IEnumerable<T> source,
        Func<T, TResult> work,
        Action<TResult> sink,
        PipelineOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(source, nameof(source));
        Check.NotNull(work, nameof(work));
        Check.NotNull(sink, nameof(sink));
        using IEnumerator<T> items = source.GetEnumerator();
        new PipelineState<T, TResult>(items, work, sink, options, cancellationToken).Run();
    }

    /// <summary>The same for a sink that only throws.</summary>
    /// <inheritdoc
    /// cref="Run{T, TResult}(IEnumerable{T}, Func{T, TResult}, Action{TResult},
    /// PipelineOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run<T, TResult>(
        IEnumerable<T> source,
        Func<T, TResult> work,
        Func<TResult, NoReturn> sink,
        PipelineOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(sink, nameof(sink));
        Run(source, work, new Action<TResult>(result => sink(result)), options, cancellationToken);
    }

    /// <summary>Not for asynchronous sinks: they would be taken for finished at their first await.</summary>
    /// <typeparam name="T">An item.</typeparam>
    /// <typeparam name="TResult">What becomes of it.</typeparam>
    /// <param name="source">Not used.</param>
    /// <param name="work">Not called.</param>
    /// <param name="sink">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run<T, TResult>(
        IEnumerable<T> source,
        Func<T, TResult> work,
        Func<TResult, Task> sink,
        PipelineOptions? options = null,
        CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc
    /// cref="Run{T, TResult}(IEnumerable{T}, Func{T, TResult}, Func{TResult, Task},
    /// PipelineOptions, CancellationToken)"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run<T, TResult>(
        IEnumerable<T> source,
        Func<T, TResult> work,
        Func<TResult, ValueTask> sink,
        PipelineOptions? options = null,
        CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);
}
