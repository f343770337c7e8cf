using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>The type of a key in a record.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "The types of .NET are what it names.")]
public enum SortKeyType
{
    /// <summary>A byte.</summary>
    Byte = (int)NativeMethods.FASTPAR_U8,

    /// <summary>A ushort.</summary>
    UInt16 = (int)NativeMethods.FASTPAR_U16,

    /// <summary>A uint.</summary>
    UInt32 = (int)NativeMethods.FASTPAR_U32,

    /// <summary>A ulong.</summary>
    UInt64 = (int)NativeMethods.FASTPAR_U64,

    /// <summary>An sbyte.</summary>
    SByte = (int)NativeMethods.FASTPAR_I8,

    /// <summary>A short.</summary>
    Int16 = (int)NativeMethods.FASTPAR_I16,

    /// <summary>An int.</summary>
    Int32 = (int)NativeMethods.FASTPAR_I32,

    /// <summary>A long.</summary>
    Int64 = (int)NativeMethods.FASTPAR_I64,

    /// <summary>A float, by IEEE total order: -0.0 before 0.0, NaN at the ends.</summary>
    Single = (int)NativeMethods.FASTPAR_F32,

    /// <summary>A double, by IEEE total order.</summary>
    Double = (int)NativeMethods.FASTPAR_F64,

    /// <summary>Bytes, compared from the first to the last.</summary>
    Bytes = (int)NativeMethods.FASTPAR_BYTES,
}

/// <summary>A part of a record that it is sorted by.</summary>
public readonly struct SortKey
{
    private const int MostBytes = (1 << 24) - 1;

    /// <summary>A number, large ones last or first.</summary>
    /// <param name="offset">
    /// Where it begins in the record, as that lies in memory: of a sequential struct of numbers what
    /// Marshal.OffsetOf tells.
    /// </param>
    /// <param name="type">Its type; not <see cref="SortKeyType.Bytes"/>.</param>
    /// <param name="descending">Large ones first.</param>
    public SortKey(int offset, SortKeyType type, bool descending = false)
    {
        Offset = (int)Check.NotNegative(offset, nameof(offset));
        Type = type is >= SortKeyType.Byte and <= SortKeyType.Double
            ? type
            : throw new ArgumentOutOfRangeException(nameof(type), type, "is no type of a number");
        Descending = descending;
        Length = 0;
    }

    private SortKey(int offset, int length, bool descending)
    {
        Offset = (int)Check.NotNegative(offset, nameof(offset));
        Type = SortKeyType.Bytes;
        Length = length is > 0 and <= MostBytes
            ? length
            : throw new ArgumentOutOfRangeException(nameof(length), length, "is not 1 to 16777215");
        Descending = descending;
    }

    /// <summary>Where it begins in the record.</summary>
    public int Offset { get; }

    /// <summary>Its type.</summary>
    public SortKeyType Type { get; }

    /// <summary>How many <see cref="SortKeyType.Bytes"/> it has; 0 for numbers.</summary>
    public int Length { get; }

    /// <summary>Whether large ones come first.</summary>
    public bool Descending { get; }

    /// <summary>A key of so many bytes.</summary>
    /// <param name="offset">Where it begins in the record.</param>
    /// <param name="length">1 to 16777215.</param>
    /// <param name="descending">Large ones first.</param>
    /// <returns>The key.</returns>
    public static SortKey Bytes(int offset, int length, bool descending = false) => new(offset, length, descending);

    internal fastpar_sort_key ToNative() => new()
    {
        offset = (UIntPtr)(uint)Offset,
        type = (uint)Type,
        flags = ((uint)Length << 8) | (Descending ? NativeMethods.FASTPAR_SORT_DESCENDING : 0u),
    };
}

/// <summary>Sorting in parallel. What is equal keeps its order, in descending order too.</summary>
/// <remarks>
/// Memory of about the size of what is sorted is taken, outside of the garbage collector's. A call that
/// ends early leaves all records, in some order. Of the options only MaxLanes and Progress, which counts
/// records, may be set.
/// </remarks>
public static unsafe class FastparSort
{
    /// <summary>The most keys.</summary>
    internal const int MostKeys = 16;

