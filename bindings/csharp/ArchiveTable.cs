using System;
using System.Threading;

namespace Fastpar;

/// <summary>
/// The records of an archive, whose fields are columns: <see cref="FastparTable{T}"/> for more than fits into
/// memory, frame by frame, each while it is in the caches of the CPU that has decompressed it. Made by
/// <see cref="SeekableArchive.Table{T}"/>.
/// </summary>
/// <remarks>Results are the same to the bit on any number of threads.</remarks>
/// <typeparam name="T">A struct without references.</typeparam>
public sealed unsafe class ArchiveTable<T>
    where T : unmanaged
{
    private readonly SeekableArchive archive;
    private readonly TableCondition<T>? condition;

    internal ArchiveTable(SeekableArchive archive, TableCondition<T>? condition)
    {
        this.archive = archive;
        this.condition = condition;
    }

    private delegate void Work(TableScan<T> scan, fastpar_archive* from, fastpar_table* table);

    /// <summary>A field: <c>table.Field((ref Trade t) => ref t.Price)</c>.</summary>
    /// <typeparam name="TField">The type of the field.</typeparam>
    /// <param name="field">Gives a reference to it.</param>
    /// <returns>Where it is.</returns>
    public TableField<T> Field<TField>(RecordField<T, TField> field)
        where TField : unmanaged => TableField<T>.Of(field);

    /// <summary>The records that pass, of those that this table has. Nothing is read.</summary>
    /// <param name="passes">Which records.</param>
    /// <returns>A table of them.</returns>
    public ArchiveTable<T> Where(TableCondition<T> passes)
    {
        Check.NotNull(passes, nameof(passes));
        return new ArchiveTable<T>(archive, condition == null ? passes : condition.And(passes, nameof(passes)));
    }

    /// <summary>Several aggregates in one pass over the records.</summary>
    /// <param name="aggregates">What is asked.</param>
    /// <param name="options">Null: the whole content.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A value for each aggregate.</returns>
    /// <inheritdoc
    /// cref="SeekableArchive.Scan{T}(ScanAction{T}, ScanOptions, CancellationToken)" path="/exception"/>
    public TableValue[] Aggregate(
        TableAggregate<T>[] aggregates, ScanOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check.NotNull(aggregates, nameof(aggregates));
        var members = new TableMembers<T>(aggregates);
        var found = new fastpar_value[aggregates.Length];
        Run(
            members,
            options,
            (scan, from, table) => scan.Aggregate(from, sizeof(T), table, members.Aggregates, found),
            cancellationToken);
        return TableValue.From(found);
    }

    /// <summary>Aggregates of each group of records whose keys are equal, sorted by the keys.</summary>
    /// <param name="keys">1 to 16, the most important first.</param>
    /// <param name="aggregates">What is asked.</param>
    /// <param name="maxMemory">The most bytes of the groups while they are found; 0: no limit.</param>
    /// <param name="options">Null: the whole content.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The groups.</returns>
    /// <inheritdoc
    /// cref="SeekableArchive.Scan{T}(ScanAction{T}, ScanOptions, CancellationToken)" path="/exception"/>
    public TableGroups GroupBy(
        TableKey<T>[] keys,
        TableAggregate<T>[] aggregates,
        long maxMemory = 0,
        ScanOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check.NotNull(keys, nameof(keys));
        Check.NotNull(aggregates, nameof(aggregates));
        var members = new TableMembers<T>(aggregates, keys);
        ulong most = (ulong)Check.NotNegative(maxMemory, nameof(maxMemory));
        TableGroups? found = null;
        Work group = (scan, from, table) =>
        {
            fastpar_groups* groups = null;
            try
            {
                scan.Group(from, sizeof(T), table, members.Keys, members.Aggregates, most, &groups);
                found = members.Groups(groups);
            }
            finally
            {
                NativeMethods.fastpar_groups_free(groups); // also where progress has thrown when all was done
            }
        };
        Run(members, options, group, cancellationToken);
        return found!;
    }

    /// <summary>Copies the records.</summary>
    /// <param name="options">Null: the whole content.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The records, in their order.</returns>
    /// <inheritdoc
    /// cref="SeekableArchive.Scan{T}(ScanAction{T}, ScanOptions, CancellationToken)" path="/exception"/>
    public T[] Take(ScanOptions? options = null, CancellationToken cancellationToken = default)
    {
        T[]? taken = null;
        Work take = (scan, from, table) =>
        {
            scan.Take(from, sizeof(T), table);
            taken = scan.Taken();
        };
        Run(new TableMembers<T>(System.Array.Empty<TableAggregate<T>>()), options, take, cancellationToken);
        return taken!;
    }

    private void Run(TableMembers<T> members, ScanOptions? options, Work work, CancellationToken token)
    {
        fixed (byte* values = condition?.Values())
        fixed (fastpar_condition* conditions = condition?.ToNative(members, values))
        fixed (fastpar_field* fields = members.Fields.ConvertAll(field => field.ToNative()).ToArray())
        {
            fastpar_table table = default;
            table.struct_size = (UIntPtr)sizeof(fastpar_table);
            table.fields = fields;
            table.fields_count = (UIntPtr)(uint)members.Fields.Count;
            table.conditions = conditions;
            table.conditions_count = (UIntPtr)(uint)(condition?.Length ?? 0);
            using var lease = new Lease(archive.Handle);
            work(new TableScan<T>(options, archive.Path, token), (fastpar_archive*)lease.Pointer, &table);
        }
    }
}
