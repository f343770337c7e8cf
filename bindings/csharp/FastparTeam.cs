using System;
using System.ComponentModel;
using System.Threading;
using System.Threading.Tasks;

namespace Fastpar;

/// <summary>One member of a team at work. It cannot leave its body.</summary>
public readonly unsafe ref struct TeamMember
{
    private readonly fastpar_team* team;

    internal TeamMember(fastpar_team* team, uint member, uint members)
    {
        this.team = team;
        Member = (int)member;
        Members = (int)members;
    }

    /// <summary>Its number, from 0; member 0 is the thread that made the call.</summary>
    public int Member { get; }

    /// <summary>How many there are.</summary>
    public int Members { get; }

    /// <summary>
    /// Waits until every member has come to the barrier. What members wrote before it is visible to all after
    /// it. A member that has returned is not waited for.
    /// </summary>
    /// <exception cref="OperationCanceledException">
    /// A member failed, or the team is cancelled, so no barrier is waited at any more. Let it pass: the call
    /// throws the exception of that member.
    /// </exception>
    public void Barrier()
    {
        fastpar_error error;
        int status = NativeMethods.fastpar_team_barrier(team, &error);
        if (status == NativeMethods.FASTPAR_ERR_CANCELLED)
        {
            throw new TeamEndedException(Check.Text(error.message), (IntPtr)team);
        }
        Check.Ok(status, &error);
    }
}

/// <summary>What a member of a team does.</summary>
/// <param name="member">Which one it is, and the barrier.</param>
public delegate void MemberAction(TeamMember member);

/// <summary>An asynchronous body, which teams refuse.</summary>
/// <param name="member">Which member it is, and the barrier.</param>
/// <returns>Completes when the body has.</returns>
public delegate Task MemberTask(TeamMember member);

/// <summary>An asynchronous body, which teams refuse.</summary>
/// <param name="member">Which member it is, and the barrier.</param>
/// <returns>Completes when the body has.</returns>
public delegate ValueTask MemberValueTask(TeamMember member);

/// <summary>
/// Options of a team. A property that is not set means its default. They are read when a call begins.
/// </summary>
public sealed class TeamOptions
{
    /// <summary>
    /// 1 to the threads of the pool, the caller included. 0: as many as the pool has.
    /// </summary>
    public int Members { get; set => field = (int)Check.NotNegative(value, nameof(value)); }

    /// <summary>What traces call the team; null: nothing of its own.</summary>
    public string? Name { get; set => Utf8Name = CallName.Utf8(field = value); }

    /// <summary>The name, to be pinned for a call.</summary>
    internal byte[]? Utf8Name { get; private set; }
}

/// <summary>
/// Members that run at the same time, each on a thread of its own, and may wait for each other.
/// </summary>
public static unsafe class FastparTeam
{
    private const string AsyncBodies = "A team waits for no task: its members are threads.";

    /// <summary>
    /// Runs a body once for each member, all at the same time, and returns when all have ended.
    /// </summary>
    /// <param name="members">
    /// 1 to the threads of the pool, the caller included; 0: as many as the pool has.
    /// </param>
    /// <param name="body">
    /// What each member does. An exception ends the team: the others are released from their barriers.
    /// </param>
    /// <param name="cancellationToken">
    /// Cancels the team: the members are released from their barriers within some 20 ms.
    /// </param>
    /// <exception cref="FastparException">
    /// <see cref="FastparStatus.Threads"/>: more members than the pool has threads; or, from inside a body,
    /// more than are free now.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// It was cancelled, and no member threw an exception of its own.
    /// </exception>
    public static void Run(int members, MemberAction body, CancellationToken cancellationToken = default) =>
        Run((int)Check.NotNegative(members, nameof(members)), null, body, cancellationToken);

    /// <summary>The same with options.</summary>
    /// <param name="options">How many members, and what traces call the team.</param>
    /// <param name="body">What each member does.</param>
    /// <param name="cancellationToken">Cancels the team.</param>
    /// <inheritdoc cref="Run(int, MemberAction, CancellationToken)"/>
    public static void Run(TeamOptions options, MemberAction body, CancellationToken cancellationToken = default)
    {
        Check.NotNull(options, nameof(options));
        Run(options.Members, options.Utf8Name, body, cancellationToken);
    }

