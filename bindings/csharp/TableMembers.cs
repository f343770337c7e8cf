using System;
using System.Collections.Generic;

namespace Fastpar;

/// <summary>The fields that a call is about, each once, and what it asks of them.</summary>
/// <typeparam name="T">The record.</typeparam>
internal sealed unsafe class TableMembers<T>
    where T : unmanaged
{
    private const int MostAggregates = 256;
    private const int MostFields = 256;
    private const int MostKeys = 16;
    private const int BytesOfWord = 8;
    private const int MostBytesOfKeys = 512 * BytesOfWord;

    private readonly int[] lengths;

    /// <param name="aggregates">What is asked; this is the name of the caller's parameter too.</param>
    /// <param name="keys">The same; null: nothing is grouped.</param>
    internal TableMembers(TableAggregate<T>[] aggregates, TableKey<T>[]? keys = null)
    {
        CheckKeys(keys);
        keys ??= Array.Empty<TableKey<T>>();
        Keys = Array.ConvertAll(keys, key => key.ToNative(Add(key.Field)));
        lengths = Array.ConvertAll(keys, key => (int)(key.Field.Flags >> 8));
        Aggregates = Array.ConvertAll(aggregates, asked => new fastpar_aggregate
        {
            operation = asked.Operation,
            column = (UIntPtr)(uint)Add(asked.Field),
            weights = (UIntPtr)(uint)Add(asked.Weights),
        });
        if (aggregates.Length > MostAggregates || Fields.Count > MostFields)
        {
            throw new ArgumentException(
                $"{aggregates.Length} aggregates of {Fields.Count} fields, expected at most {MostAggregates} of {MostFields}",
                nameof(aggregates));
        }
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

    private static void CheckKeys(TableKey<T>[]? keys)
    {
        if (keys == null)
        {
            return;
        }
        if (keys.Length is 0 or > MostKeys)
        {
            throw new ArgumentException($"{keys.Length} keys, expected 1 to {MostKeys}", nameof(keys));
        }
        long bytes = 0;
        foreach (TableKey<T> key in keys)
        {
            long length = key.Field.Known(nameof(keys)).Flags >> 8;
            bytes += Math.Max((length + BytesOfWord - 1) / BytesOfWord, 1) * BytesOfWord;
        }
        if (bytes > MostBytesOfKeys)
        {
            throw new ArgumentException($"keys of {bytes} bytes, expected at most {MostBytesOfKeys}", nameof(keys));
        }
    }
}
