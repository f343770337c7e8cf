using System;
using System.Threading;

namespace Fastpar;

/// <summary>
/// A call that works in pumps: chunks of native jobs that nobody waits for. While a job is under way this is
/// rooted.
/// </summary>
internal abstract unsafe class PumpState : CallState
{
    private const int PumpKind = 1;

#if NET
    private static fastpar_for_start_body OnPump => &RunPump;
    private static fastpar_job_notify_done OnEnd => &RunEnd;
#else
    private static readonly fastpar_for_start_body OnPump = RunPump;
    private static readonly fastpar_job_notify_done OnEnd = RunEnd;
#endif

    private readonly object rooting = new();
    private readonly byte[]? name;
    private int jobs;

    protected PumpState(byte[]? name, CancellationToken token)
        : base(null, token) => this.name = name;

    /// <summary>Works until there is no more to do; throws nothing.</summary>
    protected abstract void Pump();

    /// <summary>Starts a job of so many pumps, each on a worker.</summary>
    protected void StartPumps(int pumps)
    {
        lock (rooting)
        {
            if (jobs++ == 0)
            {
                Root();
            }
        }
        fastpar_loop_options options = LoopOptions.ItemByItem.ToNative();
        fastpar_error error;
        fastpar_job* job;
        int status;
        fixed (byte* told = name)
        {
            options.name = told;
            status = NativeMethods.fastpar_for_start(&options, (UIntPtr)(uint)pumps, OnPump, UserData, &job, &error);
        }
        if (status == NativeMethods.FASTPAR_OK)
        {
            // The job's end has to be told: without that there is no job.
            status = NativeMethods.fastpar_job_notify(job, OnEnd, UserData, &error);
            if (status == NativeMethods.FASTPAR_OK)
            {
                NativeMethods.fastpar_job_detach(job);
                return;
            }
            NativeMethods.fastpar_job_free(job); // cancels and waits
        }
        End();
        throw Check.Exception(&error);
    }

    protected override int Invoke(int kind, void* a, void* b, void* c)
    {
        Pump();
        return 0;
    }

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_for_start_body_delegate))]
    private static int RunPump(void* userData, fastpar_chunk* chunk) =>
        ((PumpState)From(userData)).Callback(PumpKind, chunk);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_job_notify_done_delegate))]
    private static void RunEnd(void* userData, int status, fastpar_error* error) => ((PumpState)From(userData)).End();

    /// <summary>A job has ended: no callback of it comes any more.</summary>
    private void End()
    {
        lock (rooting)
        {
            if (--jobs == 0)
            {
                Unroot();
            }
        }
    }
}
