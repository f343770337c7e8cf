using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Fastpar.Tests;

/// <summary>Tasks that make tasks.</summary>
internal static class GroupTests
{
    private static readonly AsyncLocal<string?> Ambient = new();

    [Test]
    private static void TasksMakeTasks()
    {
        foreach (int lanes in new[] { 0, 1, 3 })
        {
            int leaves = 0, outside = 0;
            void Grow(FastparGroup group, int depth)
            {
                if (group.Lane < 0 || group.Lane >= (lanes == 0 ? FastparPool.Threads : lanes))
                {
                    Interlocked.Increment(ref outside);
                }
                if (depth == 0)
                {
                    Interlocked.Increment(ref leaves);
                    return;
                }
                group.Spawn(inner => Grow(inner, depth - 1));
                group.Spawn(inner => Grow(inner, depth - 1));
            }
            FastparGroup.Run(group => Grow(group, 12), new GroupOptions { MaxLanes = lanes });
            Expect.Equal(1 << 12, leaves, "leaves");
            Expect.Equal(0, outside, "lanes");
        }
    }

    [Test]
    private static void TasksWaitForWhatTheyAdded()
    {
        long Fibonacci(FastparGroup group, int n)
        {
            if (n < 2)
            {
                return n;
            }
            long first = -1000;
            group.Spawn(inner => first = Fibonacci(inner, n - 1));
            long second = -1000;
            group.Spawn(inner => second = Fibonacci(inner, n - 2));
            group.Wait();
            return first + second;
        }
        long found = 0;
        FastparGroup.Run(group => found = Fibonacci(group, 16));
        Expect.Equal(987, found);
    }

    [Test]
    private static void AnExceptionEndsTheGroup()
    {
        int begun = 0;
        var exception = Expect.Throws<FormatException>(() => FastparGroup.Run(
            group =>
            {
                group.Spawn(_ => Interlocked.Increment(ref begun));
                group.Spawn(_ => throw new FormatException("the newest"));
                group.Wait();
                throw new InvalidOperationException("the wait returned");
            },
            new GroupOptions { MaxLanes = 1 }));
        Expect.Equal("the newest", exception.Message);
        Expect.Equal(0, begun, "tasks begun after the failure");
        Expect.Throws<FormatException>(() => FastparGroup.Run(_ => throw new FormatException("the root")));

        var all = Expect.Throws<AggregateException>(() => FastparGroup.Run(
            group =>
            {
                group.Spawn(_ => throw new FormatException("first"));
                try
                {
                    group.Wait();
                }
                catch (OperationCanceledException)
                {
                    throw new NotSupportedException("second");
                }
            },
            new GroupOptions { MaxLanes = 1, Errors = LoopErrors.All }));
        Expect.Equal("first,second", string.Join(",", all.InnerExceptions.Select(inner => inner.Message)));
    }

    [Test]
    private static void AfterAFailureNothingIsAdded()
    {
        var told = new List<Type>();
        Expect.Throws<FormatException>(() => FastparGroup.Run(
            group =>
            {
                group.Spawn(_ => throw new FormatException());
                foreach (Action step in new Action[] { group.Wait, () => group.Spawn(_ => { }) })
                {
                    try
                    {
                        step();
                    }
                    catch (OperationCanceledException exception)
                    {
                        told.Add(exception.InnerException!.GetType());
                    }
                }
            },
            new GroupOptions { MaxLanes = 1 }));
        Expect.Equal(2, told.Count(type => type == typeof(FastparException)), "refused");
    }

    [Test]
    private static void ATokenCancels()
    {
        using var source = new CancellationTokenSource();
        int begun = 0;
        var cancelled = Expect.Throws<OperationCanceledException>(() => FastparGroup.Run(
            group =>
            {
                for (int i = 0; i < 100; i++)
                {
                    group.Spawn(_ => Interlocked.Increment(ref begun));
                }
                source.Cancel();
                group.Wait();
            },
            new GroupOptions { MaxLanes = 1 },
            source.Token));
        Expect.Equal(source.Token, cancelled.CancellationToken, "token");
        Expect.Equal(0, begun, "tasks begun after the cancel");
        Expect.Throws<OperationCanceledException>(
            () => FastparGroup.Run(_ => Interlocked.Increment(ref begun), null, source.Token));
        Expect.Equal(0, begun, "root of a group that was cancelled before");

        using var other = new CancellationTokenSource();
        Expect.Throws<FormatException>(() => FastparGroup.Run(
            _ =>
            {
                other.Cancel();
                throw new FormatException("a failure of its own");
            },
            null,
            other.Token));
    }

