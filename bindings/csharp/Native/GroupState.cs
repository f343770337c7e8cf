using System;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Fastpar;

/// <summary>
/// A group at work. Native frames carry its tasks as GCHandles, each until the task has run or is dropped.
/// </summary>
internal sealed unsafe class GroupState : CallState
{
    private const int RootKind = 1;
    private const int TaskKind = 2;

#if NET
    private static fastpar_group_run_root OnRoot => &RunRoot;
    private static fastpar_group_spawn_task OnTask => &RunTask;
#else
    private static readonly fastpar_group_run_root OnRoot = RunRoot;
    private static readonly fastpar_group_spawn_task OnTask = RunTask;
#endif
#if NET
    private static IntPtr OnDropPointer => (IntPtr)(delegate* unmanaged<void*, void*, void>)&Drop;
#else
    private static readonly NativeMethods.DropCallback OnDrop = Drop;
    private static readonly IntPtr OnDropPointer = Marshal.GetFunctionPointerForDelegate(OnDrop);
#endif

    private readonly Action<FastparGroup> root;
    private readonly GroupOptions? options;
    private long failed;
    private volatile bool hasEnded;

    internal GroupState(Action<FastparGroup> root, GroupOptions? options, CancellationToken token)
        : base(null, token, options?.Errors ?? default)
    {
        this.root = root;
        this.options = options;
    }

    /// <summary>Runs the group to its end.</summary>
    internal void Run()
    {
        fastpar_error error;
        using var call = new SyncCall(this);
        var native = new fastpar_group_options
        {
            struct_size = (UIntPtr)sizeof(fastpar_group_options),
            max_lanes = (uint)(options?.MaxLanes ?? 0),
            cancel = call.Cancel,
            drop = (void*)OnDropPointer,
            drop_data = UserData,
        };
        int status;
        fixed (byte* name = options?.Utf8Name)
        {
            native.name = name;
            status = NativeMethods.fastpar_group_run(&native, OnRoot, UserData, &error);
        }
        hasEnded = true;
        call.End(status, &error);
    }

    /// <summary>Hands a task over, or keeps it: gives the status and fills the error.</summary>
    internal int Spawn(FastparGroup task, fastpar_group* group, fastpar_error* error)
    {
        if (hasEnded)
        {
            return Ended(error);
        }
        GCHandle item = GCHandle.Alloc(task);
        int status = NativeMethods.fastpar_group_spawn(group, OnTask, (void*)GCHandle.ToIntPtr(item), error);
        if (status != NativeMethods.FASTPAR_OK)
        {
            item.Free();
        }
        return status;
    }

    /// <summary>
    /// Waits inside a task. Other tasks run on this thread meanwhile, and are to leave it as this task has
    /// made it, like a call that nests.
    /// </summary>
    internal int Wait(fastpar_group* group, fastpar_error* error)
    {
        if (hasEnded)
        {
            return Ended(error);
        }
        using var visit = new CallThread.Visit(this);
        return NativeMethods.fastpar_group_wait(group, error);
    }

    protected override int Invoke(int kind, void* a, void* b, void* c)
    {
        FastparGroup task = kind == RootKind
            ? new FastparGroup(this, (fastpar_group*)b, root)
            : (FastparGroup)GCHandle.FromIntPtr((IntPtr)a).Target!;
        task.Call((int)*(uint*)c);
        return 0;
    }

    /// <summary>The first in time: what fails later may only be its consequence.</summary>
    protected override long Position(int kind, void* a, void* b) => Interlocked.Increment(ref failed);

    /// <summary>A task that could not add or wait any more has not failed by itself.</summary>
    protected override bool IsConsequence(Exception exception) =>
        (exception is GroupEndedException ended && ended.Group == this) || base.IsConsequence(exception);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_group_run_root_delegate))]
    private static int RunRoot(void* item, fastpar_group* group, uint lane) =>
        ((GroupState)From(item)).Callback(RootKind, item, group, &lane);

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.fastpar_group_spawn_task_delegate))]
    private static int RunTask(void* item, fastpar_group* group, uint lane)
    {
        int result = ((FastparGroup)From(item)).State.Callback(TaskKind, item, group, &lane);
        GCHandle.FromIntPtr((IntPtr)item).Free();
        return result;
    }

    [NativeCallback]
    [MonoPInvokeCallback(typeof(NativeMethods.DropCallback))]
    private static void Drop(void* userData, void* item) => GCHandle.FromIntPtr((IntPtr)item).Free();

    /// <summary>The native group is gone, and its address may be another's.</summary>
    private static int Ended(fastpar_error* error)
    {
        *error = default;
        error->status = NativeMethods.FASTPAR_ERR_INVALID_ARGUMENT;
        error->position = ulong.MaxValue;
        byte[] text = Encoding.ASCII.GetBytes("group: it has ended");
        Marshal.Copy(text, 0, (IntPtr)error->message, text.Length);
        return error->status;
    }
}
