using System;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Fastpar.Tests
{
    internal static class ExceptionTests
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void ThrowHere(string message) => throw new InvalidOperationException(message);

        [Test]
        private static void OneComesOutAsItIs()
        {
            for (int at = 0; at < 24; at++)
            {
                var exception = Expect.Throws<InvalidOperationException>(() => FastparLoop.For(24, (in Chunk chunk) =>
                {
                    if (chunk.Index == at)
                    {
                        ThrowHere("one");
                    }
                }));
                Expect.Equal("one", exception.Message);
                Expect.True(exception.StackTrace!.Contains(nameof(ThrowHere)), exception.StackTrace!);
            }
        }

        [Test]
        private static void SeveralComeOutInOrder()
        {
            // Two lanes that are both inside before either throws.
            using var both = new Barrier(2);
            var exception = Expect.Throws<AggregateException>(() => FastparLoop.For(
                2,
                (in Chunk chunk) =>
                {
                    both.SignalAndWait(TimeSpan.FromSeconds(20));
                    ThrowHere($"chunk {chunk.Index}");
                },
                new LoopOptions { Segments = 2 }));
            Expect.Equal("chunk 0, chunk 1", string.Join(", ", exception.InnerExceptions.Select(inner => inner.Message)));
            Expect.True(exception.InnerExceptions.All(inner => inner.StackTrace!.Contains(nameof(ThrowHere))), "stacks");
        }

        [Test]
        private static void NestedOnesPassThroughBothLoops()
        {
            var exception = Expect.Throws<InvalidOperationException>(
                () => FastparLoop.For(1, outer => FastparLoop.For(1, inner => ThrowHere("deep"))));
            Expect.Equal("deep", exception.Message);
            Expect.True(exception.StackTrace!.Contains(nameof(ThrowHere)), "stack");
        }

        [Test]
        private static void ErrorsOfNestedCallsAreExceptionsLikeOthers()
        {
            Expect.Fails(FastparStatus.Busy, () => FastparLoop.For(1, range => FastparPool.Shutdown()));
        }

        [Test]
        private static void TheLibraryGoesOn()
        {
            for (int round = 0; round < 500; round++)
            {
                Expect.Throws<InvalidOperationException>(() => FastparLoop.For(1, range => ThrowHere("again")));
            }
            long sum = 0;
            FastparLoop.For(100, range => Interlocked.Add(ref sum, range.Length));
            Expect.Equal(100, sum);
        }

        [Test]
        private static void EveryCallbackMayThrow()
        {
            // One chunk: two that throw at the same time make an AggregateException.
            Expect.Throws<InvalidOperationException>(() => FastparLoop.Reduce(
                1, 0L, (range, sum) => throw new InvalidOperationException("fold"), (a, b) => a + b));
            Expect.Throws<InvalidOperationException>(() => FastparLoop.Reduce(
                10, 0L, (range, sum) => sum, (a, b) => throw new InvalidOperationException("combine")));
            Expect.Throws<InvalidOperationException>(() => FastparLoop.ForUntil(
                1, (in Chunk chunk) => throw new InvalidOperationException("until")));
            Expect.Throws<InvalidOperationException>(() => FastparTeam.Run(2, member =>
            {
                if (member.Member == 1)
                {
                    ThrowHere("member");
                }
            }));
            var told = new ZstdOptions { Progress = new Listener(_ => ThrowHere("progress")) };
            Expect.Throws<InvalidOperationException>(() => Codec.Compress(Expect.Data(1000), told));
        }
    }
}
