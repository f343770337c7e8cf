using System;
using System.Reflection;
using System.Runtime.InteropServices;
#if NETCOREAPP
using Loader = System.Runtime.InteropServices.NativeLibrary;
#else
using Loader = Fastpar.ReflectedNativeLibrary;
#endif

// Beside the assembly and the program, and where the system has its own: nothing else on Windows.
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory | DllImportSearchPath.SafeDirectories)]

namespace Fastpar;

/// <summary>
/// The hand-written part: it finds and checks the native library before its first function is called.
/// </summary>
internal static unsafe partial class NativeMethods
{
    /// <summary>
    /// The environment variable with the path of the native library; if it is not set the library is searched
    /// for.
    /// </summary>
    private const string PathVariable = "FASTPAR_LIBRARY";

    /// <summary>For functions that are declared elsewhere.</summary>
    internal const string Library = __DllName;

    static NativeMethods()
    {
#if !NETCOREAPP
        OriginalPlace.Load(typeof(NativeMethods).Assembly, Environment.GetEnvironmentVariable(PathVariable));
#endif
        try
        {
            Loader.SetDllImportResolver(typeof(NativeMethods).Assembly, Resolve);
        }
        catch (InvalidOperationException)
        {
            // The host has set a resolver of its own for this assembly: it decides.
        }
        ProcessExit.Watch();
#if NET
        Metrics.Publish();
#endif
#if !NETCOREAPP
        MonoThreads.EndWithProcess();
        MonoThreads.OpenWorkers();
#endif
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate uint AbiVersion();

#if !NET
    /// <summary>
    /// By the addresses that another function was given: csbindgen has types of delegates for each function.
    /// </summary>
    [DllImport(__DllName, EntryPoint = "fastpar_pool_unhook", CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
    internal static extern int fastpar_pool_unhook(IntPtr onStart, IntPtr onExit, void* userData, fastpar_error* error);
#endif

    /// <summary>
    /// The type of `progress` in the options: csbindgen gives no name to what only stands in structs.
    /// </summary>
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    internal delegate int ProgressCallback(void* userData, ulong done, ulong total);

    /// <summary>The type of `drop` in the options of groups and pipelines.</summary>
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    internal delegate void DropCallback(void* userData, void* item);

    private static IntPtr Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != __DllName)
        {
            return IntPtr.Zero;
        }
        RequireProcess(IntPtr.Size);
        IntPtr library = Find(assembly, searchPath);
        IntPtr function = Loader.GetExport(library, "fastpar_abi_version");
        uint version = Marshal.GetDelegateForFunctionPointer<AbiVersion>(function)();
        return version == FASTPAR_ABI_VERSION
            ? library
            : throw new DllNotFoundException(
                $"The native library speaks version {version} of the ABI of fastpar, expected {FASTPAR_ABI_VERSION}");
    }

    /// <summary>
    /// A process with addresses of so many bytes can have the native library; else the loader would only say
    /// that the file's format is wrong.
    /// </summary>
    internal static void RequireProcess(int addressSize)
    {
        if (addressSize != sizeof(long))
        {
            throw new PlatformNotSupportedException(
                $"fastpar needs a 64-bit process, and this process has {addressSize * 8} bits: build for x64, or switch Prefer32Bit off");
        }
    }

    private static IntPtr Find(Assembly assembly, DllImportSearchPath? searchPath)
    {
        string? path = Environment.GetEnvironmentVariable(PathVariable);
        if (!string.IsNullOrEmpty(path))
        {
            return Loader.Load(path!);
        }
        // "libfastpar.so.1": the library on a Linux system that has no development files of it.
        if (Loader.TryLoad(__DllName, assembly, searchPath, out IntPtr library)
            || Loader.TryLoad("libfastpar.so.1", assembly, searchPath, out library))
        {
            return library;
        }
        try
        {
            return Loader.Load(__DllName, assembly, searchPath);
        }
        catch (DllNotFoundException exception)
        {
            throw new DllNotFoundException(
                "The native library of fastpar was not found, neither in the package (which has it for linux-x64, linux-arm64, "
                + $"linux-musl-x64 and win-x64) nor on the system; {PathVariable} may hold its path. {exception.Message}",
                exception);
        }
    }
}
