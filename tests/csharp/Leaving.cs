using System;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>The end of a process while loops are under way: at once, and with its own code.</summary>
internal static class Leaving
{
    private const int Code = 7;
    private const int Chunks = 1 << 20;

    private static readonly LoopOptions Many = new LoopOptions { Segments = Chunks };

    /// <summary>Ends the process in one of several ways.</summary>
    internal static int Leave(string how, int milliseconds)
    {
        FastparJob working = FastparLoop.Start(Chunks, range => GC.KeepAlive(new byte[range.Begin % 3000]), Many);
        Task sleeping = FastparLoop.Start(Chunks, range => Thread.Sleep(1), Many).Completion;
        Thread.Sleep(milliseconds);
        switch (how)
        {
            case "exit":
                Environment.Exit(Code);
                break;
            case "handler":
                // The body waits for the handler, and the handler for the body.
                AppDomain.CurrentDomain.ProcessExit += (sender, arguments) => FastparPool.Shutdown();
                FastparLoop.For(24, range => Environment.Exit(Code));
                break;
            case "body":
                FastparLoop.For(24, range => Environment.Exit(Code));
                break;
        }
        GC.KeepAlive(working);
        GC.KeepAlive(sleeping);
        return Code;
    }
}
