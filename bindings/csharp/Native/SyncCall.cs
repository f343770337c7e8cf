namespace Fastpar;

/// <summary>
/// A call that returns when it is done, from its preparation to its outcome: roots the state where callbacks
/// come, and lets the token set a flag that the native library looks at.
/// </summary>
internal unsafe ref struct SyncCall
{
    private readonly CallState state;
    private readonly CancelFlag flag;
    private readonly CallThread.Visit visit;

    internal SyncCall(CallState state)
    {
        this.state = state;
        flag = new CancelFlag(state.Token);
        if (state.IsCalledBack)
        {
            state.Root();
            visit = new CallThread.Visit(state);
        }
    }

    /// <summary>For the field `cancel` of the options.</summary>
    internal int* Cancel => flag.Pointer;

    /// <summary>Throws the exception of the call's result, unless that is success.</summary>
    internal void End(int status, fastpar_error* error, in ErrorSite site = default) =>
        state.Outcome(status, error, site)?.Throw();

    public void Dispose()
    {
        visit.Dispose();
        state.Unroot();
        flag.Dispose();
    }
}
