#if !NETCOREAPP
namespace System.Runtime.CompilerServices;

/// <summary>What the compiler asks for where a property has `init`. The only such type that netstandard lacks.</summary>
internal static class IsExternalInit
{
}
#endif
