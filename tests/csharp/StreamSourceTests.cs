using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>Streams that are read from sources which wait, or fail.</summary>
internal static class StreamSourceTests
{
    /// <summary>More than any frame takes.</summary>
    private const int Step = 110_000;

    private static readonly byte[] Content = MakeContent();
    private static readonly byte[] Packed =
        Codec.Compress(Content, new ZstdOptions { FrameSize = 100_000, SeekTable = false });

    private static byte[] MakeContent()
    {
        var content = new byte[1_000_000];
        new Random(1).NextBytes(content);
        return content;
    }

    /// <summary>More of them than the thread pool may have threads.</summary>
    [Test]
    private static async Task ReadersOfFilesDoNotWaitForEachOther()
    {
        string path = Path.GetTempFileName();
        ThreadPool.GetMaxThreads(out int most, out int ports);
        ThreadPool.GetMinThreads(out int least, out _);
        try
        {
            File.WriteAllBytes(path, Packed);
            Expect.True(ThreadPool.SetMaxThreads(Math.Max(least, Environment.ProcessorCount), ports), "fewer threads");
            long[] lengths = await Task.WhenAll(Enumerable.Range(0, 8 * least).Select(async _ =>
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 4096, useAsync: true);
                using var reader = new FastparStream(file, CompressionMode.Decompress);
                var given = new MemoryStream();
                await reader.CopyToAsync(given);
                return given.Length;
            }));
            Expect.True(lengths.All(length => length == Content.Length), "whole content");
        }
        finally
        {
            ThreadPool.SetMaxThreads(most, ports);
            File.Delete(path);
        }
    }

    [Test]
    private static async Task WhatComesBeforeAFailureOfTheSourceIsGivenOut()
    {
        for (int steps = 1; steps < 9; steps++)
        {
            foreach (bool asynchronous in new[] { false, true })
            {
                using var reader = new FastparStream(new Failing(steps), CompressionMode.Decompress);
                var buffer = new byte[70_000];
                var given = new MemoryStream();
                string? failure = null;
                while (failure == null)
                {
                    try
                    {
                        int read = asynchronous
                            ? await reader.ReadAsync(buffer, 0, buffer.Length)
                            : reader.Read(buffer, 0, buffer.Length);
                        Expect.True(read > 0, "the source has no end");
                        given.Write(buffer, 0, read);
                    }
                    catch (IOException exception)
                    {
                        failure = exception.Message;
                    }
                }
                Expect.Equal("the source is gone", failure);
                Expect.True(given.Length >= 100_000 * (steps - 1), "whole frames were lost");
                Expect.True(given.ToArray().SequenceEqual(Content.Take((int)given.Length)), "other bytes");
            }
        }
    }

    /// <summary>Synchronous and asynchronous reads of one stream lose nothing.</summary>
    [Test]
    private static async Task ReadsOfBothKindsMix()
    {
        using var reader = new FastparStream(new Waiting(Packed, Task.CompletedTask, null), CompressionMode.Decompress);
        var given = new List<byte>();
        var buffer = new byte[7_001];
        for (int turn = 0, read = 1; read > 0; turn++)
        {
            read = turn % 2 == 0 ? await reader.ReadAsync(buffer, 0, buffer.Length) : reader.Read(buffer, 0, buffer.Length);
            given.AddRange(buffer.Take(read));
        }
        Expect.True(given.SequenceEqual(Content), "other bytes");
    }

    [Test]
    private static async Task ReadsThatWaitHoldNoThread()
    {
        ThreadPool.GetMinThreads(out int leastWorkers, out int leastPorts);
        ThreadPool.GetMaxThreads(out int workers, out int ports);
        int few = Math.Max(Environment.ProcessorCount, 2);
        int many = few * 4;
        var go = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var waiting = new CountdownEvent(many);
        var buffers = new List<byte[]>();
        var reads = new List<Task<int>>();
        try
        {
            Expect.True(ThreadPool.SetMinThreads(Math.Min(leastWorkers, few), leastPorts), "fewer threads");
            Expect.True(ThreadPool.SetMaxThreads(few, ports), "at most few threads");
            for (int i = 0; i < many; i++)
            {
                var reader = new FastparStream(new Waiting(Packed, go.Task, waiting), CompressionMode.Decompress);
                buffers.Add(new byte[100]);
                reads.Add(reader.ReadAsync(buffers[i], 0, 100));
            }
            Expect.True(await Task.Factory.StartNew(() => waiting.Wait(60_000), TaskCreationOptions.LongRunning), "all wait");
        }
        finally
        {
            ThreadPool.SetMaxThreads(workers, ports);
            ThreadPool.SetMinThreads(leastWorkers, leastPorts);
            go.TrySetResult(true);
        }
        int[] read = await Task.WhenAll(reads);
        Expect.True(read.All(length => length > 0), "all read");
        Expect.True(buffers.Select((buffer, i) => buffer.Take(read[i]).SequenceEqual(Content.Take(read[i]))).All(same => same), "bytes");
    }

    /// <summary>Gives so many steps, and fails.</summary>
    private sealed class Failing : Wrapper
    {
        private int steps;

        internal Failing(int steps)
            : base(new MemoryStream(Packed)) => this.steps = steps;

        public override int Read(byte[] buffer, int offset, int count) =>
            steps-- > 0
                ? Inner.Read(buffer, offset, Math.Min(count, Step))
                : throw new IOException("the source is gone");
    }

    /// <summary>The first read waits.</summary>
    private sealed class Waiting : Wrapper
    {
        private readonly Task go;
        private CountdownEvent? waits;

        internal Waiting(byte[] packed, Task go, CountdownEvent? waits)
            : base(new MemoryStream(packed))
        {
            this.go = go;
            this.waits = waits;
        }

        public override async Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            waits?.Signal();
            waits = null;
            await go;
            return Inner.Read(buffer, offset, count);
        }
    }
}
