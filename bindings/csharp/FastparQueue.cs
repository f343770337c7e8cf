using System;
using System.Diagnostics.CodeAnalysis;
using System.Threading;

namespace Fastpar;

/// <summary>
/// A bounded queue of numbers, such as indexes or addresses, for any number of producers and consumers: first
/// in, first out. Every language in the process may work on it. What a producer wrote before is visible to
/// the consumer of its value.
/// </summary>
/// <remarks>
/// A body of a loop that waits occupies its thread, and the chunk that would make room may not have begun:
/// let members of a team wait, or other threads.
/// </remarks>
[SuppressMessage("Naming", "CA1711", Justification = "It is a queue, of every language in the process.")]
public sealed unsafe class FastparQueue : IDisposable
{
    private const long MostValues = 16_777_216;

    private readonly QueueHandle handle;

    /// <summary>Makes a queue.</summary>
    /// <param name="capacity">Values that it holds at most, 1 to 16,777,216; its memory is taken now.</param>
    public FastparQueue(long capacity)
    {
        fastpar_error error;
        fastpar_queue* queue;
        UIntPtr values = (nuint)(ulong)Check.Within(capacity, 1, MostValues, nameof(capacity));
        Check.Ok(NativeMethods.fastpar_queue_open(values, &queue, &error), &error);
        handle = new QueueHandle(queue);
    }

    /// <summary>Adds a value, waiting for room.</summary>
    /// <param name="value">Any number.</param>
    /// <exception cref="ObjectDisposedException">
    /// The queue is closed, before or while this waited.
    /// </exception>
    public void Push(ulong value) => TryPush(value, Timeout.InfiniteTimeSpan);

    /// <summary>Adds a value, waiting for room for no longer than the time given.</summary>
    /// <param name="value">Any number.</param>
    /// <param name="timeout">0: do not wait.</param>
    /// <returns>False: it stayed full, and the value was not added.</returns>
    /// <inheritdoc cref="Push(ulong)"/>
    public bool TryPush(ulong value, TimeSpan timeout = default)
    {
        ulong milliseconds = Check.Timeout(timeout, nameof(timeout));
        using var lease = new Lease(handle);
        fastpar_error error;
        int status = NativeMethods.fastpar_queue_push((fastpar_queue*)lease.Pointer, value, milliseconds, &error);
        if (status == NativeMethods.FASTPAR_ERR_TIMEOUT)
        {
            return false;
        }
        Check.Ok(status, &error);
        return true;
    }

    /// <summary>Adds a value, waiting for room until a token is cancelled.</summary>
    /// <param name="value">Any number; not added where this throws.</param>
    /// <param name="cancellationToken">Seen within some 20 ms.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <inheritdoc cref="Push(ulong)"/>
    public void Push(ulong value, CancellationToken cancellationToken) =>
        CancellableWait.Run(Timeout.InfiniteTimeSpan, time => TryPush(value, time), cancellationToken);

    /// <summary>Takes the oldest value, waiting for one.</summary>
    /// <param name="value">The value.</param>
    /// <returns>False: the queue is closed and empty.</returns>
    public bool Pop(out ulong value) => TryPop(out value, Timeout.InfiniteTimeSpan);

    /// <summary>Takes the oldest value, waiting for one for no longer than the time given.</summary>
    /// <param name="value">The value; 0 if there was none.</param>
    /// <param name="timeout">0: do not wait.</param>
    /// <returns>False: it stayed empty, or is closed and empty.</returns>
    public bool TryPop(out ulong value, TimeSpan timeout = default) =>
        Pop(out value, timeout) == NativeMethods.FASTPAR_OK;

    /// <summary>Takes the oldest value, waiting for one until a token is cancelled.</summary>
    /// <param name="value">The value.</param>
    /// <param name="cancellationToken">Seen within some 20 ms.</param>
    /// <returns>False: the queue is closed and empty.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public bool Pop(out ulong value, CancellationToken cancellationToken)
    {
        int status = 0;
        ulong popped = 0;
        CancellableWait.Run(
            Timeout.InfiniteTimeSpan,
            time => (status = Pop(out popped, time)) != NativeMethods.FASTPAR_ERR_TIMEOUT,
            cancellationToken);
        value = popped;
        return status == NativeMethods.FASTPAR_OK;
    }

    /// <summary>Gives whether there was a value, the time is over, or the queue closed.</summary>
    private int Pop(out ulong value, TimeSpan timeout)
    {
        ulong milliseconds = Check.Timeout(timeout, nameof(timeout));
        using var lease = new Lease(handle);
        fastpar_error error;
        ulong popped = 0;
        int status = NativeMethods.fastpar_queue_pop((fastpar_queue*)lease.Pointer, milliseconds, &popped, &error);
        value = popped;
        if (status != NativeMethods.FASTPAR_ERR_TIMEOUT && status != NativeMethods.FASTPAR_ERR_CLOSED)
        {
            Check.Ok(status, &error);
        }
        return status;
    }

    /// <summary>
    /// Ends the queue: nothing can be added any more, what is inside can still be taken. Threads that wait in
    /// vain are released.
    /// </summary>
    public void Close()
    {
        using var lease = new Lease(handle);
        NativeMethods.fastpar_queue_close((fastpar_queue*)lease.Pointer);
    }

    /// <summary>Closes the queue, and releases it with its remaining items once no call uses it.</summary>
    public void Dispose()
    {
        if (!handle.IsClosed)
        {
            try
            {
                Close();
            }
            catch (ObjectDisposedException)
            {
                return; // another thread was faster
            }
            handle.Dispose();
        }
    }
}
