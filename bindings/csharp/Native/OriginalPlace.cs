#if !NETCOREAPP
using System;
using System.ComponentModel;
using System.IO;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Fastpar;

/// <summary>
/// The native library for .NET Framework, which looks beside the file that the assembly was loaded from only:
/// where a host has copied assemblies first (shadow copies) no library is there. Once it is loaded the
/// runtime finds it by its name.
/// </summary>
internal static class OriginalPlace
{
    /// <summary>
    /// Loads the library that the variable names, else that beside the place which the assembly came from;
    /// nothing if there is none, and where another runtime searches.
    /// </summary>
    internal static void Load(Assembly assembly, string? named)
    {
        NativeMethods.RequireProcess(IntPtr.Size);
        if (!RuntimeInformation.FrameworkDescription.StartsWith(".NET Framework", StringComparison.Ordinal))
        {
            return;
        }
        string file = string.IsNullOrEmpty(named) ? Beside(assembly.EscapedCodeBase) : named!;
        if (LoadLibraryEx(file, IntPtr.Zero, AlteredSearchPath) == IntPtr.Zero && !string.IsNullOrEmpty(named))
        {
            string reason = new Win32Exception(Marshal.GetLastWin32Error()).Message;
            throw new DllNotFoundException($"The native library of fastpar could not be loaded from {file}: {reason}");
        }
    }

    /// <summary>The library beside an assembly, whose place is an address.</summary>
    internal static string Beside(string codeBase) =>
        Path.Combine(Path.GetDirectoryName(new Uri(codeBase).LocalPath)!, "fastpar.dll");

    private const uint AlteredSearchPath = 8;

    [DllImport("kernel32", EntryPoint = "LoadLibraryExW", CharSet = CharSet.Unicode, ExactSpelling = true, SetLastError = true)]
    private static extern IntPtr LoadLibraryEx(string file, IntPtr reserved, uint flags);
}
#endif