    /// <summary>Sorts numbers: of every integer type, float and double (by IEEE total order).</summary>
    /// <typeparam name="T">A primitive type of .NET, or an enumeration.</typeparam>
    /// <param name="values">What is sorted.</param>
    /// <param name="descending">Large ones first.</param>
    /// <param name="options">MaxLanes and Progress; null: every CPU.</param>
    /// <param name="cancellationToken">Cancels the sort.</param>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before the call returned.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// T is no number, or an option is set that sorting has not.
    /// </exception>
    /// <exception cref="OutOfMemoryException">The values are as they were.</exception>
    public static void Sort<T>(
        Span<T> values,
        bool descending = false,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        SortKey key = KeyOf<T>(descending, nameof(T));
        Sort(values, stackalloc[] { key }, options, cancellationToken);
    }

    /// <inheritdoc cref="Sort{T}(Span{T}, bool, LoopOptions, CancellationToken)"/>
    public static void Sort<T>(
        T[] values,
        bool descending = false,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(values, nameof(values));
        Sort(values.AsSpan(), descending, options, cancellationToken);
    }

    /// <summary>Sorts records by parts of them.</summary>
    /// <typeparam name="T">A struct without references.</typeparam>
    /// <param name="records">What is sorted.</param>
    /// <param name="keys">1 to 16, the most important first; they lie inside the struct.</param>
    /// <param name="options">MaxLanes and Progress; null: every CPU.</param>
    /// <param name="cancellationToken">Cancels the sort.</param>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before the call returned.
    /// </exception>
    /// <exception cref="ArgumentException">A key, or an option is set that sorting has not.</exception>
    /// <exception cref="OutOfMemoryException">The records are as they were.</exception>
    public static void Sort<T>(
        Span<T> records,
        ReadOnlySpan<SortKey> keys,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        fastpar_sort_key* native = stackalloc fastpar_sort_key[MostKeys];
        ToNative<T>(keys, native);
        fastpar_loop_options settings = (options ?? LoopOptions.Defaults).ToNative();
        var state = new SortState(options, cancellationToken);
        fastpar_error error;
        using var call = new SyncCall(state);
        settings.cancel = call.Cancel;
        settings.progress = state.ProgressFunction;
        settings.progress_data = state.UserData;
        fixed (T* start = &MemoryMarshal.GetReference(records))
        {
            int status = NativeMethods.fastpar_sort(
                &settings,
                start,
                (UIntPtr)(uint)records.Length,
                (UIntPtr)(uint)sizeof(T),
                native,
                (UIntPtr)(uint)keys.Length,
                &error);
            call.End(status, &error);
        }
    }

