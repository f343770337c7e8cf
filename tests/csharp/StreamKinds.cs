using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>A stream of this library, as others know streams.</summary>
internal sealed class StreamKind
{
    /// <summary>What readers give, in several frames: text, and bytes that do not compress.</summary>
    internal static readonly byte[] Content = MakeContent();

    private static readonly byte[] Packed = Codec.Compress(Content, new ZstdOptions { FrameSize = 50_000 });

    private readonly Func<Stream, Stream> open;

    private StreamKind(string name, bool reads, Func<Stream, Stream> open)
    {
        Name = name;
        Reads = reads;
        this.open = open;
    }

    internal string Name { get; }

    internal bool Reads { get; }

    internal bool Seeks { get; private set; }

    /// <summary>Whether it reads or writes another stream.</summary>
    internal bool HasInner { get; private set; } = true;

    /// <summary>All of them.</summary>
    internal static IEnumerable<StreamKind> All { get; } = new[]
    {
        new StreamKind("writer", false, inner => new FastparStream(inner, CompressionMode.Compress)),
        new StreamKind(
            "writer of small frames",
            false,
            inner => new FastparStream(inner, CompressionMode.Compress, new ZstdOptions { FrameSize = 1000, MaxLanes = 2 })),
        new StreamKind("reader", true, inner => new FastparStream(inner, CompressionMode.Decompress)),
        new StreamKind("reader of a source that trickles", true, inner => new FastparStream(new Trickling(inner), CompressionMode.Decompress)),
        new StreamKind("archive", true, _ => SeekableArchive.Open(Packed).OpenStream()) { Seeks = true, HasInner = false },
        new StreamKind("archive of a stream", true, inner => SeekableArchive.Open(inner).OpenStream()) { Seeks = true, HasInner = false },
    };

    /// <summary>A new stream: with its content, or over memory that is empty.</summary>
    internal Stream Open() => Open(NewInner());

    /// <summary>One over this stream.</summary>
    internal Stream Open(Stream inner) => open(inner);

    /// <summary>What such a stream reads from, or writes to.</summary>
    internal MemoryStream NewInner() => Reads ? new MemoryStream(Packed) : new MemoryStream();

    /// <summary>Does a check with each kind that it is for, and says with which it failed.</summary>
    internal static void Each(Func<StreamKind, bool> isFor, Action<StreamKind> check)
    {
        int checks = 0;
        foreach (StreamKind kind in All)
        {
            if (!isFor(kind))
            {
                continue;
            }
            try
            {
                check(kind);
            }
            catch (Exception exception)
            {
                throw new UnexpectedException($"{kind.Name}: {exception}");
            }
            checks++;
        }
        Expect.True(checks > 1, "the check is for no kinds");
    }

    private static byte[] MakeContent()
    {
        byte[] content = Expect.Data(200_000);
        var noise = new byte[70_000];
        new Random(5).NextBytes(noise);
        noise.CopyTo(content, 60_000);
        return content;
    }

    /// <summary>Gives from 1 byte to some thousand at a time.</summary>
    private sealed class Trickling : Wrapper
    {
        private readonly Random random = new(3);

        internal Trickling(Stream inner)
            : base(inner)
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => Inner.Read(buffer, offset, Some(count));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            Inner.ReadAsync(buffer, offset, Some(count), cancellationToken);

        private int Some(int count) => Math.Min(count, 1 + random.Next(1 << random.Next(13)));

        protected override void Dispose(bool disposing) => Inner.Dispose();
    }
}
