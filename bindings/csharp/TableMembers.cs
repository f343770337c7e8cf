using System;
using System.Collections.Generic;

namespace Fastpar;

/// <summary>The fields that a call is about, each once, and what it asks of them.</summary>
/// <typeparam name="T">The record.</typeparam>
internal sealed unsafe class TableMembers<T>
    where T : unmanaged
{
    private readonly int[] lengths;

    internal TableMembers(TableAggregate<T>[] aggregates, params TableKey<T>[] keys)
    {
        Keys = Array.ConvertAll(keys, key => key.ToNative(Add(key.Field)));
        lengths = Array.ConvertAll(keys, key => (int)(key.Field.Flags >> 8));
        Aggregates = Array.ConvertAll(aggregates, asked => new fastpar_aggregate
        {
            operation = asked.Operation,
            column = (UIntPtr)(uint)Add(asked.Field),
            weights = (UIntPtr)(uint)Add(asked.Weights),
        });
    }

    internal List<TableField<T>> Fields { get; } = new();

    internal fastpar_group_key[] Keys { get; }

    internal fastpar_aggregate[] Aggregates { get; }

    /// <summary>Its index, also of a field that is there; 0 of none.</summary>
    internal int Add(TableField<T>? field)
    {
        if (field == null)
        {
            return 0;
        }
        int found = Fields.FindIndex(field.Value.IsSame);
        if (found < 0)
        {
            Fields.Add(field.Value);
        }
        return found < 0 ? Fields.Count - 1 : found;
    }

    /// <summary>Copies the groups that the library has found.</summary>
    internal TableGroups Groups(fastpar_groups* groups) => new(groups, lengths, Aggregates.Length);
}
