using System;
using System.Diagnostics;
using System.Threading;

namespace Fastpar;

/// <summary>Waits of the native library, which know a time, with a token.</summary>
internal static class CancellableWait
{
    /// <summary>How late a token may be seen.</summary>
    private static readonly TimeSpan Part = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits for as long as this time; false: it is over.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled meanwhile.</exception>
    internal static bool Run(TimeSpan timeout, Func<TimeSpan, bool> wait, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        if (!token.CanBeCanceled)
        {
            return wait(timeout);
        }
        for (var clock = Stopwatch.StartNew(); ;)
        {
            TimeSpan left = timeout == Timeout.InfiniteTimeSpan ? Part : timeout - clock.Elapsed;
            bool whole = left <= Part && timeout != Timeout.InfiniteTimeSpan;
            left = left < TimeSpan.Zero ? TimeSpan.Zero : whole ? left : Part;
            if (wait(left))
            {
                return true;
            }
            token.ThrowIfCancellationRequested();
            if (whole)
            {
                return false;
            }
        }
    }
}
