using System;
using System.Buffers;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>Where a frame of an archive is, and what part of the content it holds.</summary>
public readonly struct FrameInfo
{
    internal FrameInfo(in fastpar_frame_info info)
    {
        Offset = (long)info.offset;
        Size = (long)info.size;
        ContentOffset = (long)info.content_offset;
        ContentSize = (long)info.content_size;
    }

    /// <summary>Where the frame begins in the compressed data.</summary>
    public long Offset { get; }

    /// <summary>Its bytes there.</summary>
    public long Size { get; }

    /// <summary>Where its content begins in the whole.</summary>
    public long ContentOffset { get; }

    /// <summary>Bytes of its content.</summary>
    public long ContentSize { get; }
}

/// <summary>
/// Compressed data that is open for reading at any offset, without decompressing what lies before it. Any
/// number of threads may use it at a time, bodies of loops too; disposing waits for no thread: reads under
/// way end well, later reads throw.
/// </summary>
/// <remarks>
/// Any zstd data will do, whatever program wrote it; the smaller its frames, the faster an offset is reached.
/// A frame of which only a part is wanted is decompressed as a whole and kept for other reads: up to 64 MiB
/// of them, or <see cref="ZstdOptions.MaxMemory"/>.
/// </remarks>
public sealed unsafe partial class SeekableArchive : IDisposable
{
    /// <summary>Native memory that tells where a frame is.</summary>
    private const long BytesOfFrame = 64;

    /// <summary>An archive in use keeps one frame of the usual size at least.</summary>
    private const long BytesKept = 4 << 20;

    private readonly ArchiveHandle handle;
    private readonly CancellationToken token;
    private readonly string? path;

    private SeekableArchive(ArchiveHandle handle, string? path, CancellationToken token)
    {
        this.path = path;
        this.handle = handle;
        this.token = token;
        Length = Ask(NativeMethods.fastpar_archive_size);
        Frames = Ask(NativeMethods.fastpar_archive_frames);
        handle.Weigh((Frames * BytesOfFrame) + Math.Min(Length, BytesKept));
    }

    internal ArchiveHandle Handle => handle;

    /// <summary>The file, if it is one.</summary>
    internal string? Path => path;

    private delegate int Opening(fastpar_zstd_options* options, fastpar_archive** archive, fastpar_error* error);

    private delegate int Question(fastpar_archive* archive, ulong* answer, fastpar_error* error);

    /// <summary>
    /// Bytes of the whole content. Data that is not trusted may claim more than can be read.
    /// </summary>
    public long Length { get; }

    /// <summary>The records of the content as a table, which need not fit into memory.</summary>
    /// <typeparam name="T">A record, as it is in the content.</typeparam>
    /// <returns>A table. Nothing is read.</returns>
    public ArchiveTable<T> Table<T>()
        where T : unmanaged => new(this, null);

    /// <summary>How many frames there are; skippable frames are not counted.</summary>
    public long Frames { get; }

    /// <summary>
    /// Opens data in memory, which is pinned as long as the archive lives, and must stay as it is. Nothing is
    /// decompressed, but frames that do not tell their size: those once.
    /// </summary>
    /// <param name="data">Zstd data; need not be trusted. Empty: an archive without content.</param>
    /// <param name="options">
    /// May be null. <see cref="ZstdOptions.Dict"/>, <see cref="ZstdOptions.Dicts"/>,
    /// <see cref="ZstdOptions.Prefix"/>, <see cref="ZstdOptions.WindowLog"/> and
    /// <see cref="ZstdOptions.MaxLanes"/> hold for all reads; <see cref="ZstdOptions.MaxOutput"/> limits the
    /// whole content, <see cref="ZstdOptions.MaxMemory"/> also what is kept for later reads. There is no
    /// progress.
    /// </param>
    /// <param name="cancellationToken">Cancels the opening, and from then on every read.</param>
    /// <returns>The archive.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="InvalidDataException">
    /// The data is damaged, or asks for more than the options allow; the position of the
    /// <see cref="FastparException"/> inside is the offset of the frame in the data.
    /// </exception>
    public static SeekableArchive Open(
        ReadOnlyMemory<byte> data, ZstdOptions? options = null, CancellationToken cancellationToken = default)
    {
        MemoryHandle pin = data.Pin();
        void* start = pin.Pointer;
        UIntPtr length = (UIntPtr)(uint)data.Length;
        return Open(
            (native, archive, error) => NativeMethods.fastpar_archive_open(native, start, length, archive, error),
            pin,
            options,
            cancellationToken);
    }