    /// <summary>The same for a body that only throws.</summary>
    /// <inheritdoc cref="Run(TeamOptions, MemberAction, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run(TeamOptions options, MemberNoReturn body, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        Run(options, new MemberAction(member => body(member)), cancellationToken);
    }

    /// <inheritdoc cref="Run(int, MemberTask, CancellationToken)"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run(TeamOptions options, MemberTask body, CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc cref="Run(int, MemberTask, CancellationToken)"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run(TeamOptions options, MemberValueTask body, CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);

    private static void Run(int members, byte[]? utf8Name, MemberAction body, CancellationToken cancellationToken)
    {
        fastpar_error error;
        var state = new TeamState(Check.NotNull(body, nameof(body)), cancellationToken);
        using var call = new SyncCall(state);
        var options = new fastpar_team_options
        {
            struct_size = (UIntPtr)sizeof(fastpar_team_options),
            members = (uint)members,
            cancel = call.Cancel,
        };
        int status;
        fixed (byte* name = utf8Name)
        {
            options.name = name;
            status = NativeMethods.fastpar_team_run_with(&options, TeamState.OnMember, state.UserData, &error);
        }
        try
        {
            call.End(status, &error);
        }
        catch (TeamEndedException ended) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(ended.Message, ended.InnerException, cancellationToken);
        }
    }

    /// <summary>The same for a body that only throws.</summary>
    /// <inheritdoc cref="Run(int, MemberAction, CancellationToken)"/>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run(int members, MemberNoReturn body, CancellationToken cancellationToken = default)
    {
        Check.NotNull(body, nameof(body));
        Run(members, new MemberAction(member => body(member)), cancellationToken);
    }

    /// <summary>Not for asynchronous bodies: they would be taken for finished at their first await.</summary>
    /// <param name="members">Not used.</param>
    /// <param name="body">Not called.</param>
    /// <param name="cancellationToken">Not used.</param>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run(int members, MemberTask body, CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);

    /// <inheritdoc cref="Run(int, MemberTask, CancellationToken)"/>
    [Obsolete(AsyncBodies, error: true)]
    [EditorBrowsable(EditorBrowsableState.Never)]
    public static void Run(int members, MemberValueTask body, CancellationToken cancellationToken = default) => throw new NotSupportedException(AsyncBodies);

    private sealed class TeamState : CallState
    {
#if NET
        internal static fastpar_team_run_with_member OnMember => &RunMember;
#else
        internal static readonly fastpar_team_run_with_member OnMember = RunMember;
#endif

        private readonly MemberAction body;
        private IntPtr team;

        internal TeamState(MemberAction body, CancellationToken token)
            : base(null, token) => this.body = body;

        /// <summary>
        /// A member that was released from a barrier of this team has not failed by itself.
        /// </summary>
        protected override bool IsConsequence(Exception exception) =>
            (exception is TeamEndedException ended && ended.Team == team) || base.IsConsequence(exception);

        protected override int Invoke(int kind, void* a, void* b, void* c)
        {
            team = (IntPtr)a;
            body(new TeamMember((fastpar_team*)a, *(uint*)b, *(uint*)c));
            return 0;
        }

        protected override long Position(int kind, void* a, void* b) => *(uint*)b;

        [NativeCallback]
        [MonoPInvokeCallback(typeof(NativeMethods.fastpar_team_run_with_member_delegate))]
        private static int RunMember(void* userData, fastpar_team* team, uint member, uint members) =>
            ((TeamState)From(userData)).Callback(1, team, &member, &members);
    }
}

/// <summary>A barrier was left because another member failed.</summary>
internal sealed class TeamEndedException : OperationCanceledException
{
    internal TeamEndedException(string message, IntPtr team)
        : base(message, new FastparException(FastparStatus.Cancelled, message)) => Team = team;

    internal IntPtr Team { get; }
}
