using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

internal static class JobTests
{
    [Test]
    private static async Task ATaskCompletes()
    {
        long sum = 0;
        await FastparLoop.Start(1000, range => Interlocked.Add(ref sum, range.Length)).Completion;
        Expect.Equal(1000, sum);
        await FastparLoop.Start(1000, (in Chunk chunk) => Interlocked.Add(ref sum, chunk.Length)).Completion;
        Expect.Equal(2000, sum);
        await FastparLoop.Start(0, range => sum = 0).Completion;
        Expect.Equal(2000, sum);
    }

    [Test]
    private static void WaitingHelps()
    {
        for (int round = 0; round < 300; round++)
        {
            long sum = 0;
            using FastparJob job = FastparLoop.Start(100, range => Interlocked.Add(ref sum, range.Length));
            job.Wait();
            Expect.Equal(100, sum);
            job.Wait();
            Expect.Equal(100, job.Progress.Done);
            Expect.Equal(100, job.Progress.Total);
            Expect.True(job.Completion.Status == TaskStatus.RanToCompletion, "task");
        }
    }

    [Test]
    private static void WaitingForATime()
    {
        using var go = new ManualResetEventSlim();
        using var inside = new ManualResetEventSlim();
        using FastparJob job = FastparLoop.Start(
            24,
            range =>
            {
                inside.Set();
                go.Wait();
            },
            new LoopOptions { MaxLanes = 1 });
        Expect.True(inside.Wait(Expect.Limit), "a worker"); // else the thread that waits would run the body
        Expect.True(!job.Wait(TimeSpan.Zero), "ended");
        Expect.True(!job.Wait(TimeSpan.FromMilliseconds(20)), "ended");
        Expect.True(!job.Completion.IsCompleted, "completed");
        Expect.Equal(24, job.Progress.Total);
        go.Set();
        Expect.True(job.Wait(Timeout.InfiniteTimeSpan), "not ended");
    }

    [Test]
    private static async Task FailuresComeOut()
    {
        Task one = FastparLoop.Start(24, (in Chunk chunk) =>
        {
            if (chunk.Index == 5)
            {
                throw new FormatException("five");
            }
        }).Completion;
        Expect.Equal("five", Expect.Throws<FormatException>(() => one.GetAwaiter().GetResult()).Message);
        Expect.True(one.Exception!.InnerException!.StackTrace!.Contains(nameof(FailuresComeOut)), "stack");

        using var both = new Barrier(2);
        using FastparJob several = FastparLoop.Start(
            2,
            range =>
            {
                both.SignalAndWait(Expect.Limit);
                Fail();
            },
            new LoopOptions { Segments = 2 });
        Expect.Throws<FormatException>(several.Wait);
        Expect.Equal(2, several.Completion.Exception!.InnerExceptions.Count);
        try
        {
            await several;
            throw new UnexpectedException("no exception");
        }
        catch (FormatException)
        {
            // The first of them.
        }
    }

    private static void Fail() => throw new FormatException("both");

    [Test]
    private static void Cancels()
    {
        int ran = 0;
        FastparJob job = FastparLoop.Start(Expect.Endless, range =>
        {
            Interlocked.Increment(ref ran);
            Thread.Sleep(1);
        }, new LoopOptions { Segments = Expect.Endless });
        Expect.Soon(() => Volatile.Read(ref ran) > 0, "a chunk");
        job.Cancel();
        job.Cancel();
        Expect.Throws<TaskCanceledException>(job.Wait);
        Expect.True(job.Completion.IsCanceled, job.Completion.Status.ToString());
        Expect.True(job.Progress.Done < Expect.Endless, "the job went on");
        job.Dispose();
    }

    [Test]
    private static void ATokenCancels()
    {
        for (int round = 0; round < 100; round++)
        {
            using var source = new CancellationTokenSource();
            Task task = FastparLoop.Start(
                Expect.Endless, range => Thread.SpinWait(100), new LoopOptions { Segments = Expect.Endless }, source.Token).Completion;
            Thread.SpinWait(round * 100);
            source.Cancel();
            Expect.Soon(() => task.IsCompleted, "the end");
            Expect.True(task.IsCanceled, task.Status.ToString());
            Expect.True(FastparLoop.Start(1, range => { }, null, source.Token).Completion.IsCanceled, "began");
        }
    }

    [Test]
    private static void DisposingEndsIt()
    {
        int inside = 0;
        FastparJob job = FastparLoop.Start(Expect.Endless, range =>
        {
            Interlocked.Increment(ref inside);
            Thread.Sleep(2);
            Interlocked.Decrement(ref inside);
        }, new LoopOptions { Segments = Expect.Endless });
        Thread.Sleep(5);
        job.Dispose();
        Expect.Equal(0, Volatile.Read(ref inside), "bodies after Dispose");
        job.Dispose();
        Expect.True(job.Completion.IsCompleted, "completed");
        Expect.Throws<TaskCanceledException>(job.Wait);
    }

    [Test]
    private static async Task FromInsideItsOwnBody()
    {
        var ready = new TaskCompletionSource<FastparJob>();
        FastparStatus status = FastparStatus.Ok;
        FastparJob job = FastparLoop.Start(1, range =>
        {
            FastparJob self = ready.Task.Result;
            try
            {
                self.Wait();
            }
            catch (InvalidOperationException exception)
            {
                status = FastparException.From(exception)!.Status;
            }
            self.Dispose();
        });
        ready.SetResult(job);
        await Task.WhenAny(job.Completion);
        Expect.Equal(FastparStatus.Busy, status);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference StartAndDrop(CountdownEvent done)
    {
        var witness = new object();
        var options = new LoopOptions { Segments = 50, Progress = new Listener(_ => GC.KeepAlive(witness)) };
        FastparLoop.Start(50, range =>
        {
            Thread.Sleep(1);
            GC.KeepAlive(witness);
            done.Signal();
        }, options);
        return new WeakReference(witness);
    }

    [Test]
    private static void ADroppedJobGoesOnAndIsCollectedAtItsEnd()
    {
        var dropped = new List<WeakReference>();
        for (int round = 0; round < 5; round++)
        {
            using var done = new CountdownEvent(50);
            dropped.Add(StartAndDrop(done));
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Expect.True(done.Wait(Expect.Limit), "dropped jobs end before their time");
        }
        // A conservative collector may keep one.
        bool Collected()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return dropped.Count(one => !one.IsAlive) >= 3;
        }
        Expect.Soon(Collected, "the bodies of jobs that have ended are collected");
    }

    [Test]
    private static void ManyAtATime()
    {
        long sum = 0;
        Task[] tasks = Enumerable.Range(0, 300)
            .Select(_ => FastparLoop.Start(100, range => Interlocked.Add(ref sum, range.Length)).Completion).ToArray();
        Expect.True(Task.WaitAll(tasks, 30000), "in time");
        Expect.Equal(30000, sum);
    }

    [Test]
    private static void ArgumentsAreChecked()
    {
        Expect.Throws<ArgumentNullException>(() => FastparLoop.Start(1, (Action<Range64>)null!));
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparLoop.Start(-1, range => { }));
        Expect.Throws<ArgumentOutOfRangeException>(
            () => FastparLoop.Start(1, range => { }).Wait(TimeSpan.FromSeconds(-3)));
    }
}
