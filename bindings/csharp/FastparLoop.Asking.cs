using System;
using System.Text;

namespace Fastpar;

public static unsafe partial class FastparLoop
{
    /// <summary>
    /// Whether a body should come to an end: the innermost call whose body runs on the calling thread, or a
    /// call around it on this thread, is cancelled or has failed. False outside of bodies.
    /// </summary>
    public static bool IsCancelled => NativeMethods.fastpar_is_cancelled() != 0;

    /// <summary>
    /// Has the call fail with this exception's status, code, position and message, if the body then returns
    /// anything but 0
    /// (<see cref="ForUntil(long, ChunkFunc, LoopOptions, System.Threading.CancellationToken)"/>). Other
    /// bodies throw instead.
    /// </summary>
    /// <param name="failure">
    /// Without a position it gets that of the chunk. Busy and timeout count as a code that the body returned.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="failure"/> is null.</exception>
    public static void Fail(FastparException failure)
    {
        Check.NotNull(failure, nameof(failure));
        fastpar_error error = default;
        error.status = (int)failure.Status;
        error.code = failure.Code;
        error.position = (ulong?)failure.Position ?? ulong.MaxValue;
        byte[] message = Encoding.UTF8.GetBytes(failure.Message);
        for (int i = 0; i < message.Length && i < NativeMethods.FASTPAR_ERROR_MESSAGE_SIZE - 1; i++)
        {
            error.message[i] = message[i];
        }
        NativeMethods.fastpar_fail(&error);
    }
}
