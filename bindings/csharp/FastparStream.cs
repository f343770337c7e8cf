using System;
using System.IO;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>
/// Parallel zstd over any stream, in either direction, for data of any size: what is written comes out compressed, or what is
/// read is decompressed. Memory does not grow with the stream. One thread at a time uses it.
/// </summary>
/// <remarks>
/// The asynchronous methods work on a thread of the thread pool, as compressing is work, and use the asynchronous methods of
/// the stream behind. A call that failed or was cancelled ends the stream: every later one fails in the same way. Reading
/// runs ahead: more of the stream behind is read than was asked for.
/// </remarks>
public sealed unsafe partial class FastparStream : Stream, IAsyncDisposable
{
    private readonly Stream inner;
    private readonly bool writes;
    private readonly bool leaveOpen;
    private readonly StreamState state;
    private readonly StreamHandle handle;
    private bool ended;

    /// <summary>Opens a stream.</summary>
    /// <param name="stream">Where compressed data goes to, or comes from.</param>
    /// <param name="mode">The direction.</param>
    /// <param name="options">
    /// Null: the defaults; frames of 4 MiB. Progress is told uncompressed bytes when compressing, bytes of the source when
    /// decompressing.
    /// </param>
    /// <param name="leaveOpen">Whether <paramref name="stream"/> stays open when this is disposed.</param>
    public FastparStream(Stream stream, CompressionMode mode, ZstdOptions? options = null, bool leaveOpen = false)
    {
        inner = Check.NotNull(stream, nameof(stream));
        writes = mode == CompressionMode.Compress;
        if (!writes && mode != CompressionMode.Decompress)
        {
            throw new ArgumentOutOfRangeException(nameof(mode), mode, "expected Compress or Decompress");
        }
        if (writes ? !stream.CanWrite : !stream.CanRead)
        {
            throw new ArgumentException(
                writes ? "the stream cannot be written to" : "the stream cannot be read",
                nameof(stream));
        }
        this.leaveOpen = leaveOpen;
        state = StreamState.Open(stream, writes, options, out handle);
    }

    /// <summary>The stream behind.</summary>
    public Stream BaseStream => inner;

    /// <inheritdoc/>
    public override bool CanRead => !writes && !handle.IsClosed;

    /// <inheritdoc/>
    public override bool CanWrite => writes && !handle.IsClosed;

    /// <summary>False.</summary>
    public override bool CanSeek => false;

    /// <summary>Not supported.</summary>
    public override long Length => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Compresses bytes; what comes of them reaches the stream behind now or later.</summary>
    /// <param name="buffer">The bytes.</param>
#if NETSTANDARD2_0
    public
#else
    public override
#endif
    void Write(ReadOnlySpan<byte> buffer) => Write(buffer, false, default);

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(new ReadOnlySpan<byte>(buffer, offset, count));

    /// <inheritdoc/>
    public override void WriteByte(byte value) => Write(new ReadOnlySpan<byte>(&value, 1));

    /// <summary>Gives out the next decompressed bytes.</summary>
    /// <param name="buffer">Where to.</param>
    /// <returns>How many, at least 1; 0: the end.</returns>
#if NETSTANDARD2_0
    public
#else
    public override
#endif
    int Read(Span<byte> buffer) => Read(buffer, false, default);

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(new Span<byte>(buffer, offset, count));

    /// <inheritdoc/>
    public override int ReadByte()
    {
        byte value;
        return Read(new Span<byte>(&value, 1)) == 0 ? -1 : value;
    }

    /// <summary>
    /// Ends the current frame, gives everything written so far to the stream behind, and flushes that. Every frame costs
    /// compression: flush rarely. Nothing when decompressing.
    /// </summary>
    public override void Flush()
    {
        if (writes)
        {
            Flush(false, default);
            inner.Flush();
        }
    }

    /// <summary>
    /// Ends the stream: the last frame and the seek table go to the stream behind. Disposing does it too, unless a call has
    /// failed.
    /// </summary>
    public void Finish() => Finish(false, default);

