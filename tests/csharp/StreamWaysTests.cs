using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>
/// Every way to read and to write that Stream has, with each of our streams: the same bytes.
/// </summary>
internal static class StreamWaysTests
{
    /// <summary>Reads some bytes into a part of an array; 0: the end.</summary>
    private delegate Task<int> Reading(Stream stream, byte[] buffer, int offset, int count);

    /// <summary>Writes a part of an array.</summary>
    private delegate Task Writing(Stream stream, byte[] buffer, int offset, int count);

    private static readonly Dictionary<string, Reading> Readings = new()
    {
        ["Read"] = (stream, buffer, offset, count) => Task.FromResult(stream.Read(buffer, offset, count)),
        ["ReadByte"] = (stream, buffer, offset, count) => Task.FromResult(ByBytes(stream, buffer, offset, count)),
        ["ReadAsync"] = (stream, buffer, offset, count) => stream.ReadAsync(buffer, offset, count),
        ["BeginRead"] = Begun,
        ["BeginRead, callback"] = CalledBack,
#if !NETSTANDARD2_0
        ["Read, span"] = (stream, buffer, offset, count) => Task.FromResult(stream.Read(buffer.AsSpan(offset, count))),
        ["ReadAsync, memory"] = (stream, buffer, offset, count) => stream.ReadAsync(buffer.AsMemory(offset, count)).AsTask(),
        ["ReadAsync, memory of no array"] = async (stream, buffer, offset, count) =>
        {
            using var owner = new Unmanaged(count);
            int read = await stream.ReadAsync(owner.Memory);
            owner.Memory.Slice(0, read).CopyTo(buffer.AsMemory(offset));
            return read;
        },
#endif
#if NET
        ["ReadExactly"] = (stream, buffer, offset, count) => Task.FromResult(stream.ReadAtLeast(buffer.AsSpan(offset, count), count, false)),
        ["ReadAtLeastAsync"] = (stream, buffer, offset, count) => stream.ReadAtLeastAsync(buffer.AsMemory(offset, count), count, false).AsTask(),
#endif
    };

    private static readonly Dictionary<string, Writing> Writings = new()
    {
        ["Write"] = (stream, buffer, offset, count) => { stream.Write(buffer, offset, count); return Task.CompletedTask; },
        ["WriteByte"] = (stream, buffer, offset, count) =>
        {
            for (int i = offset; i < offset + count; i++)
            {
                stream.WriteByte(buffer[i]);
            }
            return Task.CompletedTask;
        },
        ["WriteAsync"] = (stream, buffer, offset, count) => stream.WriteAsync(buffer, offset, count),
        ["BeginWrite"] = (stream, buffer, offset, count) =>
            Task.Run(() => stream.EndWrite(stream.BeginWrite(buffer, offset, count, null, null))),
#if !NETSTANDARD2_0
        ["Write, span"] = (stream, buffer, offset, count) => { stream.Write(buffer.AsSpan(offset, count)); return Task.CompletedTask; },
        ["WriteAsync, memory"] = (stream, buffer, offset, count) => stream.WriteAsync(buffer.AsMemory(offset, count)).AsTask(),
#endif
    };

    private static int ByBytes(Stream stream, byte[] buffer, int offset, int count)
    {
        int read = 0;
        for (int value; read < count && (value = stream.ReadByte()) >= 0; read++)
        {
            buffer[offset + read] = (byte)value;
        }
        return read;
    }

    private static Task<int> Begun(Stream stream, byte[] buffer, int offset, int count)
    {
        object state = new();
        IAsyncResult result = stream.BeginRead(buffer, offset, count, null, state);
        Expect.True(result.AsyncState == state, "another state");
        return Task.Run(() => stream.EndRead(result));
    }

    private static Task<int> CalledBack(Stream stream, byte[] buffer, int offset, int count)
    {
        var source = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        stream.BeginRead(buffer, offset, count, result => source.SetResult(stream.EndRead(result)), null);
        return source.Task;
    }

    private static readonly int[] Sizes = { 1, 7, 3000, 16_384, 100_000, 1_000_000 };

    /// <summary>Reads all in parts of this size; what is beside the part in the array stays.</summary>
    private static async Task<byte[]> All(Stream stream, Reading reading, int size)
    {
        const byte Beside = 0xa5;
        var all = new MemoryStream();
        var buffer = Enumerable.Repeat(Beside, size + 2).ToArray();
        for (int read; (read = await reading(stream, buffer, 1, size)) > 0;)
        {
            Expect.True(read <= size, "more than was asked for");
            Expect.Equal((Beside, Beside), (buffer[0], buffer[size + 1]), "what is beside");
            all.Write(buffer, 1, read);
        }
        Expect.Equal(0, await reading(stream, buffer, 1, size), "bytes after the end");
        Expect.Equal(-1, stream.ReadByte(), "a byte after the end");
        return all.ToArray();
    }

    [Test]
    private static void EveryWayToRead() => StreamKind.Each(kind => kind.Reads, kind =>
    {
        foreach (KeyValuePair<string, Reading> way in Readings)
        {
            foreach (int size in Sizes)
            {
                // An archive looks for the place at every read: MixedWays has small ones.
                if (size < 1000 && (kind.Seeks || way.Key is not ("Read" or "ReadByte" or "ReadAsync")))
                {
                    continue;
                }
                using Stream stream = kind.Open();
                byte[] found = Within(All(stream, way.Value, size), $"{way.Key}, {size}");
                Expect.True(found.AsSpan().SequenceEqual(StreamKind.Content), $"{way.Key}, {size}: other bytes");
            }
        }
    });

