using System;
using System.ComponentModel;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// Options of a group. A property that is not set means its default. They are read when a call begins.
/// </summary>
public sealed class GroupOptions
{
    /// <summary>
    /// Threads that work on the group at the same time, the caller included. 0: every thread of the pool.
    /// </summary>
    public int MaxLanes { get; set => field = (int)Check.NotNegative(value, nameof(value)); }

    /// <summary>What traces call the group; null: nothing of its own.</summary>
    public string? Name { get; set => Utf8Name = CallName.Utf8(field = value); }

    /// <summary>The name, to be pinned for a call.</summary>
    internal byte[]? Utf8Name { get; private set; }

    /// <summary>
    /// What the call throws when several tasks have failed: the exception of the first in time, or all in
    /// that order.
    /// </summary>
    public LoopErrors Errors { get; set => field = Check.Errors(value, nameof(value)); }
}

/// <summary>
/// Tasks that make tasks, to any depth: for work that is no range, such as trees, recursion and graphs. A
/// task gets an object of this type, by which it adds tasks and waits for them.
/// </summary>
/// <remarks>
/// An exception of a task ends the group: no task is begun any more, those that run finish, and the call
/// throws the exception as it is; if several tasks threw, the first in time. Tasks find the execution context
/// of the code that called <see cref="Run(Action{FastparGroup}, GroupOptions, CancellationToken)"/>
/// (AsyncLocal, cultures, activity), on every thread; what they set there, and the priority of their thread,
/// is taken back.
/// </remarks>
public sealed unsafe class FastparGroup
{
    private const string AsyncBodies = "A group waits for no task of .NET: what it runs is synchronous.";

    private readonly GroupState state;
    private readonly fastpar_group* group;
    private readonly Action<FastparGroup> body;

    internal FastparGroup(GroupState state, fastpar_group* group, Action<FastparGroup> body)
    {
        this.state = state;
        this.group = group;
        this.body = body;
    }

    /// <summary>
    /// A number below <see cref="FastparPool.Threads"/>, and below <see cref="GroupOptions.MaxLanes"/> if
    /// that is not 0, that no other thread of the group has while the task runs. A task that waits runs
    /// others on its lane.
    /// </summary>
    public int Lane { get; private set; }

    /// <summary>The call that the task belongs to.</summary>
    internal GroupState State => state;

