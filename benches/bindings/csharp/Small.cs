// What small things cost: an empty asynchronous loop, a chunk, an item, a byte of a stream, and what is
// allocated for reads and writes that are ready.
using System;
using System.Diagnostics;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Benches;

internal static partial class Bench
{
    private const int SmallChunks = 240_000;
    private const int Items = 1_000_000;
    private const int Bytes = 1_000_000;

    private static readonly AsyncLocal<int> Ambient = new();

    private static async Task Small()
    {
        await AsyncLoops();
        ChunksAndItems();
        SingleBytes();
        await Allocations();
    }

    private static void Tell(string what, double nanoseconds) => Console.WriteLine($"{what,-64} {nanoseconds,12:F1} ns");

    // ---- empty asynchronous loops ----

    private static async Task AsyncLoops()
    {
        int caller = 0;
        (string Name, Func<Task> Loop)[] loops =
        [
            ("await FastparLoop.ForAsync(24, range)", () => FastparLoop.ForAsync(Chunks, (Range64 range) => default)),
            ("await FastparLoop.ForAsync(0, 24, item)", () => FastparLoop.ForAsync(0, Chunks, item => default)),
            ("await FastparLoop.Start(24, range)", async () => await FastparLoop.Start(Chunks, range => { })),
            ("await Parallel.ForAsync(0, 24)", () => Parallel.ForAsync(0, Chunks, (item, token) => default)),
            ("await Task.Run(() => Parallel.For(0, 24))", () => Task.Run(() => Parallel.For(0, Chunks, item => { }))),
            ("await Task.Run(() => FastparLoop.For(24))", () => Task.Run(() => FastparLoop.For(Chunks, range => { }))),
        ];
        const int Times = 100;
        double[][] times = Array.ConvertAll(loops, _ => new double[rounds]);
        var clock = Stopwatch.StartNew();
        for (int round = -2; round < rounds; round = NextRound(round, clock))
        {
            for (int i = 0; i < loops.Length; i++)
            {
                int turn = (i + round + 2) % loops.Length;
                long start = Stopwatch.GetTimestamp();
                for (int time = 0; time < Times; time++)
                {
                    await loops[turn].Loop();
                }
                if (round >= 0)
                {
                    times[turn][round] = (Stopwatch.GetTimestamp() - start) * Nanoseconds / Times;
                }
            }
        }
        for (int i = 0; i < loops.Length; i++)
        {
            Tell(loops[i].Name, Median(times[i]));
        }
        for (int i = 0; i < 1000; i++)
        {
            int thread = Environment.CurrentManagedThreadId;
            Task loop = FastparLoop.ForAsync(Chunks, (Range64 range) =>
            {
                caller += Environment.CurrentManagedThreadId == thread ? 1 : 0;
                return default;
            });
            loop.Wait(); // so the thread has nothing else to do
        }
        Console.WriteLine($"bodies of ForAsync that ran on the calling thread, of {1000 * Chunks}: {caller}");
    }

    // ---- chunks and items ----

    private static void ChunksAndItems()
    {
        LoopOptions Lanes(int lanes) => new() { Schedule = Schedule.Grain, Grain = 1, MaxLanes = lanes };
        LoopOptions one = Lanes(1), two = Lanes(2);
        var values = new int[Items];
        Tell("a chunk, one lane", One(one));
        Tell("a chunk, two lanes", One(two));
        Ambient.Value = 1;
        Tell("a chunk, one lane, the caller's context is not the default", One(one));
        Tell("a chunk, two lanes, the caller's context is not the default", One(two));
        Ambient.Value = 0;
        double[][] items = TakeTurns(
            1,
            () => FastparLoop.For(0, Items, i => values[i]++),
            () => Parallel.For(0, Items, i => values[i]++),
            () => FastparLoop.ForEach(values, (ref int value) => value++));
        Tell("FastparLoop.For(0, n, item), an item", Median(items[0]) / Items);
        Tell("Parallel.For(0, n, item), an item", Median(items[1]) / Items);
        Tell("FastparLoop.ForEach(array, ref item), an item", Median(items[2]) / Items);
        double One(LoopOptions options) =>
            Median(TakeTurns(1, () => FastparLoop.For(SmallChunks, range => { }, options))[0]) / SmallChunks;
    }

