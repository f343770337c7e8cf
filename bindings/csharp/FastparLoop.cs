using System;
using System.ComponentModel;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// Loops over ranges, in chunks, on the global pool. A call works on the calling thread too and returns when
/// every body has returned. It may be made from any thread, by any number at a time, and from inside bodies
/// (nested).
/// </summary>
/// <remarks>
/// An exception of a body stops the loop: no new chunk starts, the chunks in flight finish, and the call
/// throws the exception as it is; if several bodies threw, that of the lowest chunk of those that ran.
/// <see cref="LoopErrors.All"/> asks for all of them. A body must not wait for another chunk of its own loop,
/// which may not have begun; <see cref="FastparTeam"/> exists for that. Bodies find the execution context of
/// the caller (AsyncLocal, cultures, activity), on every thread; what they set there, and the priority of
/// their thread, is taken back. Workers have stacks of 2 MiB, where other threads of .NET have 8 MiB on most
/// Linux systems: for bodies that go deep there is <see cref="PoolOptions.StackSize"/>, as an overflow ends
/// the process.
/// </remarks>
public static unsafe partial class FastparLoop
{
    private const string AsyncBodies = "A loop waits for no task: FastparLoop.ForAsync takes asynchronous bodies.";

    /// <summary>
    /// Calls a body for every chunk of the items 0 to <paramref name="count"/>, in parallel.
    /// </summary>
    /// <param name="count">How many items; 0: the body is not called.</param>
    /// <param name="body">Works on the items of one chunk.</param>
    /// <param name="options">
    /// How the range is cut, and by how many threads; null: 24 chunks, every thread of the pool.
    /// </param>
    /// <param name="cancellationToken">Cancels the loop: no new chunk starts.</param>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before the call returned.
    /// </exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="FastparException">The pool could not be started.</exception>
    public static void For(
        long count, Action<Range64> body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        fastpar_error error;
        new LoopState(Check.NotNull(body, nameof(body)), options, cancellationToken).Run(count, &error);
    }

    /// <summary>
    /// The same for a body that is told more: <c>(in Chunk chunk) =&gt; ...</c> sees its lane and its index.
    /// </summary>
    /// <inheritdoc cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    public static void For(
        long count, ChunkAction body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        fastpar_error error;
        new LoopState(Check.NotNull(body, nameof(body)), options, cancellationToken).Run(count, &error);
    }

    /// <summary>The same for a body that only throws.</summary>
    /// <inheritdoc cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        long count, Func<Range64, NoReturn> body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        For(count, new Action<Range64>(range => body(range)), options, cancellationToken);
    }

    /// <summary>The same for a body that only throws.</summary>
    /// <inheritdoc cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        long count, ChunkNoReturn body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        For(count, new ChunkAction((in Chunk chunk) => body(chunk)), options, cancellationToken);
    }

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="count">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        long count, Func<Range64, Task> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="count">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        long count, Func<Range64, ValueTask> body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="count">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        long count, ChunkTask body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="count">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void For(
        long count, ChunkValueTask body, LoopOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);

    /// <summary>The same for a body that may stop the loop by returning anything but 0.</summary>
    /// <returns>
    /// Whether every chunk was done; if not, the code and the chunk, of several the lowest.
    /// </returns>
    /// <inheritdoc cref="For(long, Action{Range64}, LoopOptions, CancellationToken)"/>
    public static LoopResult ForUntil(
        long count, ChunkFunc body, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        fastpar_error error;
        var state = new LoopState(Check.NotNull(body, nameof(body)), options, cancellationToken);
        int status = state.Run(count, &error);
        if (status == NativeMethods.FASTPAR_OK)
        {
            return default;
        }
        // A code does not hide that the loop was cancelled.
        cancellationToken.ThrowIfCancellationRequested();
        return new LoopResult(error.code, (long)error.position);
    }

    /// <summary>Tells how a loop would be cut; runs nothing and starts no thread.</summary>
    /// <param name="count">How many items.</param>
    /// <param name="options">As for the loop.</param>
    /// <returns>The plan.</returns>
    public static LoopPlan PlanMake(long count, LoopOptions? options = null)
    {
        fastpar_error error;
        fastpar_loop_options native = (options ?? LoopOptions.Defaults).ToNative();
        fastpar_plan plan = default;
        plan.struct_size = (UIntPtr)sizeof(fastpar_plan);
        Check.Ok(NativeMethods.fastpar_plan_make(&native, Check.Count(count, nameof(count)), &plan, &error), &error);
        return new LoopPlan(plan);
    }

    /// <summary>Tells one chunk of a loop's plan; runs nothing and starts no thread.</summary>
    /// <param name="count">How many items.</param>
    /// <param name="index">Which chunk, below <see cref="LoopPlan.Chunks"/>.</param>
    /// <param name="options">As for the loop.</param>
    /// <returns>The chunk, on lane 0.</returns>
    public static Chunk PlanChunk(long count, long index, LoopOptions? options = null)
    {
        if (index < 0 || index >= PlanMake(count, options).Chunks)
        {
            throw new ArgumentOutOfRangeException(nameof(index), index, "there is no such chunk");
        }
        fastpar_loop_options native = (options ?? LoopOptions.Defaults).ToNative();
        fastpar_chunk chunk = ChunkOf(count, index, &native);
        return new Chunk(&chunk);
    }

    /// <summary>The items of a chunk that there is.</summary>
    internal static Range64 RangeOf(long count, long index, in fastpar_loop_options native)
    {
        fastpar_chunk chunk;
        fixed (fastpar_loop_options* options = &native)
        {
            chunk = ChunkOf(count, index, options);
        }
        return new Range64((long)(ulong)chunk.begin, (long)(ulong)chunk.end);
    }

    private static fastpar_chunk ChunkOf(long count, long index, fastpar_loop_options* native)
    {
        fastpar_error error;
        fastpar_chunk chunk;
        Check.Ok(
            NativeMethods.fastpar_plan_chunk(native, Check.Count(count, nameof(count)), (nuint)(ulong)index, &chunk, &error),
            &error);
        return chunk;
    }
}
