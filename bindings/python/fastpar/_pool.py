"""The global pool: its life, where the defaults will not do, and what there is to ask."""

import ctypes
import math
from dataclasses import dataclass, fields

from . import _native as n
from ._errors import call, size, uint32
from ._library import lib
from ._threads import settle

#: The longest timeout, in milliseconds: centuries.
_LONGEST_MS = 1 << 53

#: `pool_start(threads=...)`: as many threads as the operating system lets this process use.
THREADS_AUTO = n.FASTPAR_THREADS_AUTO


@dataclass(frozen=True, slots=True)
class PoolStats:
    """What the pool has done since it started."""

    #: Worker threads; 0: the pool does not run.
    threads: int
    #: Workers that are working for a job at this moment.
    busy: int
    #: Parallel calls begun.
    jobs: int
    #: Chunks of those calls.
    chunks: int
    #: Times that a worker came to help with a call.
    helpers: int
    #: Bytes that the codec has taken, and bytes that it has given for them.
    bytes_in: int
    bytes_out: int
    #: Nanoseconds that workers have worked for jobs, all together; those at work count when they leave.
    busy_ns: int
    #: Nanoseconds that threads have waited inside calls: for other threads, and for files.
    waiting_ns: int
    #: Nanoseconds in bodies and other callbacks, on all threads together; those of a thread count when it
    #: leaves the call.
    callback_ns: int
    #: Nanoseconds of compressing and decompressing, on all threads together.
    codec_ns: int
    #: Working memory of the codec, for a frame at a time: made anew, and times that some was there.
    contexts_made: int
    contexts_reused: int
    #: Workers that came to help when nothing was left to do.
    late_helpers: int


def pool_start(
    *, threads: int = 0, pin: bool = False, partial: bool = False, stack_size: int = 0, thread_name: str | None = None
) -> None:
    """Starts the pool now, with these options. There is no need to: the first parallel call starts it with the defaults.

    `threads`: 1 to 1024; 0: the environment variable FASTPAR_THREADS ("auto" or a number), else 24. `pin`: each worker stays on
    one logical CPU. `partial`: runs with the threads that can be started, be it none, rather than fail. `stack_size`: bytes, 64 KiB to 1 GiB; 0: 2 MiB, which is little for deep recursion. `thread_name`: prefix
    of the names that the system sees; None: "fastpar".

    Raises BusyError if the pool runs with other options, or from inside a hook.
    """
    options = n.fastpar_pool_options(
        ctypes.sizeof(n.fastpar_pool_options),
        uint32(threads, "threads"),
        (n.FASTPAR_POOL_PIN if pin else 0) | (n.FASTPAR_POOL_PARTIAL if partial else 0),
        size(stack_size, "stack_size"),
        None if thread_name is None else thread_name.encode(),
    )
    call(lib.fastpar_pool_start, ctypes.byref(options))


def pool_threads() -> int:
    """How many threads the pool has, or would start with; starts nothing. 0: FASTPAR_THREADS does not hold a number."""
    return lib.fastpar_pool_threads()


def cpus() -> int:
    """How many logical CPUs this process may use now: affinity and cgroup quota counted; at least 1."""
    return lib.fastpar_cpus()


def pool_limit(lanes: int) -> None:
    """Caps the threads that work for a call at the same time, the caller included: for every call of the process from now on,
    teams excepted. 0: no cap. Plans and lanes stay what they are."""
    call(lib.fastpar_pool_limit, uint32(lanes, "lanes"))


def pool_limit_get() -> int:
    """What `pool_limit` has set; 0: no cap."""
    return lib.fastpar_pool_limit_get()


def is_cancelled() -> bool:
    """Whether a body should come to an end: the innermost call whose body runs on this thread, or a call around it on this thread,
    is cancelled or has failed. False outside of bodies."""
    return bool(lib.fastpar_is_cancelled())


def pool_worker() -> int | None:
    """The calling thread's worker number, 0 to `pool_threads() - 1`; None on a thread that is not the pool's."""
    worker = lib.fastpar_pool_worker()
    return None if worker < 0 else worker


def pool_stats() -> PoolStats:
    """What the pool has done since it started."""
    stats = n.fastpar_pool_stats(ctypes.sizeof(n.fastpar_pool_stats))
    call(lib.fastpar_pool_stats_read, ctypes.byref(stats))
    return PoolStats(*(getattr(stats, field.name) for field in fields(PoolStats)))


def pool_shutdown(timeout: float | None = None) -> None:
    """Waits for the parallel calls under way, then ends every worker thread. A later call starts a new pool, with the
    defaults.

    `timeout`: seconds; if calls or jobs are under way still, TimeoutError is raised and the pool goes on. None: it waits for as
    long as they take. There is no need to call this: the interpreter does it when it ends. BusyError from inside a body.
    """
    if timeout is None:
        settle()
        call(lib.fastpar_pool_shutdown)
        return
    if math.isnan(timeout):
        raise ValueError("timeout must be a number of seconds, not NaN")
    settle()
    call(lib.fastpar_pool_shutdown_within, math.ceil(min(max(timeout, 0) * 1000, _LONGEST_MS)))
