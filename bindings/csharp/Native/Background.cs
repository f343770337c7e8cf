using System;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>Calls that return at once, and are made by a worker of the pool.</summary>
internal static class Background
{
    /// <summary>
    /// Does the work on a worker; the task has its result, ends cancelled, or with what it threw.
    /// </summary>
    internal static async Task<T> Run<T>(Func<T> work, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        T result = default!;
        await JobState.Start(1, (ChunkAction)((in Chunk _) => result = work()), null, CancellationToken.None)
            .Completion.ConfigureAwait(false);
        return result;
    }
}
