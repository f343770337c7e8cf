// One-minute bars of the trades in several compressed files, and the large trades of a few minutes: by loops
// of the library, by its tables, by PLINQ with a pipe from the `zstd` command for each file, and by
// asynchronous streams, where an archive is of no use: what comes from elsewhere is read once, and no thread
// waits for it. Prints the times; the results must be the same.
//
// The files are made first if they are not there: trades-0.zst and so on in FOLDER, each of ROWS rows of 48
// bytes, compressed with a seek table, which is their index.
//
// Run:  cargo xtask build
//       export FASTPAR_LIBRARY=$PWD/target/fastpar/lib/libfastpar.so
//       dotnet run -c Release --project examples/csharp/trades -- FOLDER [FILES [ROWS]]
using System;
using System.Diagnostics;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading.Tasks;

namespace Fastpar.Examples;

/// <summary>The shape of the rows: those of examples/c/trades.c.</summary>
[StructLayout(LayoutKind.Sequential, Size = 48)]
internal struct Trade
{
    public ulong Id;
    public ulong Price;
    public ulong Quantity;
    public uint Count;
    public ushort Flags;
    public long Microseconds;

    internal const ulong Small = 49, Low = 10500;

    internal readonly bool IsLarge => Quantity > Small && Price > Low;
}

internal record struct Bar(ulong Open, ulong High, ulong Low, ulong Close, ulong Volume)
{
    /// <summary>Adds what came later.</summary>
    internal void Add(in Bar later)
    {
        if (Volume == 0)
        {
            this = later;
        }
        else if (later.Volume > 0)
        {
            this = new Bar(
                Open, Math.Max(High, later.High), Math.Min(Low, later.Low), later.Close, Volume + later.Volume);
        }
    }
}

internal sealed class Day
{
    internal const long Minute = 60_000_000;

    internal Bar[] Bars { get; } = new Bar[24 * 60];

    internal long Large { get; set; }

    /// <summary>All of it, for rows that come by: the bars, and the large trades between two times.</summary>
    internal void Add(ReadOnlySpan<Trade> rows, long from, long to)
    {
        foreach (ref readonly Trade row in rows)
        {
            Add(row);
            Large += row.Microseconds >= from && row.Microseconds < to && row.IsLarge ? 1 : 0;
        }
    }

    internal void Add(in Trade row) =>
        Bars[row.Microseconds / Minute % Bars.Length].Add(new Bar(row.Price, row.Price, row.Price, row.Price, row.Quantity));

    internal bool Same(Day other) => Large == other.Large && Bars.SequenceEqual(other.Bars);

    internal Day Add(Day later)
    {
        for (int i = 0; i < Bars.Length; i++)
        {
            Bars[i].Add(later.Bars[i]);
        }
        Large += later.Large;
        return this;
    }
}

internal static class Trades
{
    private const long From = 2 * Day.Minute;
    private const long To = 5 * Day.Minute;

    private static int RowSize => Unsafe.SizeOf<Trade>();

    // ---- by the library ----

    private static Day ByLibrary(string[] files)
    {
        var all = new Day();
        foreach (string file in files)
        {
            using SeekableArchive archive = SeekableArchive.OpenFile(file);
            all.Add(archive.ScanReduce<Trade, Day>(
                () => new Day(),
                (rows, day) =>
                {
                    foreach (ref readonly Trade row in rows)
                    {
                        day.Add(row);
                    }
                    return day;
                },
                (into, later) => into.Add(later)));
            long first = RowAt(archive, From), last = RowAt(archive, To);
            if (first < last)
            {
                var part = new ScanOptions { Offset = first * RowSize, Size = (last - first) * RowSize };
                all.Large += archive.ScanReduce<Trade, long>(() => 0, CountLarge, (a, b) => a + b, part);
            }
        }
        return all;
    }

    private static long CountLarge(ReadOnlySpan<Trade> rows, long count)
    {
        foreach (ref readonly Trade row in rows)
        {
            count += row.IsLarge ? 1 : 0;
        }
        return count;
    }

    /// <summary>The first row that is not before that time: a search by reads of single rows.</summary>
    private static long RowAt(SeekableArchive archive, long time)
    {
        long low = 0, high = archive.Length / RowSize;
        while (low < high)
        {
            long middle = low + (high - low) / 2;
            var row = default(Trade);
            archive.Read(middle * RowSize, MemoryMarshal.AsBytes(new Span<Trade>(ref row)));
            (low, high) = row.Microseconds < time ? (middle + 1, high) : (low, middle);
        }
        return low;
    }

    // ---- by the library's tables ----

    private static Day ByTables(string[] files)
    {
        var all = new Day();
        TableField<Trade> price = TableField<Trade>.Of((ref Trade t) => ref t.Price);
        TableField<Trade> quantity = TableField<Trade>.Of((ref Trade t) => ref t.Quantity);
        TableKey<Trade>[] minutes = [new(TableField<Trade>.Of((ref Trade t) => ref t.Microseconds), Day.Minute)];
        TableAggregate<Trade>[] asked =
        [
            TableAggregate<Trade>.First(price),
            TableAggregate<Trade>.Max(price),
            TableAggregate<Trade>.Min(price),
            TableAggregate<Trade>.Last(price),
            TableAggregate<Trade>.Sum(quantity),
        ];
        TableCondition<Trade> large = TableCondition<Trade>.Between((ref Trade t) => ref t.Microseconds, From, To)
            & TableCondition<Trade>.Compare((ref Trade t) => ref t.Quantity, TableComparison.Greater, Trade.Small)
            & TableCondition<Trade>.Compare((ref Trade t) => ref t.Price, TableComparison.Greater, Trade.Low);
        foreach (string file in files)
        {
            using SeekableArchive archive = SeekableArchive.OpenFile(file);
            ArchiveTable<Trade> trades = archive.Table<Trade>();
            TableGroups bars = trades.GroupBy(minutes, asked);
            for (int i = 0; i < bars.Count; i++)
            {
                ulong Number(int index) => bars.Values(index)[i].ToUInt64();
                all.Bars[bars.Keys(0)[i].ToInt64() / Day.Minute % all.Bars.Length].Add(
                    new Bar(Number(0), Number(1), Number(2), Number(3), Number(4)));
            }
            all.Large += trades.Where(large).Aggregate([TableAggregate<Trade>.Count])[0].ToInt64();
        }
        return all;
    }