    /// <inheritdoc cref="Sort{T}(Span{T}, ReadOnlySpan{SortKey}, LoopOptions, CancellationToken)"/>
    public static void Sort<T>(
        T[] records,
        ReadOnlySpan<SortKey> keys,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where T : unmanaged
    {
        Check.NotNull(records, nameof(records));
        Sort(records.AsSpan(), keys, options, cancellationToken);
    }

    /// <summary>Sorts items of every type by a number that a function tells of each.</summary>
    /// <typeparam name="T">Any type.</typeparam>
    /// <typeparam name="TKey">A primitive type of .NET, or an enumeration.</typeparam>
    /// <param name="items">What is sorted.</param>
    /// <param name="key">Called once for each item, by several threads at a time.</param>
    /// <param name="descending">Large keys first.</param>
    /// <param name="options">MaxLanes and Progress; null: every CPU.</param>
    /// <param name="cancellationToken">Cancels the sort.</param>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled before the call returned; the items are as they were.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// TKey is no number, or an option is set that sorting has not.
    /// </exception>
    public static void SortBy<T, TKey>(
        T[] items,
        Func<T, TKey> key,
        bool descending = false,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where TKey : unmanaged
    {
        Check.NotNull(items, nameof(items));
        Check.NotNull(key, nameof(key));
        SortKeyType type = KeyOf<TKey>(descending, nameof(TKey)).Type;
        var keyed = new Keyed<TKey>[items.Length];
        var lanes = new LoopOptions { MaxLanes = options?.MaxLanes ?? 0 };
        void Look(Range64 range)
        {
            for (long i = range.Begin; i < range.End; i++)
            {
                keyed[i].Key = key(items[i]);
                keyed[i].Index = (int)i;
            }
        }
        FastparLoop.For(items.Length, Look, lanes, cancellationToken);
        Sort(keyed.AsSpan(), stackalloc[] { new SortKey(0, type, descending) }, options, cancellationToken);
        var sorted = new T[items.Length];
        for (int i = 0; i < sorted.Length; i++)
        {
            sorted[i] = items[keyed[i].Index];
        }
        sorted.CopyTo(items, 0);
    }

    /// <summary>Tells the most memory that sorting such records allocates at a time.</summary>
    /// <typeparam name="T">A struct without references.</typeparam>
    /// <param name="count">How many records.</param>
    /// <param name="keys">As for sorting.</param>
    /// <returns>Bytes, outside of the garbage collector's; given back when the sort ends.</returns>
    /// <exception cref="ArgumentException">A key, or more records than memory can have.</exception>
    /// <exception cref="OutOfMemoryException">More than can be counted.</exception>
    [SuppressMessage("Usage", "CA2201", Justification = "No memory has so many bytes.")]
    public static long Memory<T>(long count, ReadOnlySpan<SortKey> keys)
        where T : unmanaged
    {
        UIntPtr records = Check.Count(count, nameof(count));
        fastpar_sort_key* native = stackalloc fastpar_sort_key[MostKeys];
        ToNative<T>(keys, native);
        fastpar_error error;
        UIntPtr bytes;
        int status = NativeMethods.fastpar_sort_memory(
            records, (UIntPtr)(uint)sizeof(T), native, (UIntPtr)(uint)keys.Length, &bytes, &error);
        Check.Ok(status, &error, new ErrorSite { Parameter = nameof(count) });
        return (ulong)bytes <= long.MaxValue
            ? (long)(ulong)bytes
            : throw new OutOfMemoryException("sorting would take more memory than can be counted");
    }

    /// <summary>The keys of a record as C has them, in room for the most of them.</summary>
    internal static void ToNative<T>(ReadOnlySpan<SortKey> keys, fastpar_sort_key* native)
        where T : unmanaged
    {
        if (keys.Length is 0 or > MostKeys)
        {
            throw new ArgumentException($"{keys.Length} keys, expected 1 to {MostKeys}", nameof(keys));
        }
        // An array, as Mono's read-only span has another indexer than .NET Standard 2.1 names.
        SortKey[] all = keys.ToArray();
        for (int i = 0; i < all.Length; i++)
        {
            if ((ulong)all[i].Offset + (ulong)Math.Max(all[i].Length, 1) > (ulong)sizeof(T))
            {
                throw new ArgumentException($"key {i} does not lie inside of the record", nameof(keys));
            }
            if (all[i].Type == 0)
            {
                throw new ArgumentException($"key {i} was never set", nameof(keys));
            }
            native[i] = all[i].ToNative();
        }
    }

    /// <summary>The key that a number is itself.</summary>
    internal static SortKey KeyOf<T>(bool descending, string name)
        where T : unmanaged
    {
        Type type = typeof(T).IsEnum ? Enum.GetUnderlyingType(typeof(T)) : typeof(T);
        SortKeyType found = System.Type.GetTypeCode(type) switch
        {
            TypeCode.Byte or TypeCode.Boolean => SortKeyType.Byte,
            TypeCode.UInt16 or TypeCode.Char => SortKeyType.UInt16,
            TypeCode.UInt32 => SortKeyType.UInt32,
            TypeCode.UInt64 => SortKeyType.UInt64,
            TypeCode.SByte => SortKeyType.SByte,
            TypeCode.Int16 => SortKeyType.Int16,
            TypeCode.Int32 => SortKeyType.Int32,
            TypeCode.Int64 => SortKeyType.Int64,
            TypeCode.Single => SortKeyType.Single,
            TypeCode.Double => SortKeyType.Double,
            _ when type == typeof(IntPtr) => sizeof(T) == 8 ? SortKeyType.Int64 : SortKeyType.Int32,
            _ when type == typeof(UIntPtr) => sizeof(T) == 8 ? SortKeyType.UInt64 : SortKeyType.UInt32,
            _ => throw new ArgumentException($"{typeof(T)} is no number: its parts may be keys", name),
        };
        return new SortKey(0, found, descending);
    }

    /// <summary>A key, and whose it is. The key comes first, wherever the index lies.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Keyed<TKey>
        where TKey : unmanaged
    {
        internal TKey Key;
        internal int Index;
    }

    /// <summary>A call under way that calls back for its progress only.</summary>
    internal sealed class SortState : CallState
    {
        internal SortState(LoopOptions? options, CancellationToken token)
            : base(options?.Progress, token)
        {
        }

        internal override bool IsCalledBack => ProgressFunction != null;

        protected override int Invoke(int kind, void* a, void* b, void* c) => 0;

        protected override long Position(int kind, void* a, void* b) => long.MaxValue;
    }
}
