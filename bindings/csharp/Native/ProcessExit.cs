using System;
using System.Threading;
#if NET
using System.Runtime.Loader;
#endif

namespace Fastpar;

/// <summary>
/// Whether the process is ending: handlers of ProcessExit do not wait for ever, as a body may wait for them.
/// </summary>
internal static class ProcessExit
{
    private static volatile bool began;

    /// <summary>How long the end of the process waits for calls that run.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    internal static bool Began => began || Environment.HasShutdownStarted;

    /// <summary>Ends the pool, unless a call goes on for too long.</summary>
    internal static unsafe void Shutdown()
    {
        var thread = new Thread(() => _ = NativeMethods.fastpar_pool_shutdown(null)) { IsBackground = true };
        thread.Start();
        thread.Join(Patience);
    }

    internal static void Watch()
    {
#if NET
        // This runs before every handler of ProcessExit, whenever that was added.
        Action<AssemblyLoadContext> end = _ => began = true;
        AssemblyLoadContext.Default.Unloading += end;
        if (AssemblyLoadContext.GetLoadContext(typeof(ProcessExit).Assembly) is { IsCollectible: true } context)
        {
            context.Unloading += _ => AssemblyLoadContext.Default.Unloading -= end; // it would never go
        }
#else
        AppDomain.CurrentDomain.ProcessExit += (sender, arguments) => began = true;
#endif
    }
}
