using System;

namespace Fastpar;

/// <summary>Where a piece of a content is, and on which lane it is worked on.</summary>
public readonly struct ScanPiece
{
    internal unsafe ScanPiece(fastpar_piece* piece)
    {
        Index = (long)piece->index;
        Offset = (long)piece->offset;
        Lane = (int)piece->lane;
        Lanes = (int)piece->lanes;
    }

    /// <summary>
    /// Its place among the pieces, from 0. Of lines some numbers stay unused; a later piece has a higher one.
    /// </summary>
    public long Index { get; }

    /// <summary>Where its first byte is in the content.</summary>
    public long Offset { get; }

    /// <summary>
    /// A number below <see cref="Lanes"/> that no other thread holds while this one works for the call: lanes
    /// index per-thread scratch memory without locks. The thread that made the call is lane 0.
    /// </summary>
    public int Lane { get; }

    /// <summary>How many lanes there are, at most the threads of the pool.</summary>
    public int Lanes { get; }
}

/// <summary>Works on the records of a piece, on any thread. They are gone when it returns.</summary>
/// <typeparam name="T">A record.</typeparam>
/// <param name="records">Whole records, at least one.</param>
/// <param name="piece">Where they are, and the lane.</param>
public delegate void ScanPieceAction<T>(ReadOnlySpan<T> records, ScanPiece piece)
    where T : unmanaged;

/// <summary>Adds the records of a piece to an accumulator.</summary>
/// <typeparam name="T">A record.</typeparam>
/// <typeparam name="TResult">The accumulator.</typeparam>
/// <param name="records">Whole records, at least one; gone when it returns.</param>
/// <param name="accumulator">The accumulator.</param>
/// <param name="piece">Where they are, and the lane.</param>
/// <returns>The new accumulator.</returns>
public delegate TResult ScanPieceFold<T, TResult>(ReadOnlySpan<T> records, TResult accumulator, ScanPiece piece)
    where T : unmanaged;

/// <summary>Writes what becomes of the records of a piece.</summary>
/// <typeparam name="T">A record.</typeparam>
/// <param name="records">Whole records, at least one; gone when it returns.</param>
/// <param name="output">Where to write; what is written is in the order of the pieces.</param>
/// <param name="piece">Where they are, and the lane.</param>
public delegate void TransformPieceAction<T>(ReadOnlySpan<T> records, ScanOutput output, ScanPiece piece)
    where T : unmanaged;
