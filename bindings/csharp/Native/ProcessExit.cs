using System;
#if NET
using System.Runtime.Loader;
#endif

namespace Fastpar;

/// <summary>Whether the process is ending: handlers of ProcessExit wait for no body, for a body may wait for them.</summary>
internal static class ProcessExit
{
    private static volatile bool began;

    internal static bool Began => began || Environment.HasShutdownStarted;

    internal static void Watch()
    {
#if NET
        // Told before every handler of ProcessExit, whenever that was added.
        AssemblyLoadContext.Default.Unloading += _ => began = true;
#else
        AppDomain.CurrentDomain.ProcessExit += (sender, arguments) => began = true;
#endif
    }
}
