using System;
using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Fastpar;

/// <summary>A handle of the native library: released once, when no call uses it any more.</summary>
internal abstract class FastparHandle : SafeHandle
{
    private readonly string owner;
    private long weight;
    private volatile bool disposed;

    /// <param name="handle">What is released.</param>
    /// <param name="owner">Its type, as users know it.</param>
    protected FastparHandle(IntPtr handle, string owner)
        : base(IntPtr.Zero, ownsHandle: true)
    {
        this.owner = owner;
        SetHandle(handle);
    }

    public sealed override bool IsInvalid => handle == IntPtr.Zero;

    /// <summary>Tells the collector of native memory that is released with this.</summary>
    internal void Weigh(long bytes)
    {
        weight = bytes;
        if (bytes > 0)
        {
            GC.AddMemoryPressure(bytes);
        }
    }

    /// <summary>
    /// Begins a use, to be ended by DangerousRelease. Of itself a SafeHandle that is disposed can be used for
    /// as long as another use lasts.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The handle is disposed.</exception>
    [SuppressMessage("Maintainability", "CA1513", Justification = ".NET Standard has no ThrowIf.")]
    internal void Use()
    {
        bool added = false;
        try
        {
            if (!disposed)
            {
                DangerousAddRef(ref added);
            }
        }
        catch (ObjectDisposedException)
        {
            // It has just been released.
        }
        if (!added)
        {
            throw new ObjectDisposedException(owner);
        }
    }

    protected override void Dispose(bool disposing)
    {
        disposed = true;
        base.Dispose(disposing);
    }

    protected sealed override bool ReleaseHandle()
    {
        Free();
        if (weight > 0)
        {
            GC.RemoveMemoryPressure(weight);
        }
        return true;
    }

    protected abstract void Free();
}

/// <summary>A job: released, it is cancelled and waited for.</summary>
internal sealed unsafe class JobHandle : FastparHandle
{
    internal JobHandle(fastpar_job* job)
        : base((IntPtr)job, nameof(FastparJob))
    {
    }

    protected override void Free()
    {
        NativeMethods.fastpar_job_free((fastpar_job*)handle);
    }
}

/// <summary>A queue.</summary>
internal sealed unsafe class QueueHandle : FastparHandle
{
    internal QueueHandle(fastpar_queue* queue)
        : base((IntPtr)queue, nameof(FastparQueue))
    {
    }

    protected override void Free()
    {
        NativeMethods.fastpar_queue_free((fastpar_queue*)handle);
    }
}

/// <summary>A dictionary.</summary>
internal sealed unsafe class DictHandle : FastparHandle
{
    internal DictHandle(fastpar_dict* dict)
        : base((IntPtr)dict, nameof(FastparDict))
    {
    }

    protected override void Free()
    {
        NativeMethods.fastpar_dict_free((fastpar_dict*)handle);
    }
}

/// <summary>
/// A stream. The state that its callbacks find, and the flag that cancels it, live until it is released: so a
/// stream that is dropped is released by the garbage collector, and without a word to the stream behind it.
/// </summary>
internal sealed unsafe class StreamHandle : FastparHandle
{
    private readonly CallState state;
    private readonly bool writes;
    private MemoryHandle prefix;

    /// <summary>Takes over the flag, a pin, and a state that is rooted.</summary>
    internal StreamHandle(void* stream, bool writes, CallState state, int* cancel, MemoryHandle prefix)
        : base((IntPtr)stream, nameof(FastparStream))
    {
        this.writes = writes;
        this.state = state;
        this.prefix = prefix;
        Cancel = cancel;
    }

    /// <summary>For `fastpar_cancel`.</summary>
    internal int* Cancel { get; }

    protected override void Free()
    {
        if (writes)
        {
            NativeMethods.fastpar_writer_free((fastpar_writer*)handle);
        }
        else
        {
            NativeMethods.fastpar_reader_free((fastpar_reader*)handle);
        }
        state.Unroot();
        Marshal.FreeHGlobal((IntPtr)Cancel);
        prefix.Dispose();
    }
}

/// <summary>
/// An archive. The memory that it reads from stays pinned, and its cancel flag stays, until the last read is
/// over and this is released.
/// </summary>
internal sealed unsafe class ArchiveHandle : FastparHandle
{
    private readonly CancelFlag cancel;
    private readonly SourceState? source;
    private MemoryHandle pin;
    private MemoryHandle prefix;
    private bool dropped = true;

    /// <summary>Takes over the flag, the pins, and what is read from, which is rooted.</summary>
    internal ArchiveHandle(
        fastpar_archive* archive, CancelFlag cancel, MemoryHandle pin, MemoryHandle prefix, SourceState? source)
        : base((IntPtr)archive, nameof(SeekableArchive))
    {
        this.source = source;
        this.cancel = cancel;
        this.pin = pin;
        this.prefix = prefix;
    }

    /// <summary>Streams close themselves when they are dropped, so a dropped archive leaves that to
    /// them.</summary>
    protected override void Dispose(bool disposing)
    {
        dropped &= !disposing;
        base.Dispose(disposing);
    }

    protected override void Free()
    {
        NativeMethods.fastpar_archive_free((fastpar_archive*)handle);
        cancel.Dispose();
        pin.Dispose();
        prefix.Dispose();
        source?.Unroot();
        if (!dropped)
        {
            source?.Owned?.Dispose();
        }
    }
}

/// <summary>
/// The use of a handle: it is not released before this is disposed, even if the handle is disposed meanwhile.
/// </summary>
internal readonly unsafe ref struct Lease
{
    private readonly FastparHandle? handle;

    /// <exception cref="ObjectDisposedException">The handle is disposed already.</exception>
    internal Lease(FastparHandle? handle)
    {
        handle?.Use();
        this.handle = handle;
    }

    internal void* Pointer => handle == null ? null : (void*)handle.DangerousGetHandle();

    public void Dispose() => handle?.DangerousRelease();
}
