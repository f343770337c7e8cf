using System;

namespace Fastpar;

/// <summary>A bit for each row of a table, the lowest bit of a byte first.</summary>
public sealed unsafe class TableMask
{
    private readonly byte[] bits;

    /// <summary>A mask of no row.</summary>
    /// <param name="rows">For how many rows it is.</param>
    public TableMask(int rows)
    {
        Rows = (int)Check.NotNegative(rows, nameof(rows));
        bits = new byte[(rows / 8) + (rows % 8 == 0 ? 0 : 1)];
    }

    /// <summary>For how many rows it is.</summary>
    public int Rows { get; }

    /// <summary>The bytes themselves.</summary>
    public Span<byte> Bits => bits;

    internal byte[] Array => bits;

    /// <summary>Whether a row is one of them.</summary>
    /// <param name="row">The number of the row.</param>
    public bool this[int row] => row >= 0 && row < Rows
        ? ((bits[row / 8] >> (row % 8)) & 1) == 1
        : throw new ArgumentOutOfRangeException(nameof(row), row, "is no row");

    /// <summary>Rows of both.</summary>
    public static TableMask operator &(TableMask left, TableMask right) => Combine(NativeMethods.FASTPAR_MASK_AND, left, right);

    /// <summary>Rows of one of them, or of both.</summary>
    public static TableMask operator |(TableMask left, TableMask right) => Combine(NativeMethods.FASTPAR_MASK_OR, left, right);

    /// <summary>Rows of one of them, not of both.</summary>
    public static TableMask operator ^(TableMask left, TableMask right) => Combine(NativeMethods.FASTPAR_MASK_XOR, left, right);

    /// <summary>Rows of the first that are not of the second.</summary>
    public static TableMask operator -(TableMask left, TableMask right) =>
        Combine(NativeMethods.FASTPAR_MASK_AND_NOT, left, right);

    /// <summary>Rows that are none of them.</summary>
    public static TableMask operator ~(TableMask mask) =>
        Combine(NativeMethods.FASTPAR_MASK_NOT, Check.NotNull(mask, nameof(mask)), null);

    /// <summary>How many rows are of the mask.</summary>
    /// <returns>How many bits are 1.</returns>
    public int Count()
    {
        fastpar_error error;
        UIntPtr count;
        fixed (byte* data = bits)
        {
            int status = NativeMethods.fastpar_mask_count((UIntPtr)(uint)Rows, data, (UIntPtr)(uint)bits.Length, &count, &error);
            Check.Ok(status, &error);
        }
        return checked((int)count);
    }

    private static TableMask Combine(uint operation, TableMask left, TableMask? right)
    {
        Check.NotNull(left, nameof(left));
        if (right != null && right.Rows != left.Rows)
        {
            throw new ArgumentException($"masks of {left.Rows} and {right.Rows} rows", nameof(right));
        }
        if (right == null && operation != NativeMethods.FASTPAR_MASK_NOT)
        {
            throw new ArgumentNullException(nameof(right));
        }
        var made = new TableMask(left.Rows);
        fastpar_error error;
        fixed (byte* a = left.bits, b = right?.bits, to = made.bits)
        {
            int status = NativeMethods.fastpar_mask_combine(
                operation, (UIntPtr)(uint)left.Rows, a, b, (UIntPtr)(uint)made.bits.Length, to, &error);
            Check.Ok(status, &error);
        }
        return made;
    }
}
