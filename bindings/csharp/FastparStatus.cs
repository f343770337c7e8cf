using static Fastpar.NativeMethods;

namespace Fastpar;

/// <summary>The result of a call: the numbers of the C constants FASTPAR_OK and FASTPAR_ERR_.</summary>
public enum FastparStatus
{
    /// <summary>Success.</summary>
    Ok = FASTPAR_OK,

    /// <summary>An argument is outside its range, or contradicts another one.</summary>
    InvalidArgument = FASTPAR_ERR_INVALID_ARGUMENT,

    /// <summary>A valid request that this version, this platform or this data does not allow.</summary>
    Unsupported = FASTPAR_ERR_UNSUPPORTED,

    /// <summary>The output does not fit.</summary>
    BufferTooSmall = FASTPAR_ERR_BUFFER_TOO_SMALL,

    /// <summary>The system has no memory left for the call.</summary>
    OutOfMemory = FASTPAR_ERR_OUT_OF_MEMORY,

    /// <summary>A limit given in the options, or a documented one, would be passed.</summary>
    LimitExceeded = FASTPAR_ERR_LIMIT_EXCEEDED,

    /// <summary>Threads could not be started, or not as many as the call needs.</summary>
    Threads = FASTPAR_ERR_THREADS,

    /// <summary>The compressed data is damaged.</summary>
    Corrupt = FASTPAR_ERR_CORRUPT,

    /// <summary>The compressed data decodes, but its checksum differs.</summary>
    Checksum = FASTPAR_ERR_CHECKSUM,

    /// <summary>The compressed data ends too early.</summary>
    Truncated = FASTPAR_ERR_TRUNCATED,

    /// <summary>The data needs a dictionary that was not given, or another one.</summary>
    Dictionary = FASTPAR_ERR_DICTIONARY,

    /// <summary>The data is not zstd.</summary>
    NotZstd = FASTPAR_ERR_NOT_ZSTD,

    /// <summary>A callback asked to stop.</summary>
    Callback = FASTPAR_ERR_CALLBACK,

    /// <summary>The call was cancelled.</summary>
    Cancelled = FASTPAR_ERR_CANCELLED,

    /// <summary>The time given was over.</summary>
    Timeout = FASTPAR_ERR_TIMEOUT,

    /// <summary>The queue or stream is closed.</summary>
    Closed = FASTPAR_ERR_CLOSED,

    /// <summary>The pool runs already, with other options.</summary>
    AlreadyStarted = FASTPAR_ERR_ALREADY_STARTED,

    /// <summary>
    /// Not possible from inside a callback or a hook, or while another thread uses the object.
    /// </summary>
    Busy = FASTPAR_ERR_BUSY,

    /// <summary>The source of a stream has nothing now; the stream goes on.</summary>
    Again = FASTPAR_ERR_AGAIN,

    /// <summary>The operating system reported an error on a file; the code holds its number.</summary>
    Io = FASTPAR_ERR_IO,

    /// <summary>A fault of fastpar itself; the pool stays usable.</summary>
    Panic = FASTPAR_ERR_PANIC,

    /// <summary>A fault of fastpar itself; please report it.</summary>
    Internal = FASTPAR_ERR_INTERNAL,
}
