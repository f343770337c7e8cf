using System;
using System.Linq;
using System.Threading;

namespace Fastpar.Tests;

/// <summary>Teams, the queue and the atomics: what members share.</summary>
internal static class TeamTests
{
    [Test]
    private static void MembersMeetAtBarriers()
    {
        foreach (int members in new[] { 1, 2, 5, 24 })
        {
            var counts = new int[10];
            int early = 0;
            FastparTeam.Run(members, member =>
            {
                for (int phase = 0; phase < counts.Length; phase++)
                {
                    Interlocked.Increment(ref counts[phase]);
                    member.Barrier();
                    if (Volatile.Read(ref counts[phase]) != member.Members)
                    {
                        Interlocked.Increment(ref early);
                    }
                }
            });
            Expect.Equal(0, early, $"early members of {members}");
            Expect.True(counts.All(count => count == members), "members");
        }
    }

    [Test]
    private static void ZeroIsEveryThread()
    {
        int members = 0, numbers = 0;
        FastparTeam.Run(0, member =>
        {
            Interlocked.Increment(ref members);
            Interlocked.Add(ref numbers, member.Member);
        });
        Expect.Equal(FastparPool.Threads, members);
        Expect.Equal(members * (members - 1) / 2, numbers);
    }

    [Test]
    private static void AFailureReleasesTheOthers()
    {
        var exception = Expect.Throws<FormatException>(() => FastparTeam.Run(4, (MemberAction)(member =>
        {
            if (member.Member == 2)
            {
                throw new FormatException("member two");
            }
            member.Barrier();
            throw new InvalidOperationException("the barrier was passed");
        })));
        Expect.Equal("member two", exception.Message);
        Expect.Fails(FastparStatus.Threads, () => FastparTeam.Run(2000, member => { }));
        Expect.Throws<ArgumentNullException>(() => FastparTeam.Run(1, (MemberAction)null!));
        Expect.Throws<ArgumentOutOfRangeException>(() => FastparTeam.Run(-1, member => { }));
    }

    [Test]
    private static void AQueueBetweenMembers()
    {
        using var queue = new FastparQueue(16);
        long sum = 0;
        int producers = 2;
        FastparTeam.Run(5, member =>
        {
            if (member.Member < 2)
            {
                for (ulong i = 0; i < 1000; i++)
                {
                    queue.Push(i);
                }
                if (Interlocked.Decrement(ref producers) == 0)
                {
                    queue.Close();
                }
                return;
            }
            while (queue.Pop(out ulong value))
            {
                Interlocked.Add(ref sum, (long)value);
            }
        });
        Expect.Equal(999000, sum);
    }

    [Test]
    private static void TheQueueIsBoundedAndOrdered()
    {
        var queue = new FastparQueue(2);
        Expect.True(queue.TryPush(1) && queue.TryPush(ulong.MaxValue), "room");
        Expect.True(!queue.TryPush(3) && !queue.TryPush(3, TimeSpan.FromMilliseconds(5)), "full");
        Expect.True(queue.TryPop(out ulong first) && first == 1, "first");
        Expect.True(queue.TryPop(out ulong second) && second == ulong.MaxValue, "second");
        Expect.True(!queue.TryPop(out _) && !queue.TryPop(out _, TimeSpan.FromMilliseconds(5)), "empty");
        queue.Push(4);
        queue.Close();
        queue.Close();
        Expect.Fails(FastparStatus.Closed, () => queue.Push(5));
        Expect.True(queue.Pop(out ulong last) && last == 4, "what is inside");
        Expect.True(!queue.Pop(out _), "closed and empty");
        queue.Dispose();
        queue.Dispose();
        Expect.Throws<ObjectDisposedException>(() => queue.Push(6));
        Expect.Throws<ArgumentOutOfRangeException>(() => new FastparQueue(0));
    }

    [Test]
    private static void DisposingReleasesWhoWaits()
    {
        for (int round = 0; round < 50; round++)
        {
            var queue = new FastparQueue(1);
            bool? popped = null;
            var consumer = new Thread(() =>
            {
                try
                {
                    popped = queue.Pop(out _);
                }
                catch (ObjectDisposedException)
                {
                    popped = false; // it came too late
                }
            });
            consumer.Start();
            if (round % 2 == 0)
            {
                Thread.Sleep(1);
            }
            queue.Dispose();
            Expect.True(consumer.Join(Expect.Limit), "released");
            Expect.True(popped == false, "popped");
        }
    }

    [Test]
    private static void Atomics()
    {
        long sum = 0, most = long.MinValue, least = long.MaxValue;
        FastparLoop.For(
            1000,
            range =>
            {
                FastparAtomic.Add(ref sum, range.Length);
                FastparAtomic.Max(ref most, range.End);
                FastparAtomic.Min(ref least, range.Begin);
            },
            new LoopOptions { Segments = 100 });
        Expect.Equal(1000, FastparAtomic.Load(sum));
        Expect.Equal(1000, most);
        Expect.Equal(0, least);
        FastparAtomic.Store(ref sum, 5);
        long expected = 4;
        Expect.True(!FastparAtomic.CompareExchange(ref sum, ref expected, 6), "replaced");
        Expect.Equal(5, expected);
        Expect.True(FastparAtomic.CompareExchange(ref sum, ref expected, 6), "not replaced");
        Expect.Equal(6, FastparAtomic.Add(ref sum, 1));
        Expect.Equal(7, sum);
    }

    [Test]
    private static void Cancelled()
    {
        using var source = new CancellationTokenSource();
        void Body(TeamMember member)
        {
            if (member.Member == 0)
            {
                source.Cancel();
            }
            else
            {
                member.Barrier();
            }
        }
        var cancelled = Expect.Throws<OperationCanceledException>(() => FastparTeam.Run(2, Body, source.Token));
        Expect.Equal(source.Token, cancelled.CancellationToken, "token");
        Expect.Throws<FormatException>(() => FastparTeam.Run(2, member => throw new FormatException(), default));
    }
}
