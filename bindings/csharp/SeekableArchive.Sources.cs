using System;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
#if NET
using Microsoft.Win32.SafeHandles;
#endif

namespace Fastpar;

/// <content>Archives over streams and handles of files.</content>
public sealed unsafe partial class SeekableArchive
{
    /// <summary>
    /// Opens compressed data in a stream, from where it stands to its end. It is read where that is needed,
    /// by one thread at a time: <see cref="OpenFile"/> is faster for files.
    /// </summary>
    /// <param name="stream">Can be read and sought; nobody else may use it while the archive lives.</param>
    /// <param name="options">May be null.</param>
    /// <param name="leaveOpen">
    /// Whether <paramref name="stream"/> stays open when this is disposed, or cannot be opened.
    /// </param>
    /// <param name="cancellationToken">Cancels the opening, and from then on every read.</param>
    /// <returns>The archive.</returns>
    /// <exception cref="ArgumentException">The stream cannot be read, or not sought.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidDataException">
    /// The data is damaged, or passes a limit of the options.
    /// </exception>
    /// <remarks>What the stream throws ends the call that wanted the bytes: see
    /// <see cref="OpenSource"/>.</remarks>
    public static SeekableArchive Open(
        Stream stream, ZstdOptions? options = null, bool leaveOpen = false, CancellationToken cancellationToken = default)
    {
        Check.NotNull(stream, nameof(stream));
        if (!stream.CanRead || !stream.CanSeek)
        {
            throw new ArgumentException("the stream cannot be read and sought", nameof(stream));
        }
        long start = stream.Position;
        void Fill(long offset, Span<byte> buffer)
        {
            lock (stream)
            {
                stream.Position = start + offset;
                while (buffer.Length > 0)
                {
                    int read = stream.Read(buffer);
                    buffer = read > 0 ? buffer.Slice(read) : throw new EndOfStreamException("the stream has become shorter");
                }
            }
        }
        return OpenOwned(
            Fill, Math.Max(stream.Length - start, 0), options, leaveOpen ? null : stream, cancellationToken);
    }

#if NET
    /// <summary>Opens a file that is open already; threads read it at the same time.</summary>
    /// <param name="file">An ordinary file; closed with the archive, as a stream over it would.</param>
    /// <param name="options">May be null.</param>
    /// <param name="cancellationToken">Cancels the opening, and from then on every read.</param>
    /// <returns>The archive.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidDataException">
    /// The data is damaged, or passes a limit of the options.
    /// </exception>
    public static SeekableArchive Open(
        SafeFileHandle file, ZstdOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(file, nameof(file));
        void Fill(long offset, Span<byte> buffer)
        {
            while (buffer.Length > 0)
            {
                int read = RandomAccess.Read(file, buffer, offset);
                buffer = read > 0 ? buffer[read..] : throw new EndOfStreamException("the file has become shorter");
                offset += read;
            }
        }
        return OpenOwned(Fill, RandomAccess.GetLength(file), options, file, cancellationToken);
    }
#endif

    /// <summary>Reads a part of the content without waiting: the workers of the pool do it.</summary>
    /// <param name="offset">Where it begins in the content.</param>
    /// <param name="destination">Filled from its start on; must not overlap the data.</param>
    /// <param name="cancellationToken">Cancels this read alone.</param>
    /// <returns>Bytes read: fewer only at the end of the content.</returns>
    /// <inheritdoc cref="Read(long, Span{byte}, CancellationToken)"/>
    public ValueTask<int> ReadAsync(
        long offset, Memory<byte> destination, CancellationToken cancellationToken = default)
    {
        Check.NotNegative(offset, nameof(offset));
        return new ValueTask<int>(Background.Run(
            () => Read(offset, destination.Span, cancellationToken), cancellationToken));
    }

    /// <summary>Opens compressed data wherever it is, such as an object in a store.</summary>
    /// <param name="read">
    /// Fills a buffer; called on several threads at a time, as long as the archive is used. What it
    /// throws ends the call that wanted the bytes with a <see cref="FastparException"/> that has its message.
    /// </param>
    /// <param name="size">Bytes of the compressed data.</param>
    /// <param name="options">May be null; as for <see cref="OpenFile"/>.</param>
    /// <param name="cancellationToken">Cancels the opening, and from then on every read.</param>
    /// <returns>The archive.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidDataException">The data is damaged, or passes a limit of the
    /// options.</exception>
    public static SeekableArchive OpenSource(
        ReadAtAction read, long size, ZstdOptions? options = null, CancellationToken cancellationToken = default) =>
        OpenOwned(read, size, options, null, cancellationToken);

    [SuppressMessage("Performance", "CA1859", Justification = ".NET has handles of files, too.")]
    private static SeekableArchive OpenOwned(
        ReadAtAction read, long size, ZstdOptions? options, IDisposable? owned, CancellationToken cancellationToken)
    {
        ulong bytes = (ulong)Check.NotNegative(size, nameof(size));
        var source = new SourceState(Check.NotNull(read, nameof(read)), owned);
        source.Root();
        void* data = source.UserData;
        try
        {
            return Open(
                (native, archive, error) => NativeMethods.fastpar_archive_open_source(
                    native, SourceState.OnRead, bytes, data, archive, error),
                default,
                options,
                cancellationToken,
                null,
                source);
        }
        catch
        {
            source.Unroot();
            owned?.Dispose();
            throw;
        }
    }
}
