using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <content>The content in order, for <c>await foreach</c>.</content>
public sealed partial class SeekableArchive
{
    /// <summary>Bytes that are decompressed at once; the next ones meanwhile.</summary>
    private const int BlockSize = 8 << 20;

    private const int LongestLine = 64 << 20;

    private static readonly byte[] Return = { (byte)'\r' };

    /// <summary>What may begin a file of UTF-8.</summary>
    private static readonly byte[] Mark = Encoding.UTF8.GetPreamble();

    /// <summary>
    /// The records of the content in order, some at a time: <c>await foreach (ReadOnlyMemory&lt;Trade&gt;
    /// trades in archive.ReadRecordsAsync&lt;Trade&gt;())</c>. While they are used the next ones are
    /// decompressed, in parallel; a consumer that waits holds no thread.
    /// </summary>
    /// <typeparam name="T">A record, as it is in the content.</typeparam>
    /// <param name="offset">Where it begins in the content, in bytes.</param>
    /// <param name="cancellationToken">Ends it between two pieces.</param>
    /// <returns>
    /// Pieces of whole records, about 8 MiB each. What is to last is copied: their memory is used again.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The rest of the content is no whole number of records.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The offset is not in the content.</exception>
    /// <remarks>
    /// What it throws while it runs: as <see cref="Read(long, Span{byte}, CancellationToken)"/>.
    /// </remarks>
    public IAsyncEnumerable<ReadOnlyMemory<T>> ReadRecordsAsync<T>(
        long offset = 0, CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.Within(offset, 0, Length, nameof(offset));
        return (Length - offset) % SizeOf<T>() == 0
            ? Blocks<T>(offset, cancellationToken)
            : throw new ArgumentException("the rest of the content is no whole number of records", nameof(offset));
    }

    /// <summary>
    /// The lines of the content in order, as <c>File.ReadLinesAsync</c> gives those of a file: UTF-8, without
    /// their ends. While they are used the next ones are decompressed, in parallel.
    /// </summary>
    /// <param name="offset">Where the first line begins in the content, in bytes.</param>
    /// <param name="cancellationToken">Ends it within some megabytes.</param>
    /// <returns>The lines.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The offset is not in the content.</exception>
    /// <remarks>
    /// What it throws while it runs: as <see cref="Read(long, Span{byte}, CancellationToken)"/>;
    /// InvalidDataException: a line has more than 64 MiB.
    /// </remarks>
    public IAsyncEnumerable<string> ReadLinesAsync(long offset = 0, CancellationToken cancellationToken = default)
    {
        Check.Within(offset, 0, Length, nameof(offset));
        return Lines(offset, cancellationToken);
    }

    private async IAsyncEnumerable<ReadOnlyMemory<T>> Blocks<T>(
        long offset, [EnumeratorCancellation] CancellationToken cancellationToken)
        where T : unmanaged
    {
        int most = Math.Max(BlockSize / SizeOf<T>(), 1);
        T[] used = Array.Empty<T>(), next = Array.Empty<T>();
        Task ahead = Task.CompletedTask;
        Task Fill(long from)
        {
            int count = (int)Math.Min(most, (Length - from) / SizeOf<T>());
            if (count == 0)
            {
                return Task.CompletedTask;
            }
            if (next.Length != count)
            {
                next = new T[count];
            }
            T[] records = next;
            return Task.Run(() => Read(from, MemoryMarshal.AsBytes(records.AsSpan())), cancellationToken);
        }
        try
        {
            for (ahead = Fill(offset); offset < Length;)
            {
                cancellationToken.ThrowIfCancellationRequested(); // the next piece may be there already
                await ahead.ConfigureAwait(false);
                (used, next) = (next, used);
                offset += (long)used.Length * SizeOf<T>();
                ahead = Fill(offset);
                yield return used;
            }
        }
        finally
        {
            await Task.WhenAny(ahead).ConfigureAwait(false); // nothing goes on when the loop has been left
            _ = ahead.Exception;
        }
    }

    private async IAsyncEnumerable<string> Lines(
        long offset, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] begun = Array.Empty<byte>(); // of a line that goes on in the next block
        bool first = offset == 0;
        await foreach (ReadOnlyMemory<byte> block in Blocks<byte>(offset, cancellationToken).ConfigureAwait(false))
        {
            ReadOnlyMemory<byte> left = block;
            for (int end; (end = left.Span.IndexOf((byte)'\n')) >= 0; left = left.Slice(end + 1))
            {
                yield return Line(Joined(begun, left.Slice(0, end)), first);
                begun = Array.Empty<byte>();
                first = false;
            }
            begun = Joined(begun, left).ToArray();
        }
        if (begun.Length > 0)
        {
            yield return Line(begun, first);
        }
    }

    private static unsafe int SizeOf<T>()
        where T : unmanaged => sizeof(T);

    private static ReadOnlyMemory<byte> Joined(byte[] begun, ReadOnlyMemory<byte> rest)
    {
        if (begun.Length + rest.Length > LongestLine)
        {
            throw new InvalidDataException("a line has more than 64 MiB");
        }
        if (begun.Length == 0)
        {
            return rest;
        }
        byte[] joined = new byte[begun.Length + rest.Length];
        begun.CopyTo(joined, 0);
        rest.CopyTo(joined.AsMemory(begun.Length));
        return joined;
    }

    /// <summary>The text of a line, without its return and the mark of UTF-8.</summary>
    private static string Line(ReadOnlyMemory<byte> line, bool first)
    {
        if (line.Span.EndsWith(Return))
        {
            line = line.Slice(0, line.Length - 1);
        }
        if (first && line.Span.StartsWith(Mark))
        {
            line = line.Slice(3);
        }
        MemoryMarshal.TryGetArray(line, out ArraySegment<byte> bytes);
        return bytes.Count == 0 ? string.Empty : Encoding.UTF8.GetString(bytes.Array!, bytes.Offset, bytes.Count);
    }
}
