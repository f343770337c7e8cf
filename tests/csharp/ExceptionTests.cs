using System;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Fastpar.Tests;

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

    /// <summary>They fit bodies of every kind, those that are refused too.</summary>
    [Test]
    private static void LambdasThatOnlyThrow()
    {
        Expect.Throws<InvalidOperationException>(() => FastparLoop.For(24, range => throw new InvalidOperationException()));
        Expect.Throws<InvalidOperationException>(() => FastparLoop.For(24, range => { throw new InvalidOperationException(); }));
        Expect.Throws<InvalidOperationException>(
            () => FastparLoop.For(24, (in Chunk chunk) => throw new InvalidOperationException()));
        Expect.Throws<InvalidOperationException>(
            () => FastparLoop.Start(24, range => throw new InvalidOperationException()).Wait());
        Expect.Throws<InvalidOperationException>(
            () => FastparLoop.Start(24, (in Chunk chunk) => throw new InvalidOperationException()).Wait());
        Expect.Throws<InvalidOperationException>(() => FastparTeam.Run(2, member => throw new InvalidOperationException()));
        Expect.Throws<InvalidOperationException>(() => FastparPool.Hook(worker => throw new InvalidOperationException()));
        Func<Range64, NoReturn>? none = null;
        Expect.Throws<ArgumentNullException>(() => FastparLoop.For(24, none!));
    }

    /// <summary>Two lanes that are both inside before either throws.</summary>
    private static Action Both(LoopErrors errors)
    {
        var both = new Barrier(2);
        return () => FastparLoop.For(
            2,
            (in Chunk chunk) =>
            {
                both.SignalAndWait(Expect.Limit);
                ThrowHere($"chunk {chunk.Index}");
            },
            new LoopOptions { Segments = 2, Errors = errors });
    }

    [Test]
    private static void OfSeveralTheLowestChunksComesOut()
    {
        for (int round = 0; round < 20; round++)
        {
            var exception = Expect.Throws<InvalidOperationException>(Both(LoopErrors.First));
            Expect.Equal("chunk 0", exception.Message);
            Expect.True(exception.StackTrace!.Contains(nameof(ThrowHere)), "stack");
        }
    }

    [Test]
    private static void AllComeOutInOrderIfAsked()
    {
        var all = Expect.Throws<AggregateException>(Both(LoopErrors.All));
        Expect.Equal("chunk 0, chunk 1", string.Join(", ", all.InnerExceptions.Select(inner => inner.Message)));
        Expect.True(all.InnerExceptions.All(inner => inner.StackTrace!.Contains(nameof(ThrowHere))), "stacks");
        var options = new LoopOptions { Errors = LoopErrors.All };
        Expect.Equal(
            "one",
            Expect.Throws<AggregateException>(() => FastparLoop.For(1, (in Chunk chunk) => ThrowHere("one"), options))
                .InnerExceptions.Single().Message);
        using FastparJob job = FastparLoop.Start(1, (in Chunk chunk) => ThrowHere("one"), options);
        Expect.Throws<AggregateException>(job.Wait);
        Expect.Throws<ArgumentOutOfRangeException>(() => options.Errors = (LoopErrors)2);
    }

    [Test]
    private static void FailuresAreFoundInsideOthers()
    {
        var own = new FastparException(FastparStatus.Checksum);
        Expect.True(FastparException.From(own) == own, "itself");
        Expect.True(FastparException.From(new AggregateException(new Exception(), new Exception("", own))) == own, "deep");
        Expect.True(FastparException.From(new Exception()) == null && FastparException.From(null) == null, "none");
    }

    [Test]
    private static void FilesThatCannotBeHad()
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        Directory.CreateDirectory(folder);
        try
        {
            string there = Path.Combine(folder, "there"), missing = Path.Combine(folder, "missing");
            File.WriteAllText(there, "content");
            string nowhere = Path.Combine(missing, "file");
            Expect.Equal(
                missing, Expect.Throws<FileNotFoundException>(() => Codec.CompressFile(missing, there + ".zst")).FileName);
            Expect.Equal(missing, Expect.Throws<FileNotFoundException>(() => SeekableArchive.OpenFile(missing)).FileName);
            Expect.Throws<DirectoryNotFoundException>(() => Codec.CompressFile(nowhere, there + ".zst"));
            Expect.Throws<DirectoryNotFoundException>(() => Codec.CompressFile(there, nowhere));
            Expect.Throws<DirectoryNotFoundException>(() => Codec.DecompressFile(nowhere, there));
            // Of a long name the message has the end; the other's may stand in what it says.
            string far = Path.Combine(missing, new string('f', 200), "file");
            Expect.Throws<DirectoryNotFoundException>(() => Codec.CompressFile(there, far));
            Expect.Throws<DirectoryNotFoundException>(() => Codec.CompressFile(far, "d"));
            Expect.Throws<InvalidDataException>(() => Codec.DecompressFile(there, missing));
            Expect.Equal("sourcePath", Expect.Throws<ArgumentException>(() => Codec.CompressFile("", there)).ParamName);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
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
