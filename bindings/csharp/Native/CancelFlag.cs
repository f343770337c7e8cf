using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>
/// A flag that the native library looks at and a token sets; null for a token that is never cancelled.
/// </summary>
internal readonly unsafe struct CancelFlag : IDisposable
{
    private readonly IntPtr flag;
    private readonly CancellationTokenRegistration registration;

    /// <exception cref="OperationCanceledException">The token is cancelled already.</exception>
    internal CancelFlag(CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        flag = IntPtr.Zero;
        registration = default;
        if (token.CanBeCanceled)
        {
            flag = Marshal.AllocHGlobal(sizeof(int));
            *(int*)flag = 0;
            // Only the flag's address: a token outlives the call, and must not keep the call's objects alive.
            registration = token.Register(set => NativeMethods.fastpar_cancel((int*)(IntPtr)set!), flag);
        }
    }

    /// <summary>For the field `cancel` of the options.</summary>
    internal int* Pointer => (int*)flag;

    public void Dispose()
    {
        if (flag != IntPtr.Zero)
        {
            registration.Dispose(); // waits for a callback that is just setting the flag
            Marshal.FreeHGlobal(flag);
        }
    }
}
