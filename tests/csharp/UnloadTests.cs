#if NET
using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Runtime.Versioning;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>The library in a context that is unloaded, as plug-ins are.</summary>
internal static class UnloadTests
{
    [Test]
    private static void ContextsThatAreUnloadedGo()
    {
        string? built = typeof(FastparLoop).Assembly.GetCustomAttribute<TargetFrameworkAttribute>()?.FrameworkName;
        if (built!.StartsWith(".NETStandard", StringComparison.Ordinal))
        {
            return; // It cannot know of contexts, which .NET Standard has not, and is not what .NET takes.
        }
        WeakReference[] contexts = Enumerable.Range(0, 8).Select(_ => Use()).ToArray();
        bool Gone()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return !contexts.Any(context => context.IsAlive);
        }
        Expect.Soon(Gone, "contexts go");
    }

    /// <summary>Uses a copy of the assembly, on workers too, and unloads it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Use()
    {
        var context = new AssemblyLoadContext("plug-in", isCollectible: true);
        Assembly copy = context.LoadFromAssemblyPath(typeof(FastparLoop).Assembly.Location);
        Expect.True(copy != typeof(FastparLoop).Assembly, "not a copy");
        Type loop = copy.GetType("Fastpar.FastparLoop")!, options = copy.GetType("Fastpar.LoopOptions")!;
        var each = (Delegate)((int i) => Volatile.Write(ref Seen[i], Seen[i] + 1));
        Type[] parameters = { typeof(int), typeof(int), typeof(Action<int>), options, typeof(CancellationToken) };
        int before = Seen.Sum();
        loop.GetMethod("For", parameters)!.Invoke(null, new object?[] { 0, Seen.Length, each, null, CancellationToken.None });
        Expect.Equal(before + Seen.Length, Seen.Sum(), "items");
        Func<int, ValueTask> later = async i => { await Task.Yield(); Volatile.Write(ref Seen[i], Seen[i] + 1); };
        parameters = new[] { typeof(int), typeof(int), typeof(Func<int, ValueTask>), options, typeof(CancellationToken) };
        var task = (Task)loop.GetMethod("ForAsync", parameters)!.Invoke(
            null, new object?[] { 0, Seen.Length, later, null, CancellationToken.None })!;
        Expect.True(task.Wait(Expect.Limit), "an asynchronous loop");
        Type stream = copy.GetType("Fastpar.FastparStream")!;
        var packed = new MemoryStream();
        using (var writer = (Stream)Activator.CreateInstance(stream, packed, CompressionMode.Compress, true)!)
        {
            writer.WriteAsync(StreamKind.Content, 0, StreamKind.Content.Length).Wait();
        }
        Expect.Same(StreamKind.Content, Codec.Decompress(packed.ToArray()));
        var dropped = (Stream)Activator.CreateInstance(stream, new MemoryStream(), CompressionMode.Compress, true)!;
        dropped.Write(StreamKind.Content, 0, 1000);
        context.Unload();
        return new WeakReference(context);
    }

    private static readonly int[] Seen = new int[200];
}
#endif
