using System;
using System.Diagnostics.CodeAnalysis;

namespace Fastpar;

/// <summary>What is asked of one field of records, or of two.</summary>
/// <typeparam name="T">The record.</typeparam>
[SuppressMessage("Design", "CA1000", Justification = "The record is the type's parameter, and callers always name it.")]
public readonly struct TableAggregate<T>
    where T : unmanaged
{
    private TableAggregate(uint operation, TableField<T>? field, TableField<T>? weights)
    {
        Operation = operation;
        Field = field;
        Weights = weights;
    }

    internal uint Operation { get; }

    internal TableField<T>? Field { get; }

    internal TableField<T>? Weights { get; }

    /// <summary>How many rows.</summary>
    public static TableAggregate<T> Count => new(NativeMethods.FASTPAR_AGGREGATE_COUNT, null, null);

    /// <summary>The sum, exact for whole numbers, of floats with compensation.</summary>
    public static TableAggregate<T> Sum(TableField<T> field) => Of(NativeMethods.FASTPAR_AGGREGATE_SUM, field);

    /// <summary>The mean.</summary>
    public static TableAggregate<T> Mean(TableField<T> field) => Of(NativeMethods.FASTPAR_AGGREGATE_MEAN, field);

    /// <summary>The least value; NaN only if there is nothing else.</summary>
    public static TableAggregate<T> Min(TableField<T> field) => Of(NativeMethods.FASTPAR_AGGREGATE_MIN, field);

    /// <summary>The greatest value; NaN only if there is nothing else.</summary>
    public static TableAggregate<T> Max(TableField<T> field) => Of(NativeMethods.FASTPAR_AGGREGATE_MAX, field);

    /// <summary>The value of the first row.</summary>
    public static TableAggregate<T> First(TableField<T> field) => Of(NativeMethods.FASTPAR_AGGREGATE_FIRST, field);

    /// <summary>The value of the last row.</summary>
    public static TableAggregate<T> Last(TableField<T> field) => Of(NativeMethods.FASTPAR_AGGREGATE_LAST, field);

    /// <summary>The mean of the squared distances from the mean.</summary>
    public static TableAggregate<T> Variance(TableField<T> field) =>
        Of(NativeMethods.FASTPAR_AGGREGATE_VARIANCE, field);

    /// <summary>The sum of the products of two fields.</summary>
    public static TableAggregate<T> Dot(TableField<T> field, TableField<T> other) =>
        new(NativeMethods.FASTPAR_AGGREGATE_DOT, field.Number(nameof(field)), other.Number(nameof(other)));

    /// <summary>The mean of a field, weighted by another one.</summary>
    public static TableAggregate<T> WeightedMean(TableField<T> field, TableField<T> weights) =>
        new(NativeMethods.FASTPAR_AGGREGATE_WEIGHTED_MEAN, field.Number(nameof(field)), weights.Number(nameof(weights)));

    private static TableAggregate<T> Of(uint operation, TableField<T> field) =>
        new(operation, field.Number(nameof(field)), null);
}

/// <summary>What rows are grouped by: a field, or ranges of it that have equal widths.</summary>
/// <typeparam name="T">The record.</typeparam>
[SuppressMessage("Design", "CA1000", Justification = "The record is the type's parameter, and callers always name it.")]
public readonly struct TableKey<T>
    where T : unmanaged
{
    /// <summary>A field itself.</summary>
    /// <param name="field">Which.</param>
    public TableKey(TableField<T> field)
        : this()
    {
        Field = field.Known(nameof(field));
    }

    /// <summary>
    /// Buckets of a field of whole numbers: [origin + n * width, origin + (n + 1) * width).
    /// </summary>
    /// <param name="field">Which.</param>
    /// <param name="width">1 or more.</param>
    /// <param name="origin">Where a bucket begins.</param>
    public TableKey(TableField<T> field, long width, long origin = 0)
        : this(field)
    {
        if (field.Number(nameof(field)).IsFloat)
        {
            throw new ArgumentException("it has floats: OfFloats makes buckets of those", nameof(field));
        }
        Width = Check.Within(width, 1, long.MaxValue, nameof(width));
        Origin = origin;
    }

    private TableKey(TableField<T> field, double width, double origin)
        : this(field)
    {
        if (!field.Number(nameof(field)).IsFloat)
        {
            throw new ArgumentException("it has whole numbers: new TableKey makes buckets of those", nameof(field));
        }
        FloatWidth = Check.Finite(width, nameof(width)) > 0
            ? width
            : throw new ArgumentOutOfRangeException(nameof(width), width, "must be more than 0");
        FloatOrigin = Check.Finite(origin, nameof(origin));
    }

    internal TableField<T> Field { get; }

    internal long Width { get; }

    internal long Origin { get; }

    internal double FloatWidth { get; }

    internal double FloatOrigin { get; }

    /// <summary>Buckets of a field of floats.</summary>
    /// <param name="field">Which.</param>
    /// <param name="width">More than 0.</param>
    /// <param name="origin">Where a bucket begins.</param>
    /// <returns>The key.</returns>
    public static TableKey<T> OfFloats(TableField<T> field, double width, double origin = 0) => new(field, width, origin);

    internal fastpar_group_key ToNative(int column) => new()
    {
        column = (UIntPtr)(uint)column,
        width = (ulong)Width,
        origin = Origin,
        float_width = FloatWidth,
        float_origin = FloatOrigin,
    };
}