    /// <summary>
    /// The same for memory outside of .NET, which may be larger than a span: mapped files, for instance.
    /// </summary>
    /// <param name="data">
    /// Address of the data, which must stay there, and as it is, until the archive is disposed and no read is
    /// under way.
    /// </param>
    /// <param name="dataLength">Its bytes.</param>
    /// <inheritdoc cref="Open(ReadOnlyMemory{byte}, ZstdOptions, CancellationToken)"/>
    /// <param name="options">May be null.</param>
    /// <param name="cancellationToken">Cancels the opening, and from then on every read.</param>
    public static SeekableArchive Open(
        IntPtr data, long dataLength, ZstdOptions? options = null, CancellationToken cancellationToken = default)
    {
        UIntPtr length = Check.Place(data, dataLength, nameof(data), nameof(dataLength));
        return Open(
            (native, archive, error) => NativeMethods.fastpar_archive_open(native, (void*)data, length, archive, error),
            default,
            options,
            cancellationToken);
    }

    /// <summary>
    /// Opens a file, which is read where it is needed. It may be removed or replaced meanwhile; one that is
    /// cut off or overwritten gives errors.
    /// </summary>
    /// <param name="path">An ordinary file; its content need not be trusted.</param>
    /// <inheritdoc cref="Open(ReadOnlyMemory{byte}, ZstdOptions, CancellationToken)"/>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <param name="options">May be null.</param>
    /// <param name="cancellationToken">Cancels the opening, and from then on every read.</param>
    public static SeekableArchive OpenFile(
        string path, ZstdOptions? options = null, CancellationToken cancellationToken = default)
    {
        fixed (byte* pinned = Codec.PathOf(path, nameof(path)))
        {
            byte* name = pinned;
            return Open(
                (native, archive, error) => NativeMethods.fastpar_archive_open_file(native, name, archive, error),
                default,
                options,
                cancellationToken,
                path);
        }
    }

    /// <summary>Tells where a frame is, in the compressed data and in the content.</summary>
    /// <param name="index">0 to <see cref="Frames"/> - 1.</param>
    /// <returns>The frame.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such frame.</exception>
    /// <exception cref="ObjectDisposedException">The archive is disposed.</exception>
    public FrameInfo Frame(long index)
    {
        fastpar_error error;
        fastpar_frame_info info = default;
        info.struct_size = (UIntPtr)sizeof(fastpar_frame_info);
        ulong number = (ulong)Check.Index(index, Frames, nameof(index));
        using var lease = new Lease(handle);
        int status = NativeMethods.fastpar_archive_frame((fastpar_archive*)lease.Pointer, number, &info, &error);
        Check.Ok(status, &error, new ErrorSite { Parameter = nameof(index) });
        return new FrameInfo(info);
    }

    /// <summary>Reads a part of the content, decompressing the frames that it touches, in parallel.</summary>
    /// <param name="offset">Where it begins in the content.</param>
    /// <param name="destination">
    /// Filled from its start on; must not overlap the data. After a failure its content means nothing.
    /// </param>
    /// <returns>
    /// Bytes read: fewer than <paramref name="destination"/> holds only at the end of the content, 0 behind
    /// it.
    /// </returns>
    /// <param name="cancellationToken">Cancels this read alone.</param>
    /// <exception cref="OperationCanceledException">
    /// It was cancelled, or the token of the archive.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The archive is disposed.</exception>
    /// <exception cref="InvalidDataException">
    /// The data is damaged, or passes a limit of the options; the position of the
    /// <see cref="FastparException"/> inside is the frame's offset in it.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public int Read(long offset, Span<byte> destination, CancellationToken cancellationToken = default)
    {
        fixed (byte* to = &MemoryMarshal.GetReference(destination))
        {
            return (int)Read(offset, (IntPtr)to, destination.Length, cancellationToken);
        }
    }