    // ---- by pipes ----

    private static Day ByPipes(string[] files) => files
        .AsParallel().AsOrdered().WithDegreeOfParallelism(Math.Clamp(files.Length, 1, 24))
        .Select(ByPipe)
        .AsSequential().Aggregate(new Day(), (all, day) => all.Add(day));

    private static Day ByPipe(string file)
    {
        var day = new Day();
        var start = new ProcessStartInfo("zstd", ["-dqc", file]) { RedirectStandardOutput = true };
        using Process zstd = Process.Start(start)!;
        var rows = new Trade[4096];
        Span<byte> bytes = MemoryMarshal.AsBytes(rows.AsSpan());
        int read;
        while ((read = zstd.StandardOutput.BaseStream.ReadAtLeast(bytes, bytes.Length, false)) > 0)
        {
            day.Add(rows.AsSpan(0, read / RowSize), From, To);
        }
        zstd.WaitForExit();
        return zstd.ExitCode == 0 ? day : throw new IOException("zstd has failed");
    }

    // ---- by streams ----

    private static Day ByStreams(string[] files)
    {
        Day[] days = Task.WhenAll(files.Select(ByStream)).GetAwaiter().GetResult();
        return days.Aggregate(new Day(), (all, day) => all.Add(day));
    }

    private static async Task<Day> ByStream(string file)
    {
        var day = new Day();
        var source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, useAsync: true);
        await using var zstd = new FastparStream(source, CompressionMode.Decompress);
        var bytes = new byte[4096 * RowSize];
        int read;
        while ((read = await zstd.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false)) > 0)
        {
            day.Add(MemoryMarshal.Cast<byte, Trade>(bytes.AsSpan(0, read)), From, To);
        }
        return day;
    }

    // ---- the files ----

    /// <summary>Always the same rows, one a millisecond.</summary>
    private static void MakeFile(string file, long first, long count)
    {
        var rows = new Trade[count];
        FastparLoop.For(count, range =>
        {
            foreach (long i in range)
            {
                ulong id = (ulong)(first + i), noise = unchecked(id * 6364136223846793005) >> 33 & 0xffff;
                rows[i] = new Trade
                {
                    Id = id,
                    Price = 10000 + noise % 997,
                    Quantity = 1 + noise % 50,
                    Count = 1 + (uint)(noise % 7),
                    Flags = (ushort)(noise & 1),
                    Microseconds = (long)id * 1000,
                };
            }
        });
        File.WriteAllBytes(file, Codec.Compress(MemoryMarshal.AsBytes(rows.AsSpan())));
    }

    private static (Day Day, double Seconds) Timed(Func<string[], Day> work, string[] files)
    {
        var clock = Stopwatch.StartNew();
        Day day = work(files);
        return (day, clock.Elapsed.TotalSeconds);
    }

    private static int Main(string[] arguments)
    {
        if (arguments.Length is < 1 or > 3)
        {
            Console.Error.WriteLine("usage: Trades FOLDER [FILES [ROWS]]");
            return 2;
        }
        try
        {
            int count = arguments.Length > 1 ? int.Parse(arguments[1]) : 4;
            long rows = arguments.Length > 2 ? long.Parse(arguments[2]) : 1_000_000;
            string[] files = [.. Enumerable.Range(0, count).Select(i => Path.Combine(arguments[0], $"trades-{i}.zst"))];
            for (int i = 0; i < count; i++)
            {
                if (!File.Exists(files[i]))
                {
                    MakeFile(files[i], i * rows, rows);
                }
            }
            var (library, libraryTime) = Timed(ByLibrary, files);
            var (tables, tableTime) = Timed(ByTables, files);
            var (piped, pipeTime) = Timed(ByPipes, files);
            var (streamed, streamTime) = Timed(ByStreams, files);
            foreach (Day other in new[] { tables, piped, streamed })
            {
                if (library.Large != other.Large || !library.Bars.SequenceEqual(other.Bars))
                {
                    Console.Error.WriteLine("the results differ");
                    return 1;
                }
            }
            for (int i = 0; i < 3; i++)
            {
                Bar bar = library.Bars[i];
                Console.WriteLine(
                    $"minute {i}: open {bar.Open}, high {bar.High}, low {bar.Low}, close {bar.Close}, volume {bar.Volume}");
            }
            Console.WriteLine(
                $"{library.Large} large trades; by the library: {libraryTime:F3} s; by its tables: {tableTime:F3} s; "
                + $"by pipes from zstd: {pipeTime:F3} s; asynchronously: {streamTime:F3} s");
            return 0;
        }
        catch (Exception exception) when (exception is InvalidDataException or FastparException or IOException)
        {
            FastparStatus? status = FastparException.From(exception)?.Status;
            Console.Error.WriteLine(status is null ? exception.Message : $"{status}: {exception.Message}");
            return 1;
        }
    }
}
