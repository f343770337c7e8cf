// What the C# layer costs, and what it gains. Best of several rounds: others on the machine only add to a time.
//
//   dotnet run -c Release --project benches/bindings/csharp
using System;
using System.Diagnostics;
using System.Threading.Tasks;

namespace Fastpar.Benches
{
    internal static class Bench
    {
        private const int Callbacks = 1_000_000;
        private static readonly double Nanoseconds = 1e9 / Stopwatch.Frequency;

        private static int Main()
        {
            Console.WriteLine($"fastpar {FastparLibrary.VersionString}, {FastparPool.Threads} threads, {Environment.ProcessorCount} CPUs");
            var one = new LoopOptions { Schedule = Schedule.Grain, Grain = 1, MaxLanes = 1 };
            long sink = 0;
            double range = Best(21, () => FastparLoop.For(Callbacks, r => sink += r.Begin, one)) / Callbacks;
            double chunk = Best(21, () => FastparLoop.For(Callbacks, (in Chunk c) => sink += c.Begin, one)) / Callbacks;
            double fold = Best(21, () => FastparLoop.Reduce(Callbacks, 0L, (r, sum) => sum + r.Begin, (a, b) => a + b, one)) / Callbacks;
            double call = Best(2001, () => FastparLoop.For(24, r => { }));
            double callOne = Best(2001, () => FastparLoop.For(24, r => { }, one));
            Console.WriteLine($"one warm thread, a callback:  For(Range64) {range:F1} ns, For(Chunk) {chunk:F1} ns, Reduce {fold:F1} ns");
            Console.WriteLine($"an empty For of 24 chunks:    {call / 1000:F2} us; on one lane {callOne / 1000:F2} us");

            const long steps = 48_000_000;
            var values = new double[24];
            double serial = Best(15, () => Work(new Range64(0, steps), values, 0));
            double parallel = Best(15, () => FastparLoop.For(steps, (in Chunk c) => Work(c.Range, values, (int)c.Index)));
            double dotnet = Best(15, () => Parallel.For(0, 24, i => Work(new Range64(steps / 24 * i, steps / 24 * (i + 1)), values, i)));
            Console.WriteLine($"CPU-bound, 24 chunks:         {serial / parallel:F2} times serial (Parallel.For: {serial / dotnet:F2})");
            return 0;
        }

        /// <summary>Arithmetic alone.</summary>
        private static void Work(Range64 range, double[] values, int place)
        {
            double sum = 0;
            for (long i = range.Begin; i < range.End; i++)
            {
                sum = (sum * 0.999) + i;
            }
            values[place] = sum;
        }

        /// <summary>The best time in nanoseconds.</summary>
        private static double Best(int rounds, Action action)
        {
            action();
            double best = double.MaxValue;
            for (int round = 0; round < rounds; round++)
            {
                long start = Stopwatch.GetTimestamp();
                action();
                best = Math.Min(best, (Stopwatch.GetTimestamp() - start) * Nanoseconds);
            }
            return best;
        }
    }
}
