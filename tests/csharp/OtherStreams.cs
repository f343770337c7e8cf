using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>A stream without the methods that wait.</summary>
internal sealed class AsyncOnly : Wrapper
{
    internal AsyncOnly(Stream inner)
        : base(inner)
    {
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new InvalidOperationException("a read that waits");

    public override void Write(byte[] buffer, int offset, int count) =>
        throw new InvalidOperationException("a write that waits");

    public override async Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        await Task.Yield();
        return Inner.Read(buffer, offset, count);
    }

    public override async Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        await Task.Yield();
        Inner.Write(buffer, offset, count);
    }
}

/// <summary>Fails after some bytes.</summary>
internal sealed class Broken : Wrapper
{
    private int left;

    internal Broken(int left, byte[]? content = null)
        : base(content == null ? new MemoryStream() : new MemoryStream(content)) => this.left = left;

    public override int Read(byte[] buffer, int offset, int count) => Inner.Read(buffer, offset, Pass(Math.Min(count, 1000)));

    public override void Write(byte[] buffer, int offset, int count) => Inner.Write(buffer, offset, Pass(count));

    private int Pass(int count) => (left -= count) >= 0 ? count : throw new IOException("broken");
}

/// <summary>Writes take time, and can be cancelled.</summary>
internal sealed class Slow : Wrapper
{
    internal Slow()
        : base(Stream.Null)
    {
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        Task.Delay(50, cancellationToken);
}

/// <summary>The first write waits.</summary>
internal sealed class Gate : Wrapper
{
    internal Gate()
        : base(Stream.Null)
    {
    }

    internal ManualResetEventSlim Entered { get; } = new ManualResetEventSlim();

    internal ManualResetEventSlim Go { get; } = new ManualResetEventSlim();

    public override void Write(byte[] buffer, int offset, int count)
    {
        Entered.Set();
        Go.Wait();
    }
}

/// <summary>Bytes that come one after the other, and cannot be looked at before.</summary>
internal sealed class Passing : Wrapper
{
    internal Passing(byte[] data)
        : base(new MemoryStream(data))
    {
    }
}

/// <summary>A stream over another.</summary>
internal abstract class Wrapper : Stream
{
    protected Wrapper(Stream inner) => Inner = inner;

    public override bool CanRead => Inner.CanRead;

    public override bool CanWrite => Inner.CanWrite;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    internal Stream Inner { get; }

    public override int Read(byte[] buffer, int offset, int count) => Inner.Read(buffer, offset, count);

    public override void Write(byte[] buffer, int offset, int count) => Inner.Write(buffer, offset, count);

    public override void Flush() => Inner.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