    // ---- bytes ----

    private static void SingleBytes()
    {
        byte[] data = new byte[Bytes];
        new Random(1).NextBytes(data);
        for (int i = 0; i < data.Length; i++)
        {
            data[i] &= 0x1f;
        }
        byte[] zstd = Codec.Compress(data);
        var brotli = new MemoryStream();
        using (var stream = new BrotliStream(brotli, CompressionLevel.Fastest, leaveOpen: true))
        {
            stream.Write(data);
        }
        void Write(Stream stream)
        {
            using (stream)
            {
                foreach (byte value in data)
                {
                    stream.WriteByte(value);
                }
            }
        }
        static void Read(Stream stream)
        {
            using (stream)
            {
                while (stream.ReadByte() >= 0)
                {
                }
            }
        }
        byte[] packed = brotli.ToArray();
        double[][] times = TakeTurns(
            1,
            () => Write(new FastparStream(Stream.Null, CompressionLevel.Fastest)),
            () => new FastparStream(Stream.Null, CompressionLevel.Fastest).Write(data), // what is compressing of that
            () => Write(new BrotliStream(Stream.Null, CompressionLevel.Fastest)),
            () => Write(new BufferedStream(Stream.Null)),
            () => Read(new FastparStream(new MemoryStream(zstd), CompressionMode.Decompress)),
            () => new FastparStream(new MemoryStream(zstd), CompressionMode.Decompress).CopyTo(Stream.Null),
            () => Read(new BrotliStream(new MemoryStream(packed), CompressionMode.Decompress)),
            () => Read(new BufferedStream(new MemoryStream(data))));
        string[] names =
        [
            "FastparStream.WriteByte", "  the same bytes in one Write", "BrotliStream.WriteByte", "BufferedStream.WriteByte",
            "FastparStream.ReadByte", "  the same bytes by CopyTo", "BrotliStream.ReadByte", "BufferedStream.ReadByte",
        ];
        for (int i = 0; i < names.Length; i++)
        {
            Tell(names[i] + ", a byte", Median(times[i]) / Bytes);
        }
    }

    // ---- allocations ----

    private static async Task Allocations()
    {
        byte[] data = new byte[4_000_000], buffer = new byte[64 << 10];
        new Random(1).NextBytes(data);
        byte[] packed = Codec.Compress(data);
        foreach (int size in new[] { 100, 1000, 10_000, 64 << 10 })
        {
            using var reader = new FastparStream(new MemoryStream(packed), CompressionMode.Decompress);
            if (await reader.ReadAsync(buffer.AsMemory(0, size)) == 0) // opens, and begins
            {
                throw new InvalidDataException("nothing to read");
            }
            int calls = 1_000_000 / size, ready = 0;
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < calls; i++)
            {
                ValueTask<int> read = reader.ReadAsync(buffer.AsMemory(0, size));
                ready += read.IsCompletedSuccessfully ? 1 : 0;
                await read;
            }
            long reads = (GC.GetTotalAllocatedBytes(precise: true) - before) / calls;
            await using var writer = new FastparStream(Stream.Null, CompressionLevel.Fastest);
            await writer.WriteAsync(buffer.AsMemory(0, size));
            int taken = 0;
            before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < calls; i++)
            {
                ValueTask write = writer.WriteAsync(buffer.AsMemory(0, size));
                taken += write.IsCompletedSuccessfully ? 1 : 0;
                await write;
            }
            long writes = (GC.GetTotalAllocatedBytes(precise: true) - before) / calls;
            Console.WriteLine(
                $"{size} bytes: ReadAsync allocates {reads} bytes ({100 * ready / calls} % ready at once), "
                + $"WriteAsync {writes} ({100 * taken / calls} %)");
        }
    }
}
