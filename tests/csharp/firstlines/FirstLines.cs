// What people type first, as they type it for Parallel and the streams of .NET: each line compiles, and does
// what it says.
using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Fastpar;

namespace Fastpar.Tests;

internal static class FirstLines
{
    private static readonly CancellationToken Token = CancellationToken.None;

    private static int failures;

    private static async Task<int> Main()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            ManyItems();
            Slices();
            await AsyncBodies();
            await Jobs();
            Sums();
            await Memory();
            await Files(folder);
            await Streams();
            await Archives(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        return failures;
    }

    private static void Same<T>(string line, T expected, T found)
    {
        bool same = EqualityComparer<T>.Default.Equals(expected, found);
        failures += same ? 0 : 1;
        Console.WriteLine(same ? $"test {line} ... ok" : $"expected {expected}, found {found}\ntest {line} ... FAILED");
    }

    private static void SameBytes(string line, byte[] expected, ReadOnlySpan<byte> found) =>
        Same(line, true, found.SequenceEqual(expected));

    private static void ManyItems()
    {
        int n = 1000;
        long sum = 0;
        FastparLoop.For(0, n, i => Interlocked.Add(ref sum, i));
        Same("For, int", 499_500, sum);

        sum = 0;
        FastparLoop.For(-5L, 5L, i => { Interlocked.Add(ref sum, i); });
        Same("For, long", -5, sum);

        sum = 0;
        FastparLoop.For(n, range => Interlocked.Add(ref sum, range.Length));
        Same("For, ranges", n, sum);

        int[] array = Enumerable.Range(0, n).ToArray();
        sum = 0;
        FastparLoop.For(array.Length, range => { foreach (int i in range) Interlocked.Add(ref sum, array[i]); });
        Same("foreach (int i in range)", 499_500, sum);

        sum = 0;
        FastparLoop.For(n, range => { var (begin, end) = range; Interlocked.Add(ref sum, end - begin); });
        Same("var (begin, end) = range", n, sum);

        sum = 0;
        FastparLoop.For(n, (in Chunk chunk) => Interlocked.Add(ref sum, chunk.Length), new LoopOptions { MaxLanes = 2 }, Token);
        Same("For, chunks, options, a token", n, sum);

        var list = new List<string>(array.Select(i => i.ToString()));
        sum = 0;
        FastparLoop.ForEach(array, item => Interlocked.Add(ref sum, item));
        FastparLoop.ForEach(list, item => Interlocked.Add(ref sum, item.Length));
        FastparLoop.ForEach(array.AsMemory(0, 10), item => Interlocked.Add(ref sum, -item));
        Same("ForEach: array, list, memory", 499_500 + 2890 - 45, sum);

        sum = 0;
        FastparLoop.ForEach(new HashSet<int>(array), item => Interlocked.Add(ref sum, item));
        FastparLoop.ForEach(array.Where(item => item < 10), item => { Interlocked.Add(ref sum, -item); });
        FastparLoop.ForEach("ab", letter => Interlocked.Add(ref sum, letter));
        Same("ForEach: set, query, string", 499_500 - 45 + 97 + 98, sum);

        FastparLoop.ForEach(array, (ref int item) => item = -item);
        Same("ForEach, ref", -499_500, array.Sum());

        try
        {
            FastparLoop.For(0, n, i => throw new FormatException());
            Same("For throws", true, false);
        }
        catch (FormatException)
        {
            Same("For throws", true, true);
        }
        try
        {
            FastparLoop.ForEach(list, item => throw new FormatException());
            Same("ForEach throws", true, false);
        }
        catch (FormatException)
        {
            Same("ForEach throws", true, true);
        }
    }

