// The same in C#.
using System;
using System.Runtime.InteropServices;
using Fastpar;

internal static class Consumer
{
    private static int Main()
    {
        var values = new uint[1_000_000];
        FastparLoop.For(values.Length, range =>
        {
            for (long i = range.Begin; i < range.End; i++) values[i] = (uint)i;
        });
        ulong total = FastparLoop.Reduce(
            values.Length,
            0UL,
            (range, sum) =>
            {
                for (long i = range.Begin; i < range.End; i++) sum += values[i];
                return sum;
            },
            (into, from) => into + from);
        if (total != 499_999_500_000) return 1;
        byte[] bytes = MemoryMarshal.AsBytes<uint>(values).ToArray();
        if (!Codec.Decompress(Codec.Compress(bytes)).AsSpan().SequenceEqual(bytes)) return 2;
        Console.WriteLine($"fastpar {FastparLibrary.VersionString} works");
        return 0;
    }
}
