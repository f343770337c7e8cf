using System;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>The items from <see cref="Begin"/> up to, but without, <see cref="End"/>.</summary>
public readonly struct Range64 : IEquatable<Range64>
{
    /// <summary>Makes a range.</summary>
    /// <param name="begin">The first item.</param>
    /// <param name="end">One past the last item.</param>
    public Range64(long begin, long end)
    {
        Begin = begin;
        End = end;
    }

    /// <summary>The first item.</summary>
    public long Begin { get; }

    /// <summary>One past the last item.</summary>
    public long End { get; }

    /// <summary>How many items.</summary>
    public long Length => End - Begin;

    /// <summary>Takes the range apart: <c>var (begin, end) = range</c>.</summary>
    /// <param name="begin">The first item.</param>
    /// <param name="end">One past the last item.</param>
    public void Deconstruct(out long begin, out long end)
    {
        begin = Begin;
        end = End;
    }

    /// <summary>The items of an array that are in the range.</summary>
    /// <typeparam name="T">The items.</typeparam>
    /// <param name="array">At least <see cref="End"/> long.</param>
    /// <returns>The items, in their place.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the array.</exception>
    public Span<T> Of<T>(T[] array) =>
        Check.NotNull(array, nameof(array)).AsSpan().Slice(Start(array.Length, nameof(array)), (int)Length);

    /// <summary>The items of a span that are in the range.</summary>
    /// <typeparam name="T">The items.</typeparam>
    /// <param name="span">At least <see cref="End"/> long.</param>
    /// <returns>The items, in their place.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches past the span.</exception>
    public Span<T> Of<T>(Span<T> span) => span.Slice(Start(span.Length, nameof(span)), (int)Length);

    /// <inheritdoc cref="Of{T}(Span{T})"/>
    public ReadOnlySpan<T> Of<T>(ReadOnlySpan<T> span) => span.Slice(Start(span.Length, nameof(span)), (int)Length);

    /// <summary>For <c>foreach (int i in range)</c>, or <c>long</c>.</summary>
    /// <returns>Gives each item's number.</returns>
    public Enumerator GetEnumerator() => new(Begin, End);

    private int Start(int length, string name) => Begin >= 0 && Begin <= End && End <= length
        ? (int)Begin
        : throw new ArgumentOutOfRangeException(name, $"the range {this} reaches past the {length} items");

    /// <summary>The numbers of a range.</summary>
    public struct Enumerator
    {
        private readonly long end;

        internal Enumerator(long begin, long end)
        {
            Current = begin - 1;
            this.end = end;
        }

        /// <summary>The number.</summary>
        public long Current { get; private set; }

        /// <summary>Goes on to the next number.</summary>
        /// <returns>False: there is none.</returns>
        public bool MoveNext() => ++Current < end;
    }

    /// <summary>Whether two ranges are the same.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(Range64 left, Range64 right) => left.Equals(right);

    /// <summary>Whether two ranges differ.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(Range64 left, Range64 right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(Range64 other) => Begin == other.Begin && End == other.End;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Range64 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => unchecked((Begin.GetHashCode() * 397) ^ End.GetHashCode());

    /// <inheritdoc/>
    public override string ToString() => $"[{Begin}, {End})";
}

/// <summary>A piece of a range, as a body sees it.</summary>
public readonly struct Chunk
{
    internal unsafe Chunk(fastpar_chunk* chunk)
    {
        Index = (long)(ulong)chunk->index;
        Range = new Range64((long)(ulong)chunk->begin, (long)(ulong)chunk->end);
        Lane = (int)chunk->lane;
        Lanes = (int)chunk->lanes;
    }

    /// <summary>Its number among the chunks, from 0.</summary>
    public long Index { get; }

    /// <summary>Its items.</summary>
    public Range64 Range { get; }

    /// <summary>
    /// A number below <see cref="Lanes"/> that no other thread holds while this one works for the call: lanes
    /// index per-thread scratch memory without locks. The thread that made the call is lane 0.
    /// </summary>
    public int Lane { get; }

    /// <summary>
    /// How many lanes there are, at most the threads of the pool; the same for all chunks of a call.
    /// </summary>
    public int Lanes { get; }

    /// <summary>Its first item.</summary>
    public long Begin => Range.Begin;

    /// <summary>One past its last item.</summary>
    public long End => Range.End;

    /// <summary>How many items.</summary>
    public long Length => Range.Length;
}

/// <summary>Works on one chunk.</summary>
/// <param name="chunk">Which items, on which lane.</param>
public delegate void ChunkAction(in Chunk chunk);

/// <summary>Works on one chunk, and may stop the loop.</summary>
/// <param name="chunk">Which items, on which lane.</param>
/// <returns>0 to go on; anything else stops the loop with this code.</returns>
public delegate int ChunkFunc(in Chunk chunk);

/// <summary>An asynchronous body, which synchronous loops refuse.</summary>
/// <param name="chunk">Which items, on which lane.</param>
/// <returns>Completes when the body has.</returns>
public delegate Task ChunkTask(in Chunk chunk);

/// <summary>An asynchronous body, which synchronous loops refuse.</summary>
/// <param name="chunk">Which items, on which lane.</param>
/// <returns>Completes when the body has.</returns>
public delegate ValueTask ChunkValueTask(in Chunk chunk);

/// <summary>
/// Adds the items of one chunk to an accumulator that belongs to this chunk alone, and begins as the
/// identity.
/// </summary>
/// <typeparam name="T">The accumulator.</typeparam>
/// <param name="chunk">Which items, on which lane.</param>
/// <param name="accumulator">Where to add them.</param>
public delegate void FoldAction<T>(in Chunk chunk, ref T accumulator);

/// <summary>Adds the accumulator of one chunk to the result; called in rising order of the chunks.</summary>
/// <typeparam name="T">The accumulator.</typeparam>
/// <param name="into">The identity and all chunks before.</param>
/// <param name="from">The next chunk.</param>
public delegate void CombineAction<T>(ref T into, in T from);

/// <summary>How far a call is.</summary>
public readonly struct FastparProgress
{
    /// <summary>Makes a report.</summary>
    /// <param name="done">Items or bytes done.</param>
    /// <param name="total">The total of items or bytes.</param>
    public FastparProgress(long done, long total)
    {
        Done = done;
        Total = total;
    }

    /// <summary>Items or bytes done.</summary>
    public long Done { get; }

    /// <summary>The total of items or bytes; -1: not known.</summary>
    public long Total { get; }
}

/// <summary>The result of a loop that may be stopped.</summary>
public readonly struct LoopResult
{
    internal LoopResult(int code, long? chunk)
    {
        Code = code;
        Chunk = chunk;
    }

    /// <summary>Whether every chunk was done.</summary>
    public bool IsCompleted => Code == 0;

    /// <summary>
    /// What the body returned that stopped it, else 0. Of several, the value of the lowest chunk.
    /// </summary>
    public int Code { get; }

    /// <summary>The chunk that stopped it; null: none.</summary>
    public long? Chunk { get; }
}
