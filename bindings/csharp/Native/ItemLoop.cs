using System;
using System.Threading;

namespace Fastpar;

/// <summary>
/// A loop over items: its chunks may be long, so that bodies of items are also stopped inside of them.
/// </summary>
internal sealed class ItemLoop
{
    private readonly CancellationToken token;
    private volatile bool failed;

    internal ItemLoop(CancellationToken token) => this.token = token;

    /// <summary>Whether no further item is begun.</summary>
    internal bool IsOver => failed || token.IsCancellationRequested;

    /// <summary>Runs the loop; the body looks at <see cref="IsOver"/> before each item.</summary>
    internal void Run(long count, Action<Range64> body, LoopOptions options)
    {
        void Chunk(Range64 range)
        {
            try
            {
                body(range);
            }
            catch
            {
                failed = true;
                throw;
            }
        }
        FastparLoop.For(count, (Action<Range64>)Chunk, options, token);
    }
}
