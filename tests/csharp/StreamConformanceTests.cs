using System;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>
/// What every Stream promises, asked of each of ours: what it can, what it refuses, and how it ends.
/// StreamWaysTests has the bytes.
/// </summary>
internal static class StreamConformanceTests
{
    private static readonly byte[] One = new byte[1];

    private static bool Any(StreamKind kind) => true;

    private static bool Reads(StreamKind kind) => kind.Reads;

    private static bool Writes(StreamKind kind) => !kind.Reads;

    private static bool Seeks(StreamKind kind) => kind.Seeks;

    private static bool HasInner(StreamKind kind) => kind.HasInner;

    /// <summary>An exception of this type, thrown by the call or by its task.</summary>
    private static void Refuses<T>(string what, Func<Task> call)
        where T : Exception
    {
        try
        {
            call().GetAwaiter().GetResult();
        }
        catch (T)
        {
            return;
        }
        catch (Exception exception)
        {
            throw new UnexpectedException($"{what}: {exception.GetType()} instead of {typeof(T).Name}");
        }
        throw new UnexpectedException($"{what}: no {typeof(T).Name}");
    }

    private static void Refuses<T>(string what, Action call)
        where T : Exception => Refuses<T>(what, () => { call(); return Task.CompletedTask; });

    private static void Refuses<T>(string what, Func<int> call)
        where T : Exception => Refuses<T>(what, () => { call(); });

    [Test]
    private static void WhatItCan() => StreamKind.Each(Any, kind =>
    {
        Stream stream = kind.Open();
        Expect.Equal((kind.Reads, !kind.Reads, kind.Seeks, false), (stream.CanRead, stream.CanWrite, stream.CanSeek, stream.CanTimeout));
        Refuses<InvalidOperationException>("a timeout", () => stream.ReadTimeout);
        Refuses<InvalidOperationException>("a timeout", () => stream.WriteTimeout = 1);
        stream.Dispose();
        Expect.Equal((false, false, false), (stream.CanRead, stream.CanWrite, stream.CanSeek));
    });

    [Test]
    private static void TheOtherDirectionIsNotSupported() => StreamKind.Each(Any, kind =>
    {
        using Stream stream = kind.Open();
        if (kind.Reads)
        {
            Refuses<NotSupportedException>("Write", () => stream.Write(One, 0, 1));
            Refuses<NotSupportedException>("WriteByte", () => stream.WriteByte(1));
            Refuses<NotSupportedException>("WriteAsync", () => stream.WriteAsync(One, 0, 1));
            Refuses<NotSupportedException>("BeginWrite", () => stream.EndWrite(stream.BeginWrite(One, 0, 1, null, null)));
        }
        else
        {
            Refuses<NotSupportedException>("Read", () => stream.Read(One, 0, 1));
            Refuses<NotSupportedException>("ReadByte", () => stream.ReadByte());
            Refuses<NotSupportedException>("ReadAsync", () => stream.ReadAsync(One, 0, 1));
            Refuses<NotSupportedException>("BeginRead", () => { stream.EndRead(stream.BeginRead(One, 0, 1, null, null)); });
            Refuses<NotSupportedException>("CopyTo", () => stream.CopyTo(new MemoryStream()));
            Refuses<NotSupportedException>("CopyToAsync", () => stream.CopyToAsync(new MemoryStream()));
        }
        Refuses<NotSupportedException>("SetLength", () => stream.SetLength(1));
        if (!kind.Seeks)
        {
            Refuses<NotSupportedException>("Length", () => (int)stream.Length);
            Refuses<NotSupportedException>("Position", () => (int)stream.Position);
            Refuses<NotSupportedException>("Position", () => stream.Position = 0);
            Refuses<NotSupportedException>("Seek", () => (int)stream.Seek(0, SeekOrigin.Begin));
        }
    });

    [Test]
    private static void Arguments() => StreamKind.Each(Any, kind =>
    {
        using Stream stream = kind.Open();
        Action<byte[], int, int>[] calls = kind.Reads
            ? new Action<byte[], int, int>[]
            {
                (buffer, offset, count) => Expect.True(stream.Read(buffer, offset, count) >= 0, "bytes"),
                (buffer, offset, count) => _ = stream.ReadAsync(buffer, offset, count),
                (buffer, offset, count) => _ = stream.ReadAsync(buffer, offset, count, new CancellationToken(true)),
            }
            : new Action<byte[], int, int>[]
            {
                stream.Write,
                (buffer, offset, count) => _ = stream.WriteAsync(buffer, offset, count),
                (buffer, offset, count) => _ = stream.WriteAsync(buffer, offset, count, new CancellationToken(true)),
            };
        foreach (Action<byte[], int, int> call in calls)
        {
            Expect.Equal("buffer", Expect.Throws<ArgumentNullException>(() => call(null!, 0, 1)).ParamName);
            Expect.Equal("offset", Expect.Throws<ArgumentOutOfRangeException>(() => call(One, -1, 1)).ParamName);
            foreach ((int offset, int count) in new[] { (0, -1), (0, 2), (1, 1), (2, 0), (1, int.MaxValue), (int.MaxValue, 1) })
            {
                Expect.Equal("count", Expect.Throws<ArgumentOutOfRangeException>(() => call(One, offset, count)).ParamName);
            }
        }
        if (kind.Reads)
        {
            Refuses<ArgumentNullException>("CopyTo", () => stream.CopyTo(null!));
            Refuses<ArgumentOutOfRangeException>("CopyTo", () => stream.CopyTo(new MemoryStream(), 0));
            Refuses<ArgumentNullException>("CopyToAsync", () => stream.CopyToAsync(null!));
            Refuses<ArgumentOutOfRangeException>("CopyToAsync", () => stream.CopyToAsync(new MemoryStream(), -1));
            Refuses<NotSupportedException>("CopyTo", () => stream.CopyTo(new MemoryStream(One, writable: false)));
        }
    });