    /// <summary>Not supported.</summary>
    /// <param name="offset">Not used.</param>
    /// <param name="origin">Not used.</param>
    /// <returns>Nothing.</returns>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    /// <param name="value">Not used.</param>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Finishes the stream, releases it, and disposes the stream behind unless that is to stay open.</summary>
    /// <param name="disposing">Whether this is not the finalizer.</param>
    protected override void Dispose(bool disposing)
    {
        if (!disposing || handle == null || handle.IsClosed)
        {
            return;
        }
        try
        {
            if (writes && !ended)
            {
                Finish();
            }
        }
        finally
        {
            handle.Dispose();
            if (!leaveOpen)
            {
                inner.Dispose();
            }
        }
    }

    private void Write(ReadOnlySpan<byte> buffer, bool asynchronous, CancellationToken token)
    {
        using var use = new Use(this, true, asynchronous, token);
        fastpar_error error;
        fixed (byte* data = &MemoryMarshal.GetReference(buffer))
        {
            use.End(NativeMethods.fastpar_writer_write(use.Writer, data, (UIntPtr)(uint)buffer.Length, &error), &error);
        }
    }

    private int Read(Span<byte> buffer, bool asynchronous, CancellationToken token)
    {
        using var use = new Use(this, false, asynchronous, token);
        fastpar_error error;
        UIntPtr read;
        fixed (byte* data = &MemoryMarshal.GetReference(buffer))
        {
            use.End(NativeMethods.fastpar_reader_read(use.Reader, data, (UIntPtr)(uint)buffer.Length, &read, &error), &error);
        }
        return (int)(uint)read;
    }

    private void Flush(bool asynchronous, CancellationToken token)
    {
        using var use = new Use(this, true, asynchronous, token);
        fastpar_error error;
        use.End(NativeMethods.fastpar_writer_flush(use.Writer, &error), &error);
    }

    private void Finish(bool asynchronous, CancellationToken token)
    {
        using var use = new Use(this, true, asynchronous, token);
        fastpar_error error;
        use.End(NativeMethods.fastpar_writer_finish(use.Writer, &error), &error);
        ended = true;
    }

    /// <summary>One call on the native stream, by one thread at a time.</summary>
    private readonly ref struct Use
    {
        private readonly FastparStream stream;
        private readonly Lease lease;
        private readonly CallThread.Visit visit;
        private readonly CancellationTokenRegistration registration;

        internal Use(FastparStream stream, bool writes, bool asynchronous, CancellationToken token)
        {
            if (stream.writes != writes)
            {
                throw new NotSupportedException(
                    writes ? "this stream decompresses: it is read" : "this stream compresses: it is written to");
            }
            this.stream = stream;
            lease = new Lease(stream.handle);
            if (!stream.state.Take())
            {
                lease.Dispose();
                const string message = "the stream is being used, by another thread or by a caller of this one";
                throw new InvalidOperationException(message, new FastparException(FastparStatus.Busy, message));
            }
            stream.state.Asynchronous = asynchronous;
            stream.state.Token = token;
            stream.state.Context = ExecutionContext.Capture();
            visit = new CallThread.Visit(stream.state);
            registration = token.CanBeCanceled ? token.Register(Cancel, stream.handle) : default;
        }

        internal fastpar_writer* Writer => (fastpar_writer*)lease.Pointer;

        internal fastpar_reader* Reader => (fastpar_reader*)lease.Pointer;

        /// <summary>Throws what the call came to, if it is not success. Such a stream is not finished any more.</summary>
        internal void End(int status, fastpar_error* error)
        {
            stream.ended |= status != NativeMethods.FASTPAR_OK || stream.state.HasFailed;
            stream.state.Outcome(status, error, new ErrorSite { Reads = !stream.writes })?.Throw();
        }

        public void Dispose()
        {
            registration.Dispose();
            visit.Dispose();
            stream.state.ReleaseThreads();
            stream.state.Context = null;
            stream.state.GiveBack();
            lease.Dispose();
        }

        private static void Cancel(object? handle) => NativeMethods.fastpar_cancel(((StreamHandle)handle!).Cancel);
    }
}
