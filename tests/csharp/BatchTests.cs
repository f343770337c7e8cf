using System;
using System.Linq;
using System.Threading;

namespace Fastpar.Tests;

internal static class BatchTests
{
    private static BatchItem[] Items(byte[][] sources, Func<byte[], int> capacity) =>
        sources.Select(source => new BatchItem(source, new byte[capacity(source)])).ToArray();

    [Test]
    private static void ThereAndBack()
    {
        byte[][] sources = Enumerable.Range(0, 500).Select(i => Expect.Data(i * 7)).ToArray();
        BatchItem[] packed = Items(sources, source => (int)Codec.CompressBound(source.Length));
        Expect.Equal(0, Codec.CompressBatch(packed));
        var single = new ZstdOptions { SingleFrame = true };
        Expect.Same(Codec.Compress(sources[400], single), packed[400].Destination.Span.Slice(0, (int)packed[400].Written));
        BatchItem[] back = packed.Zip(sources, (item, source) =>
            new BatchItem(item.Destination.Slice(0, (int)item.Written), new byte[source.Length])).ToArray();
        Expect.Equal(0, Codec.DecompressBatch(back));
        for (int i = 0; i < sources.Length; i++)
        {
            Expect.Equal(FastparStatus.Ok, back[i].Status);
            Expect.Same(sources[i], back[i].Destination.Span);
        }
        Expect.Equal(0, Codec.CompressBatch(Span<BatchItem>.Empty));
    }

    [Test]
    private static void EachItemHasItsOwnResult()
    {
        byte[] data = Expect.Data(10_000), packed = Codec.Compress(data);
        var items = new[]
        {
            new BatchItem(packed, new byte[data.Length]),
            new BatchItem(packed, new byte[10]),
            new BatchItem(new byte[20], new byte[10]),
            new BatchItem(packed.AsMemory(0, 100), new byte[data.Length]),
            new BatchItem(packed, new byte[data.Length]),
        };
        Expect.Equal(3, Codec.DecompressBatch(items));
        Expect.Equal(
            "Ok, BufferTooSmall, NotZstd, Truncated, Ok", string.Join(", ", items.Select(item => item.Status.ToString())));
        Expect.Equal(data.Length, items[1].Written, "a capacity that is enough");
        Expect.Same(data, items[4].Destination.Span);
    }

    [Test]
    private static void ManyItems()
    {
        byte[] data = Expect.Data(100);
        BatchItem[] items = Items(Enumerable.Repeat(data, 5000).ToArray(), source => 200);
        for (int i = 0; i < items.Length; i += 1000)
        {
            items[i].Destination = new byte[3];
        }
        Expect.Equal(5, Codec.CompressBatch(items));
        Expect.Equal(4995, items.Count(item => item.Status == FastparStatus.Ok && item.Written > 0), "done");
        Expect.Same(data, Codec.Decompress(items[4999].Destination.Span.Slice(0, (int)items[4999].Written)));
        using var source = new CancellationTokenSource();
        source.Cancel();
        Expect.Throws<OperationCanceledException>(() => Codec.CompressBatch(items, null, source.Token));
        Expect.True(items.All(item => item.Status == FastparStatus.Cancelled && item.Written == 0), "not done");
    }

    [Test]
    private static void Cancels()
    {
        using var source = new CancellationTokenSource();
        byte[] data = Expect.Data(200_000);
        BatchItem[] items = Items(Enumerable.Repeat(data, 300).ToArray(), _ => 210_000);
        var options = new ZstdOptions { Level = 12, Progress = new Listener(_ => source.Cancel()) };
        Expect.Throws<OperationCanceledException>(() => Codec.CompressBatch(items, options, source.Token));
        Expect.True(items.Any(item => item.Status == FastparStatus.Cancelled && item.Written == 0), "not done");
    }
}
