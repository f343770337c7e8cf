using System;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Fastpar;

/// <summary>From numbers to native sizes, and from statuses to exceptions.</summary>
internal static unsafe class Check
{
    private const int NotFound = 2; // ENOENT and ERROR_FILE_NOT_FOUND
    private const int PathNotFound = 3; // ERROR_PATH_NOT_FOUND
    private const int AccessDenied = 5; // ERROR_ACCESS_DENIED
    private const int NotPermitted = 1; // EPERM
    private const int NoAccess = 13; // EACCES
    private const int ReadOnlyFileSystem = 30; // EROFS

    private static readonly bool IsWindows = Path.DirectorySeparatorChar == '\\';

    /// <summary>A count or size that cannot be negative.</summary>
    internal static UIntPtr Count(long value, string name) => new UIntPtr((ulong)NotNegative(value, name));

    /// <summary>A number that cannot be negative.</summary>
    internal static long NotNegative(long value, string name) =>
        value >= 0 ? value : throw new ArgumentOutOfRangeException(name, value, "must not be negative");

    /// <summary>One of the two that there are.</summary>
    internal static LoopErrors Errors(LoopErrors value, string name) =>
        value is LoopErrors.First or LoopErrors.All
            ? value
            : throw new ArgumentOutOfRangeException(name, value, "expected First or All");

