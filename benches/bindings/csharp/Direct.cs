using System;
using System.Runtime.InteropServices;

namespace Fastpar.Benches
{
    /// <summary>The C function itself, on memory outside of .NET: what the safe layer is measured against.</summary>
    internal static class Direct
    {
        static Direct() => NativeLibrary.SetDllImportResolver(
            typeof(Direct).Assembly,
            (name, assembly, path) => NativeLibrary.Load(
                Environment.GetEnvironmentVariable("FASTPAR_LIBRARY") ?? name, typeof(FastparPool).Assembly, path));

        /// <summary>Compresses with the default options.</summary>
        internal static void Compress(IntPtr source, int length, IntPtr destination, int capacity)
        {
            int status = fastpar_compress(
                IntPtr.Zero, source, (UIntPtr)(uint)length, destination, (UIntPtr)(uint)capacity, out _, IntPtr.Zero);
            if (status != 0)
            {
                throw new FastparException((FastparStatus)status);
            }
        }

        [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        private static extern int fastpar_compress(
            IntPtr options,
            IntPtr source,
            UIntPtr length,
            IntPtr destination,
            UIntPtr capacity,
            out UIntPtr written,
            IntPtr error);
    }
}
