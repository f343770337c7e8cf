// What the C# layer costs, and what it gains, beside .NET's own ways and the C function. Prints one line of
// JSON.
//
//   Bench FILE ROUNDS
//   Bench --small ROUNDS      what small things cost beside .NET's, as a table (Small.cs)
//
// FILE is what is compressed. Whatever is compared takes turns, so that what else the machine does meets all
// of it. Times are medians; a ratio is the median over the rounds of how a call compares with the C function
// in the same round ("again": the C function a second time, which is the noise).
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Benches;

internal static partial class Bench
{
    private const int Callbacks = 100_000;
    private const int Chunks = 24;
    private const int WarmUpMilliseconds = 1000;
    private const long Steps = 4_800_000;
    private const int RowSize = 48;
    private const int PieceSize = 64 << 10;
    private static readonly double Nanoseconds = 1e9 / Stopwatch.Frequency;
    private static readonly double[] Places = new double[Chunks];
    private static int rounds;

    private static int Main(string[] arguments)
    {
        if (arguments.Length != 2)
        {
            return 2;
        }
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        rounds = Math.Max(3, int.Parse(arguments[1]));
        if (arguments[0] == "--small")
        {
            Small().GetAwaiter().GetResult();
            return 0;
        }
        byte[] data = Read(arguments[0], 16_000_000);
        // The first callback on a thread takes .NET 0.1 ms: every worker has it now.
        FastparLoop.For(20 * Chunks, r => Thread.Sleep(2), new LoopOptions { Schedule = Schedule.Grain, Grain = 1 });
        string rows = string.Join(", ", Loops());
        var sizes = new[] { 1_000, 100_000, 1_000_000, 16_000_000 }.Where(size => size <= data.Length);
        string calls = string.Join(", ", sizes.SelectMany(size => Calls(data, size)).Append(Scan(data)));
        string runtime = RuntimeInformation.FrameworkDescription;
        Console.WriteLine($"{{\"runtime\": \"{runtime}\", \"rows\": [{rows}], \"calls\": [{calls}]}}");
        return 0;
    }

    private static IEnumerable<string> Loops()
    {
        var one = new LoopOptions { Schedule = Schedule.Grain, Grain = 1, MaxLanes = 1 };
        var alone = new ParallelOptions { MaxDegreeOfParallelism = 1 };
        long sink = 0;
        double[][] callback = TakeTurns(
            1,
            () => FastparLoop.For(Callbacks, r => sink += r.Begin, one),
            () => FastparLoop.For(Callbacks, (in Chunk c) => sink += c.Begin, one),
            () => Parallel.For(0, Callbacks, alone, i => sink += i));
        double[][] loop = TakeTurns(
            200,
            () => FastparLoop.For(Chunks, r => { }),
            () => FastparLoop.For(Chunks, (in Chunk c) => { }),
            () => Parallel.For(0, Chunks, i => { }),
            () => OnThreadPool(i => { }));
        double[][] work = TakeTurns(
            1,
            () => Work(Steps, 0),
            () => FastparLoop.For(Chunks, r => Work(Steps / Chunks, (int)r.Begin)),
            () => FastparLoop.For(Chunks, (in Chunk c) => Work(Steps / Chunks, (int)c.Index)),
            () => Parallel.For(0, Chunks, i => Work(Steps / Chunks, i)),
            () => OnThreadPool(i => Work(Steps / Chunks, i)));
        yield return Row("FastparLoop.For, Range64", callback[0], loop[0], work[1], work[0]);
        yield return Row("FastparLoop.For, Chunk", callback[1], loop[1], work[2], work[0]);
        yield return Row("Parallel.For", callback[2], loop[2], work[3], work[0]);
        yield return Row("ThreadPool, an item a chunk", null, loop[3], work[4], work[0]);
    }

