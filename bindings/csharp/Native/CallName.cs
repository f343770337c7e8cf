using System.Text;

namespace Fastpar;

/// <summary>Names that traces have for calls.</summary>
internal static class CallName
{
    /// <summary>As C takes it.</summary>
    internal static byte[]? Utf8(string? name) => name == null ? null : Encoding.UTF8.GetBytes(name + "\0");
}