    /// <summary>The same into memory outside of .NET, which may be larger than a span.</summary>
    /// <param name="offset">Where it begins in the content.</param>
    /// <param name="destination">Address of where to; must not overlap the data.</param>
    /// <param name="length">Bytes wanted.</param>
    /// <returns>Bytes read: fewer only at the end of the content.</returns>
    /// <param name="cancellationToken">Cancels this read alone.</param>
    /// <inheritdoc cref="Read(long, Span{byte}, CancellationToken)"/>
    public long Read(long offset, IntPtr destination, long length, CancellationToken cancellationToken = default)
    {
        fastpar_error error;
        UIntPtr written;
        ulong from = (ulong)Check.Count(offset, nameof(offset));
        UIntPtr wanted = Check.Count(length, nameof(length));
        using var flag = new CancelFlag(cancellationToken);
        using var lease = new Lease(handle);
        var archive = (fastpar_archive*)lease.Pointer;
        int status;
        if (cancellationToken.CanBeCanceled)
        {
            fastpar_loop_options native = default;
            native.struct_size = (UIntPtr)sizeof(fastpar_loop_options);
            native.cancel = flag.Pointer;
            status = NativeMethods.fastpar_archive_read_with(
                &native, archive, from, (void*)destination, wanted, &written, &error);
        }
        else
        {
            status = NativeMethods.fastpar_archive_read(archive, from, (void*)destination, wanted, &written, &error);
        }
        CancellationToken cancelled = cancellationToken.IsCancellationRequested ? cancellationToken : token;
        var site = new ErrorSite { Parameter = nameof(destination), Reads = true, Source = path };
        Check.Ok(status, &error, site, cancelled);
        return (long)(ulong)written;
    }

    /// <summary>
    /// A stream over the content, which can be read and sought. It has a position of its own, and is used by
    /// one thread at a time; there may be any number of them. It does not own the archive: once that is
    /// disposed, reads throw.
    /// </summary>
    /// <returns>The stream, at the begin of the content.</returns>
    public Stream OpenStream() => new ArchiveStream(this);

    /// <summary>
    /// Releases the archive, and what it reads from, once the reads under way are over. Does not wait for
    /// them.
    /// </summary>
    public void Dispose() => handle.Dispose();

    private static SeekableArchive Open(
        Opening open,
        MemoryHandle pin,
        ZstdOptions? options,
        CancellationToken token,
        string? path = null,
        SourceState? source = null)
    {
        CancelFlag flag = default;
        ArchiveHandle handle;
        try
        {
            fastpar_error error;
            fastpar_archive* archive;
            fastpar_zstd_options native = (options ?? ZstdOptions.Defaults).ToNative();
            flag = new CancelFlag(token);
            using var lease = new OptionLease(options);
            lease.Apply(&native);
            native.cancel = flag.Pointer;
            Check.Ok(open(&native, &archive, &error), &error, new ErrorSite { Reads = true, Source = path }, token);
            handle = new ArchiveHandle(archive, flag, pin, options?.Prefix.Pin() ?? default, source);
        }
        catch
        {
            flag.Dispose();
            pin.Dispose();
            throw;
        }
        return new SeekableArchive(handle, path, token);
    }

    private long Ask(Question question)
    {
        fastpar_error error;
        ulong answer;
        using var lease = new Lease(handle);
        Check.Ok(question((fastpar_archive*)lease.Pointer, &answer, &error), &error);
        return (long)answer;
    }
}
