namespace Fastpar;

/// <summary>
/// The library's atomics, all sequentially consistent, on variables that other languages in the process
/// share. For variables of .NET alone System.Threading.Interlocked is as good, but for <see cref="Max"/> and
/// <see cref="Min"/>.
/// </summary>
public static unsafe class FastparAtomic
{
    /// <summary>Reads a variable that other threads may be changing.</summary>
    /// <param name="place">The variable.</param>
    /// <returns>Its value.</returns>
    public static long Load(in long place)
    {
        fixed (long* pinned = &place)
        {
            return NativeMethods.fastpar_atomic_load(pinned);
        }
    }

    /// <summary>Writes a variable that other threads may be reading.</summary>
    /// <param name="place">The variable.</param>
    /// <param name="value">The new value.</param>
    public static void Store(ref long place, long value)
    {
        fixed (long* pinned = &place)
        {
            NativeMethods.fastpar_atomic_store(pinned, value);
        }
    }

    /// <summary>Adds to a variable in one step, wrapping around.</summary>
    /// <param name="place">The variable.</param>
    /// <param name="delta">What to add.</param>
    /// <returns>The value before.</returns>
    public static long Add(ref long place, long delta)
    {
        fixed (long* pinned = &place)
        {
            return NativeMethods.fastpar_atomic_add(pinned, delta);
        }
    }

    /// <summary>Raises a variable to at least a value in one step.</summary>
    /// <param name="place">The variable.</param>
    /// <param name="value">The least that it shall be.</param>
    /// <returns>The value before.</returns>
    public static long Max(ref long place, long value)
    {
        fixed (long* pinned = &place)
        {
            return NativeMethods.fastpar_atomic_max(pinned, value);
        }
    }

    /// <summary>Lowers a variable to at most a value in one step.</summary>
    /// <param name="place">The variable.</param>
    /// <param name="value">The most that it shall be.</param>
    /// <returns>The value before.</returns>
    public static long Min(ref long place, long value)
    {
        fixed (long* pinned = &place)
        {
            return NativeMethods.fastpar_atomic_min(pinned, value);
        }
    }

    /// <summary>Replaces a variable in one step, if it has the value expected.</summary>
    /// <param name="place">The variable.</param>
    /// <param name="expected">The value expected; if it was another, that value afterwards.</param>
    /// <param name="desired">The new value.</param>
    /// <returns>Whether it was replaced.</returns>
    public static bool CompareExchange(ref long place, ref long expected, long desired)
    {
        fixed (long* pinned = &place, pinnedExpected = &expected)
        {
            return NativeMethods.fastpar_atomic_compare_exchange(pinned, pinnedExpected, desired) != 0;
        }
    }
}
