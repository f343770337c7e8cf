using System;
using System.Threading;

namespace Fastpar
{
    /// <summary>A call of the codec at work: its options, its progress callback and its token.</summary>
    internal sealed unsafe class CodecState : CallState
    {
        private readonly DictHandle? dict;
        private fastpar_zstd_options native;

        internal CodecState(ZstdOptions? options, CancellationToken token)
            : base(options?.Progress, token)
        {
            native = (options ?? ZstdOptions.Defaults).ToNative();
            dict = options?.Dict?.Handle;
        }

        internal override bool IsCalledBack => ProgressFunction != null;

        /// <summary>A function of the library, given the options and the place for an error.</summary>
        internal delegate int Work(fastpar_zstd_options* options, fastpar_error* error);

        /// <summary>Runs it; false: the destination is too small. Every other failure is thrown.</summary>
        internal bool Run(Work work)
        {
            fastpar_error error;
            using var call = new SyncCall(this);
            using var lease = new Lease(dict);
            fastpar_zstd_options options = native;
            options.dict = (fastpar_dict*)lease.Pointer;
            options.cancel = call.Cancel;
            options.progress = ProgressFunction;
            options.progress_data = UserData;
            int status = work(&options, &error);
            if (status == NativeMethods.FASTPAR_ERR_BUFFER_TOO_SMALL && !HasFailed)
            {
                return false;
            }
            call.End(status, &error);
            return true;
        }
    }
}
