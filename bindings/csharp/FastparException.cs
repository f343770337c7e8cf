using System;
using System.Linq;

namespace Fastpar;

/// <summary>
/// A failure of fastpar, with its status. Where .NET has a type for a failure, that is thrown, with this
/// inside: <see cref="From"/> finds it.
/// </summary>
/// <remarks>
/// Arguments: ArgumentException and its kinds. Damaged data: InvalidDataException. Files:
/// FileNotFoundException, DirectoryNotFoundException, UnauthorizedAccessException, IOException. Closed:
/// ObjectDisposedException. Busy: InvalidOperationException. Timeout: TimeoutException. Cancelled:
/// OperationCanceledException. Memory: OutOfMemoryException. A limit that data passes: InvalidDataException.
/// Everything else is thrown as it is.
/// </remarks>
public class FastparException : Exception
{
    /// <summary>Makes an exception with a status alone.</summary>
    /// <param name="status">What went wrong.</param>
    /// <param name="message">What and where; null: the sentence that goes with the status.</param>
    public FastparException(FastparStatus status, string? message = null)
        : this(status, 0, null, message)
    {
    }

    /// <summary>Makes an exception as a call of the native library reports it.</summary>
    /// <param name="status">What went wrong.</param>
    /// <param name="code">The callback's value, zstd's error code or the system's, else 0.</param>
    /// <param name="position">Chunk, item, frame or byte; null: none.</param>
    /// <param name="message">What and where; null: the sentence that goes with the status.</param>
    public FastparException(FastparStatus status, int code, long? position, string? message)
        : base(message ?? FastparLibrary.StatusMessage(status))
    {
        Status = status;
        Code = code;
        Position = position;
    }

    /// <summary>What went wrong.</summary>
    public FastparStatus Status { get; }

    /// <summary>
    /// What a callback returned, zstd's error code or the system's (errno, GetLastError), else 0.
    /// </summary>
    public int Code { get; }

    /// <summary>Chunk, item or frame index, or byte offset, as the call says; null: none.</summary>
    public long? Position { get; }

    /// <summary>
    /// For <see cref="FastparStatus.BufferTooSmall"/>: a size that is enough, where one is known.
    /// </summary>
    public long? RequiredSize { get; internal set; }

    /// <summary>Finds the failure of fastpar in an exception, however deep.</summary>
    /// <param name="exception">Any exception; may be null.</param>
    /// <returns>The failure; null: the exception does not come from fastpar.</returns>
    public static FastparException? From(Exception? exception)
    {
        for (; exception != null; exception = exception.InnerException)
        {
            if (exception is FastparException own)
            {
                return own;
            }
            if (exception is AggregateException several)
            {
                return several.InnerExceptions.Select(From).FirstOrDefault(found => found != null);
            }
        }
        return null;
    }
}