    [Test]
    private static void MixedWays() => StreamKind.Each(kind => kind.Reads, kind =>
    {
        var random = new Random(2);
        Reading[] ways = Readings.Values.ToArray();
        using Stream stream = kind.Open();
        Reading any = (from, buffer, offset, count) => ways[random.Next(ways.Length)](from, buffer, offset, 1 + random.Next(count));
        Expect.Same(StreamKind.Content, Within(All(stream, any, 2000), "mixed"));
    });

    [Test]
    private static void CopiesOfAll() => StreamKind.Each(kind => kind.Reads, kind =>
    {
        foreach (int size in new[] { 100, 81_920, 1_000_000 })
        {
            var target = new MemoryStream();
            using (Stream stream = kind.Open())
            {
                stream.CopyTo(target, size);
            }
            Expect.Same(StreamKind.Content, target.ToArray());
            target = new MemoryStream();
            using (Stream stream = kind.Open())
            {
                Expect.Equal(StreamKind.Content[0], (byte)stream.ReadByte());
                Expect.True(stream.CopyToAsync(target, size).Wait(Expect.Limit), "ends");
            }
            Expect.Same(StreamKind.Content.AsSpan(1), target.ToArray());
        }
    });

    [Test]
    private static void NothingIsNoEnd() => StreamKind.Each(kind => kind.Reads, kind =>
    {
        using Stream stream = kind.Open();
        foreach (KeyValuePair<string, Reading> way in Readings)
        {
            Expect.Equal(0, Within(way.Value(stream, new byte[2], 1, 0), way.Key), way.Key);
        }
        Expect.Same(StreamKind.Content, Within(All(stream, Readings["Read"], 100_000), "after that"));
    });

    [Test]
    private static void EveryWayToWrite() => StreamKind.Each(kind => !kind.Reads, kind =>
    {
        foreach (KeyValuePair<string, Writing> way in Writings)
        {
            foreach (int size in Sizes.Where(size => size >= 1000 || way.Key is "Write" or "WriteAsync"))
            {
                Expect.Same(StreamKind.Content, Written(kind, _ => way.Value, size));
            }
        }
        Writing[] ways = Writings.Values.ToArray();
        var random = new Random(4);
        Expect.Same(StreamKind.Content, Written(kind, _ => ways[random.Next(ways.Length)], 1500));
    });

    /// <summary>
    /// Writes all in parts of this size, and nothing now and then; gives what can be read then.
    /// </summary>
    private static byte[] Written(StreamKind kind, Func<int, Writing> way, int size)
    {
        MemoryStream inner = kind.NewInner();
        async Task Write()
        {
            byte[] content = StreamKind.Content;
            using Stream stream = kind.Open(inner);
            for (int at = 0, part = 0; at < content.Length; at += size, part++)
            {
                await way(part)(stream, content, at, Math.Min(size, content.Length - at));
                if (part % 100 == 0)
                {
                    await way(part)(stream, content, at, 0);
                }
            }
        }
        Expect.True(Task.Run(Write).Wait(Expect.Limit), "writes");
        return Codec.Decompress(inner.ToArray());
    }

    [Test]
    private static void ReadersAndWritersOfDotNet()
    {
        string[] lines = Enumerable.Range(0, 20_000).Select(i => $"{i} hâve {i * 7919}").ToArray();
        var packed = new MemoryStream();
        using (var writer = new StreamWriter(new FastparStream(packed, CompressionMode.Compress, leaveOpen: true)))
        {
            foreach (string line in lines)
            {
                writer.WriteLine(line);
            }
        }
        packed.Position = 0;
        using (var reader = new StreamReader(new FastparStream(packed, CompressionMode.Decompress, leaveOpen: true)))
        {
            Expect.True(lines.SequenceEqual(Lines(reader)), "other lines");
        }
        using (var reader = new StreamReader(SeekableArchive.Open(packed.ToArray()).OpenStream()))
        {
            Expect.True(lines.SequenceEqual(Lines(reader)), "other lines");
        }
        // Streams that compress, one over the other.
        var twice = new MemoryStream();
        using (var zstd = new FastparStream(new GZipStream(twice, CompressionLevel.Fastest, leaveOpen: true), CompressionMode.Compress))
        {
            zstd.Write(StreamKind.Content, 0, StreamKind.Content.Length);
        }
        twice.Position = 0;
        using var back = new FastparStream(new GZipStream(twice, CompressionMode.Decompress), CompressionMode.Decompress);
        Expect.Same(StreamKind.Content, Within(All(back, Readings["ReadAsync"], 9000), "twice"));
    }

    private static IEnumerable<string> Lines(TextReader reader)
    {
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    private static T Within<T>(Task<T> task, string what)
    {
        Expect.True(Task.WhenAny(task, Task.Delay(Expect.Limit)).Result == task, $"{what}: no end");
        return task.GetAwaiter().GetResult();
    }

#if !NETSTANDARD2_0
    /// <summary>Memory that no array is behind.</summary>
    private sealed unsafe class Unmanaged : System.Buffers.MemoryManager<byte>
    {
        private readonly int length;
        private IntPtr memory;

        internal Unmanaged(int length)
        {
            this.length = length;
            memory = System.Runtime.InteropServices.Marshal.AllocHGlobal(Math.Max(length, 1));
        }

        public override Span<byte> GetSpan() => new((void*)memory, length);

        public override System.Buffers.MemoryHandle Pin(int elementIndex = 0) => new((byte*)memory + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
            System.Runtime.InteropServices.Marshal.FreeHGlobal(memory);
            memory = IntPtr.Zero;
        }
    }
#endif
}
