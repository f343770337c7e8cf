using System;
using System.Buffers;

namespace Fastpar;

/// <summary>
/// Native memory for the asynchronous methods of streams, which take no spans; valid until it is disposed.
/// </summary>
internal sealed unsafe class NativeMemory : MemoryManager<byte>
{
    private readonly int length;
    private byte* start;

    internal NativeMemory(void* start, int length)
    {
        this.start = (byte*)start;
        this.length = length;
    }

    public override Span<byte> GetSpan() =>
        start == null ? throw new ObjectDisposedException(nameof(NativeMemory)) : new Span<byte>(start, length);

    public override MemoryHandle Pin(int elementIndex = 0) => new MemoryHandle(start + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing) => start = null;
}
