namespace Fastpar;

/// <summary>The native library: its versions, and the names of statuses.</summary>
public static unsafe class FastparLibrary
{
    /// <summary>
    /// The version of the ABI that this assembly speaks; a library with another one is refused.
    /// </summary>
    public const int RequiredAbiVersion = (int)NativeMethods.FASTPAR_ABI_VERSION;

    /// <summary>The version of the native library: major * 10000 + minor * 100 + patch.</summary>
    public static int Version => (int)NativeMethods.fastpar_version();

    /// <summary>The version of the native library as text, such as "1.2.3".</summary>
    public static string VersionString => Text(NativeMethods.fastpar_version_string());

    /// <summary>The version of the ABI that the native library speaks.</summary>
    public static int AbiVersion => (int)NativeMethods.fastpar_abi_version();

    /// <summary>The version of the libzstd inside, such as "1.5.7".</summary>
    public static string ZstdVersionString => Text(NativeMethods.fastpar_zstd_version_string());

    /// <summary>The C name of a status, such as "FASTPAR_ERR_CANCELLED".</summary>
    /// <param name="status">Any number; a number that is not a status gives "FASTPAR_ERR_UNKNOWN".</param>
    /// <returns>The name.</returns>
    public static string StatusName(FastparStatus status) => Text(NativeMethods.fastpar_status_name((int)status));

    /// <summary>A short English sentence about a status, such as "the checksum differs".</summary>
    /// <param name="status">Any number.</param>
    /// <returns>The sentence.</returns>
    public static string StatusMessage(FastparStatus status) => Text(NativeMethods.fastpar_status_message((int)status));

    private static string Text(byte* text) => Check.Text(text);
}
