using System;
using System.Buffers;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <summary>How the values of a field are compared with one value.</summary>
public enum TableComparison
{
    /// <summary>Equal; NaN never.</summary>
    Equal = (int)NativeMethods.FASTPAR_COMPARE_EQUAL,

    /// <summary>Not equal; NaN always.</summary>
    NotEqual = (int)NativeMethods.FASTPAR_COMPARE_NOT_EQUAL,

    /// <summary>Less.</summary>
    Less = (int)NativeMethods.FASTPAR_COMPARE_LESS,

    /// <summary>Less or equal.</summary>
    LessOrEqual = (int)NativeMethods.FASTPAR_COMPARE_LESS_EQUAL,

    /// <summary>Greater.</summary>
    Greater = (int)NativeMethods.FASTPAR_COMPARE_GREATER,

    /// <summary>Greater or equal.</summary>
    GreaterOrEqual = (int)NativeMethods.FASTPAR_COMPARE_GREATER_EQUAL,
}

/// <summary>
/// Records where they are, whose fields are columns. Nothing is copied but what is taken. Results are the
/// same to the bit on any number of threads.
/// </summary>
/// <remarks>
/// Of the options only MaxLanes and Progress, which counts rows, may be set. While a call runs nothing may
/// write the records.
/// </remarks>
/// <typeparam name="T">A struct without references.</typeparam>
public sealed unsafe partial class FastparTable<T>
    where T : unmanaged
{
    private readonly ReadOnlyMemory<T> records;

    /// <summary>A table of records.</summary>
    /// <param name="records">Any number.</param>
    public FastparTable(ReadOnlyMemory<T> records)
    {
        this.records = records;
    }

    /// <summary>How many rows.</summary>
    public int Count => records.Length;

    /// <summary>A field: <c>table.Field((ref Trade t) => ref t.Price)</c>.</summary>
    /// <typeparam name="TField">The type of the field.</typeparam>
    /// <param name="field">Gives a reference to it.</param>
    /// <returns>Where it is.</returns>
    public TableField<T> Field<TField>(RecordField<T, TField> field)
        where TField : unmanaged => TableField<T>.Of(field);

    /// <summary>Several aggregates in one pass over the rows, or over those of a mask.</summary>
    /// <param name="aggregates">What is asked.</param>
    /// <param name="where">Rows; null: all.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A value for each aggregate.</returns>
    public TableValue[] Aggregate(
        TableAggregate<T>[] aggregates,
        TableMask? where = null,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(aggregates, nameof(aggregates));
        CheckMask(where, nameof(where));
        var members = new TableMembers<T>(aggregates);
        if (members.Fields.Count == 0)
        {
            members.Add(TableField<T>.Bytes(0, 1)); // rows can only be counted by a column
        }
        var found = new fastpar_value[aggregates.Length];
        using MemoryHandle pin = records.Pin();
        T* start = (T*)pin.Pointer;
        fixed (fastpar_aggregate* asked = members.Aggregates)
        fixed (fastpar_value* values = found)
        fixed (byte* mask = where?.Array)
        fixed (fastpar_column* columns = Columns(members, start))
        {
            using var call = new TableCall(options, cancellationToken);
            fastpar_loop_options settings = call.Settings;
            fastpar_error error;
            int status = NativeMethods.fastpar_table_aggregate(
                &settings,
                columns,
                (UIntPtr)(uint)members.Fields.Count,
                mask,
                Size(where),
                asked,
                (UIntPtr)(uint)aggregates.Length,
                values,
                &error);
            call.End(status, &error);
        }
        return TableValue.From(found);
    }

    /// <summary>The rows whose field compares so with a value.</summary>
    /// <typeparam name="TField">The type of the field.</typeparam>
    /// <param name="field">Gives a reference to it.</param>
    /// <param name="comparison">How.</param>
    /// <param name="value">With which value.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A bit for each row.</returns>
    public TableMask Compare<TField>(
        RecordField<T, TField> field,
        TableComparison comparison,
        TField value,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where TField : unmanaged =>
        Compare(
            TableField<T>.Of(field),
            Check.Comparison(comparison, nameof(comparison)),
            &value,
            null,
            options,
            cancellationToken);

    /// <summary>The rows whose field is in [low, high), or in [low, high]. NaN is in no range.</summary>
    /// <typeparam name="TField">The type of the field.</typeparam>
    /// <param name="field">Gives a reference to it.</param>
    /// <param name="low">The least.</param>
    /// <param name="high">The end.</param>
    /// <param name="closed">Whether the end is in the range.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A bit for each row.</returns>
    public TableMask Between<TField>(
        RecordField<T, TField> field,
        TField low,
        TField high,
        bool closed = false,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
        where TField : unmanaged
    {
        uint comparison = closed ? NativeMethods.FASTPAR_COMPARE_BETWEEN_CLOSED : NativeMethods.FASTPAR_COMPARE_BETWEEN;
        return Compare(TableField<T>.Of(field), comparison, &low, &high, options, cancellationToken);
    }

    /// <summary>Copies the rows of a mask.</summary>
    /// <param name="rows">Which rows.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The rows, in their order.</returns>
    public T[] Take(TableMask rows, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(rows, nameof(rows));
        CheckMask(rows, nameof(rows));
        var taken = new T[rows.Count()];
        using MemoryHandle pin = records.Pin();
        T* start = (T*)pin.Pointer;
        fixed (T* to = taken)
        fixed (byte* mask = rows.Array)
        {
            using var call = new TableCall(options, cancellationToken);
            fastpar_loop_options settings = call.Settings;
            fastpar_column column = Whole(start);
            fastpar_error error;
            UIntPtr written;
            int status = NativeMethods.fastpar_column_take(
                &settings, &column, mask, Size(rows), to, Bytes(taken.Length), &written, &error);
            call.End(status, &error);
        }
        return taken;
    }

    /// <summary>Copies rows by their numbers.</summary>
    /// <param name="rows">Numbers of rows, in any order.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The rows, in the order of the numbers.</returns>
    public T[] Take(ulong[] rows, LoopOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(rows, nameof(rows));
        var taken = new T[rows.Length];
        using MemoryHandle pin = records.Pin();
        T* start = (T*)pin.Pointer;
        fixed (T* to = taken)
        fixed (ulong* numbers = rows)
        {
            using var call = new TableCall(options, cancellationToken);
            fastpar_loop_options settings = call.Settings;
            fastpar_column column = Whole(start);
            fastpar_error error;
            UIntPtr written;
            int status = NativeMethods.fastpar_column_take_rows(
                &settings, &column, numbers, (UIntPtr)(uint)rows.Length, to, Bytes(taken.Length), &written, &error);
            // A number that is of no row has a place.
            call.End(status, &error, error.position == ulong.MaxValue ? nameof(options) : nameof(rows));
        }
        return taken;
    }

    /// <summary>How many values are in each of some ranges of equal width.</summary>
    /// <param name="field">A field of numbers.</param>
    /// <param name="low">The begin of the first range.</param>
    /// <param name="high">The end of the last range, which is not in it.</param>
    /// <param name="bins">How many ranges.</param>
    /// <param name="where">Rows; null: all.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A count for each range.</returns>
    public ulong[] Histogram(
        TableField<T> field,
        double low,
        double high,
        int bins,
        TableMask? where = null,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        field.Number(nameof(field));
        CheckMask(where, nameof(where));
        var counts = new ulong[Check.Within(bins, 1, 1 << 20, nameof(bins))];
        double width = Check.Finite(high, nameof(high)) - Check.Finite(low, nameof(low));
        if (!(width > 0) || double.IsInfinity(width) || double.IsInfinity(bins / width))
        {
            throw new ArgumentOutOfRangeException(nameof(high), high, $"is no end for {bins} ranges from {low} on");
        }
        using MemoryHandle pin = records.Pin();
        T* start = (T*)pin.Pointer;
        fixed (ulong* to = counts)
        fixed (byte* mask = where?.Array)
        {
            using var call = new TableCall(options, cancellationToken);
            fastpar_loop_options settings = call.Settings;
            fastpar_column column = field.ToNative(start, Count);
            fastpar_error error;
            int status = NativeMethods.fastpar_column_histogram(
                &settings, &column, mask, Size(where), low, high, to, (UIntPtr)(uint)bins, &error);
            call.End(status, &error);
        }
        return counts;
    }

    /// <summary>Aggregates of each group of rows whose keys are equal, sorted by the keys.</summary>
    /// <param name="keys">1 to 16, the most important first.</param>
    /// <param name="aggregates">What is asked.</param>
    /// <param name="where">Rows; null: all.</param>
    /// <param name="maxMemory">The most bytes of the groups while they are found; 0: no limit.</param>
    /// <param name="options">MaxLanes and Progress.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The groups.</returns>
    public TableGroups GroupBy(
        TableKey<T>[] keys,
        TableAggregate<T>[] aggregates,
        TableMask? where = null,
        long maxMemory = 0,
        LoopOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(keys, nameof(keys));
        Check.NotNull(aggregates, nameof(aggregates));
        CheckMask(where, nameof(where));
        var members = new TableMembers<T>(aggregates, keys);
        fastpar_groups* groups = null;
        using MemoryHandle pin = records.Pin();
        T* start = (T*)pin.Pointer;
        fixed (fastpar_group_key* by = members.Keys)
        fixed (fastpar_aggregate* asked = members.Aggregates)
        fixed (byte* mask = where?.Array)
        fixed (fastpar_column* columns = Columns(members, start))
        {
            using var call = new TableCall(options, cancellationToken);
            fastpar_loop_options settings = call.Settings;
            fastpar_error error;
            int status = NativeMethods.fastpar_table_group(
                &settings,
                columns,
                (UIntPtr)(uint)members.Fields.Count,
                mask,
                Size(where),
                by,
                (UIntPtr)(uint)keys.Length,
                asked,
                (UIntPtr)(uint)aggregates.Length,
                (ulong)Check.NotNegative(maxMemory, nameof(maxMemory)),
                &groups,
                &error);
            try
            {
                call.End(status, &error);
                return members.Groups(groups);
            }
            finally
            {
                NativeMethods.fastpar_groups_free(groups); // also where progress has thrown when all was done
            }
        }
    }

    private static UIntPtr Size(TableMask? mask) => (UIntPtr)(uint)(mask?.Array.Length ?? 0);

    private static UIntPtr Bytes(int rows) => (nuint)((ulong)(uint)rows * (ulong)sizeof(T));

    private fastpar_column[] Columns(TableMembers<T> members, T* start)
    {
        var columns = new fastpar_column[members.Fields.Count];
        for (int i = 0; i < columns.Length; i++)
        {
            columns[i] = members.Fields[i].ToNative(start, Count);
        }
        return columns;
    }

    private fastpar_column Whole(T* start) => TableField<T>.Bytes(0, sizeof(T)).ToNative(start, Count);

    private void CheckMask(TableMask? mask, string name)
    {
        if (mask != null && mask.Rows != Count)
        {
            throw new ArgumentException($"a mask of {mask.Rows} rows for {Count}", name);
        }
    }

    private TableMask Compare(
        TableField<T> field, uint comparison, void* low, void* high, LoopOptions? options, CancellationToken token)
    {
        var made = new TableMask(Count);
        using MemoryHandle pin = records.Pin();
        T* start = (T*)pin.Pointer;
        fixed (byte* mask = made.Array)
        {
            using var call = new TableCall(options, token);
            fastpar_loop_options settings = call.Settings;
            fastpar_column column = field.ToNative(start, Count);
            fastpar_error error;
            int status = NativeMethods.fastpar_column_compare(
                &settings, &column, comparison, low, high, mask, Size(made), &error);
            call.End(status, &error);
        }
        return made;
    }
}

/// <summary>A call on a table, with its options.</summary>
internal unsafe ref struct TableCall
{
    private readonly SyncCall call;

    internal TableCall(LoopOptions? options, CancellationToken token)
    {
        fastpar_loop_options settings = (options ?? LoopOptions.Defaults).ToNative();
        var state = new FastparSort.SortState(options, token);
        call = new SyncCall(state);
        settings.cancel = call.Cancel;
        settings.progress = state.ProgressFunction;
        settings.progress_data = state.UserData;
        Settings = settings;
    }

    internal fastpar_loop_options Settings { get; }

    internal void End(int status, fastpar_error* error, string parameter = "options") =>
        call.End(status, error, new ErrorSite { Parameter = parameter });

    public void Dispose() => call.Dispose();
}