    [Test]
    private static void DroppedTasksAreNotKept()
    {
        var marks = new List<WeakReference>();
        DropMany(marks);
        Expect.Equal(200, marks.Count, "tasks");
        Expect.Soon(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                // Mono looks for references conservatively: a few may still seem to lie on the stack.
                return marks.Count(mark => mark.IsAlive) <= 2;
            },
            "what tasks held is collected");
    }

    /// <summary>A frame of its own, whose variables do not keep anything.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropMany(List<WeakReference> marks) => Expect.Throws<FormatException>(() => FastparGroup.Run(
        group =>
        {
            for (int i = 0; i < 200; i++)
            {
                Add(group, marks);
            }
            throw new FormatException();
        },
        new GroupOptions { MaxLanes = 1 }));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Add(FastparGroup group, List<WeakReference> marks)
    {
        var mark = new object();
        marks.Add(new WeakReference(mark));
        group.Spawn(_ => GC.KeepAlive(mark));
    }

    [Test]
    private static void LoopsInTasksAddTasks()
    {
        int tasks = 0, busy = 0;
        FastparGroup.Run(group =>
        {
            FastparLoop.For(
                50,
                range =>
                {
                    group.Spawn(inner => FastparLoop.For(10, _ => Interlocked.Increment(ref tasks), new LoopOptions { Segments = 10 }));
                    try
                    {
                        group.Wait();
                    }
                    catch (InvalidOperationException exception)
                        when (FastparException.From(exception)?.Status == FastparStatus.Busy)
                    {
                        Interlocked.Increment(ref busy);
                    }
                },
                new LoopOptions { Segments = 50 });
            group.Wait();
            Expect.Equal(500, Volatile.Read(ref tasks), "before the task ends");
            FastparGroup.Run(nested => nested.Spawn(_ => Interlocked.Increment(ref tasks)));
        });
        Expect.Equal(501, tasks);
        Expect.Equal(50, busy, "waits inside a loop");
    }

    [Test]
    private static void TasksSeeTheContextOfTheCaller()
    {
        Ambient.Value = "caller";
        var wrong = new List<string>();
        void See(string expected, string where)
        {
            if (Ambient.Value != expected)
            {
                lock (wrong)
                {
                    wrong.Add($"{where}: {Ambient.Value}");
                }
            }
        }
        foreach (int lanes in new[] { 1, 0 })
        {
            FastparGroup.Run(
                group =>
                {
                    for (int i = 0; i < 100; i++)
                    {
                        group.Spawn(inner =>
                        {
                            See("caller", "task");
                            Ambient.Value = "task";
                            inner.Spawn(_ =>
                            {
                                See("caller", "inner task");
                                Ambient.Value = "inner task";
                            });
                            inner.Wait();
                            See("task", "task after its wait");
                        });
                    }
                    Ambient.Value = "root";
                    group.Wait();
                    See("root", "root after its wait");
                },
                new GroupOptions { MaxLanes = lanes });
            See("caller", "after the call");
        }
        Expect.Equal("", string.Join("; ", wrong), "contexts");
    }

    [Test]
    private static void ASuppressedFlowStaysSuppressed()
    {
        Ambient.Value = "caller";
        string? seen = null;
        bool suppressed = false;
        FastparGroup.Run(
            group =>
            {
                group.Spawn(_ => Ambient.Value = "inner");
                using (ExecutionContext.SuppressFlow())
                {
                    group.Wait();
                    suppressed = ExecutionContext.IsFlowSuppressed();
                }
                seen = Ambient.Value;
            },
            new GroupOptions { MaxLanes = 1 });
        Expect.True(suppressed, "the wait lets the context flow");
        Expect.Equal("caller", seen);
    }

    [Test]
    private static void OnlyTasksOfTheGroupUseIt()
    {
        FastparGroup? kept = null;
        FastparGroup.Run(group =>
        {
            kept = group;
            var outside = new Thread(() =>
            {
                Refused(() => group.Spawn(_ => { }));
                Refused(group.Wait);
            });
            outside.Start();
            outside.Join();
        });
        Refused(() => kept!.Spawn(_ => { }));
        Refused(kept!.Wait);
        FastparGroup.Run(_ =>
        {
            Refused(() => kept!.Spawn(_ => { }));
            Refused(kept!.Wait);
        });
        Expect.Throws<ArgumentNullException>(() => FastparGroup.Run((Action<FastparGroup>)null!));
        Expect.Throws<ArgumentNullException>(
            () => FastparGroup.Run(group => group.Spawn((Action<FastparGroup>)null!)));
        Expect.Throws<ArgumentNullException>(() => FastparGroup.Run(group => group.Spawn((Action)null!)));
        Expect.Throws<FormatException>(() => FastparGroup.Run(group => group.Spawn(() => throw new FormatException())));
        Expect.Throws<ArgumentOutOfRangeException>(() => new GroupOptions { MaxLanes = -1 });
        Expect.Throws<ArgumentOutOfRangeException>(() => new GroupOptions { Errors = (LoopErrors)2 });
    }

    private static void Refused(Action action)
    {
        var refused = Expect.Throws<InvalidOperationException>(action);
        Expect.Equal(FastparStatus.InvalidArgument, FastparException.From(refused)!.Status, "status");
        Expect.True(refused.Message.Length > 5, "a message");
    }
}
