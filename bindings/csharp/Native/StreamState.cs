using System;
using System.Buffers;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>
/// The state of the callbacks of a stream: the stream behind it. An exception of that stream is thrown by the
/// call that needed it.
/// </summary>
internal sealed unsafe class StreamState : CallState
{
    private const int SinkKind = 1;
    private const int SourceKind = 2;

    /// <summary>The most bytes that a stream takes at once.</summary>
    private const int Most = 1 << 30;

#if NET
    private static fastpar_writer_open_sink OnSink => &RunSink;
    private static fastpar_reader_open_source OnSource => &RunSource;
#else
    private static readonly fastpar_writer_open_sink OnSink = RunSink;
    private static readonly fastpar_reader_open_source OnSource = RunSource;
#endif

    private readonly Stream inner;
    private int inUse;
    private MemoryStream? spare;

    private StreamState(Stream inner, ZstdOptions? options)
        : base(options?.Progress, default)
    {
        this.inner = inner;
        Ahead = new SourceAhead(inner);
    }

    /// <summary>What asynchronous reads have awaited.</summary>
    internal SourceAhead Ahead { get; }

    /// <summary>
    /// The call is made by a thread that may wait for tasks: the stream behind may know nothing else.
    /// </summary>
    internal bool Asynchronous { get; set; }

    /// <summary>Whether no call runs.</summary>
    internal bool IsFree => Volatile.Read(ref inUse) == 0;

    /// <summary>Output of an asynchronous call, which is awaited after it; null: none.</summary>
    internal MemoryStream? Gathered { get; set; }

    /// <summary>Output that was written: its memory serves the next one.</summary>
    internal void Recycle(MemoryStream output)
    {
        output.SetLength(0);
        spare = output;
    }

    /// <summary>One call at a time: whether this call may begin.</summary>
    internal bool Take() => Interlocked.Exchange(ref inUse, 1) == 0;

    /// <summary>The call is over.</summary>
    internal void GiveBack() => Volatile.Write(ref inUse, 0);

    /// <summary>Opens a writer or a reader.</summary>
    internal static StreamState Open(Stream inner, bool writes, ZstdOptions? options, out StreamHandle handle)
    {
        fastpar_zstd_options native = (options ?? ZstdOptions.Defaults).ToNative();
        using var lease = new OptionLease(options);
        if (!writes && TellsChecksums(inner))
        {
            native.flags |= NativeMethods.FASTPAR_ZSTD_CHECK_TABLE;
        }
        var state = new StreamState(inner, options);
        int* cancel = (int*)Marshal.AllocHGlobal(sizeof(int));
        *cancel = 0;
        state.Root(GCHandleType.Weak);
        lease.Apply(&native);
        native.cancel = cancel;
        native.progress = state.ProgressFunction;
        native.progress_data = state.UserData;
        fastpar_error error;
        fastpar_writer* writer = null;
        fastpar_reader* reader = null;
        int status = writes
            ? NativeMethods.fastpar_writer_open(&native, OnSink, state.UserData, &writer, &error)
            : NativeMethods.fastpar_reader_open(&native, OnSource, state.UserData, &reader, &error);
        if (status != NativeMethods.FASTPAR_OK)
        {
            state.Unroot();
            Marshal.FreeHGlobal((IntPtr)cancel);
            throw Check.Exception(&error);
        }
        MemoryHandle prefix = options?.Prefix.Pin() ?? default;
        handle = new StreamHandle(writes ? (void*)writer : reader, writes, state, cancel, prefix);
        return state;
    }

    /// <summary>
    /// Whether a file, or memory, ends with a seek table that tells checksums. Other streams are read only as
    /// far as they are used.
    /// </summary>
    private static bool TellsChecksums(Stream stream)
    {
        const int Footer = 9; // the number of frames, a descriptor, a magic number
        const byte HasChecksums = 0x80;
        if (!IsLocal(stream))
        {
            return false;
        }
        long position = stream.Position;
        if (stream.Length - position < Footer)
        {
            return false;
        }
        var footer = new byte[Footer];
        stream.Position = stream.Length - Footer;
        int read = stream.Read(footer, 0, Footer);
        stream.Position = position;
        return read == Footer && (footer[4] & HasChecksums) != 0
            && footer[5] == 0xb1 && footer[6] == 0xea && footer[7] == 0x92 && footer[8] == 0x8f;
    }

    /// <summary>
    /// A file or memory. Other streams that can be sought may still have to wait, such as requests that are
    /// buffered while they come in.
    /// </summary>
    private static bool IsLocal(Stream stream) =>
        stream.CanSeek && (stream.GetType() == typeof(FileStream) || stream.GetType() == typeof(MemoryStream));

    /// <summary>
    /// Mono reads files that are opened for asynchronous use on a second thread of the thread pool, however
    /// they are read.
    /// </summary>
    private static bool IsReadHere(Stream stream) =>
#if NET
        IsLocal(stream);
#else
        IsLocal(stream) && stream is not FileStream { IsAsync: true };
#endif

    protected override int Invoke(int kind, void* a, void* b, void* c)
    {
        if (kind == SourceKind)
        {
            int read = Read(a, (int)Math.Min(*(ulong*)b, Most));
            if (read == SourceAhead.Later)
            {
                return NativeMethods.FASTPAR_SOURCE_LATER;
            }
            *(UIntPtr*)c = (UIntPtr)(uint)read;
            return 0;
        }
        ulong left = *(ulong*)b;
        for (byte* at = (byte*)a; left > 0;)
        {
            int part = (int)Math.Min(left, Most);
            Write(at, part);
            at += part;
            left -= (ulong)part;
        }
        return 0;
    }

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_writer_open_sink_delegate))]
    private static int RunSink(void* userData, void* data, UIntPtr length)
    {
        ulong bytes = (ulong)length;
        return ((StreamState)From(userData)).Callback(SinkKind, data, &bytes);
    }

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_reader_open_source_delegate))]
    private static int RunSource(void* userData, void* buffer, UIntPtr capacity, UIntPtr* length)
    {
        ulong room = (ulong)capacity;
        return ((StreamState)From(userData)).Callback(SourceKind, buffer, &room, length);
    }

    private void Write(void* data, int length)
    {
        if (!Asynchronous)
        {
            inner.Write(new ReadOnlySpan<byte>(data, length));
            return;
        }
        if (Gathered == null)
        {
            Gathered = spare ?? new MemoryStream(length);
            spare = null;
        }
        Gathered.Write(new ReadOnlySpan<byte>(data, length));
    }

    private int Read(void* buffer, int capacity)
    {
        var room = new Span<byte>(buffer, capacity);
        int read = Ahead.Take(room);
        if (read != SourceAhead.Later)
        {
            return read;
        }
        // A file or memory does not make anybody wait for long, and lanes have more to do at once. Waiting
        // for a task here would take a second thread of the thread pool: readers that have all of its threads
        // would wait for each other.
        return !Asynchronous || IsReadHere(inner) ? inner.Read(room) : SourceAhead.Later;
    }
}
