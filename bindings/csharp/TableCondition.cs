using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;

namespace Fastpar;

/// <summary>
/// Which records of an archive's table pass: comparisons, put together by <c>&amp;</c>, <c>|</c>, <c>^</c>,
/// <c>-</c> (not of the second) and <c>~</c>.
/// </summary>
/// <typeparam name="T">A struct without references.</typeparam>
[SuppressMessage("Design", "CA1000", Justification = "The record is the type's parameter, and callers always name it.")]
public sealed unsafe class TableCondition<T>
    where T : unmanaged
{
    private const int MostSteps = 256;

    private readonly Step[] steps;

    private TableCondition(Step[] steps)
    {
        this.steps = steps;
    }

    /// <summary>Records whose field compares so with a value.</summary>
    /// <typeparam name="TField">The type of the field.</typeparam>
    /// <param name="field">Gives a reference to it.</param>
    /// <param name="comparison">How.</param>
    /// <param name="value">With which value.</param>
    /// <returns>The condition.</returns>
    public static TableCondition<T> Compare<TField>(RecordField<T, TField> field, TableComparison comparison, TField value)
        where TField : unmanaged =>
        new(new[]
        {
            new Step
            {
                Comparison = Check.Comparison(comparison, nameof(comparison)),
                Field = TableField<T>.Of(field),
                Low = BytesOf(value),
            },
        });

    /// <summary>Records whose field is in [low, high), or in [low, high]. NaN is in no range.</summary>
    /// <typeparam name="TField">The type of the field.</typeparam>
    /// <param name="field">Gives a reference to it.</param>
    /// <param name="low">The least.</param>
    /// <param name="high">The end.</param>
    /// <param name="closed">Whether the end is in the range.</param>
    /// <returns>The condition.</returns>
    public static TableCondition<T> Between<TField>(RecordField<T, TField> field, TField low, TField high, bool closed = false)
        where TField : unmanaged =>
        new(new[]
        {
            new Step
            {
                Comparison = closed ? NativeMethods.FASTPAR_COMPARE_BETWEEN_CLOSED : NativeMethods.FASTPAR_COMPARE_BETWEEN,
                Field = TableField<T>.Of(field),
                Low = BytesOf(low),
                High = BytesOf(high),
            },
        });

    /// <summary>Records of both.</summary>
    public static TableCondition<T> operator &(TableCondition<T> left, TableCondition<T> right) =>
        Combine(NativeMethods.FASTPAR_MASK_AND, left, right);

    /// <summary>Records of one of them, or of both.</summary>
    public static TableCondition<T> operator |(TableCondition<T> left, TableCondition<T> right) =>
        Combine(NativeMethods.FASTPAR_MASK_OR, left, right);

    /// <summary>Records of one of them, not of both.</summary>
    public static TableCondition<T> operator ^(TableCondition<T> left, TableCondition<T> right) =>
        Combine(NativeMethods.FASTPAR_MASK_XOR, left, right);

    /// <summary>Records of the first that are not of the second.</summary>
    public static TableCondition<T> operator -(TableCondition<T> left, TableCondition<T> right) =>
        Combine(NativeMethods.FASTPAR_MASK_AND_NOT, left, right);

    /// <summary>Records that do not pass.</summary>
    public static TableCondition<T> operator ~(TableCondition<T> condition)
    {
        Check.NotNull(condition, nameof(condition));
        return With(condition.steps, System.Array.Empty<Step>(), NativeMethods.FASTPAR_MASK_NOT, nameof(condition));
    }

    /// <summary>How many steps it has.</summary>
    internal int Length => steps.Length;

    /// <summary>The bytes of the values, one after the other.</summary>
    internal byte[] Values()
    {
        var bytes = new List<byte>();
        foreach (Step step in steps)
        {
            bytes.AddRange(step.Low);
            bytes.AddRange(step.High);
        }
        return bytes.ToArray();
    }

    /// <summary>
    /// The steps for C; their fields are added to those of a call, and they refer to the values.
    /// </summary>
    internal fastpar_condition[] ToNative(TableMembers<T> members, byte* values)
    {
        byte* at = values;
        byte* Next(byte[] value)
        {
            byte* here = value.Length == 0 ? null : at;
            at += value.Length;
            return here;
        }
        var native = new fastpar_condition[steps.Length];
        for (int i = 0; i < native.Length; i++)
        {
            native[i].comparison = steps[i].Comparison;
            native[i].combine = steps[i].Combining;
            native[i].field = (UIntPtr)(uint)members.Add(steps[i].Field);
            native[i].low = Next(steps[i].Low);
            native[i].high = Next(steps[i].High);
        }
        return native;
    }

    /// <summary>
    /// The records of this condition that pass another one, which the caller's parameter names.
    /// </summary>
    internal TableCondition<T> And(TableCondition<T> other, string name) =>
        With(steps, other.steps, NativeMethods.FASTPAR_MASK_AND, name);

    private static TableCondition<T> Combine(uint operation, TableCondition<T> left, TableCondition<T> right)
    {
        Check.NotNull(left, nameof(left));
        Check.NotNull(right, nameof(right));
        return With(left.steps, right.steps, operation, nameof(right));
    }

    private static TableCondition<T> With(Step[] left, Step[] right, uint operation, string name)
    {
        if (left.Length + right.Length >= MostSteps)
        {
            throw new ArgumentException(
                $"the condition has {left.Length + right.Length + 1} steps, expected at most {MostSteps}", name);
        }
        var all = new List<Step>(left);
        all.AddRange(right);
        all.Add(new Step { Combining = operation });
        return new TableCondition<T>(all.ToArray());
    }

    private static byte[] BytesOf<TField>(TField value)
        where TField : unmanaged => new ReadOnlySpan<byte>(&value, sizeof(TField)).ToArray();

    private sealed class Step
    {
        internal uint Comparison { get; set; }

        internal uint Combining { get; set; }

        internal TableField<T>? Field { get; set; }

        internal byte[] Low { get; set; } = System.Array.Empty<byte>();

        internal byte[] High { get; set; } = System.Array.Empty<byte>();
    }
}
