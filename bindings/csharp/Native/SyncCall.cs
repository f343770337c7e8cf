using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar
{
    /// <summary>
    /// A call that returns when it is done, from its preparation to its outcome: roots the state, and lets the token set a flag that the
    /// native library looks at.
    /// </summary>
    internal unsafe ref struct SyncCall
    {
        private readonly CallState state;
        private readonly IntPtr flag;
        private readonly CancellationTokenRegistration registration;

        internal SyncCall(CallState state)
        {
            state.Token.ThrowIfCancellationRequested();
            this.state = state;
            flag = IntPtr.Zero;
            registration = default;
            if (state.Token.CanBeCanceled)
            {
                flag = Marshal.AllocHGlobal(sizeof(int));
                *(int*)flag = 0;
                registration = state.Token.Register(set => NativeMethods.fastpar_cancel((int*)(IntPtr)set!), flag);
            }
            state.Root();
        }

        /// <summary>For the field `cancel` of the options.</summary>
        internal int* Cancel => (int*)flag;

        /// <summary>Throws what the call came to, if it is not success.</summary>
        internal void End(int status, fastpar_error* error) => state.Outcome(status, error)?.Throw();

        public void Dispose()
        {
            state.Unroot();
            registration.Dispose(); // waits for a callback that is just setting the flag
            Marshal.FreeHGlobal(flag);
        }
    }
}
