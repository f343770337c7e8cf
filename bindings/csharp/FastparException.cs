using System;

namespace Fastpar
{
    /// <summary>A call of fastpar failed. The message says what and where.</summary>
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

        /// <summary>What a callback returned, zstd's error code or the system's (errno, GetLastError), else 0.</summary>
        public int Code { get; }

        /// <summary>Chunk, item or frame index, or byte offset, as the call says; null: none.</summary>
        public long? Position { get; }

        /// <summary>For <see cref="FastparStatus.BufferTooSmall"/>: a size that is enough, where one is known.</summary>
        public long? RequiredSize { get; internal set; }
    }
}