    private static void Slices()
    {
        double[] values = new double[1000];
        FastparLoop.For(values, slice => slice.Fill(1));
        Same("For, slices of an array", 1000, values.Sum());
        FastparLoop.For(values, (slice, range) => { foreach (int i in range) slice[i - (int)range.Begin] = i; });
        Same("For, slices with their range", 499_500, values.Sum());
        FastparLoop.For(values.AsMemory(10), slice => slice.Clear());
        Same("For, slices of memory", 45, values.Sum());
        FastparLoop.For(values.Length, range => range.Of(values).Fill(2));
        Same("range.Of(array)", 2000, values.Sum());
        FastparSort.Sort(values);
    }

    private static async Task AsyncBodies()
    {
        int n = 50;
        long sum = 0;
        await FastparLoop.ForAsync(0, n, async (i, token) => { await Task.Delay(1, token); Interlocked.Add(ref sum, i); });
        Same("await ForAsync, items", 1225, sum);
        await FastparLoop.ForAsync(0, n, async i => { await Task.Yield(); Interlocked.Add(ref sum, -i); });
        Same("await ForAsync, items, no token", 0, sum);
        await FastparLoop.ForAsync(n, async (range, token) => { await Task.Delay(1, token); Interlocked.Add(ref sum, range.Length); });
        Same("await ForAsync, ranges", n, sum);
        var urls = new List<string> { "a", "bc", "def" };
        sum = 0;
        await FastparLoop.ForEachAsync(urls, async (url, token) => { await Task.Yield(); Interlocked.Add(ref sum, url.Length); });
        Same("await ForEachAsync", 6, sum);
        await FastparLoop.ForEachAsync(urls.Where(url => url.Length > 1), async url => { await Task.Yield(); Interlocked.Add(ref sum, url.Length); });
        Same("await ForEachAsync, query", 11, sum);
    }

    private static async Task Jobs()
    {
        long sum = 0;
        FastparGroup.Run(group => { group.Spawn(() => Interlocked.Add(ref sum, 3)); group.Spawn(() => { Interlocked.Increment(ref sum); }); });
        Same("group.Spawn(() => ...)", 4, sum);
        sum = 0;
        await FastparLoop.Start(100, range => Interlocked.Add(ref sum, range.Length));
        Same("await job", 100, sum);
        using FastparJob job = FastparLoop.Start(100, range => { });
        job.Wait(Token);
        Same("job.Wait(timeout, token)", true, job.Wait(TimeSpan.FromMinutes(5), Token));
        FastparTeam.Run(2, member => member.Barrier(), Token);
        using var queue = new FastparQueue(10);
        queue.Push(7, Token);
        Same("queue.Pop(out value, token)", true, queue.Pop(out ulong value, Token) && value == 7);
        Action<int> hook = worker => { };
        FastparPool.Hook(hook);
        Same("FastparPool.Unhook", true, FastparPool.Unhook(hook));
        Same("FastparPool.Shutdown(TimeSpan)", true, FastparPool.Shutdown(TimeSpan.FromMinutes(5)));
    }

    private static void Sums()
    {
        int[] values = Enumerable.Range(0, 1000).ToArray();
        long sum = FastparLoop.Reduce(
            values.Length, 0L, (range, part) => { foreach (int i in range) part += values[i]; return part; }, (a, b) => a + b);
        Same("Reduce", 499_500, sum);
    }

    private static byte[] Text(int length) => Enumerable.Range(0, length).Select(i => (byte)(i * i >> 7)).ToArray();

    private static async Task Memory()
    {
        byte[] data = Text(100_000);
        byte[] packed = Codec.Compress(data);
        SameBytes("Codec.Decompress(Codec.Compress(data))", data, Codec.Decompress(packed));
        SameBytes("await Codec.CompressAsync", data, await Codec.DecompressAsync(await Codec.CompressAsync(data)));
        byte[] room = new byte[data.Length];
        int size = await Codec.DecompressAsync(packed, room, null, Token);
        SameBytes("await Codec.DecompressAsync into memory", data, room.AsSpan(0, size));
        var writer = new ArrayBufferWriter<byte>();
        Codec.Compress(new ReadOnlySequence<byte>(data), writer);
        var back = new ArrayBufferWriter<byte>();
        Codec.Decompress(new ReadOnlySequence<byte>(writer.WrittenMemory), back);
        SameBytes("ReadOnlySequence and IBufferWriter", data, back.WrittenSpan);
        using var dict = new FastparDict(data.AsSpan(0, 1000));
        var options = new ZstdOptions { Level = 9, Checksum = true, WindowLog = 20, Dict = dict };
        SameBytes("options and a dictionary", data, Codec.Decompress(Codec.Compress(data, options), options));
    }

