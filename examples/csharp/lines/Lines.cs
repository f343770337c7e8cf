// Where does each line of a file begin, which one is the longest, and how small does the file become?
//
//   a team       two phases with a barrier between them: counting the lines, then writing down where they
//                begin
//   a reduction  the longest line
//   the codec    compressed with progress, cancelled by Ctrl+C, and checked
//
// Run:  cargo xtask build
//       export FASTPAR_LIBRARY=$PWD/target/fastpar/lib/libfastpar.so
//       dotnet run --project examples/csharp/lines -- FILE OUTPUT.zst
using System;
using System.Diagnostics;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Examples;

internal static class Lines
{
    /// <summary>An accumulator without references: the library keeps it in native memory.</summary>
    private struct Longest
    {
        internal long Length;
        internal long Line;
    }

    private static async Task<int> Main(string[] arguments)
    {
        if (arguments.Length != 2)
        {
            Console.Error.WriteLine("usage: Lines FILE OUTPUT.zst");
            return 2;
        }
        using var interrupted = new CancellationTokenSource();
        Console.CancelKeyPress += (sender, pressed) =>
        {
            pressed.Cancel = true;
            interrupted.Cancel();
        };
        try
        {
            byte[] text = await File.ReadAllBytesAsync(arguments[0]);
            long[] starts = Index(text);
            Longest longest = FindLongest(starts, text.Length);
            double mean = (double)text.Length / Math.Max(1, starts.Length);
            Console.WriteLine($"{text.Length} bytes, {starts.Length} lines, {mean:F1} bytes a line");
            Console.WriteLine($"the longest is line {longest.Line + 1}: {longest.Length} bytes");
            File.WriteAllBytes(arguments[1], Compress(text, interrupted.Token));
            return 0;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("interrupted");
            return 130;
        }
        catch (Exception exception) when (exception is FastparException || exception is IOException)
        {
            Console.Error.WriteLine(exception.Message);
            return 1;
        }
    }

    /// <summary>
    /// Where each line begins. Members have a thread each, so that they may wait for each other.
    /// </summary>
    private static long[] Index(byte[] text)
    {
        int members = FastparPool.Threads;
        var counts = new long[members];
        long[] starts = Array.Empty<long>();
        FastparTeam.Run(members, member =>
        {
            int from = (int)((long)text.Length * member.Member / members);
            int to = (int)((long)text.Length * (member.Member + 1) / members);
            for (int at = from; at < to; at++)
            {
                counts[member.Member] += IsStart(text, at) ? 1 : 0;
            }
            member.Barrier(); // all counts are there
            if (member.Member == 0)
            {
                long lines = 0;
                for (int i = 0; i < members; i++)
                {
                    (counts[i], lines) = (lines, lines + counts[i]); // from now on: lines before the part
                }
                starts = new long[lines];
            }
            member.Barrier(); // there is an array to write to
            long line = counts[member.Member];
            for (int at = from; at < to; at++)
            {
                if (IsStart(text, at))
                {
                    starts[line++] = at;
                }
            }
        });
        return starts;
    }

    private static bool IsStart(byte[] text, int at) => at == 0 || text[at - 1] == '\n';

    /// <summary>
    /// Of equals the first one, however many threads work: parts are combined in their order.
    /// </summary>
    private static Longest FindLongest(long[] starts, long size) => FastparLoop.Reduce(
        starts.Length,
        default(Longest),
        (range, longest) =>
        {
            for (long line = range.Begin; line < range.End; line++)
            {
                long length = (line + 1 < starts.Length ? starts[line + 1] : size) - starts[line];
                if (length > longest.Length)
                {
                    longest = new Longest { Length = length, Line = line };
                }
            }
            return longest;
        },
        (into, from) => from.Length > into.Length ? from : into);

    private static byte[] Compress(byte[] text, CancellationToken token)
    {
        var clock = Stopwatch.StartNew();
        var options = new ZstdOptions { Progress = new Percent() };
        byte[] compressed = Codec.Compress(text, options, token);
        double seconds = clock.Elapsed.TotalSeconds;
        Console.WriteLine();
        Console.WriteLine($"{compressed.Length} bytes compressed, {text.Length / seconds / 1e6:F0} MB/s");
        if (!text.AsSpan().SequenceEqual(Codec.Decompress(compressed, null, token)))
        {
            throw new InvalidDataException("decompressing gives something else");
        }
        return compressed;
    }

    /// <summary>Called from the threads that work, one at a time.</summary>
    private sealed class Percent : IProgress<FastparProgress>
    {
        public void Report(FastparProgress value) =>
            Console.Write($"\r{(value.Total > 0 ? value.Done * 100 / value.Total : 100)} %");
    }
}
