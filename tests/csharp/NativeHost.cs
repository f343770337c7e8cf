#if !NET
using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar.Tests;

/// <summary>
/// A process whose pool native code has started, with workers inside of managed callbacks, when the binding
/// is used for the first time: by a callback and by the main thread at once.
/// </summary>
internal static unsafe class NativeHost
{
    private const int Callbacks = 4;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int Body(void* userData, void* chunk);

    /// <summary>Gives the number of callbacks that saw the pool.</summary>
    internal static int Run()
    {
        int seen = 0;
        using var begun = new ManualResetEventSlim();
        using var ended = new CountdownEvent(Callbacks);
        Body body = (userData, chunk) =>
        {
            begun.Set();
            Thread.Sleep(100); // the main thread is to be first, though either order is right
            Interlocked.Add(ref seen, FastparPool.Threads > 0 ? 1 : 0);
            ended.Signal();
            return 0;
        };
        void* job;
        if (fastpar_for_start(null, (UIntPtr)Callbacks, body, null, &job, null) != 0)
        {
            return 0;
        }
        begun.Wait();
        FastparLoop.For(1000, range => { });
        ended.Wait();
        fastpar_job_free(job);
        GC.KeepAlive(body);
        return seen;
    }

    /// <summary>
    /// Gives the number of workers where a hook, which native code adds as soon as the binding has been used,
    /// finds the signals of Mono's collector open.
    /// </summary>
    internal static int Hooked()
    {
        int open = 0;
        Hook hook = (userData, worker) =>
        {
            const ulong mayBeUsed = 1ul << (24 - 1) | 1ul << (30 - 1) | ulong.MaxValue << (34 - 1);
            ulong* blocked = stackalloc ulong[16]; // a sigset_t has 128 bytes at most
            _ = pthread_sigmask(0, null, blocked);
            Interlocked.Add(ref open, (blocked[0] & mayBeUsed) == 0 ? 1 : 0);
        };
        // The first time the runtime compiles what the second time must happen at once.
        _ = fastpar_pool_hook(hook, IntPtr.Zero, null, null);
        _ = fastpar_pool_unhook(hook, IntPtr.Zero, null, null);
        _ = FastparPool.Threads;
        _ = fastpar_pool_hook(hook, IntPtr.Zero, null, null);
        _ = fastpar_pool_start(null, null);
        _ = fastpar_pool_shutdown(null);
        GC.KeepAlive(hook);
        return open;
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Hook(void* userData, uint worker);

    [DllImport("libc")]
    private static extern int pthread_sigmask(int how, ulong* signals, ulong* before);

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl)]
    private static extern int fastpar_pool_hook(Hook onStart, IntPtr onExit, void* userData, void* error);

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl)]
    private static extern int fastpar_pool_unhook(Hook onStart, IntPtr onExit, void* userData, void* error);

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl)]
    private static extern int fastpar_pool_start(void* options, void* error);

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl)]
    private static extern int fastpar_pool_shutdown(void* error);

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl)]
    private static extern int fastpar_for_start(
        void* options, UIntPtr count, Body body, void* userData, void** job, void* error);

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl)]
    private static extern void fastpar_job_free(void* job);
}
#endif
