#if !NETCOREAPP
namespace System.Runtime.CompilerServices;

/// <summary>The compiler asks for it where a property has `init`; netstandard has it not.</summary>
internal static class IsExternalInit
{
}
#endif
