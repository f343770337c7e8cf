#if !NETCOREAPP
using System;

namespace Fastpar;

/// <summary>
/// Mono does not let a process end before every thread that ever called back has ended, background threads too: so there the
/// pool ends first. .NET does not wait for them.
/// </summary>
internal static unsafe class MonoThreads
{
    internal static void EndWithProcess()
    {
        if (Type.GetType("Mono.Runtime") != null)
        {
            AppDomain.CurrentDomain.ProcessExit += (sender, arguments) => NativeMethods.fastpar_pool_shutdown(null);
        }
    }
}
#endif
