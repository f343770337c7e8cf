using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;

namespace Fastpar;

/// <summary>
/// A dictionary: what small inputs have in common, learned once, and shared by any number of calls at a time
/// through <see cref="ZstdOptions.Dict"/>.
/// </summary>
public sealed unsafe class FastparDict : IDisposable
{
    /// <summary>The usual capacity of a dictionary.</summary>
    public const int UsualCapacity = 112_640;

    /// <summary>Prepares a dictionary for use.</summary>
    /// <param name="data">
    /// A dictionary made by <see cref="Train(IReadOnlyCollection{byte[]}, int)"/> or <c>zstd --train</c>; or
    /// any other bytes, which are then taken as raw content: what inputs are likely to repeat, the likeliest
    /// at the end. Copied.
    /// </param>
    /// <param name="level">
    /// The level to compress at. 0: 3. Calls at this level find the dictionary ready.
    /// </param>
    /// <exception cref="ArgumentException">The data is empty.</exception>
    /// <exception cref="InvalidDataException">The dictionary is damaged.</exception>
    public FastparDict(ReadOnlySpan<byte> data, int level = 0)
    {
        fastpar_error error;
        fastpar_dict* dict;
        Check.Within(level, ZstdOptions.FastestLevel, ZstdOptions.SmallestLevel, nameof(level));
        fixed (byte* bytes = &MemoryMarshal.GetReference(data))
        {
            int status = NativeMethods.fastpar_dict_open(bytes, (UIntPtr)(uint)data.Length, level, &dict, &error);
            Check.Ok(status, &error, new ErrorSite { Parameter = nameof(data) });
        }
        Handle = new DictHandle(dict);
        Handle.Weigh(4L * data.Length); // as content, and as tables for both directions
    }

    /// <summary>
    /// The number by which frames name the dictionary; 0: it is raw content, and frames do not name it.
    /// </summary>
    public uint Id
    {
        get
        {
            fastpar_error error;
            uint id;
            using var lease = new Lease(Handle);
            Check.Ok(NativeMethods.fastpar_dict_id((fastpar_dict*)lease.Pointer, &id, &error), &error);
            return id;
        }
    }

    internal DictHandle Handle { get; }

    /// <summary>
    /// Makes a dictionary from samples of what is to be compressed, each like one input; about 100 times as
    /// many bytes as the dictionary shall have. Works on the calling thread only, about a second for 10 MB of
    /// samples.
    /// </summary>
    /// <param name="samples">The samples, one after the other.</param>
    /// <param name="sampleSizes">
    /// Bytes of each sample; all of them are the size of <paramref name="samples"/>.
    /// </param>
    /// <param name="destination">
    /// Where to: the dictionary becomes as large as this where the samples hold enough, at least 256.
    /// </param>
    /// <returns>Bytes of the dictionary.</returns>
    /// <exception cref="ArgumentException">
    /// Nothing can be learned from these samples, or the destination is too small.
    /// </exception>
    public static int Train(ReadOnlySpan<byte> samples, ReadOnlySpan<int> sampleSizes, Span<byte> destination) =>
        Train(samples, sampleSizes, destination, nameof(destination));

    /// <summary>The same for samples in arrays of their own, which are put together first.</summary>
    /// <param name="samples">Each like one input.</param>
    /// <param name="capacity">Bytes of the dictionary, at most.</param>
    /// <returns>The dictionary.</returns>
    public static byte[] Train(IReadOnlyCollection<byte[]> samples, int capacity = UsualCapacity)
    {
        Check.NotNull(samples, nameof(samples));
        Check.NotNegative(capacity, nameof(capacity));
        int[] sizes = samples.Select(
            sample => (sample ?? throw new ArgumentException("a sample is null", nameof(samples))).Length).ToArray();
        long sum = sizes.Sum(size => (long)size);
        if (sum > int.MaxValue)
        {
            throw new ArgumentException($"the samples have {sum} bytes, more than an array holds", nameof(samples));
        }
        var together = new byte[sum];
        int at = 0;
        foreach (byte[] sample in samples)
        {
            sample.CopyTo(together, at);
            at += sample.Length;
        }
        var dict = new byte[capacity];
        Array.Resize(ref dict, Train(together, sizes, dict, nameof(capacity)));
        return dict;
    }

    /// <summary>
    /// Releases the dictionary. Calls under way, and what was opened with it, keep what they need of it.
    /// </summary>
    public void Dispose() => Handle.Dispose();

    private static int Train(
        ReadOnlySpan<byte> samples, ReadOnlySpan<int> sampleSizes, Span<byte> destination, string destinationName)
    {
        UIntPtr[] sizes = Array.ConvertAll(sampleSizes.ToArray(), size => Check.Count(size, nameof(sampleSizes)));
        long sum = sizes.Sum(size => (long)(ulong)size);
        if (sum != samples.Length)
        {
            throw new ArgumentException(
                $"the samples have {samples.Length} bytes, their sizes add up to {sum}",
                nameof(sampleSizes));
        }
        if (sizes.Length == 0)
        {
            throw new ArgumentException("there are no samples", nameof(samples));
        }
        fastpar_error error;
        UIntPtr written;
        fixed (byte* from = &MemoryMarshal.GetReference(samples), to = &MemoryMarshal.GetReference(destination))
        fixed (UIntPtr* lengths = sizes)
        {
            int status = NativeMethods.fastpar_dict_train(
                from, lengths, (UIntPtr)(uint)sizes.Length, to, (UIntPtr)(uint)destination.Length, &written, &error);
            if (status != NativeMethods.FASTPAR_OK)
            {
                var site = new ErrorSite { Parameter = nameof(samples), Destination = destinationName };
                Exception exception = Check.Exception(&error, site);
                if (status == NativeMethods.FASTPAR_ERR_BUFFER_TOO_SMALL)
                {
                    FastparException.From(exception)!.RequiredSize = (long)(ulong)written;
                }
                throw exception;
            }
        }
        return checked((int)written);
    }
}
