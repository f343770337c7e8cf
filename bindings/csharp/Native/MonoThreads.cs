#if !NETCOREAPP
using System;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>Mono's requirements for threads that it did not start. .NET needs none of it.</summary>
internal static unsafe class MonoThreads
{
    /// <summary>SIG_UNBLOCK of Linux.</summary>
    private const int Unblock = 1;

    /// <summary>SIGXCPU and SIGPWR, and the real-time signals: those that Mono may use.</summary>
    private static readonly int[] Signals = [24, 30, .. Enumerable.Range(34, 31)];

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
    /// Mono's collector stops threads by a signal and waits until each has taken it, but unlike .NET does
    /// not see to it that a thread can. The library's workers block signals, so each opens those that Mono
    /// may use when it starts. A function of the C library does that, <c>int sigrelse(int)</c>, as a hook
    /// (its second argument and result are lost): the first managed function on a thread is too late, as
    /// before it Mono makes the thread known to the collector, which may be stopping threads.
    /// </summary>
    internal static void OpenWorkers()
    {
        if (!SuspendsBySignal)
        {
            return;
        }
        try
        {
            _ = PoolRuns();
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            return; // the call that needs the library tells that it is missing
        }
        // Where native code has started the pool, hooks wait for workers that are inside callbacks, and these
        // may wait for the class whose initializer calls this: a thread of its own adds them. It is waited
        // for while there is no pool, as the first worker of the pool that comes must find them; not by a
        // wait that `Interrupt` ends, as an initializer is not run again.
        var adding = new Thread(AddHooks) { IsBackground = true, Name = "fastpar-hooks" };
        adding.Start();
        while (adding.IsAlive && !PoolRuns())
        {
            _ = Thread.Yield();
        }
    }

    private static bool PoolRuns()
    {
        fastpar_pool_stats stats = default;
        stats.struct_size = (UIntPtr)sizeof(fastpar_pool_stats);
        return NativeMethods.fastpar_pool_stats_read(&stats, null) == 0 && stats.threads > 0;
    }

    /// <summary>Uses nothing of the class that is being initialized.</summary>
    private static void AddHooks()
    {
        IntPtr release = dlsym(IntPtr.Zero, "sigrelse");
        foreach (int signal in Signals)
        {
            _ = fastpar_pool_hook(release, IntPtr.Zero, (void*)signal, null);
        }
    }

    /// <summary>
    /// The same for the current thread, at its first callback: a program whose first call comes from inside a
    /// callback of native code can add no hooks, and where native code has started the pool they come late.
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
        foreach (int signal in Signals)
        {
            Add(signals, signal);
        }
        _ = pthread_sigmask(Unblock, signals, null);
    }

    private static void Add(byte* signals, int signal) => signals[(signal - 1) / 8] |= (byte)(1 << ((signal - 1) % 8));

    /// <summary>Finds a function of the process; no library: in any.</summary>
    [DllImport("__Internal", BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern IntPtr dlsym(IntPtr library, [MarshalAs(UnmanagedType.LPStr)] string name);

    /// <summary>By addresses, for functions of the C library.</summary>
    [DllImport(NativeMethods.Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
    private static extern int fastpar_pool_hook(IntPtr onStart, IntPtr onExit, void* userData, void* error);

    [DllImport("libc")]
    private static extern int pthread_sigmask(int how, byte* signals, byte* before);
}
#endif
