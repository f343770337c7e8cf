using System;
using System.Buffers;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Fastpar;

/// <summary>
/// What options refer to, for as long as the library looks at it: dictionaries are not released, and the
/// prefix is not moved, before this is disposed.
/// </summary>
internal readonly unsafe ref struct OptionLease
{
    private readonly Lease dict;
    private readonly OptionExtras? extras;

    internal OptionLease(ZstdOptions? options)
    {
        this = default;
        dict = new Lease(options?.Dict?.Handle);
        try
        {
            extras = OptionExtras.Of(options);
        }
        catch
        {
            dict.Dispose();
            throw;
        }
    }

    /// <summary>Writes the pointers.</summary>
    internal void Apply(fastpar_zstd_options* native)
    {
        native->dict = (fastpar_dict*)dict.Pointer;
        extras?.Apply(native);
    }

    public void Dispose()
    {
        dict.Dispose();
        extras?.Dispose();
    }
}

/// <summary>What few options have.</summary>
internal sealed unsafe class OptionExtras : IDisposable
{
    private readonly List<FastparHandle> dicts = new();
    private readonly int prefixLength;
    private MemoryHandle prefix;
    private IntPtr array;

    [SuppressMessage("Usage", "CA2208", Justification = "The property is what its caller has set.")]
    private OptionExtras(ZstdOptions options)
    {
        try
        {
            foreach (FastparDict? dict in options.Dicts ?? Array.Empty<FastparDict>())
            {
                FastparHandle handle = dict?.Handle
                    ?? throw new ArgumentException("a dictionary is null", nameof(ZstdOptions.Dicts));
                handle.Use();
                dicts.Add(handle);
            }
            array = Marshal.AllocHGlobal(Math.Max(dicts.Count, 1) * sizeof(IntPtr));
            for (int index = 0; index < dicts.Count; index++)
            {
                ((IntPtr*)array)[index] = dicts[index].DangerousGetHandle();
            }
            prefix = options.Prefix.Pin();
            prefixLength = options.Prefix.Length;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Those of these options; null: they have none.</summary>
    internal static OptionExtras? Of(ZstdOptions? options) =>
        options == null || (options.Dicts == null && options.Prefix.IsEmpty) ? null : new OptionExtras(options);

    internal void Apply(fastpar_zstd_options* native)
    {
        native->dicts = (fastpar_dict**)array;
        native->dicts_count = (UIntPtr)(uint)dicts.Count;
        native->prefix = prefix.Pointer;
        native->prefix_len = (UIntPtr)(uint)prefixLength;
    }

    public void Dispose()
    {
        foreach (FastparHandle handle in dicts)
        {
            handle.DangerousRelease();
        }
        dicts.Clear();
        Marshal.FreeHGlobal(array);
        array = IntPtr.Zero;
        prefix.Dispose();
    }
}
