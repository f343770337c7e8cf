namespace Fastpar;

/// <summary>
/// Where a failure happened, for its exception: its parameter, its files, and whether it reads data.
/// </summary>
internal readonly struct ErrorSite
{
    /// <summary>
    /// For the kinds of ArgumentException, where the message is not about the target; null: the options.
    /// </summary>
    internal string? Parameter { get; init; }

    /// <summary>The parameter of the destination, where that may be too small.</summary>
    internal string? Destination { get; init; }

    /// <summary>Data is read, so a limit that is passed is the data's fault.</summary>
    internal bool Reads { get; init; }

    /// <summary>The file that is read.</summary>
    internal string? Source { get; init; }

    /// <summary>The file that is written.</summary>
    internal string? Target { get; init; }

    /// <summary>
    /// Whether a message ends with a colon and this path, or, where that is long, with its end.
    /// </summary>
    internal static bool Names(string message, string path)
    {
        const string Cut = ": ...";
        int cut = message.LastIndexOf(Cut, System.StringComparison.Ordinal);
        return message.EndsWith(": " + path, System.StringComparison.Ordinal)
            || (cut >= 0 && path.EndsWith(message.Substring(cut + Cut.Length), System.StringComparison.Ordinal));
    }

    /// <summary>Whether a message is about the file that is written.</summary>
    internal bool IsTarget(string message) => Target != null && Names(message, Target);
}
