using System;
using System.Runtime.InteropServices;

namespace Fastpar.Benches;

/// <summary>
/// The C function itself, on memory outside of .NET: what the safe layer is measured against.
/// </summary>
internal static class Direct
{
    static Direct() => NativeLibrary.SetDllImportResolver(
        typeof(Direct).Assembly,
        (name, assembly, path) => NativeLibrary.Load(
            Environment.GetEnvironmentVariable("FASTPAR_LIBRARY") ?? name, typeof(FastparPool).Assembly, path));

    /// <summary>Compresses with the default options.</summary>
    internal static void Compress(IntPtr source, int length, IntPtr destination, int capacity) =>
        Check(fastpar_compress(IntPtr.Zero, source, Size(length), destination, Size(capacity), out _, IntPtr.Zero));

    /// <summary>Decompresses with the default options.</summary>
    internal static void Decompress(IntPtr source, int length, IntPtr destination, int capacity) =>
        Check(fastpar_decompress(IntPtr.Zero, source, Size(length), destination, Size(capacity), out _, IntPtr.Zero));

    private static UIntPtr Size(int size) => (UIntPtr)(uint)size;

    private static void Check(int status)
    {
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

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
    private static extern int fastpar_decompress(
        IntPtr options,
        IntPtr source,
        UIntPtr length,
        IntPtr destination,
        UIntPtr capacity,
        out UIntPtr written,
        IntPtr error);
}
