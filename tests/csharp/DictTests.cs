using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

internal static class DictTests
{
    private static byte[] Record(int i) => Encoding.ASCII.GetBytes(
        $"{{\"symbol\":\"SYM{i % 97}\",\"price\":{i * 7919 % 100003 / 100.0:F2},\"size\":{i * 31 % 1009},"
        + $"\"venue\":\"exchange-{i % 5}\",\"id\":{i}}}");

    private static readonly Lazy<byte[]> Trained =
        new Lazy<byte[]>(() => FastparDict.Train(Enumerable.Range(0, 5000).Select(Record).ToArray(), 8192));

    [Test]
    private static void TrainingPays()
    {
        using var dict = new FastparDict(Trained.Value, 5);
        Expect.True(dict.Id != 0, "id");
        byte[] record = Record(123456);
        var options = new ZstdOptions { Dict = dict };
        byte[] with = Codec.Compress(record, options);
        Expect.True(with.Length * 3 < Codec.Compress(record).Length * 2, $"{with.Length} bytes with the dictionary");
        Expect.Same(record, Codec.Decompress(with, options));
        Expect.Fails(FastparStatus.Dictionary, () => Codec.Decompress(with));
        Expect.True(Codec.CompressBound(1000, options) >= 1000, "bound");
    }

    [Test]
    private static void SeveralAtOnce()
    {
        using var first = new FastparDict(Trained.Value);
        using var raw = new FastparDict(new byte[100]);
        byte[] record = Record(5);
        byte[] packed = Codec.Compress(record, new ZstdOptions { Dict = first });
        var several = new ZstdOptions { Dicts = new[] { raw, first, first } };
        Expect.Same(record, Codec.Decompress(packed, several));
        using (var stream = new FastparStream(new MemoryStream(packed), CompressionMode.Decompress, several))
        {
            Expect.Same(record, Read(stream));
        }
        using (SeekableArchive archive = SeekableArchive.Open(packed, several))
        {
            Expect.True(archive.Length == record.Length, "length");
        }
        var without = new ZstdOptions { Dicts = new[] { raw } };
        FastparException error = Expect.Fails(FastparStatus.Dictionary, () => Codec.Decompress(packed, without));
        Expect.True((uint)error.Code == first.Id, "the wanted id");
        Expect.Throws<ArgumentException>(
            () => Codec.Decompress(packed, new ZstdOptions { Dicts = new FastparDict[] { null! } }));
        var disposed = new FastparDict(Trained.Value);
        disposed.Dispose();
        Expect.Throws<ObjectDisposedException>(
            () => Codec.Decompress(packed, new ZstdOptions { Dicts = new[] { first, disposed } }));
    }

    [Test]
    private static void APrefixLeavesOnlyTheChanges()
    {
        byte[] old = Enumerable.Range(0, 20_000).SelectMany(Record).ToArray();
        var changed = (byte[])old.Clone();
        changed[77_777] ^= 1;
        var options = new ZstdOptions { SingleFrame = true, Prefix = old };
        byte[] packed = Codec.Compress(changed, options);
        Expect.True(packed.Length < 3000, $"{packed.Length} bytes");
        Expect.Same(changed, Codec.Decompress(packed, options));
        using var compressed = new MemoryStream();
        using (var stream = new FastparStream(compressed, CompressionMode.Compress, options, leaveOpen: true))
        {
            stream.Write(changed, 0, changed.Length);
            GC.Collect(); // the prefix stays where it is
        }
        Expect.True(compressed.Length < 3000, $"{compressed.Length} bytes of a stream");
        compressed.Position = 0;
        using (var stream = new FastparStream(compressed, CompressionMode.Decompress, options))
        {
            Expect.Same(changed, Read(stream));
        }
        Expect.Throws<ArgumentException>(() => Codec.Compress(changed, new ZstdOptions { Prefix = old }));
        string path = Path.GetTempFileName();
        using (SeekableArchive archive = SeekableArchive.Open(Codec.Compress(changed)))
        {
            archive.TransformFile<byte>(path, (bytes, output) => output.Write(bytes), null, options);
        }
        Expect.True(new FileInfo(path).Length < old.Length / 10, "a transform, too");
        Expect.Same(changed, Codec.Decompress(File.ReadAllBytes(path), options));
        File.Delete(path);
        var others = new ZstdOptions { SingleFrame = true, LongDistance = true, Strategy = 2 };
        Expect.Same(changed, Codec.Decompress(Codec.Compress(changed, others)));
        Expect.Throws<ArgumentOutOfRangeException>(() => new ZstdOptions { Strategy = 10 });
        others = new ZstdOptions { Rsyncable = true, FrameSize = 100_000 };
        Expect.Same(changed, Codec.Decompress(Codec.Compress(changed, others)));
        Expect.Throws<ArgumentException>(() => Codec.Compress(old, new ZstdOptions { Rsyncable = true, SingleFrame = true }));
    }

    private static byte[] Read(Stream stream)
    {
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }

    [Test]
    private static void RawContentAndBadData()
    {
        byte[] content = Record(1);
        using var raw = new FastparDict(content);
        Expect.Equal(0u, raw.Id);
        var options = new ZstdOptions { Dict = raw };
        Expect.Same(content, Codec.Decompress(Codec.Compress(content, options), options));
        byte[] damaged = Trained.Value.Take(20).ToArray();
        Expect.Fails(FastparStatus.Dictionary, () => new FastparDict(damaged));
        Expect.Fails(FastparStatus.InvalidArgument, () => new FastparDict(ReadOnlySpan<byte>.Empty));
        Expect.Fails(FastparStatus.InvalidArgument, () => FastparDict.Train(new[] { content }));
        Expect.True(
            Expect.Fails(FastparStatus.BufferTooSmall, () => FastparDict.Train(new[] { content }, 10)).RequiredSize >= 256,
            "least");
        Expect.Throws<ArgumentException>(() => FastparDict.Train(content, new[] { 1 }, new byte[1000]));
        Expect.Throws<ArgumentNullException>(() => FastparDict.Train(null!));
    }

    [Test]
    private static void DisposedWhileItIsUsed()
    {
        for (int round = 0; round < 30; round++)
        {
            var dict = new FastparDict(Trained.Value);
            var options = new ZstdOptions { Dict = dict };
            Task[] users = Enumerable.Range(0, 4).Select(user => Task.Run(() =>
            {
                try
                {
                    while (true)
                    {
                        Codec.Compress(Record(user), options);
                    }
                }
                catch (ObjectDisposedException)
                {
                    // As it shall be.
                }
            })).ToArray();
            Thread.Sleep(round % 3);
            dict.Dispose();
            dict.Dispose();
            Expect.True(Task.WaitAll(users, 20000), "users end");
        }
    }
}