    /// <summary>Every chunk is an item of the pool.</summary>
    private static void OnThreadPool(Action<int> body)
    {
        using var done = new CountdownEvent(Chunks);
        for (int i = 0; i < Chunks; i++)
        {
            int chunk = i;
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    body(chunk);
                    done.Signal();
                },
                null);
        }
        done.Wait();
    }

    /// <summary>Arithmetic alone.</summary>
    private static void Work(long steps, int place)
    {
        double sum = 0;
        for (long i = 0; i < steps; i++)
        {
            sum = (sum * 0.999) + i;
        }
        Places[place] = sum;
    }

    /// <summary>From one array to another, beside the C function on the same arrays.</summary>
    private static IEnumerable<string> Calls(byte[] data, int size)
    {
        byte[] source = data[..size], packed = new byte[Codec.CompressBound(size)], back = new byte[size];
        byte[] frames = Codec.Compress(source);
        GCHandle[] pins = Array.ConvertAll(
            new[] { source, packed, frames, back }, array => GCHandle.Alloc(array, GCHandleType.Pinned));
        IntPtr[] at = Array.ConvertAll(pins, pin => pin.AddrOfPinnedObject());
        void Compress() => Direct.Compress(at[0], size, at[1], packed.Length);
        void Decompress() => Direct.Decompress(at[2], frames.Length, at[3], size);
        rounds = size < 10_000_000 ? rounds : Math.Max(9, rounds / 4);
        double[][] times = TakeTurns(
            Math.Max(1, 1_000_000 / size),
            Compress,
            Compress,
            () => Codec.Compress(source, packed),
            Decompress,
            Decompress,
            () => Codec.Decompress(frames, back));
        Array.ForEach(pins, pin => pin.Free());
        if (!back.AsSpan().SequenceEqual(source))
        {
            throw new InvalidDataException("the data differ");
        }
        yield return Call("compress", size, times.AsSpan(0, 3));
        yield return Call("decompress", size, times.AsSpan(3, 3));
    }

    /// <summary>Rows in frames, by pieces of 64 KiB.</summary>
    private static string Scan(byte[] data)
    {
        byte[] rows = data[..(data.Length / RowSize * RowSize)], frames = Codec.Compress(rows);
        using var archive = SeekableArchive.Open(frames);
        GCHandle pin = GCHandle.Alloc(frames, GCHandleType.Pinned);
        IntPtr direct = Direct.Open(pin.AddrOfPinnedObject(), frames.Length);
        var options = new ScanOptions { PieceSize = PieceSize };
        double[][] times = TakeTurns(
            1,
            () => Direct.Scan(direct, RowSize, PieceSize),
            () => Direct.Scan(direct, RowSize, PieceSize),
            () => archive.Scan((ReadOnlySpan<TradeRow> records) => Volatile.Read(ref Unsafe.AsRef(in records[0].Time)), options));
        Direct.Free(direct);
        pin.Free();
        return Call("scan", rows.Length, times);
    }

    /// <summary>The C function, once more, and the C# method.</summary>
    private static string Call(string name, int size, ReadOnlySpan<double[]> times) =>
        $"{{\"language\": \"C#\", \"call\": \"{name}\", \"bytes\": {size}, "
        + $"\"c_ns\": {Median(times[0]):F0}, \"ratio\": {Ratio(times[2], times[0]):F4}, "
        + $"\"again\": {Ratio(times[1], times[0]):F4}}}";

    private static string Row(string way, double[]? callback, double[] loop, double[] work, double[] serial)
    {
        string each = callback == null ? string.Empty : $"\"callback_ns\": {Median(callback) / Callbacks:F2}, ";
        return $"{{\"language\": \"C#\", \"way\": \"{way}\", {each}\"loop_ns\": {Median(loop):F1}, "
            + $"\"speed_up\": {1 / Ratio(work, serial):F3}}}";
    }

    private static byte[] Read(string path, int limit)
    {
        using FileStream file = File.OpenRead(path);
        var data = new byte[Math.Min(limit, file.Length)];
        for (int at = 0; at < data.Length;)
        {
            at += file.Read(data, at, data.Length - at);
        }
        return data;
    }

    private static double Median(double[] values) => values.OrderBy(value => value).ElementAt(values.Length / 2);

    private static double Ratio(double[] some, double[] others) => Median(some.Zip(others, (a, b) => a / b).ToArray());

    /// <summary>
    /// The round after this one. Those below 0 are not counted: the runtime compiles anew what is called
    /// often, as it does in any program, and there are such rounds until it has had the time for that.
    /// </summary>
    private static int NextRound(int round, Stopwatch clock) =>
        round == -1 && clock.ElapsedMilliseconds < WarmUpMilliseconds ? -1 : round + 1;

    /// <summary>The nanoseconds of each, by round; another one goes first each time.</summary>
    private static double[][] TakeTurns(int repeat, params Action[] actions)
    {
        double[][] times = Array.ConvertAll(actions, _ => new double[rounds]);
        var clock = Stopwatch.StartNew();
        for (int round = -2; round < rounds; round = NextRound(round, clock))
        {
            for (int i = 0; i < actions.Length; i++)
            {
                int turn = (i + round + 2) % actions.Length;
                long start = Stopwatch.GetTimestamp();
                for (int call = 0; call < repeat; call++)
                {
                    actions[turn]();
                }
                if (round >= 0)
                {
                    times[turn][round] = (Stopwatch.GetTimestamp() - start) * Nanoseconds / repeat;
                }
            }
        }
        return times;
    }

    [StructLayout(LayoutKind.Sequential, Size = RowSize)]
    private readonly struct TradeRow
    {
        internal readonly long Time;
    }
}
