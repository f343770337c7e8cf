#if !NETCOREAPP
using System;
using System.Reflection;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Fastpar;

/// <summary>
/// System.Runtime.InteropServices.NativeLibrary, which netstandard does not name but the runtimes of .NET
/// have. On others (Mono, Unity) nothing is installed: they find the library their own way.
/// </summary>
internal static class ReflectedNativeLibrary
{
    private static readonly Type? Library =
        Type.GetType("System.Runtime.InteropServices.NativeLibrary, System.Runtime.InteropServices", throwOnError: false);

    internal static void SetDllImportResolver(
        Assembly assembly, Func<string, Assembly, DllImportSearchPath?, IntPtr> resolver)
    {
        Type? type = Library?.Assembly.GetType("System.Runtime.InteropServices.DllImportResolver");
        if (type != null)
        {
            Call("SetDllImportResolver", assembly, Delegate.CreateDelegate(type, resolver.Target, resolver.Method));
        }
    }

    internal static IntPtr Load(string path) => (IntPtr)Call("Load", path)!;

    internal static IntPtr Load(string name, Assembly assembly, DllImportSearchPath? searchPath) =>
        (IntPtr)Call("Load", name, assembly, searchPath)!;

    internal static bool TryLoad(string name, Assembly assembly, DllImportSearchPath? searchPath, out IntPtr library)
    {
        var arguments = new object?[] { name, assembly, searchPath, IntPtr.Zero };
        bool found = (bool)Call("TryLoad", arguments)!;
        library = (IntPtr)arguments[3]!;
        return found;
    }

    internal static IntPtr GetExport(IntPtr library, string name) => (IntPtr)Call("GetExport", library, name)!;

    private static object? Call(string name, params object?[] arguments)
    {
        foreach (MethodInfo method in Library!.GetMethods(BindingFlags.Public | BindingFlags.Static))
        {
            if (method.Name == name && method.GetParameters().Length == arguments.Length)
            {
                try
                {
                    return method.Invoke(null, arguments);
                }
                catch (TargetInvocationException wrapper)
                {
                    ExceptionDispatchInfo.Capture(wrapper.InnerException!).Throw();
                }
            }
        }
        throw new MissingMethodException(Library.FullName, name);
    }
}
#endif
