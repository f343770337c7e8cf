namespace Fastpar;

/// <summary>
/// Where a failure happened, for its exception: its parameter, its files, and whether it reads data.
/// </summary>
internal readonly struct ErrorSite
{
    /// <summary>For the kinds of ArgumentException; null: the options.</summary>
    internal string? Parameter { get; init; }

    /// <summary>The parameter of the destination, where that may be too small.</summary>
    internal string? Destination { get; init; }

    /// <summary>Data is read, so a limit that is passed is the data's fault.</summary>
    internal bool Reads { get; init; }

    /// <summary>The file that is read.</summary>
    internal string? Source { get; init; }

    /// <summary>The file that is written.</summary>
    internal string? Target { get; init; }

    /// <summary>The name of the object, for ObjectDisposedException.</summary>
    internal string? Object { get; init; }
}