    private static async Task Files(string folder)
    {
        string source = Path.Combine(folder, "source"), packed = source + ".zst", back = Path.Combine(folder, "back");
        byte[] data = Text(100_000);
        await File.WriteAllBytesAsync(source, data);
        FileStats stats = await Codec.CompressFileAsync(source, packed);
        await Codec.DecompressFileAsync(packed, back, null, Token);
        Same("await Codec.CompressFileAsync", data.Length, stats.BytesIn);
        SameBytes("await Codec.DecompressFileAsync", data, await File.ReadAllBytesAsync(back));
    }

    private static async Task Streams()
    {
        byte[] data = Text(100_000);
        using var file = new MemoryStream();
        await using (var zstd = new FastparStream(file, CompressionMode.Compress, leaveOpen: true))
        {
            zstd.SetSourceLength(data.Length);
            await zstd.WriteAsync(data, Token);
        }
        file.Position = 0;
        using (var zstd = new FastparStream(file, CompressionMode.Decompress, leaveOpen: true))
        {
            using var all = new MemoryStream();
            await zstd.CopyToAsync(all, Token);
            SameBytes("CompressionMode, leaveOpen, SetSourceLength", data, all.ToArray());
            Same("BaseStream", true, ReferenceEquals(file, zstd.BaseStream));
        }
        using var small = new MemoryStream();
        using (var zstd = new FastparStream(small, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            zstd.Write(data);
        }
        using (var zstd = new FastparStream(small, CompressionMode.Compress, new ZstdOptions { Level = 1 }, true))
        {
            zstd.WriteByte(1);
        }
        Same("CompressionLevel; options, leaveOpen", data.Length + 1, Codec.Decompress(small.ToArray()).Length);
    }

    private static async Task Archives(string folder)
    {
        byte[] data = Text(100_000);
        string path = Path.Combine(folder, "archive.zst");
        await File.WriteAllBytesAsync(path, Codec.Compress(data, new ZstdOptions { FrameSize = 10_000 }));
        byte[] part = new byte[1000];
        using (SeekableArchive archive = SeekableArchive.OpenFile(path))
        {
            int read = await archive.ReadAsync(50_000, part, Token);
            SameBytes("await archive.ReadAsync", data[50_000..51_000], part.AsSpan(0, read));
            long sum = 0;
            archive.Scan<byte>(records => Interlocked.Add(ref sum, records.Length));
            Same("archive.Scan", data.Length, sum);
            sum = archive.ScanReduce<byte, long>(0, (records, total) => total + records.Length, (a, b) => a + b);
            Same("archive.ScanReduce from a number", data.Length, sum);
            await using Stream content = archive.OpenStream();
            content.Seek(-1, SeekOrigin.End);
            Same("archive.OpenStream", data[^1], (byte)content.ReadByte());
        }
        using (SeekableArchive archive = SeekableArchive.Open(File.OpenRead(path)))
        {
            archive.Read(7, part);
            SameBytes("SeekableArchive.Open(stream)", data[7..1007], part);
        }
        using (SeekableArchive archive = SeekableArchive.Open(File.OpenHandle(path)))
        {
            archive.Read(99_000, part);
            SameBytes("SeekableArchive.Open(handle)", data[99_000..], part);
        }
        using var traced = new MemoryStream(await File.ReadAllBytesAsync(path));
        using (SeekableArchive archive = SeekableArchive.Open(traced, leaveOpen: true))
        {
            Same("archive.Length", data.Length, archive.Length);
        }
        Same("leaveOpen", true, traced.CanRead);
    }
}
