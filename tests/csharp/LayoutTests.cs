using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Fastpar.Tests;

/// <summary>The raw layer is the C ABI, and the safe layer reaches all of it.</summary>
internal static class LayoutTests
{
    private const BindingFlags All =
        BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic
            | BindingFlags.DeclaredOnly;

    private static readonly Assembly Library = typeof(FastparPool).Assembly;
    private static readonly Type Native = Library.GetType("Fastpar.NativeMethods", throwOnError: true)!;

    [Test]
    private static void StructsHaveTheSizesAndOffsetsOfTheHeader()
    {
        foreach (var (name, size, fields) in Layout.Structs)
        {
            Type type = Library.GetType("Fastpar." + name, throwOnError: true)!;
            Expect.Equal(size, Marshal.SizeOf(type), name);
            Expect.Equal(fields.Length, type.GetFields(All).Length, $"fields of {name}");
            foreach (var (field, offset) in fields)
            {
                Expect.Equal(offset, (int)Marshal.OffsetOf(type, field), $"{name}.{field}");
            }
        }
    }

    [Test]
    private static void EveryFunctionAndFieldIsUsedByTheSafeLayer()
    {
        HashSet<MemberInfo> used = Used();
        var functions = Native.GetMethods(All).Where(method => method.Name.StartsWith("fastpar_"));
        var options = Library.GetTypes()
            .Where(type => type.Name.StartsWith("fastpar_")).SelectMany(type => type.GetFields(All));
        Expect.True(functions.Count() > 30, "functions");
        // A function may be declared once more, for pointers instead of delegates.
        var names = new HashSet<string>(used.OfType<MethodInfo>().Select(method => method.Name));
        var unused = functions.Select(method => method.Name).Where(name => !names.Contains(name))
            .Concat(options.Where(field => !used.Contains(field) && field.Name != "reserved")
                .Select(field => $"{field.DeclaringType!.Name}.{field.Name}"))
            .Except(Left).ToArray();
        Expect.True(unused.Length == 0, "not used: " + string.Join(", ", unused));
    }

    /// <summary>What the safe layer has no use for.</summary>
    private static readonly string[] Left =
    {
        "fastpar_team_run", // fastpar_team_run_with does the same
        "fastpar_group_options.flags", "fastpar_team_options.flags", "fastpar_trace_options.flags", // there are none yet
        "fastpar_piece.offset", "fastpar_piece.lane", "fastpar_piece.lanes", // a body gets the records alone
    };

    [Test]
    private static void EveryStatusHasItsName()
    {
        foreach (FastparStatus status in Enum.GetValues(typeof(FastparStatus)).Cast<FastparStatus>())
        {
            string expected = string.Concat(
                status.ToString().Select(c => char.IsUpper(c) ? "_" + c : char.ToUpper(c).ToString()));
            string name = FastparLibrary.StatusName(status).Replace("FASTPAR_ERR", "").Replace("FASTPAR", "");
            Expect.Equal(expected, name, "name");
        }
        int known = Native.GetFields(All).Count(field => field.Name.StartsWith("FASTPAR_ERR_"));
        Expect.Equal(known + 1, Enum.GetValues(typeof(FastparStatus)).Length, "statuses");
    }

    [Test]
    private static void OnlyTheSafeLayerIsPublic()
    {
        Type? raw = Library.GetExportedTypes().FirstOrDefault(type => type.Name.StartsWith("fastpar_") || type == Native);
        Expect.True(raw == null, $"{raw} is public");
    }

    /// <summary>The members of the raw layer that stand in the code of the assembly.</summary>
    private static HashSet<MemberInfo> Used()
    {
        var used = new HashSet<MemberInfo>();
        foreach (Type type in Library.GetTypes().Where(type => type != Native))
        {
            var methods = type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All));
            foreach (MethodBase method in methods)
            {
                byte[] code = method.GetMethodBody()?.GetILAsByteArray() ?? Array.Empty<byte>();
                for (int at = 0; at + 4 < code.Length; at++)
                {
                    // Bytes that only look like the instruction and a token do no harm.
                    const byte call = 0x28, loadField = 0x7B, loadFieldAddress = 0x7C, storeField = 0x7D;
                    if (code[at] == call || code[at] == loadField || code[at] == loadFieldAddress || code[at] == storeField)
                    {
                        Add(used, type, method, BitConverter.ToInt32(code, at + 1));
                    }
                    const byte twoBytes = 0xFE, loadFunction = 0x06;
                    if (code[at] == twoBytes && code[at + 1] == loadFunction && at + 5 < code.Length)
                    {
                        Add(used, type, method, BitConverter.ToInt32(code, at + 2));
                    }
                }
            }
        }
        return used;
    }

    private static void Add(HashSet<MemberInfo> used, Type type, MethodBase method, int token)
    {
        try
        {
            Type[]? typeArguments = type.IsGenericType ? type.GetGenericArguments() : null;
            Type[]? methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
            used.Add(Library.ManifestModule.ResolveMember(token, typeArguments, methodArguments)!);
        }
        catch (Exception exception) when (exception is ArgumentException || exception is BadImageFormatException)
        {
            // Not a token.
        }
    }
}
