using System;
using System.IO;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>
/// Parallel zstd over any stream, in either direction, for data of any size: what is written comes out
/// compressed, or what is read is decompressed. Memory does not grow with the stream. One thread at a time
/// uses it.
/// </summary>
/// <remarks>
/// Asynchronous writes compress on the pool, and then await the stream behind; a few bytes are taken at once.
/// Asynchronous reads work on a thread of the thread pool. A token acts on its own call: cancelled before it,
/// nothing has happened; cancelled during it, the call ends the stream, as a failure does: every later one
/// fails in the same way. A call that is made while another call runs is refused. Disposing never waits for a
/// call that runs: that call ends with <see cref="ObjectDisposedException"/>, and the stream is not finished.
/// Reading runs ahead: more of the stream behind is read than was asked for.
/// </remarks>
public sealed unsafe partial class FastparStream : Stream, IAsyncDisposable
{
    /// <summary>Single bytes are gathered, or handed out, in parts of this size.</summary>
    private const int FewBytes = 4096;

    private readonly Stream inner;
    private readonly bool writes;
    private readonly bool leaveOpen;
    private readonly StreamState state;
    private readonly StreamHandle handle;
    private byte[] few = new byte[FewBytes];
    private int fewStart;
    private int fewEnd;
    private bool ended;
    private volatile bool disposed;
    private bool finished;
    private bool keepsClaim;

    /// <summary>Opens a stream.</summary>
    /// <param name="stream">Where compressed data goes to, or comes from.</param>
    /// <param name="mode">The direction.</param>
    /// <param name="options">
    /// Null: the defaults; frames of 4 MiB. Progress is told uncompressed bytes when compressing, bytes of
    /// the source when decompressing.
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

    /// <summary>Opens a stream with the default options.</summary>
    /// <param name="stream">Where compressed data goes to, or comes from.</param>
    /// <param name="mode">The direction.</param>
    /// <param name="leaveOpen">Whether <paramref name="stream"/> stays open when this is disposed.</param>
    public FastparStream(Stream stream, CompressionMode mode, bool leaveOpen)
        : this(stream, mode, null, leaveOpen)
    {
    }

    /// <summary>Opens a stream that compresses.</summary>
    /// <param name="stream">Where compressed data goes to.</param>
    /// <param name="level">
    /// Fastest: 1, Optimal: 3, SmallestSize: 22, NoCompression: the fastest there is.
    /// </param>
    /// <param name="leaveOpen">Whether <paramref name="stream"/> stays open when this is disposed.</param>
    public FastparStream(Stream stream, CompressionLevel level, bool leaveOpen = false)
        : this(stream, CompressionMode.Compress, new ZstdOptions { Level = LevelOf(level) }, leaveOpen)
    {
    }

    /// <summary>The stream behind.</summary>
    public Stream BaseStream => inner;

    /// <inheritdoc/>
    public override bool CanRead => !writes && !disposed;

    /// <inheritdoc/>
    public override bool CanWrite => writes && !disposed;

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
    void Write(ReadOnlySpan<byte> buffer)
    {
        using var use = new Use(this, writing: true);
        use.Write(buffer);
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count)
    {
        Check.Buffer(buffer, offset, count);
        Write(new ReadOnlySpan<byte>(buffer, offset, count));
    }

    /// <inheritdoc/>
    public override void WriteByte(byte value)
    {
        if (writes && fewEnd < FewBytes && !ended && state.IsFree && !disposed)
        {
            few[fewEnd++] = value;
            return;
        }
        Write(new ReadOnlySpan<byte>(&value, 1));
    }

    /// <summary>Gives out the next decompressed bytes.</summary>
    /// <param name="buffer">Where to.</param>
    /// <returns>How many, at least 1; 0: the end.</returns>
#if NETSTANDARD2_0
    public
#else
    public override
#endif
    int Read(Span<byte> buffer)
    {
        using var use = new Use(this, writing: false);
        return use.Read(buffer);
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count)
    {
        Check.Buffer(buffer, offset, count);
        return Read(new Span<byte>(buffer, offset, count));
    }

    /// <inheritdoc/>
    public override int ReadByte()
    {
        if (fewStart == fewEnd || writes || !state.IsFree || disposed)
        {
            using var use = new Use(this, writing: false);
            if (fewStart == fewEnd)
            {
                fewStart = fewEnd = 0;
                fewEnd = use.Read(few);
            }
        }
        return fewStart == fewEnd ? -1 : few[fewStart++];
    }

    /// <summary>
    /// Ends the current frame, gives everything written so far to the stream behind, and flushes that. Every
    /// frame costs compression: flush rarely. Nothing when decompressing, and after <see cref="Finish"/>.
    /// </summary>
    public override void Flush()
    {
        if (writes && !finished)
        {
            using (var use = new Use(this, writing: true))
            {
                use.Flush();
            }
            inner.Flush();
        }
    }

    /// <summary>
    /// Ends the stream: the last frame and the seek table go to the stream behind. Disposing does it too,
    /// unless a call has failed.
    /// </summary>
    public void Finish()
    {
        using var use = new Use(this, writing: true);
        use.Finish();
    }

    /// <summary>Not supported.</summary>
    /// <param name="offset">Not used.</param>
    /// <param name="origin">Not used.</param>
    /// <returns>Nothing.</returns>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    /// <param name="value">Not used.</param>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !disposed)
        {
            End();
        }
        base.Dispose(disposing);
    }

    private void End()
    {
        try
        {
            if (writes && !ended && state.Take())
            {
                using var use = new Use(this, asynchronous: false, default);
                use.Finish();
            }
        }
        finally
        {
            Release();
            if (!leaveOpen)
            {
                inner.Dispose();
            }
        }
    }

    private static int LevelOf(CompressionLevel level) => level switch
    {
        CompressionLevel.Optimal => 3,
        CompressionLevel.Fastest => 1,
        CompressionLevel.NoCompression => ZstdOptions.FastestLevel,
        (CompressionLevel)3 => ZstdOptions.SmallestLevel, // SmallestSize, which older frameworks do not name
        _ => throw new ArgumentOutOfRangeException(nameof(level), level, "is no level"),
    };

    /// <summary>Releases the native stream once no call runs; a call that runs is cancelled.</summary>
    private void Release()
    {
        disposed = true;
        bool added = false;
        try
        {
            handle.DangerousAddRef(ref added);
            NativeMethods.fastpar_cancel(handle.Cancel);
        }
        catch (ObjectDisposedException)
        {
            // Another thread was faster.
        }
        finally
        {
            if (added)
            {
                handle.DangerousRelease();
            }
        }
        handle.Dispose();
    }
}
