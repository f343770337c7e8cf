using System;
using System.Buffers;
using System.Threading;

namespace Fastpar;

/// <content>Order: of rows, of two tables, and searching in it.</content>
public sealed unsafe partial class FastparTable<T>
{
    /// <summary>
    /// The numbers of the rows in the order that <see cref="FastparSort"/> would give them.
    /// </summary>
    /// <param name="keys">1 to 16, the most important first.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A number for each row.</returns>
    public ulong[] Order(SortKey[] keys, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(keys, nameof(keys));
        fastpar_sort_key* native = stackalloc fastpar_sort_key[FastparSort.MostKeys];
        FastparSort.ToNative<T>(keys, native);
        var order = new ulong[Count];
        using MemoryHandle pin = records.Pin();
        T* start = (T*)pin.Pointer;
        fixed (ulong* to = order)
        {
            using var call = new TableCall(options, cancellationToken);
            fastpar_loop_options settings = call.Settings;
            fastpar_error error;
            int status = NativeMethods.fastpar_table_argsort(
                &settings, start, (UIntPtr)(uint)Count, (UIntPtr)(uint)sizeof(T), native, (UIntPtr)(uint)keys.Length, to, &error);
            call.End(status, &error);
        }
        return order;
    }

    /// <summary>The rows of this table and of another one, both sorted by the keys, in one order.</summary>
    /// <param name="other">Its rows come after equal ones of this table.</param>
    /// <param name="keys">1 to 16, the most important first.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>All rows.</returns>
    public T[] Merge(
        FastparTable<T> other,
        SortKey[] keys,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(other, nameof(other));
        Check.NotNull(keys, nameof(keys));
        fastpar_sort_key* native = stackalloc fastpar_sort_key[FastparSort.MostKeys];
        FastparSort.ToNative<T>(keys, native);
        var merged = new T[checked(Count + other.Count)];
        using MemoryHandle pin = records.Pin(), others = other.records.Pin();
        fixed (T* to = merged)
        {
            using var call = new TableCall(options, cancellationToken);
            fastpar_loop_options settings = call.Settings;
            fastpar_error error;
            UIntPtr written;
            int status = NativeMethods.fastpar_table_merge(
                &settings,
                pin.Pointer,
                (UIntPtr)(uint)Count,
                others.Pointer,
                (UIntPtr)(uint)other.Count,
                (UIntPtr)(uint)sizeof(T),
                native,
                (UIntPtr)(uint)keys.Length,
                to,
                Bytes(merged.Length),
                &written,
                &error);
            call.End(status, &error);
        }
        return merged;
    }

    /// <summary>How many rows of a field, by which the rows are sorted, come before each value.</summary>
    /// <typeparam name="TField">The type of the field.</typeparam>
    /// <param name="field">Gives a reference to it.</param>
    /// <param name="values">What is searched.</param>
    /// <param name="after">Rows that are equal come before it too.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A number for each value.</returns>
    public ulong[] Search<TField>(
        RecordField<T, TField> field,
        TField[] values,
        bool after = false,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where TField : unmanaged
    {
        Check.NotNull(values, nameof(values));
        TableField<T> place = TableField<T>.Of(field);
        var found = new ulong[values.Length];
        using MemoryHandle pin = records.Pin();
        T* start = (T*)pin.Pointer;
        fixed (TField* wanted = values)
        fixed (ulong* to = found)
        {
            using var call = new TableCall(options, cancellationToken);
            fastpar_loop_options settings = call.Settings;
            fastpar_column column = place.ToNative(start, Count);
            var asked = new fastpar_column
            {
                @base = wanted, count = (UIntPtr)(uint)values.Length, type = place.Type, flags = place.Flags,
            };
            fastpar_error error;
            uint side = after ? NativeMethods.FASTPAR_SEARCH_RIGHT : NativeMethods.FASTPAR_SEARCH_LEFT;
            int status = NativeMethods.fastpar_column_search(&settings, &column, &asked, side, to, &error);
            call.End(status, &error);
        }
        return found;
    }
}