    [Test]
    private static async Task TheEndOfItsLife()
    {
        foreach (bool asynchronous in new[] { false, true })
        {
            foreach (StreamKind kind in StreamKind.All)
            {
                Stream stream = kind.Open();
                for (int i = 0; i < 3; i++)
                {
#if !NETSTANDARD2_0
                    if (asynchronous)
                    {
                        await stream.DisposeAsync();
                    }
#endif
                    stream.Dispose();
                    stream.Close();
                    await Task.Yield();
                }
                IsDisposed(kind, stream);
            }
        }
    }

    private static void IsDisposed(StreamKind kind, Stream stream)
    {
        if (kind.Reads)
        {
            Refuses<ObjectDisposedException>("Read", () => stream.Read(One, 0, 1));
            Refuses<ObjectDisposedException>("Read of nothing", () => stream.Read(One, 0, 0));
            Refuses<ObjectDisposedException>("ReadByte", () => stream.ReadByte());
            Refuses<ObjectDisposedException>("ReadAsync", () => stream.ReadAsync(One, 0, 1));
            Refuses<ObjectDisposedException>("CopyTo", () => stream.CopyTo(new MemoryStream()));
            Refuses<ObjectDisposedException>("CopyToAsync", () => stream.CopyToAsync(new MemoryStream()));
        }
        else
        {
            Refuses<ObjectDisposedException>("Write", () => stream.Write(One, 0, 1));
            Refuses<ObjectDisposedException>("Write of nothing", () => stream.Write(One, 0, 0));
            Refuses<ObjectDisposedException>("WriteByte", () => stream.WriteByte(1));
            Refuses<ObjectDisposedException>("WriteAsync", () => stream.WriteAsync(One, 0, 1));
        }
        if (kind.Seeks)
        {
            Refuses<ObjectDisposedException>("Length", () => (int)stream.Length);
            Refuses<ObjectDisposedException>("Position", () => (int)stream.Position);
            Refuses<ObjectDisposedException>("Position", () => stream.Position = 0);
            Refuses<ObjectDisposedException>("Seek", () => (int)stream.Seek(0, SeekOrigin.Begin));
        }
        stream.Flush(); // quiet
        stream.FlushAsync().GetAwaiter().GetResult();
    }

    [Test]
    private static void TheStreamBehindIsClosedOnce() => StreamKind.Each(HasInner, kind =>
    {
        var inner = new Counting(kind.NewInner());
        Stream stream = kind.Open(inner);
        stream.Dispose();
        stream.Dispose();
        Expect.Equal(1, inner.Disposed, "times that it was closed");
    });

    [Test]
    private static void TokensThatAreCancelledBefore() => StreamKind.Each(Any, kind =>
    {
        using Stream stream = kind.Open();
        var cancelled = new CancellationToken(true);
        void IsCancelled(string what, Task task)
        {
            Expect.True(task.IsCanceled, $"{what}: {task.Status}");
            try
            {
                task.GetAwaiter().GetResult();
            }
            catch (OperationCanceledException exception)
            {
                Expect.Equal(cancelled, exception.CancellationToken, what);
            }
        }
        var buffer = new byte[100];
        IsCancelled("FlushAsync", stream.FlushAsync(cancelled));
        if (kind.Reads)
        {
            IsCancelled("ReadAsync", stream.ReadAsync(buffer, 0, 100, cancelled));
            IsCancelled("CopyToAsync", stream.CopyToAsync(new MemoryStream(), 100, cancelled));
#if !NETSTANDARD2_0
            IsCancelled("ReadAsync", stream.ReadAsync(buffer.AsMemory(), cancelled).AsTask());
#endif
            Expect.Equal(StreamKind.Content[0], (byte)stream.ReadByte(), "nothing was taken");
        }
        else
        {
            IsCancelled("WriteAsync", stream.WriteAsync(buffer, 0, 100, cancelled));
#if !NETSTANDARD2_0
            IsCancelled("WriteAsync", stream.WriteAsync(buffer.AsMemory(), cancelled).AsTask());
#endif
            stream.WriteByte(1);
        }
    });

