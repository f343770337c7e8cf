using System;
using System.Threading;

namespace Fastpar
{
    /// <summary>What the callbacks of a call of the codec share: its progress.</summary>
    internal sealed unsafe class CodecState : CallState
    {
        internal CodecState(IProgress<FastparProgress>? progress, CancellationToken token)
            : base(progress, token)
        {
        }

        internal override bool IsCalledBack => ProgressFunction != null;
    }

    /// <summary>A call of the codec, from its preparation to its outcome: its options, its dictionary, its token.</summary>
    internal readonly unsafe ref struct CodecCall
    {
        private readonly CodecState state;
        private readonly ZstdOptions options;
        private readonly Lease dict;
        private readonly SyncCall call;

        internal CodecCall(ZstdOptions? options, CancellationToken token)
        {
            this.options = options ?? ZstdOptions.Defaults;
            state = new CodecState(options?.Progress, token);
            dict = new Lease(options?.Dict?.Handle);
            try
            {
                call = new SyncCall(state);
            }
            catch
            {
                dict.Dispose();
                throw;
            }
        }

        /// <summary>For the library.</summary>
        internal fastpar_zstd_options Options
        {
            get
            {
                fastpar_zstd_options native = options.ToNative();
                native.dict = (fastpar_dict*)dict.Pointer;
                native.cancel = call.Cancel;
                native.progress = state.ProgressFunction;
                native.progress_data = state.UserData;
                return native;
            }
        }

        /// <summary>What the library returned. False: the destination is too small; every other failure is thrown.</summary>
        internal bool Fits(int status, fastpar_error* error)
        {
            if (status == NativeMethods.FASTPAR_ERR_BUFFER_TOO_SMALL && !state.HasFailed)
            {
                return false;
            }
            call.End(status, error);
            return true;
        }

        public void Dispose()
        {
            dict.Dispose();
            call.Dispose();
        }
    }
}
