using System;

namespace Fastpar;

/// <content>The length that a writer was told.</content>
public sealed partial class FastparStream
{
    private long? sourceLength;
    private long sourceBytes;

    /// <summary>
    /// Tells how many bytes will be written, before the first of them. More, or fewer when the stream is
    /// finished, is refused then, and what came out is no whole file.
    /// </summary>
    /// <param name="length">Bytes.</param>
    /// <exception cref="InvalidOperationException">Bytes were written already.</exception>
    /// <exception cref="NotSupportedException">This stream decompresses.</exception>
    /// <remarks>Frames tell their sizes in any case.</remarks>
    public void SetSourceLength(long length)
    {
        Check.NotNegative(length, nameof(length));
        Begin(writing: true);
        try
        {
            sourceLength = sourceBytes + fewEnd == 0
                ? length
                : throw new InvalidOperationException("the length is set before bytes are written");
        }
        finally
        {
            state.GiveBack();
        }
    }

    private void CountSource(int bytes)
    {
        if (sourceBytes + bytes > sourceLength)
        {
            throw WrongLength(sourceBytes + bytes);
        }
        sourceBytes += bytes;
    }

    private void CheckSource()
    {
        if (sourceBytes != (sourceLength ?? sourceBytes))
        {
            throw WrongLength(sourceBytes);
        }
    }

    private InvalidOperationException WrongLength(long bytes)
    {
        ended = true;
        return new InvalidOperationException($"{sourceLength} bytes were to be written, there are {bytes}");
    }
}
