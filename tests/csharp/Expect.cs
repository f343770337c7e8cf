using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Fastpar.Tests
{
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

        internal static FastparException Fails(FastparStatus status, Action action)
        {
            FastparException exception = Throws<FastparException>(action);
            Equal(status, exception.Status, "status");
            True(exception.Message.Length > 5, "a message");
            return exception;
        }

        /// <summary>Waits until something has become true, for at most 30 seconds.</summary>
        internal static void Soon(Func<bool> condition, string what)
        {
            True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), $"not in time: {what}");
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
}
