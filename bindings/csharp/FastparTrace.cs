using System;
using System.IO;
using System.Text;

namespace Fastpar;

/// <summary>What a trace has in it.</summary>
[Flags]
public enum TraceCategories
{
    /// <summary>All of it.</summary>
    All = 0,

    /// <summary>
    /// Loops, reductions, prefix sums, jobs and teams, the lanes that work for them, and waiting.
    /// </summary>
    Loops = (int)NativeMethods.FASTPAR_TRACE_LOOPS,

    /// <summary>
    /// Chunks, as they are claimed: several very short ones are one event. Pieces of scans.
    /// </summary>
    Chunks = (int)NativeMethods.FASTPAR_TRACE_CHUNKS,

    /// <summary>
    /// Groups, pipelines, sorts, and the tasks that calls of the codec and streams are made of.
    /// </summary>
    Tasks = (int)NativeMethods.FASTPAR_TRACE_TASKS,

    /// <summary>Calls of the codec, scans, frames and parts of them, and bytes so far.</summary>
    Codec = (int)NativeMethods.FASTPAR_TRACE_CODEC,

    /// <summary>Reads and writes of files.</summary>
    Files = (int)NativeMethods.FASTPAR_TRACE_FILES,

    /// <summary>The program's own spans.</summary>
    User = (int)NativeMethods.FASTPAR_TRACE_USER,
}

/// <summary>Options of a trace. A property that is not set means its default.</summary>
public sealed class TraceOptions
{
    /// <summary>
    /// The most bytes of events that wait to be written, of all threads together; at least 1 MiB. 0: 64 MiB.
    /// </summary>
    public long MaxMemory { get; set => field = value == 0 ? 0 : Check.Within(value, 1 << 20, long.MaxValue, nameof(value)); }

    /// <summary>What is traced.</summary>
    public TraceCategories Categories { get; set; }
}

/// <summary>
/// A timeline of the process: what threads do in calls, in a file that Perfetto and chrome://tracing open.
/// </summary>
public static unsafe class FastparTrace
{
    /// <summary>Starts a trace into a new file, which is whole whenever the process ends.</summary>
    /// <param name="path">
    /// "%p" becomes the number of the process. The file must not exist; a link is not followed.
    /// </param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="FastparException">
    /// <see cref="FastparStatus.AlreadyStarted"/>: a trace runs already, and goes on.
    /// </exception>
    /// <exception cref="IOException">The file exists, or cannot be made.</exception>
    public static void Start(string path, TraceOptions? options = null)
    {
        options ??= new TraceOptions();
        fastpar_error error;
        var native = new fastpar_trace_options
        {
            struct_size = (UIntPtr)sizeof(fastpar_trace_options),
            max_memory = (ulong)options.MaxMemory,
            categories = (uint)options.Categories,
        };
        fixed (byte* name = Codec.PathOf(path, nameof(path)))
        {
            var site = new ErrorSite { Target = path };
            Check.Ok(NativeMethods.fastpar_trace_start(&native, name, &error), &error, site);
        }
    }

    /// <summary>Ends the trace that runs, if one does, and writes what is left of it.</summary>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void Stop()
    {
        fastpar_error error;
        Check.Ok(NativeMethods.fastpar_trace_stop(&error), &error);
    }

    /// <summary>
    /// Begins a span of the program's own on the calling thread, until the result is disposed:
    /// <c>using (FastparTrace.Span("load")) { ... }</c>. Nothing where no trace runs.
    /// </summary>
    /// <param name="name">The first 200 bytes of it are kept.</param>
    /// <returns>The span; it stays on its thread, so it cannot be kept over an await.</returns>
    public static TraceSpan Span(string name)
    {
        fixed (byte* text = Encoding.UTF8.GetBytes(Check.NotNull(name, nameof(name)) + "\0"))
        {
            NativeMethods.fastpar_trace_begin(text);
        }
        return new TraceSpan(true);
    }
}

/// <summary>A span of the program's own in a trace.</summary>
public readonly ref struct TraceSpan
{
    private readonly bool begun;

    internal TraceSpan(bool begun) => this.begun = begun;

    /// <summary>Ends the span. Once.</summary>
    public void Dispose()
    {
        if (begun)
        {
            NativeMethods.fastpar_trace_end();
        }
    }
}
