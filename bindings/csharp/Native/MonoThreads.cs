#if !NETCOREAPP
using System;
using System.Runtime.InteropServices;

namespace Fastpar;

/// <summary>Mono's requirements for threads that it did not start. .NET needs none of it.</summary>
internal static unsafe class MonoThreads
{
    /// <summary>SIG_UNBLOCK of Linux.</summary>
    private const int Unblock = 1;

    private static readonly bool IsMono = Type.GetType("Mono.Runtime") != null;

    private static readonly bool SuspendsBySignal = IsMono && RuntimeInformation.IsOSPlatform(OSPlatform.Linux);

    /// <summary>
    /// Mono does not let a process end before every thread that ever called back has ended, background
    /// threads too: so the pool ends first.
    /// </summary>
    internal static void EndWithProcess()
    {
        if (IsMono)
        {
            AppDomain.CurrentDomain.ProcessExit += (sender, arguments) => _ = NativeMethods.fastpar_pool_shutdown(null);
        }
    }

    /// <summary>
    /// Mono's collector stops threads by a signal and waits until each has taken it, but unlike .NET does not
    /// see to it that a thread can. The library's workers block signals, so a worker that begins to run
    /// managed code opens those that Mono may use: the real-time signals, SIGPWR and SIGXCPU.
    /// </summary>
    internal static void AcceptSuspension()
    {
        if (!SuspendsBySignal)
        {
            return;
        }
        // A sigset_t of Linux has 128 bytes at most; signal n is bit n - 1.
        byte* signals = stackalloc byte[128];
        new Span<byte>(signals, 128).Clear();
        const int cpuLimit = 24, power = 30, firstRealTime = 34, lastRealTime = 64;
        Add(signals, cpuLimit);
        Add(signals, power);
        for (int signal = firstRealTime; signal <= lastRealTime; signal++)
        {
            Add(signals, signal);
        }
        _ = pthread_sigmask(Unblock, signals, null);
    }

    private static void Add(byte* signals, int signal) => signals[(signal - 1) / 8] |= (byte)(1 << ((signal - 1) % 8));

    [DllImport("libc")]
    private static extern int pthread_sigmask(int how, byte* signals, byte* before);
}
#endif
