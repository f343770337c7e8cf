#if NET
global using NativeCallbackAttribute = System.Runtime.InteropServices.UnmanagedCallersOnlyAttribute;
#else
using System;

namespace Fastpar;

/// <summary>
/// Marks what native code calls: of .NET the address is taken, elsewhere that of a delegate.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NativeCallbackAttribute : Attribute
{
}
#endif
