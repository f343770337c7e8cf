using System;
using System.IO;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>The asynchronous methods.</content>
public sealed partial class FastparStream
{
    /// <summary>Reads of less find the rest of so many bytes at once.</summary>
    private const int Little = 16 << 10;

    /// <summary>
    /// Bytes of a write that are taken on the calling thread: copying them costs about as much as going to
    /// another thread, and nothing is allocated. CopyToAsync writes less at a time.
    /// </summary>
    private const int TakenAtOnce = 128 << 10;

    /// <inheritdoc/>
#if NETSTANDARD2_0
    public
#else
    public override
#endif
    ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return new ValueTask(Task.FromCanceled(cancellationToken));
        }
        Begin(writing: true);
        return OnWriter(Operation.Write, buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Check.Buffer(buffer, offset, count);
        return WriteAsync(new ReadOnlyMemory<byte>(buffer, offset, count), cancellationToken).AsTask();
    }

    /// <inheritdoc/>
#if NETSTANDARD2_0
    public
#else
    public override
#endif
    ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return new ValueTask<int>(Task.FromCanceled<int>(cancellationToken));
        }
        Begin(writing: false);
        int ready = Math.Min(fewEnd - fewStart, buffer.Length);
        if (ready == 0)
        {
            return ReadOrAwait(buffer, cancellationToken);
        }
        few.AsSpan(fewStart, ready).CopyTo(buffer.Span);
        fewStart += ready;
        state.GiveBack();
        return new ValueTask<int>(ready);
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Check.Buffer(buffer, offset, count);
        return ReadAsync(new Memory<byte>(buffer, offset, count), cancellationToken).AsTask();
    }

    /// <inheritdoc/>
    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (writes && !finished)
        {
            Begin(writing: true);
            await OnWriter(Operation.Flush, default, cancellationToken).ConfigureAwait(false);
            await inner.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The same without waiting.</summary>
    /// <param name="cancellationToken">Cancels the call, and ends the stream as it is.</param>
    /// <returns>Completes when the stream behind has everything.</returns>
    public Task FinishAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }
        Begin(writing: true);
        return OnWriter(Operation.Finish, default, cancellationToken).AsTask();
    }

    /// <inheritdoc/>
#if NETSTANDARD2_0
    public
#else
    public override
#endif
    async ValueTask DisposeAsync()
    {
        if (!disposed)
        {
            await EndAsync().ConfigureAwait(false);
        }
#if !NETSTANDARD2_0
        await base.DisposeAsync().ConfigureAwait(false); // finds nothing to do
#endif
    }

    private async ValueTask EndAsync()
    {
        try
        {
            if (writes && !ended && state.Take())
            {
                await OnWriter(Operation.Finish, default, default).ConfigureAwait(false);
            }
        }
        finally
        {
            Release();
            if (!leaveOpen)
            {
                await inner.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Reads what can be had; where that is nothing, awaits more of the stream behind, without a thread.
    /// Where .NET can it allocates nothing for what is there.
    /// </summary>
#if NET
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
#endif
    private async ValueTask<int> ReadOrAwait(Memory<byte> buffer, CancellationToken token)
    {
        while (true)
        {
#if NET
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // to the thread pool
            int read = ReadReady(buffer.Span, token);
#else
            int read = await Task.Run(() => ReadReady(buffer.Span, token)).ConfigureAwait(false);
#endif
            if (read != SourceAhead.Later)
            {
                return read;
            }
            await state.Ahead.Fill(token).ConfigureAwait(false);
        }
    }

    private int ReadReady(Span<byte> buffer, CancellationToken token)
    {
        using var use = new Use(this, asynchronous: true, token);
        int read = use.ReadAhead(buffer);
        if (read == SourceAhead.Later)
        {
            use.KeepClaim();
        }
        return read;
    }

    /// <summary>
    /// Does an operation on a stream that is claimed: little on this thread, where it allocates nothing
    /// unless there is output; more on a worker of the pool. The output is gathered, and then awaited.
    /// </summary>
    private ValueTask OnWriter(Operation operation, ReadOnlyMemory<byte> buffer, CancellationToken token)
    {
        if (operation != Operation.Write || buffer.Length > TakenAtOnce)
        {
            return OnPool(operation, buffer, token);
        }
        MemoryStream? gathered;
        try
        {
            gathered = Work(operation, buffer.Span, token);
        }
        catch (Exception exception)
        {
            return new ValueTask(Task.FromException(exception));
        }
        return gathered == null ? default : Drain(gathered, token);
    }

    private async ValueTask OnPool(Operation operation, ReadOnlyMemory<byte> buffer, CancellationToken token)
    {
        MemoryStream? gathered = null;
        JobState job;
        try
        {
            job = JobState.Start(
                1, (ChunkAction)((in Chunk _) => gathered = Work(operation, buffer.Span, token)), null, CancellationToken.None);
        }
        catch
        {
            state.GiveBack(); // there are no workers
            throw;
        }
        await job.Completion.ConfigureAwait(false);
        if (gathered != null)
        {
            await Drain(gathered, token).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The native part; gives its output, with which the call still claims the stream. A token that comes too
    /// late for it leaves no trace.
    /// </summary>
    private MemoryStream? Work(Operation operation, ReadOnlySpan<byte> buffer, CancellationToken token)
    {
        using var use = new Use(this, asynchronous: true, token);
        using (token.CanBeCanceled ? token.Register(CancelNative, this) : default)
        {
            switch (operation)
            {
                case Operation.Write:
                    use.Write(buffer);
                    break;
                case Operation.Flush:
                    use.Flush();
                    break;
                default:
                    use.Finish();
                    break;
            }
        }
        use.ForgetCancel();
        MemoryStream? gathered = state.Gathered;
        if (gathered != null)
        {
            use.KeepClaim();
        }
        return gathered;
    }

    /// <summary>
    /// Gives what was gathered to the stream behind. If that fails or is cancelled, the stream has ended.
    /// </summary>
    private async ValueTask Drain(MemoryStream gathered, CancellationToken token)
    {
        state.Gathered = null;
        try
        {
            var output = new ReadOnlyMemory<byte>(gathered.GetBuffer(), 0, (int)gathered.Length);
            await inner.WriteAsync(output, token).ConfigureAwait(false);
            state.Recycle(gathered);
        }
        catch (Exception exception)
        {
            ended = true;
            state.Fail(exception, 0);
            if (disposed && exception is not ObjectDisposedException)
            {
                throw new ObjectDisposedException("the stream was disposed during the call", exception);
            }
            throw;
        }
        finally
        {
            state.GiveBack();
        }
    }

    private enum Operation
    {
        Write,
        Flush,
        Finish,
    }
}