/// <summary>Groups of rows, sorted by their keys.</summary>
public sealed unsafe class TableGroups
{
    private readonly TableValue[][] keys;
    private readonly byte[][] keyBytes;
    private readonly TableValue[][] values;
    private readonly ulong[] rows;

    /// <summary>Copies what the library has found.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="lengths">For each key: of how many bytes it is; 0: a number.</param>
    /// <param name="aggregates">How many there are.</param>
    internal TableGroups(fastpar_groups* groups, int[] lengths, int aggregates)
    {
        Count = checked((int)(ulong)NativeMethods.fastpar_groups_count(groups));
        keys = new TableValue[lengths.Length][];
        keyBytes = new byte[lengths.Length][];
        values = new TableValue[aggregates][];
        rows = new ulong[Count];
        var copied = new fastpar_value[Count];
        fastpar_error error;
        fixed (fastpar_value* to = copied)
        {
            for (int i = 0; i < keys.Length; i++)
            {
                keyBytes[i] = new byte[checked(lengths[i] * Count)];
                if (lengths[i] > 0)
                {
                    keys[i] = System.Array.Empty<TableValue>();
                    UIntPtr written;
                    fixed (byte* bytes = keyBytes[i])
                    {
                        Check.Ok(
                            NativeMethods.fastpar_groups_key_bytes(
                                groups, (UIntPtr)(uint)i, bytes, (UIntPtr)(uint)keyBytes[i].Length, &written, &error),
                            &error);
                    }
                    continue;
                }
                Check.Ok(
                    NativeMethods.fastpar_groups_keys(groups, (UIntPtr)(uint)i, to, (UIntPtr)(uint)Count, &error), &error);
                keys[i] = TableValue.From(copied);
            }
            for (int i = 0; i < aggregates; i++)
            {
                Check.Ok(
                    NativeMethods.fastpar_groups_values(groups, (UIntPtr)(uint)i, to, (UIntPtr)(uint)Count, &error), &error);
                values[i] = TableValue.From(copied);
            }
        }
        fixed (ulong* to = rows)
        {
            Check.Ok(NativeMethods.fastpar_groups_rows(groups, to, (UIntPtr)(uint)Count, &error), &error);
        }
    }

    /// <summary>How many there are.</summary>
    public int Count { get; }

    /// <summary>
    /// A key of each group, of a bucket where it begins. Keys of bytes are none: see <see cref="KeyBytes"/>.
    /// </summary>
    /// <param name="index">Which key.</param>
    /// <returns>A value for each group.</returns>
    public ReadOnlySpan<TableValue> Keys(int index) => keys[Check.Index(index, keys.Length, nameof(index))];

    /// <summary>A key of bytes, of one group; of a number there are none.</summary>
    /// <param name="index">Which key.</param>
    /// <param name="group">Which group.</param>
    /// <returns>The bytes of the field.</returns>
    public ReadOnlySpan<byte> KeyBytes(int index, int group)
    {
        byte[] bytes = keyBytes[Check.Index(index, keyBytes.Length, nameof(index))];
        int begin = Check.Index(group, Count, nameof(group)), length = bytes.Length / Count;
        return new ReadOnlySpan<byte>(bytes, begin * length, length);
    }

    /// <summary>An aggregate of each group.</summary>
    /// <param name="index">Which aggregate.</param>
    /// <returns>A value for each group.</returns>
    public ReadOnlySpan<TableValue> Values(int index) => values[Check.Index(index, values.Length, nameof(index))];

    /// <summary>
    /// The number of the first row of a group; of an archive from the begin of the part on.
    /// </summary>
    /// <param name="group">Which group.</param>
    /// <returns>The number.</returns>
    public long FirstRow(int group) => (long)rows[Check.Index(group, Count, nameof(group))];
}
