// `.tar.zst` by System.Formats.Tar: packs a folder, lists what is in a file, and unpacks it. `tar --zstd`
// reads and writes the same files. Compressing and decompressing go on beside the files of the folder.
//
// Run:  cargo xtask build
//       export FASTPAR_LIBRARY=$PWD/target/fastpar/lib/libfastpar.so
//       dotnet run -c Release --project examples/csharp/tar -- c FOLDER FILE.tar.zst
//       dotnet run -c Release --project examples/csharp/tar -- t FILE.tar.zst
//       dotnet run -c Release --project examples/csharp/tar -- x FILE.tar.zst FOLDER
using System;
using System.Formats.Tar;
using System.IO;
using System.IO.Compression;
using System.Threading.Tasks;

namespace Fastpar.Examples;

internal static class Tar
{
    private static FileStream OpenFile(string file, bool writes) => new(
        file,
        writes ? FileMode.CreateNew : FileMode.Open,
        writes ? FileAccess.Write : FileAccess.Read,
        FileShare.Read,
        bufferSize: 0, // the library has its own
        useAsync: true);

    private static async Task Pack(string folder, string file)
    {
        FileStream target = OpenFile(file, writes: true);
        try
        {
            await using var zstd = new FastparStream(target, CompressionLevel.Optimal);
            await TarFile.CreateFromDirectoryAsync(folder, zstd, includeBaseDirectory: false);
        }
        catch
        {
            File.Delete(file); // half a file is none
            throw;
        }
    }

    private static async Task List(string file)
    {
        await using var zstd = new FastparStream(OpenFile(file, writes: false), CompressionMode.Decompress);
        await using var tar = new TarReader(zstd);
        while (await tar.GetNextEntryAsync() is { } entry)
        {
            Console.WriteLine($"{entry.EntryType} {entry.Length} {entry.Name}");
        }
    }

    private static async Task Unpack(string file, string folder)
    {
        await using var zstd = new FastparStream(OpenFile(file, writes: false), CompressionMode.Decompress);
        Directory.CreateDirectory(folder);
        await TarFile.ExtractToDirectoryAsync(zstd, folder, overwriteFiles: false);
    }

    private static async Task<int> Main(string[] arguments)
    {
        try
        {
            switch (arguments)
            {
                case ["c", string folder, string file]:
                    await Pack(folder, file);
                    return 0;
                case ["t", string file]:
                    await List(file);
                    return 0;
                case ["x", string file, string folder]:
                    await Unpack(file, folder);
                    return 0;
                default:
                    Console.Error.WriteLine("usage: Tar c FOLDER FILE | Tar t FILE | Tar x FILE FOLDER");
                    return 2;
            }
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(exception.Message);
            return 1;
        }
    }
}
