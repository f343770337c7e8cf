using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <content>The work of many machines.</content>
public static unsafe partial class Codec
{
    /// <summary>
    /// Joins compressed files to one, without decompressing them: frames are copied, and one seek table is
    /// written. The target appears when it is complete, as by <see cref="CompressFile"/>.
    /// </summary>
    /// <param name="sourcePaths">At least one ordinary file.</param>
    /// <param name="destinationPath">
    /// A file, or nothing yet. It may be the first source: that appends the others.
    /// </param>
    /// <param name="options">May be null. Progress is told bytes of the target.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">There is no source, or the target is another than the
    /// first.</exception>
    /// <exception cref="InvalidDataException">A source is damaged.</exception>
    /// <exception cref="IOException">What the system reports of a file.</exception>
    public static FileStats ConcatFiles(
        IEnumerable<string> sourcePaths,
        string destinationPath,
        ZstdOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var pins = new List<GCHandle>();
        try
        {
            foreach (string path in Check.NotNull(sourcePaths, nameof(sourcePaths)))
            {
                pins.Add(GCHandle.Alloc(PathOf(path, nameof(sourcePaths)), GCHandleType.Pinned));
            }
            var names = new IntPtr[pins.Count];
            for (int i = 0; i < names.Length; i++)
            {
                names[i] = pins[i].AddrOfPinnedObject();
            }
            fastpar_file_stats stats = default;
            stats.struct_size = (UIntPtr)sizeof(fastpar_file_stats);
            fastpar_error error;
            using var call = new CodecCall(options, cancellationToken);
            fastpar_zstd_options native;
            fixed (byte* to = PathOf(destinationPath, nameof(destinationPath)))
            {
                fixed (IntPtr* from = names)
                {
                    int status = NativeMethods.fastpar_concat_files(
                        call.Options(&native), (byte**)from, (UIntPtr)(uint)names.Length, to, &stats, &error);
                    var site = new ErrorSite { Parameter = nameof(sourcePaths), Reads = true, Target = destinationPath };
                    call.Fits(status, &error, site);
                }
            }
            return new FileStats(stats);
        }
        finally
        {
            foreach (GCHandle pin in pins)
            {
                pin.Free();
            }
        }
    }
}
