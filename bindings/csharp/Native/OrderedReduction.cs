using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// A reduction on a loop in the background: the thread that folds a chunk also combines the parts that are
/// next in order, if they are there. So the result depends on the plan alone, and the parts that wait are
/// few.
/// </summary>
internal sealed class OrderedReduction<T>
{
    private readonly Func<T> identity;
    private readonly Func<Range64, T, T> fold;
    private readonly Func<T, T, T> combine;
    private readonly Dictionary<long, T> waiting = new Dictionary<long, T>();
    private readonly ExecutionContext? context = ExecutionContext.Capture();
    private T result;
    private long next;

    internal OrderedReduction(Func<T> identity, Func<Range64, T, T> fold, Func<T, T, T> combine)
    {
        this.identity = identity;
        this.fold = fold;
        this.combine = combine;
        result = identity();
    }

    /// <summary>The body of the loop.</summary>
    internal void Fold(in Chunk chunk)
    {
        Range64 range = chunk.Range;
        T part = InContext(() => fold(range, identity()));
        lock (waiting)
        {
            waiting.Add(chunk.Index, part);
            while (waiting.Remove(next, out T? first))
            {
                T into = result;
                result = InContext(() => combine(into, first!));
                next++;
            }
        }
    }

    /// <summary>Runs a function of the caller's, and takes back what it sets in the context.</summary>
    private T InContext(Func<T> function)
    {
#if NET
        T value = function();
        CallThread.Restore(context, null);
        return value;
#else
        if (context == null)
        {
            return function();
        }
        T value = default!;
        ExecutionContext.Run(context.CreateCopy(), _ => value = function(), null);
        return value;
#endif
    }

    /// <summary>The result, once the loop has ended well.</summary>
    internal async Task<T> Finish(Task loop)
    {
        await loop.ConfigureAwait(false);
        return result;
    }
}
