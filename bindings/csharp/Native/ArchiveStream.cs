using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>The content of an archive as a stream: a position, and nothing else.</summary>
internal sealed class ArchiveStream : Stream
{
    private readonly SeekableArchive archive;
    private long position;
    private bool closed;
    private int inUse;

    internal ArchiveStream(SeekableArchive archive) => this.archive = archive;

    public override bool CanRead => !closed;

    public override bool CanSeek => !closed;

    public override bool CanWrite => false;

    public override long Length => Open().Length;

    public override long Position
    {
        get
        {
            Open();
            return position;
        }
        set
        {
            Open();
            position = value >= 0 ? value
                : throw new ArgumentOutOfRangeException(nameof(value), value, "must not be negative");
        }
    }

#if NETSTANDARD2_0
    public
#else
    public override
#endif
    int Read(Span<byte> buffer)
    {
        Open();
        Take();
        try
        {
            int read = archive.Read(position, buffer);
            position += read;
            return read;
        }
        finally
        {
            Volatile.Write(ref inUse, 0);
        }
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        Check.Buffer(buffer, offset, count);
        return Read(new Span<byte>(buffer, offset, count));
    }

    public override unsafe int ReadByte()
    {
        byte value;
        return Read(new Span<byte>(&value, 1)) == 0 ? -1 : value;
    }

#if NETSTANDARD2_0
    public
#else
    public override
#endif
    ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return new ValueTask<int>(Task.FromCanceled<int>(cancellationToken));
        }
        Open();
        Take();
        return ReadOn(buffer, cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Check.Buffer(buffer, offset, count);
        return ReadAsync(new Memory<byte>(buffer, offset, count), cancellationToken).AsTask();
    }

    public override long Seek(long offset, SeekOrigin origin)
    {
        long from = origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => Position,
            SeekOrigin.End => Length,
            _ => throw new ArgumentOutOfRangeException(nameof(origin), origin, "expected Begin, Current or End"),
        };
        Open();
        // Past the end is allowed, as with other streams; there is nothing to read.
        position = offset >= -from && offset <= long.MaxValue - from
            ? from + offset
            : throw new IOException($"there is no position {offset} from {from}");
        return position;
    }

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : Task.CompletedTask;

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        closed = true;
        base.Dispose(disposing);
    }

    /// <summary>Reads, for a call that has claimed the stream.</summary>
    private async ValueTask<int> ReadOn(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            int read = await archive.ReadAsync(position, buffer, cancellationToken).ConfigureAwait(false);
            position += read;
            return read;
        }
        finally
        {
            Volatile.Write(ref inUse, 0);
        }
    }

    /// <summary>One read at a time.</summary>
    private void Take()
    {
        if (Interlocked.Exchange(ref inUse, 1) != 0)
        {
            throw FastparStream.InUse();
        }
    }

    private SeekableArchive Open() => closed ? throw new ObjectDisposedException(nameof(ArchiveStream)) : archive;
}
