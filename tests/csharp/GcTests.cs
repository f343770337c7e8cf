using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>The collector at work while native threads call back.</summary>
internal static class GcTests
{
    /// <summary>Rubbish of many sizes; gives a number that depends on all of it.</summary>
    private static long Litter(long seed)
    {
        var kept = new List<object>();
        for (int i = 0; i < 200; i++)
        {
            kept.Add(new byte[((seed * 31) + (i * 57)) % 3000]);
            kept.Add($"{seed} {i}");
        }
        return kept.OfType<string>().Count(text => text.Length > 2);
    }

    [Test]
    private static void AllocatingBodies()
    {
        long sum = 0;
        for (int round = 0; round < 10; round++)
        {
            FastparLoop.For(
                1000,
                (in Chunk chunk) =>
                {
                    Interlocked.Add(ref sum, Litter(chunk.Index));
                    if (chunk.Index % 50 == 0)
                    {
                        GC.Collect(chunk.Index % 100 == 0 ? 2 : 0, GCCollectionMode.Forced, blocking: true);
                    }
                },
                new LoopOptions { Segments = 500 });
        }
        Expect.Equal(10 * 500 * 200, sum);
    }

    /// <summary>
    /// The first callback of a worker makes it known to the runtime; a collection may stop it there.
    /// </summary>
    [Test]
    private static void WorkersThatBeginWhileTheCollectorRuns()
    {
        bool stop = false;
        Task collector = Task.Run(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                GC.Collect(0);
                Litter(1);
            }
        });
        for (int round = 0; round < 3; round++)
        {
            FastparPool.Shutdown();
            FastparTeam.Run(FastparPool.Threads, member => member.Barrier()); // on as many threads
        }
        Volatile.Write(ref stop, true);
        collector.Wait();
    }

    [Test]
    private static void CompactingWhileBuffersAreInUse()
    {
        byte[] data = Expect.Data(1_500_000);
        byte[] expected = Codec.Compress(data);
        bool stop = false;
        Task collector = Task.Run(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                System.Runtime.GCSettings.LargeObjectHeapCompactionMode =
                    System.Runtime.GCLargeObjectHeapCompactionMode.CompactOnce;
                GC.Collect();
                Litter(3);
            }
        });
        for (int round = 0; round < 15; round++)
        {
            var source = (byte[])data.Clone();
            var destination = new byte[expected.Length];
            Expect.Equal(expected.Length, Codec.Compress(source, destination));
            Expect.Same(expected, destination);
            Expect.Same(data, Codec.Decompress(destination));
        }
        Volatile.Write(ref stop, true);
        collector.Wait();
    }

    [Test]
    private static void CallbacksThatThrowAndAllocate()
    {
        for (int round = 0; round < 200; round++)
        {
            try
            {
                FastparLoop.For(50, (in Chunk chunk) =>
                {
                    Litter(chunk.Index);
                    if (chunk.Index % 7 == 3)
                    {
                        GC.Collect(0);
                        throw new FormatException(new string('x', 100));
                    }
                });
                throw new UnexpectedException("nothing was thrown");
            }
            catch (Exception exception) when (exception is FormatException || exception is AggregateException)
            {
                // One, or several at the same time.
            }
        }
    }

    [Test]
    private static async Task JobsUnderCollection()
    {
        long sum = 0;
        var tasks = new List<Task>();
        for (int round = 0; round < 100; round++)
        {
            tasks.Add(FastparLoop.Start(40, range => Interlocked.Add(ref sum, Litter(range.Begin))).Completion);
            if (round % 10 == 0)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
        await Task.WhenAll(tasks);
        Expect.Equal(100 * 24 * 200, sum);
    }

    [Test]
    private static void AccumulatorsUnderCollection()
    {
        for (int round = 0; round < 20; round++)
        {
            Dictionary<long, string> all = FastparLoop.Reduce(
                500,
                () => new Dictionary<long, string>(),
                (range, map) =>
                {
                    Litter(range.Begin);
                    map[range.Begin] = range.ToString();
                    GC.Collect(0);
                    return map;
                },
                (into, from) =>
                {
                    foreach (var pair in from)
                    {
                        into.Add(pair.Key, pair.Value);
                    }
                    return into;
                });
            Expect.Equal(24, all.Count);
            Expect.Equal("[0, 21)", all[0]);
        }
    }
}
