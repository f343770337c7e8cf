using System;
using System.Threading;

namespace Fastpar;

/// <summary>The state that the callbacks of a codec call share: its progress.</summary>
internal sealed unsafe class CodecState : CallState
{
    internal CodecState(IProgress<FastparProgress>? progress, CancellationToken token)
        : base(progress, token)
    {
    }

    internal override bool IsCalledBack => ProgressFunction != null;

    protected override int Invoke(int kind, void* a, void* b, void* c) => 0; // there is progress only
}

/// <summary>
/// A call of the codec, from its preparation to its outcome: its options, what they refer to, its token.
/// Without options and token there is nothing to prepare, and small calls are over before an object would
/// be made.
/// </summary>
internal readonly unsafe ref struct CodecCall
{
    private readonly CodecState? state;
    private readonly ZstdOptions? options;
    private readonly OptionLease lease;
    private readonly SyncCall call;

    internal CodecCall(ZstdOptions? options, CancellationToken token)
    {
        this = default;
        if (options == null && !token.CanBeCanceled)
        {
            return;
        }
        this.options = options ?? ZstdOptions.Defaults;
        state = new CodecState(options?.Progress, token);
        lease = new OptionLease(options);
        try
        {
            call = new SyncCall(state);
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>The options for the library, written to the place given, if there are any.</summary>
    internal fastpar_zstd_options* Options(fastpar_zstd_options* place)
    {
        if (state == null)
        {
            return null;
        }
        *place = options!.ToNative();
        lease.Apply(place);
        place->cancel = call.Cancel;
        place->progress = state.ProgressFunction;
        place->progress_data = state.UserData;
        return place;
    }

    /// <summary>
    /// Whether the call has succeeded. False: the destination is too small; every other failure is thrown.
    /// </summary>
    internal bool Fits(int status, fastpar_error* error, in ErrorSite site = default)
    {
        if (status == NativeMethods.FASTPAR_ERR_BUFFER_TOO_SMALL && state?.HasFailed != true)
        {
            return false;
        }
        if (state == null)
        {
            Check.Ok(status, error, site);
            return true;
        }
        call.End(status, error, site);
        return true;
    }

    public void Dispose()
    {
        if (state != null)
        {
            lease.Dispose();
            call.Dispose();
        }
    }
}