    /// <summary>
    /// Runs a task and all tasks that it and they add, in parallel, and returns when all have ended.
    /// </summary>
    /// <param name="root">The first task; the calling thread runs it.</param>
    /// <param name="options">How many threads, and what is thrown; null: every thread of the pool.</param>
    /// <param name="cancellationToken">Cancels the group: no task is begun any more.</param>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before the call returned, and no task threw an exception of its own.
    /// </exception>
    /// <exception cref="FastparException">The pool could not be started.</exception>
    public static void Run(
        Action<FastparGroup> root, GroupOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(root, nameof(root));
        try
        {
            new GroupState(root, options, cancellationToken).Run();
        }
        catch (GroupEndedException ended) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(ended.Message, ended.InnerException, cancellationToken);
        }
    }

    /// <summary>The same for a task that only throws.</summary>
    /// <inheritdoc cref="Run(Action{FastparGroup}, GroupOptions, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run(
        Func<FastparGroup, NoReturn> root, GroupOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(root, nameof(root));
        Run(new Action<FastparGroup>(group => root(group)), options, cancellationToken);
    }

    /// <summary>Not for asynchronous tasks: they would be taken for finished at their first await.</summary>
    /// <param name="root">Not called.</param>
    /// <param name="options">Not used.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run(
        Func<FastparGroup, Task> root, GroupOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc cref="Run(Func{FastparGroup, Task}, GroupOptions, CancellationToken)"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run(
        Func<FastparGroup, ValueTask> root, GroupOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(AsyncBodies);

    /// <summary>
    /// Adds a task to the group. It runs once, on any thread, unless the group ends before.
    /// </summary>
    /// <param name="task">The task; it gets an object of its own.</param>
    /// <remarks>
    /// Never blocks. May be called by any thread that runs a task of the group, or a body of a loop or a
    /// group inside a task: what is added belongs to that task.
    /// </remarks>
    /// <exception cref="OperationCanceledException">
    /// A task failed, or the group is cancelled. Let it pass: the call throws the exception of that task.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The calling thread is not inside a task of this group.
    /// </exception>
    /// <exception cref="OutOfMemoryException">The group goes on without the task.</exception>
    public void Spawn(Action<FastparGroup> task)
    {
        Check.NotNull(task, nameof(task));
        fastpar_error error;
        Ok(state.Spawn(new FastparGroup(state, group, task), group, &error), &error);
    }

    /// <summary>The same for a task that adds no others.</summary>
    /// <param name="task">The task.</param>
    /// <inheritdoc cref="Spawn(Action{FastparGroup})"/>
    public void Spawn(Action task)
    {
        Check.NotNull(task, nameof(task));
        Spawn(new Action<FastparGroup>(_ => task()));
    }

    /// <summary>The same for a task that only throws.</summary>
    /// <inheritdoc cref="Spawn(Action{FastparGroup})"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public void Spawn(Func<FastparGroup, NoReturn> task)
    {
        Check.NotNull(task, nameof(task));
        Spawn(new Action<FastparGroup>(inner => task(inner)));
    }

    /// <inheritdoc cref="Spawn(Func{FastparGroup, NoReturn})"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public void Spawn(Func<NoReturn> task)
    {
        Check.NotNull(task, nameof(task));
        Spawn(new Action<FastparGroup>(_ => task()));
    }

    /// <summary>Not for asynchronous tasks: they would be taken for finished at their first await.</summary>
    /// <param name="task">Not called.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public void Spawn(Func<FastparGroup, Task> task) => throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc cref="Spawn(Func{FastparGroup, Task})"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public void Spawn(Func<FastparGroup, ValueTask> task) => throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc cref="Spawn(Func{FastparGroup, Task})"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public void Spawn(Func<Task> task) => throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc cref="Spawn(Func{FastparGroup, Task})"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public void Spawn(Func<ValueTask> task) => throw new NotSupportedException(AsyncBodies);

    /// <summary>
    /// Waits until all tasks that the calling task has added, and all below, have ended. The thread runs
    /// tasks of the group meanwhile, so no lock that other tasks take may be held.
    /// </summary>
    /// <exception cref="OperationCanceledException">
    /// A task failed, or the group is cancelled. Let it pass: the call throws the exception of that task.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The calling thread is not inside a task of this group, or is inside another call that the task makes.
    /// </exception>
    /// <exception cref="FastparException">
    /// <see cref="FastparStatus.LimitExceeded"/>: past 128 waits and calls within each other on its thread,
    /// with no other thread of the group left; not all of the tasks have ended.
    /// </exception>
    public void Wait()
    {
        fastpar_error error;
        Ok(state.Wait(group, &error), &error);
    }

    internal void Call(int lane)
    {
        Lane = lane;
        body(this);
    }

    private void Ok(int status, fastpar_error* error)
    {
        switch (status)
        {
            case NativeMethods.FASTPAR_OK:
                return;
            case NativeMethods.FASTPAR_ERR_CANCELLED:
                throw new GroupEndedException(Check.Text(error->message), state);
            case NativeMethods.FASTPAR_ERR_INVALID_ARGUMENT:
                // No argument is to blame, but the thread.
                Exception inner = Check.Exception(error);
                throw new InvalidOperationException(Check.Text(error->message), inner.InnerException);
            default:
                throw Check.Exception(error);
        }
    }
}

/// <summary>A task could not be added or waited for, because the group is ending.</summary>
internal sealed class GroupEndedException : OperationCanceledException
{
    internal GroupEndedException(string message, GroupState group)
        : base(message, new FastparException(FastparStatus.Cancelled, message)) => Group = group;

    internal GroupState Group { get; }
}
