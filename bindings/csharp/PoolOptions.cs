namespace Fastpar;

/// <summary>Options of the pool. A property that is not set means its default.</summary>
public sealed class PoolOptions
{
    /// <summary>
    /// For <see cref="Threads"/>: as many as the operating system lets this process use (affinity, cgroup
    /// quota).
    /// </summary>
    public const long ThreadsAuto = NativeMethods.FASTPAR_THREADS_AUTO;

    /// <summary>
    /// .NET takes up to 128 KiB of every stack for itself, and refuses to go deeper in the last of them.
    /// </summary>
    private const long SmallestStack = 256 << 10;

    /// <summary>
    /// Worker threads, 1 to 1024. 0: the environment variable FASTPAR_THREADS ("auto" or a number), else 24.
    /// </summary>
    public long Threads { get; set => field = value == ThreadsAuto ? value : Check.Within(value, 0, 1024, nameof(value)); }

    /// <summary>Each worker stays on one logical CPU.</summary>
    public bool Pin { get; set; }

    /// <summary>Run with the threads that can be started, be it none, rather than fail.</summary>
    public bool Partial { get; set; }

    /// <summary>Bytes of stack of each worker, 256 KiB to 1 GiB. 0: 2 MiB; other threads of .NET have
    /// 1.5 MiB (Windows, macOS) or 8 MiB (Linux), and an overflow ends the process.</summary>
    public long StackSize { get; set => field = value == 0 ? 0 : Check.Within(value, SmallestStack, 1 << 30, nameof(value)); }

    /// <summary>Prefix of the workers' names. Null: "fastpar".</summary>
    public string? ThreadName { get; set; }
}
