using System.ComponentModel;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>
/// What a body returns that never does: <c>range =&gt; throw new ...</c>. There is no need to name it.
/// </summary>
/// <remarks>
/// Such a lambda would fit the overloads for tasks just as well, which exist to refuse asynchronous
/// bodies. As this converts to both kinds of tasks, the compiler takes the overload with this.
/// </remarks>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly struct NoReturn
{
    /// <summary>For the choice of an overload; there is never a value.</summary>
    /// <param name="never">Not used.</param>
    public static implicit operator Task(NoReturn never) => Task.CompletedTask;

    /// <summary>For the choice of an overload; there is never a value.</summary>
    /// <param name="never">Not used.</param>
    public static implicit operator ValueTask(NoReturn never) => default;
}

/// <summary>A body that only throws.</summary>
/// <param name="chunk">Which items, on which lane.</param>
/// <returns>Never.</returns>
[EditorBrowsable(EditorBrowsableState.Never)]
public delegate NoReturn ChunkNoReturn(in Chunk chunk);

/// <summary>What a member of a team does, if it only throws.</summary>
/// <param name="member">Which member it is, and the barrier.</param>
/// <returns>Never.</returns>
[EditorBrowsable(EditorBrowsableState.Never)]
public delegate NoReturn MemberNoReturn(TeamMember member);