    [Test]
    private static void FailuresOfTheStreamBehind() => StreamKind.Each(HasInner, kind =>
    {
        foreach (bool asynchronous in new[] { false, true })
        {
            Stream stream = kind.Open(new Broken(kind.Reads ? 1 : 10, StreamKind.Content));
            var buffer = new byte[300_000];
            new Random(1).NextBytes(buffer);
            for (int call = 0; call < 2; call++)
            {
                Refuses<IOException>("a call", () =>
                    kind.Reads ? asynchronous ? stream.ReadAsync(buffer, 0, 10) : Task.FromResult(stream.Read(buffer, 0, 10))
                    : asynchronous ? Written(stream, buffer) : Task.Run(() => { stream.Write(buffer, 0, buffer.Length); stream.Flush(); }));
            }
            stream.Dispose(); // quiet: the failure was told
        }
    });

    private static async Task Written(Stream stream, byte[] buffer)
    {
        await stream.WriteAsync(buffer, 0, buffer.Length);
        await stream.FlushAsync();
    }

    [Test]
    private static void Places() => StreamKind.Each(Seeks, kind =>
    {
        byte[] content = StreamKind.Content;
        using Stream stream = kind.Open();
        Expect.Equal(((long)content.Length, 0L), (stream.Length, stream.Position));
        var random = new Random(9);
        var buffer = new byte[3000];
        for (int i = 0; i < 60; i++)
        {
            int at = random.Next(content.Length + 1);
            long told = (i % 4) switch
            {
                0 => stream.Position = at,
                1 => stream.Seek(at, SeekOrigin.Begin),
                2 => stream.Seek(at - stream.Position, SeekOrigin.Current),
                _ => stream.Seek(at - content.Length, SeekOrigin.End),
            };
            Expect.Equal((at, (long)at), (told, stream.Position));
            int read = stream.Read(buffer, 0, buffer.Length);
            Expect.Equal(Math.Min(buffer.Length, content.Length - at), read, "bytes");
            Expect.Same(content.AsSpan(at, read), buffer.AsSpan(0, read));
            Expect.Equal(at + read, stream.Position);
        }
        Refuses<IOException>("before the beginning", () => (int)stream.Seek(-1, SeekOrigin.Begin));
        Refuses<ArgumentOutOfRangeException>("before the beginning", () => stream.Position = -1);
        Refuses<ArgumentException>("no origin", () => (int)stream.Seek(0, (SeekOrigin)7));
        stream.Position = content.Length + 5L;
        Expect.Equal((0, -1), (stream.Read(buffer, 0, 1), stream.ReadByte()));
        stream.Seek(0, SeekOrigin.Begin);
        Expect.Equal(content[0], (byte)stream.ReadByte());
    });

    [Test]
    private static void FlushingAReaderDoesNothing() => StreamKind.Each(Reads, kind =>
    {
        using Stream stream = kind.Open();
        stream.Flush();
        stream.FlushAsync().GetAwaiter().GetResult();
        Expect.Equal(StreamKind.Content[0], (byte)stream.ReadByte());
    });

    [Test]
    private static void WhatIsFlushedCanBeRead() => StreamKind.Each(Writes, kind =>
    {
        MemoryStream inner = kind.NewInner();
        Stream stream = kind.Open(inner);
        stream.Write(StreamKind.Content, 0, 10_000);
        stream.WriteByte(StreamKind.Content[10_000]);
        stream.Flush();
        Expect.Same(StreamKind.Content.AsSpan(0, 10_001), Codec.Decompress(inner.ToArray()));
        stream.Write(StreamKind.Content, 10_001, 20_000);
        stream.FlushAsync().GetAwaiter().GetResult();
        stream.Flush(); // nothing new
        Expect.Same(StreamKind.Content.AsSpan(0, 30_001), Codec.Decompress(inner.ToArray()));
        stream.Dispose();
    });

    [Test]
    private static async Task NoCallWaitsThatNeedNot()
    {
        foreach (StreamKind kind in StreamKind.All.Where(HasInner))
        {
            MemoryStream inner = kind.NewInner();
            Stream stream = kind.Open(new AsyncOnly(inner));
            var back = new MemoryStream();
            if (kind.Reads)
            {
                await stream.CopyToAsync(back);
            }
            else
            {
                await stream.WriteAsync(StreamKind.Content, 0, StreamKind.Content.Length);
                await stream.FlushAsync();
                await ((FastparStream)stream).DisposeAsync();
                back = new MemoryStream(Codec.Decompress(inner.ToArray()));
            }
            Expect.Same(StreamKind.Content, back.ToArray());
        }
    }

    /// <summary>Counts how often it is disposed of.</summary>
    private sealed class Counting : Wrapper
    {
        internal Counting(Stream inner)
            : base(inner)
        {
        }

        internal int Disposed { get; private set; }

        protected override void Dispose(bool disposing) => Disposed++;
    }
}
