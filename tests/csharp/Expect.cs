using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;

namespace Fastpar.Tests;

internal sealed class UnexpectedException : Exception
{
    internal UnexpectedException(string message)
        : base(message)
    {
    }
}

/// <summary>What a test says about values.</summary>
internal static class Expect
{
    internal static void True(bool condition, string what)
    {
        if (!condition)
        {
            throw new UnexpectedException(what);
        }
    }

    internal static void Equal<T>(T expected, T found, string what = "value")
    {
        if (!EqualityComparer<T>.Default.Equals(expected, found))
        {
            throw new UnexpectedException($"{what}: expected {expected}, found {found}");
        }
    }

    internal static void Same(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> found)
    {
        True(expected.SequenceEqual(found), $"other bytes: {expected.Length} expected, {found.Length} found");
    }

    /// <summary>Exactly this type of exception.</summary>
    internal static T Throws<T>(Action action)
        where T : Exception
    {
        try
        {
            action();
        }
        catch (Exception exception) when (exception.GetType() == typeof(T))
        {
            return (T)exception;
        }
        throw new UnexpectedException($"no {typeof(T).Name}");
    }

    /// <summary>The type of exception for each status, as it is documented at FastparException.</summary>
    private static readonly Dictionary<FastparStatus, Type[]> Types = new()
    {
        [FastparStatus.InvalidArgument] = new[] { typeof(ArgumentException) },
        [FastparStatus.BufferTooSmall] = new[] { typeof(ArgumentException) },
        [FastparStatus.LimitExceeded] = new[] { typeof(InvalidDataException), typeof(FastparException) },
        [FastparStatus.Corrupt] = new[] { typeof(InvalidDataException) },
        [FastparStatus.Checksum] = new[] { typeof(InvalidDataException) },
        [FastparStatus.Truncated] = new[] { typeof(InvalidDataException) },
        [FastparStatus.Dictionary] = new[] { typeof(InvalidDataException) },
        [FastparStatus.NotZstd] = new[] { typeof(InvalidDataException) },
        [FastparStatus.Closed] = new[] { typeof(ObjectDisposedException) },
        [FastparStatus.Busy] = new[] { typeof(InvalidOperationException) },
        [FastparStatus.Io] = new[] { typeof(FileNotFoundException), typeof(DirectoryNotFoundException), typeof(IOException) },
        [FastparStatus.AlreadyStarted] = new[] { typeof(FastparException) },
        [FastparStatus.Threads] = new[] { typeof(FastparException) },
    };

    /// <summary>
    /// An exception of the type that .NET has for the status, with the failure of fastpar inside.
    /// </summary>
    internal static FastparException Fails(FastparStatus status, Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            FastparException failure = FastparException.From(exception)
                ?? throw new UnexpectedException($"not of fastpar: {exception}");
            Equal(status, failure.Status, "status");
            True(Types[status].Contains(exception.GetType()), $"{status} as {exception.GetType()}");
            True(exception.Message.Length > 5, "a message");
            True(exception is not ArgumentException argument || argument.ParamName != null, "no parameter");
            return failure;
        }
        throw new UnexpectedException($"no {status}");
    }

    /// <summary>
    /// More than anything takes, on a busy machine too: only what hangs is found out by it.
    /// </summary>
    internal static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Chunks of a loop that does not end before it is cancelled, however late that comes.</summary>
    internal const long Endless = 1L << 40;

    /// <summary>Waits until something has become true, for at most <see cref="Limit"/>.</summary>
    internal static void Soon(Func<bool> condition, string what)
    {
        True(SpinWait.SpinUntil(condition, Limit), $"not in time: {what}");
    }

    /// <summary>Bytes that compress, as text does.</summary>
    internal static byte[] Data(int length)
    {
        var random = new Random(7);
        string[] words = Enumerable.Range(0, 500).Select(i => $"{i * 7919 % 10007} ").ToArray();
        var text = new System.Text.StringBuilder();
        while (text.Length < length)
        {
            text.Append(words[random.Next(words.Length)]);
        }
        return System.Text.Encoding.ASCII.GetBytes(text.ToString(0, length));
    }
}
