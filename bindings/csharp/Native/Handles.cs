using System;
using System.Runtime.InteropServices;

namespace Fastpar
{
    /// <summary>A handle of the native library: released once, when nobody uses it any more.</summary>
    internal abstract class FastparHandle : SafeHandle
    {
        protected FastparHandle(IntPtr handle)
            : base(IntPtr.Zero, ownsHandle: true) => SetHandle(handle);

        public sealed override bool IsInvalid => handle == IntPtr.Zero;
    }

    /// <summary>A job: released, it is cancelled and waited for.</summary>
    internal sealed unsafe class JobHandle : FastparHandle
    {
        internal JobHandle(fastpar_job* job)
            : base((IntPtr)job)
        {
        }

        protected override bool ReleaseHandle()
        {
            NativeMethods.fastpar_job_free((fastpar_job*)handle);
            return true;
        }
    }

    /// <summary>A queue.</summary>
    internal sealed unsafe class QueueHandle : FastparHandle
    {
        internal QueueHandle(fastpar_queue* queue)
            : base((IntPtr)queue)
        {
        }

        protected override bool ReleaseHandle()
        {
            NativeMethods.fastpar_queue_free((fastpar_queue*)handle);
            return true;
        }
    }

    /// <summary>A dictionary.</summary>
    internal sealed unsafe class DictHandle : FastparHandle
    {
        internal DictHandle(fastpar_dict* dict)
            : base((IntPtr)dict)
        {
        }

        protected override bool ReleaseHandle()
        {
            NativeMethods.fastpar_dict_free((fastpar_dict*)handle);
            return true;
        }
    }

    /// <summary>The use of a handle: it is not released before this is disposed, whoever disposes the handle meanwhile.</summary>
    internal readonly unsafe ref struct Lease
    {
        private readonly SafeHandle? handle;

        /// <exception cref="ObjectDisposedException">The handle is released already.</exception>
        internal Lease(SafeHandle? handle)
        {
            bool added = false;
            handle?.DangerousAddRef(ref added);
            this.handle = handle;
        }

        internal void* Pointer => handle == null ? null : (void*)handle.DangerousGetHandle();

        public void Dispose() => handle?.DangerousRelease();
    }
}
