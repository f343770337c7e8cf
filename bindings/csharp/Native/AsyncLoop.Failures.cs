using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Fastpar;

/// <content>What bodies and callbacks of an asynchronous loop threw.</content>
internal sealed partial class AsyncLoop
{
    private void Failed(long index, Exception exception)
    {
        lock (gate)
        {
            Keep(index, exception);
            stopped = true;
        }
        try
        {
            stopping?.Cancel();
        }
        catch (Exception callback)
        {
            lock (gate)
            {
                Keep(long.MaxValue, callback);
            }
        }
    }

    private void Keep(long index, Exception exception) => (failures ??= new()).Add((index, exception));

    /// <summary>What bodies threw by themselves, lowest chunk first; null: nothing.</summary>
    private List<Exception>? OwnFailures()
    {
        if (failures == null)
        {
            return null;
        }
        List<Exception> own = failures.Where(failure => !IsConsequence(failure.Exception))
            .OrderBy(failure => failure.Chunk).Select(failure => failure.Exception).ToList();
        return own.Count == 0 ? null : own;
    }

    /// <summary>Whether a body only tells that the loop was ending anyway.</summary>
    protected override bool IsConsequence(Exception exception) =>
        stopped
        && (base.IsConsequence(exception)
            || (stopping != null && exception is OperationCanceledException cancelled
                && cancelled.CancellationToken == stoppingToken));
}
