using System;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>The asynchronous methods.</content>
public sealed partial class FastparStream
{
    /// <inheritdoc/>
#if NETSTANDARD2_0
    public
#else
    public override
#endif
    ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        new ValueTask(Task.Run(() => Write(buffer.Span, true, cancellationToken), cancellationToken));

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(new ReadOnlyMemory<byte>(buffer, offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
#if NETSTANDARD2_0
    public
#else
    public override
#endif
    ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        new ValueTask<int>(Task.Run(() => Read(buffer.Span, true, cancellationToken), cancellationToken));

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(new Memory<byte>(buffer, offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (writes)
        {
            await Task.Run(() => Flush(true, cancellationToken), cancellationToken).ConfigureAwait(false);
            await inner.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The same without waiting.</summary>
    /// <param name="cancellationToken">Cancels the call, and ends the stream as it is.</param>
    /// <returns>Completes when the stream behind has everything.</returns>
    public Task FinishAsync(CancellationToken cancellationToken = default) =>
        Task.Run(() => Finish(true, cancellationToken), cancellationToken);

    /// <inheritdoc/>
#if NETSTANDARD2_0
    public
#else
    public override
#endif
    async ValueTask DisposeAsync()
    {
        if (handle.IsClosed)
        {
            return;
        }
        try
        {
            if (writes && !ended)
            {
                await FinishAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            handle.Dispose();
            if (!leaveOpen)
            {
                await inner.DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
