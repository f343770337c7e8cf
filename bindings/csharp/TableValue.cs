using System;
using System.Diagnostics.CodeAnalysis;

namespace Fastpar;

/// <summary>What an aggregate of a table gives.</summary>
public readonly struct TableValue
{
    internal TableValue(in fastpar_value value)
    {
        Low = value.integer.low;
        High = value.integer.high;
        Number = value.number;
        Rows = (long)value.rows;
    }

    /// <summary>
    /// The number, or the double that is nearest to it; NaN where there is none, as of no rows.
    /// </summary>
    public double Number { get; }

    /// <summary>The rows that it is of.</summary>
    public long Rows { get; }

    /// <summary>
    /// The lower half of a whole number of 128 bits: counts, and sums, extremes and ends of fields of whole
    /// numbers, are exact. 0 for others.
    /// </summary>
    public ulong Low { get; }

    /// <summary>The upper half, with the sign.</summary>
    public long High { get; }

    /// <summary>A whole number.</summary>
    /// <exception cref="OverflowException">It has more than 64 bits.</exception>
    public long ToInt64() => High == ((long)Low >> 63) ? (long)Low : throw new OverflowException();

    /// <summary>A whole number that is not negative.</summary>
    /// <exception cref="OverflowException">It has more than 64 bits, or is negative.</exception>
    public ulong ToUInt64() => High == 0 ? Low : throw new OverflowException();

    internal static TableValue[] From(fastpar_value[] values) => Array.ConvertAll(values, value => new TableValue(value));
}

/// <summary>A field of records, told by a reference to it: <c>(ref Trade t) => ref t.Price</c>.</summary>
/// <typeparam name="T">The record.</typeparam>
/// <typeparam name="TField">The field.</typeparam>
/// <param name="record">A record.</param>
/// <returns>Its field.</returns>
public delegate ref TField RecordField<T, TField>(ref T record);

/// <summary>Where a field of records is.</summary>
/// <typeparam name="T">A struct without references.</typeparam>
[SuppressMessage("Design", "CA1000", Justification = "The record is the type's parameter, and callers always name it.")]
public readonly unsafe struct TableField<T>
    where T : unmanaged
{
    private const int MostBytes = (1 << 24) - 1;

    private TableField(int offset, uint type, uint flags)
    {
        Offset = offset;
        Type = type;
        Flags = flags;
    }

    internal int Offset { get; }

    internal uint Type { get; }

    internal uint Flags { get; }

    /// <summary>A field. Numbers and enumerations are numbers, other structs are bytes.</summary>
    /// <typeparam name="TField">The type of the field.</typeparam>
    /// <param name="field">Gives a reference to it.</param>
    /// <returns>Where it is.</returns>
    /// <exception cref="ArgumentException">The reference is not to a part of the record.</exception>
    public static TableField<T> Of<TField>(RecordField<T, TField> field)
        where TField : unmanaged
    {
        Check.NotNull(field, nameof(field));
        T record = default;
        long offset;
        fixed (TField* place = &field(ref record))
        {
            offset = (byte*)place - (byte*)&record;
        }
        if (offset < 0 || offset + sizeof(TField) > sizeof(T))
        {
            throw new ArgumentException("the reference is not to a field of the record", nameof(field));
        }
        bool isNumber = typeof(TField).IsPrimitive || typeof(TField).IsEnum;
        return isNumber
            ? new TableField<T>((int)offset, (uint)FastparSort.KeyOf<TField>(descending: false, nameof(TField)).Type, 0)
            : Bytes((int)offset, sizeof(TField));
    }

    /// <summary>Bytes of the record.</summary>
    /// <param name="offset">Where they begin.</param>
    /// <param name="length">How many they are.</param>
    /// <returns>Where they are.</returns>
    public static TableField<T> Bytes(int offset, int length)
    {
        Check.Within(length, 1, Math.Min(sizeof(T), MostBytes), nameof(length));
        Check.Within(offset, 0, sizeof(T) - length, nameof(offset));
        return new TableField<T>(offset, NativeMethods.FASTPAR_BYTES, (uint)length << 8);
    }

    /// <summary>Whether it is one of floats.</summary>
    internal bool IsFloat => Type is NativeMethods.FASTPAR_F32 or NativeMethods.FASTPAR_F64;

    /// <summary>This field; refused where it is of no record, as one that was never set.</summary>
    internal TableField<T> Known(string name) =>
        Type != 0 ? this : throw new ArgumentException("it is of no record: it was never set", name);

    /// <summary>This field, if it has numbers.</summary>
    internal TableField<T> Number(string name) =>
        Known(name).Type != NativeMethods.FASTPAR_BYTES
            ? this
            : throw new ArgumentException("it has no numbers, but bytes", name);

    internal bool IsSame(TableField<T> other) => Offset == other.Offset && Type == other.Type && Flags == other.Flags;

    internal fastpar_field ToNative() => new() { offset = (UIntPtr)(uint)Offset, type = Type, flags = Flags };

    internal fastpar_column ToNative(T* records, int count) => new()
    {
        @base = (byte*)records + Offset,
        count = (UIntPtr)(uint)count,
        stride = (UIntPtr)(uint)sizeof(T),
        type = Type,
        flags = Flags,
    };
}
