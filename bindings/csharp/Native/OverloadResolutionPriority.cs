#if !NET9_0_OR_GREATER
namespace System.Runtime.CompilerServices;

/// <summary>What compilers look for by its name, from C# 13 on.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property)]
internal sealed class OverloadResolutionPriorityAttribute : Attribute
{
    internal OverloadResolutionPriorityAttribute(int priority) => Priority = priority;

    internal int Priority { get; }
}
#endif
