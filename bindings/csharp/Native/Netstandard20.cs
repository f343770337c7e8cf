#if NETSTANDARD2_0
using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>Methods that netstandard2.0 does not have, by what it has: streams take arrays there.</summary>
internal static class Netstandard20
{
    internal static void Write(this Stream stream, ReadOnlySpan<byte> buffer)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(buffer.Length);
        try
        {
            buffer.CopyTo(rented);
            stream.Write(rented, 0, buffer.Length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    internal static int Read(this Stream stream, Span<byte> buffer)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(buffer.Length);
        try
        {
            int read = stream.Read(rented, 0, buffer.Length);
            rented.AsSpan(0, read).CopyTo(buffer);
            return read;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    internal static async ValueTask WriteAsync(this Stream stream, ReadOnlyMemory<byte> buffer, CancellationToken token)
    {
        if (MemoryMarshal.TryGetArray(buffer, out ArraySegment<byte> array))
        {
            await stream.WriteAsync(array.Array!, array.Offset, array.Count, token).ConfigureAwait(false);
            return;
        }
        byte[] copy = buffer.ToArray(); // not rented: a stream that fails may still use it
        await stream.WriteAsync(copy, 0, copy.Length, token).ConfigureAwait(false);
    }

    internal static async ValueTask<int> ReadAsync(this Stream stream, Memory<byte> buffer, CancellationToken token)
    {
        if (MemoryMarshal.TryGetArray(buffer, out ArraySegment<byte> array))
        {
            return await stream.ReadAsync(array.Array!, array.Offset, array.Count, token).ConfigureAwait(false);
        }
        byte[] copy = new byte[buffer.Length];
        int read = await stream.ReadAsync(copy, 0, copy.Length, token).ConfigureAwait(false);
        copy.AsMemory(0, read).CopyTo(buffer);
        return read;
    }

    internal static ValueTask DisposeAsync(this Stream stream)
    {
        if (stream is IAsyncDisposable disposable)
        {
            return disposable.DisposeAsync();
        }
        stream.Dispose();
        return default;
    }

    internal static bool Remove<TKey, TValue>(this Dictionary<TKey, TValue> dictionary, TKey key, out TValue value) =>
        dictionary.TryGetValue(key, out value!) && dictionary.Remove(key);

    internal static bool Contains(this string text, string part) => text.IndexOf(part, StringComparison.Ordinal) >= 0;
}
#endif