    /// <summary>A number with limits.</summary>
    internal static long Within(long value, long least, long most, string name) =>
        value >= least && value <= most
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"must be {least} to {most}");

    /// <summary>One of the comparisons with one value.</summary>
    internal static uint Comparison(TableComparison value, string name) =>
        value is >= TableComparison.Equal and <= TableComparison.GreaterOrEqual
            ? (uint)value
            : throw new ArgumentOutOfRangeException(name, value, "is no comparison");

    /// <summary>A number that is finite.</summary>
    internal static double Finite(double value, string name) =>
        !double.IsNaN(value) && !double.IsInfinity(value)
            ? value
            : throw new ArgumentOutOfRangeException(name, value, "must be finite");

    /// <summary>The address of so many bytes, and their number.</summary>
    internal static UIntPtr Place(IntPtr place, long length, string placeName, string lengthName) =>
        place != IntPtr.Zero || length <= 0
            ? Count(length, lengthName)
            : throw new ArgumentNullException(placeName, $"null, of {length} bytes");

    /// <summary>An index of so many.</summary>
    internal static int Index(int value, int count, string name) => (int)Index((long)value, count, name);

    /// <summary>The same for large numbers.</summary>
    internal static long Index(long value, long count, string name) =>
        value >= 0 && value < count
            ? value
            : throw new ArgumentOutOfRangeException(name, value, $"must be 0 or more and less than {count}");

    /// <summary>
    /// Milliseconds as the library counts them: infinite is UINT64_MAX. A fraction of a millisecond is
    /// rounded up.
    /// </summary>
    internal static ulong Timeout(TimeSpan timeout, string name)
    {
        if (timeout == System.Threading.Timeout.InfiniteTimeSpan)
        {
            return ulong.MaxValue;
        }
        return timeout >= TimeSpan.Zero
            ? (ulong)Math.Ceiling(timeout.TotalMilliseconds)
            : throw new ArgumentOutOfRangeException(
                name, timeout, "must not be negative, unless it is Timeout.InfiniteTimeSpan");
    }

    /// <summary>An argument that must be there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T NotNull<T>(T? value, string name)
        where T : class => value ?? throw new ArgumentNullException(name);

    /// <summary>The arguments of Read and Write of streams.</summary>
    internal static void Buffer(byte[] buffer, int offset, int count)
    {
        NotNull(buffer, nameof(buffer));
        NotNegative(offset, nameof(offset));
        if ((uint)count > (uint)(buffer.Length - offset) || offset > buffer.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(count), count, "must not be negative, nor reach past the buffer");
        }
    }

    /// <summary>Throws what a status means, if it is not success.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Ok(int status, fastpar_error* error, in ErrorSite site = default, CancellationToken token = default)
    {
        if (status != NativeMethods.FASTPAR_OK)
        {
            throw Exception(error, site, token);
        }
    }

    /// <summary>
    /// The exception for an error that a call has filled, which this token may have cancelled.
    /// </summary>
    internal static Exception Exception(fastpar_error* error, in ErrorSite site = default, CancellationToken token = default)
    {
        var inner = new FastparException(
            (FastparStatus)error->status,
            error->code,
            error->position == ulong.MaxValue ? null : (long)error->position,
            Text(error->message));
        return Exception(inner, site, token);
    }

    /// <summary>
    /// The exception of .NET for a failure, with that failure inside; the failure itself where there is none.
    /// </summary>
    [SuppressMessage("Usage", "CA2201", Justification = "The native library has found that there is no memory.")]
    internal static Exception Exception(FastparException inner, in ErrorSite site, CancellationToken token = default)
    {
        string message = inner.Message;
        switch (inner.Status)
        {
            case FastparStatus.InvalidArgument:
                string parameter = site.IsTarget(message) ? "destinationPath" : site.Parameter ?? "options";
                return new ArgumentException(message, parameter, inner);
            case FastparStatus.BufferTooSmall:
                return new ArgumentException(message, site.Destination ?? "destination", inner);
            case FastparStatus.OutOfMemory:
                return new OutOfMemoryException(message, inner);
            case FastparStatus.LimitExceeded when site.Reads:
            case FastparStatus.Corrupt:
            case FastparStatus.Checksum:
            case FastparStatus.Truncated:
            case FastparStatus.Dictionary:
            case FastparStatus.NotZstd:
                return new InvalidDataException(message, inner);
            case FastparStatus.Cancelled:
                return new OperationCanceledException(
                    message, inner, token.IsCancellationRequested ? token : CancellationToken.None);
            case FastparStatus.Timeout:
                return new TimeoutException(message, inner);
            case FastparStatus.Closed:
                return new ObjectDisposedException(message, inner);
            case FastparStatus.Busy:
                return new InvalidOperationException(message, inner);
            case FastparStatus.Io:
                return File(inner, site);
            default:
                return inner;
        }
    }

    /// <summary>A UTF-8 text of the library.</summary>
    internal static string Text(byte* text)
    {
        int length = 0;
        while (text[length] != 0)
        {
            length++;
        }
        return Encoding.UTF8.GetString(text, length);
    }

    private static Exception File(FastparException inner, in ErrorSite site)
    {
        string? file = FileOf(inner.Message, site);
        switch (inner.Code)
        {
            case NotFound when file == null || HasFolder(file):
                return new FileNotFoundException(inner.Message, file, inner);
            case NotFound:
            case PathNotFound when IsWindows:
                return new DirectoryNotFoundException(inner.Message, inner);
            case AccessDenied when IsWindows:
            case NotPermitted when !IsWindows:
            case NoAccess when !IsWindows:
            case ReadOnlyFileSystem when !IsWindows:
                return new UnauthorizedAccessException(inner.Message, inner);
            default:
                return new IOException(inner.Message, inner);
        }
    }

    /// <summary>
    /// Of two files the message names that which failed; one name may be the end of the other.
    /// </summary>
    private static string? FileOf(string message, in ErrorSite site)
    {
        if (site.Source == null || site.Target == null)
        {
            return site.Source ?? site.Target;
        }
        bool target = ErrorSite.Names(message, site.Target)
            && (site.Target.Length > site.Source.Length || !ErrorSite.Names(message, site.Source));
        return target ? site.Target : site.Source;
    }

    private static bool HasFolder(string file)
    {
        string? folder = Path.GetDirectoryName(Path.GetFullPath(file));
        return folder == null || Directory.Exists(folder);
    }
}
