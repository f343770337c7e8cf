using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar
{
    /// <summary>From numbers to native sizes, and from statuses to exceptions.</summary>
    internal static unsafe class Check
    {
        /// <summary>A count or size that cannot be negative.</summary>
        internal static UIntPtr Count(long value, string name) =>
            value >= 0 ? new UIntPtr((ulong)value) : throw new ArgumentOutOfRangeException(name, value, "must not be negative");

        /// <summary>A 32-bit number that cannot be negative.</summary>
        internal static uint Count32(int value, string name) =>
            value >= 0 ? (uint)value : throw new ArgumentOutOfRangeException(name, value, "must not be negative");

        /// <summary>Milliseconds as the library counts them: infinite is UINT64_MAX. Parts of one count as a whole.</summary>
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

        /// <summary>Throws what a status means, if it is not success.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal static void Ok(int status, fastpar_error* error, CancellationToken token = default)
        {
            if (status != NativeMethods.FASTPAR_OK)
            {
                throw Exception(error, token);
            }
        }

        /// <summary>The exception for an error that a call has filled, which this token may have cancelled.</summary>
        internal static Exception Exception(fastpar_error* error, CancellationToken token) =>
            error->status == NativeMethods.FASTPAR_ERR_CANCELLED && token.IsCancellationRequested
                ? new OperationCanceledException(token)
                : (Exception)Exception(error);

        /// <summary>The exception for an error that a call has filled.</summary>
        internal static FastparException Exception(fastpar_error* error) => new FastparException(
            (FastparStatus)error->status,
            error->code,
            error->position == ulong.MaxValue ? (long?)null : (long)error->position,
            Marshal.PtrToStringUTF8((IntPtr)error->message));
    }
}
