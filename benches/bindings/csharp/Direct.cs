using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

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

    /// <summary>Opens an archive.</summary>
    internal static IntPtr Open(IntPtr source, int length)
    {
        Check(fastpar_archive_open(IntPtr.Zero, source, Size(length), out IntPtr archive, IntPtr.Zero));
        return archive;
    }

    /// <summary>Calls back for pieces of an archive.</summary>
    internal static unsafe void Scan(IntPtr archive, int record, int piece)
    {
        var options = new ScanOptions
        {
            StructSize = (UIntPtr)(uint)sizeof(ScanOptions), RecordSize = Size(record), PieceSize = Size(piece),
        };
        Check(fastpar_archive_for(&options, archive, &FirstByte, IntPtr.Zero, IntPtr.Zero));
    }

    /// <summary>Frees an archive.</summary>
    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl, ExactSpelling = true, EntryPoint = "fastpar_archive_free")]
    internal static extern void Free(IntPtr archive);

    /// <summary>As C's callback does: what .NET takes to be called is in both.</summary>
    [UnmanagedCallersOnly(CallConvs = new[] { typeof(CallConvCdecl) })]
    private static unsafe int FirstByte(IntPtr userData, Piece* piece)
    {
        Volatile.Read(ref *piece->Data);
        return 0;
    }

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

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
    private static extern int fastpar_archive_open(
        IntPtr options, IntPtr source, UIntPtr length, out IntPtr archive, IntPtr error);

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
    private static extern unsafe int fastpar_archive_for(
        ScanOptions* options,
        IntPtr archive,
        delegate* unmanaged[Cdecl]<IntPtr, Piece*, int> body,
        IntPtr userData,
        IntPtr error);

    /// <summary>The beginning of fastpar_piece.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly unsafe struct Piece
    {
        private readonly ulong index, offset;

        internal readonly byte* Data;
    }

    /// <summary>fastpar_scan_options.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct ScanOptions
    {
        internal UIntPtr StructSize { get; init; }

        internal UIntPtr RecordSize { get; init; }

        internal UIntPtr PieceSize { get; init; }

        private readonly uint flags, maxLanes;
        private readonly ulong offset, size, maxMemory;
        private readonly IntPtr cancel, progress, progressData;
    }
}
