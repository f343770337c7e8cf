"""Parallel loops, a thread pool and parallel zstd for free-threaded Python."""

from . import _runtime

_runtime.check()

from ._errors import (
    BufferTooSmallError,
    BusyError,
    CancelFlag,
    CancelledError,
    ClosedError,
    Error,
    InvalidArgumentError,
    LimitError,
    OutOfMemoryError,
    ThreadsError,
    TimeoutError,
    UnsupportedError,
)
from ._executor import BrokenThreadPool, ThreadPoolExecutor
from ._jobs import Job, for_start
from ._library import status_message, status_name, version, zstd_version
from ._loops import chunks, for_range, map, reduce, starmap
from ._options import LoopOptions, Schedule, plan
from ._pool import (
    THREADS_AUTO,
    PoolStats,
    cpus,
    is_cancelled,
    pool_limit,
    pool_limit_get,
    pool_shutdown,
    pool_start,
    pool_stats,
    pool_threads,
    pool_worker,
)
from ._shared import AtomicInt, Queue
from ._team import TeamMember, team
