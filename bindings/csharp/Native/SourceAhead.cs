using System;
using System.Buffers;
using System.IO;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// Compressed bytes that asynchronous reads have awaited: the native stream finds them here, and is told to
/// come later where there are none. So a read that waits holds no thread.
/// </summary>
internal sealed class SourceAhead
{
    /// <summary>What <see cref="Take"/> gives where nothing is there yet.</summary>
    internal const int Later = -1;

    private const int Size = 128 << 10;

    private readonly Stream inner;
    private byte[]? bytes;
    private int start;
    private int end;
    private bool ended;
    private ExceptionDispatchInfo? failure;

    internal SourceAhead(Stream inner) => this.inner = inner;

    /// <summary>
    /// The next bytes; 0: the end. A failure of the stream behind is thrown after what came before it.
    /// </summary>
    internal int Take(Span<byte> buffer)
    {
        if (start == end)
        {
            failure?.Throw();
            return ended ? 0 : Later;
        }
        int taken = Math.Min(buffer.Length, end - start);
        bytes.AsSpan(start, taken).CopyTo(buffer);
        start += taken;
        if (start == end)
        {
            ArrayPool<byte>.Shared.Return(bytes!); // others may wait for their data meanwhile
            bytes = null;
        }
        return taken;
    }

    /// <summary>Awaits more; all was taken.</summary>
    internal async Task Fill(CancellationToken token)
    {
        bytes ??= ArrayPool<byte>.Shared.Rent(Size);
        try
        {
            end = await inner.ReadAsync(new Memory<byte>(bytes, 0, Size), token).ConfigureAwait(false);
            start = 0;
            ended = end == 0;
        }
        catch (Exception exception)
        {
            start = end = 0;
            failure = ExceptionDispatchInfo.Capture(exception);
        }
    }
}
