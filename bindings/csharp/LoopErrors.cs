namespace Fastpar;

/// <summary>
/// What a call throws when several bodies have failed. Which chunks ran before the loop stopped depends on
/// timing.
/// </summary>
public enum LoopErrors
{
    /// <summary>
    /// The exception of the lowest chunk of those that ran, as it is, and never another type. The default.
    /// </summary>
    First,

    /// <summary>
    /// An <see cref="System.AggregateException"/>, for one failure too, with the exceptions in chunk order.
    /// </summary>
    All,
}
