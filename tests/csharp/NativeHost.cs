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

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl)]
    private static extern int fastpar_for_start(
        void* options, UIntPtr count, Body body, void* userData, void** job, void* error);

    [DllImport("fastpar", CallingConvention = CallingConvention.Cdecl)]
    private static extern void fastpar_job_free(void* job);
}
#endif
