// What the C# layer costs, and what it gains. Best of several rounds: others on the machine only add to a time.
//
//   cargo xtask build
//   FASTPAR_LIBRARY=$PWD/target/fastpar/lib/libfastpar.so dotnet run -c Release --project benches/bindings/csharp
using System;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading.Tasks;

namespace Fastpar.Benches
{
    internal static class Bench
    {
        private const int Callbacks = 1_000_000;
        private static readonly double Nanoseconds = 1e9 / Stopwatch.Frequency;

        private static int Main()
        {
            string version = FastparLibrary.VersionString;
            Console.WriteLine($"fastpar {version}, {FastparPool.Threads} threads, {Environment.ProcessorCount} CPUs");
            OnOneThread();
            OnAllThreads();
            foreach (int size in new[] { 1_000, 100_000, 1_000_000, 32_000_000 })
            {
                Compressing(size);
            }
            return 0;
        }

        /// <summary>A callback, by everything that calls one for each chunk.</summary>
        private static void OnOneThread()
        {
            var one = new LoopOptions { Schedule = Schedule.Grain, Grain = 1, MaxLanes = 1 };
            long sink = 0;
            double range = Best(21, () => FastparLoop.For(Callbacks, r => sink += r.Begin, one)) / Callbacks;
            double chunk = Best(21, () => FastparLoop.For(Callbacks, (in Chunk c) => sink += c.Begin, one)) / Callbacks;
            double until = Best(21, () => FastparLoop.ForUntil(Callbacks, (in Chunk c) => 0, one)) / Callbacks;
            double fold = Best(21, () => FastparLoop.Reduce(Callbacks, 0L, (r, sum) => sum + r.Begin, (a, b) => a + b, one));
            Console.WriteLine(
                $"one warm thread, a callback:  For(Range64) {range:F1} ns, For(Chunk) {chunk:F1} ns, "
                + $"ForUntil {until:F1} ns, Reduce {fold / Callbacks:F1} ns (fold and combine)");
            double call = Best(2001, () => FastparLoop.For(24, r => { }));
            double callOne = Best(2001, () => FastparLoop.For(24, r => { }, one));
            Console.WriteLine($"an empty For of 24 chunks:    {call / 1000:F2} us; on one lane {callOne / 1000:F2} us");
        }

        private static void OnAllThreads()
        {
            const long steps = 48_000_000;
            var values = new double[24];
            double serial = Best(15, () => Work(new Range64(0, steps), values, 0));
            double parallel = Best(15, () => FastparLoop.For(steps, (in Chunk c) => Work(c.Range, values, (int)c.Index)));
            double dotnet = Best(
                15, () => Parallel.For(0, 24, i => Work(new Range64(steps / 24 * i, steps / 24 * (i + 1)), values, i)));
            Console.WriteLine(
                $"CPU-bound, 24 chunks:         {serial / parallel:F2} times serial (Parallel.For: {serial / dotnet:F2})");
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

        /// <summary>From one array to another, beside the C function on the same arrays; and once more, for the noise.</summary>
        private static void Compressing(int size)
        {
            byte[] source = Records(size);
            var destination = new byte[Codec.CompressBound(size)];
            GCHandle from = GCHandle.Alloc(source, GCHandleType.Pinned), to = GCHandle.Alloc(destination, GCHandleType.Pinned);
            int batch = Math.Max(1, 2_000_000 / size);
            void Repeat(Action action)
            {
                for (int i = 0; i < batch; i++)
                {
                    action();
                }
            }
            void C() => Direct.Compress(from.AddrOfPinnedObject(), size, to.AddrOfPinnedObject(), destination.Length);
            void FreshC()
            {
                IntPtr memory = Marshal.AllocHGlobal(destination.Length);
                Direct.Compress(from.AddrOfPinnedObject(), size, memory, destination.Length);
                Marshal.FreeHGlobal(memory);
            }
            double[] best = TakeTurns(
                15,
                () => Repeat(C),
                () => Repeat(FreshC),
                () => Repeat(() => Codec.Compress(source, destination)),
                () => Repeat(() => Codec.Compress(source)),
                () => Repeat(C));
            from.Free();
            to.Free();
            Console.WriteLine(
                $"compressing {size,10:N0} bytes:  C {best[0] / batch / 1000:F1} us; "
                + $"Compress(span, span) {best[2] / best[0]:F3} times that (C again {best[4] / best[0]:F3}); "
                + $"C into fresh memory {best[1] / best[0]:F3}, Compress(span) {best[3] / best[0]:F3}");
        }

        /// <summary>Rows of 48 bytes with numbers that rise or vary little.</summary>
        private static byte[] Records(int size)
        {
            var data = new byte[size];
            var random = new Random(1);
            Span<long> values = MemoryMarshal.Cast<byte, long>(data);
            long price = 1_000_000;
            for (int i = 0; i < values.Length; i++)
            {
                price += random.Next(-50, 51);
                values[i] = (i % 6) switch { 0 => i, 1 => price, 2 => random.Next(1000), 3 => i * 40, _ => i % 3 };
            }
            return data;
        }

        /// <summary>The best time in nanoseconds.</summary>
        private static double Best(int rounds, Action action) => TakeTurns(rounds, action)[0];

        /// <summary>The best time of each; whatever else the machine does meets all of them.</summary>
        private static double[] TakeTurns(int rounds, params Action[] actions)
        {
            double[] best = Array.ConvertAll(actions, _ => double.MaxValue);
            for (int round = -1; round < rounds; round++)
            {
                for (int i = 0; i < actions.Length; i++)
                {
                    long start = Stopwatch.GetTimestamp();
                    actions[i]();
                    double time = (Stopwatch.GetTimestamp() - start) * Nanoseconds;
                    best[i] = round < 0 ? best[i] : Math.Min(best[i], time); // the first one warms up
                }
            }
            return best;
        }
    }
}
