"""Parallel loops, a thread pool and parallel zstd for free-threaded Python.

Loops        for_range, for_slices, map, starmap, reduce, accumulate; plan, chunks; LoopOptions, Schedule
Sorting      sort: the records of a buffer
Tables       table, bucket; Table, Column, Mask: the fields of records in a buffer
Jobs         for_start, Job; team, TeamMember; group, Group; pipeline, Pipeline; ThreadPoolExecutor, BrokenThreadPool
asyncio      to_thread, `await job`, zstd's functions whose names end in _async
Shared       AtomicInt, Queue: state that is shared with native code too; CancelFlag, is_cancelled
The pool     pool_start, pool_threads, pool_worker, pool_stats, pool_shutdown; PoolStats, THREADS_AUTO; pool_limit,
             pool_limit_get, cpus
A timeline   trace_start, trace_stop, trace; TraceCategory
Compression  fastpar.zstd: the names of compression.zstd, in parallel, and more
Errors       Error and its kinds; each is Python's own exception of that kind too

Shared objects are the trap of free threading: every read or store of an element of one array, list or memoryview from several
threads meets at that object's lock and reference count. Give bodies views of their own: `for_slices`, `chunks`, or a slice taken
once in the body. Measured on CPython 3.14.7t and two CPUs, a loop over two million elements of an array("Q"):

    body on one shared array         1 lane 0.092 s, 2 lanes 0.152 s
    body on a view of its own        2 lanes 2.0 times as fast as 1
"""

import importlib
import sys
import typing

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
from ._async import to_thread
from ._executor import BrokenThreadPool, ThreadPoolExecutor
from ._groups import Group, group
from ._jobs import Job, for_start
from ._library import status_message, status_name, version, zstd_version
from ._loops import for_range, map, reduce, starmap
from ._options import LoopOptions, Schedule, plan
from ._pipeline import Pipeline, pipeline
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
from ._slices import chunks, for_slices
from ._sort import accumulate, sort
from ._team import TeamMember, team
from ._trace import TraceCategory, trace, trace_start, trace_stop
from . import zstd

if typing.TYPE_CHECKING:
    from ._columns import Column
    from ._masks import Mask
    from ._tables import Table, bucket, table

__version__ = version()

__all__ = (
    "THREADS_AUTO",
    "AtomicInt",
    "BrokenThreadPool",
    "BufferTooSmallError",
    "BusyError",
    "CancelFlag",
    "CancelledError",
    "ClosedError",
    "Column",
    "Error",
    "Group",
    "InvalidArgumentError",
    "Job",
    "LimitError",
    "LoopOptions",
    "Mask",
    "OutOfMemoryError",
    "Pipeline",
    "PoolStats",
    "Queue",
    "Schedule",
    "Table",
    "TeamMember",
    "ThreadPoolExecutor",
    "ThreadsError",
    "TimeoutError",
    "TraceCategory",
    "UnsupportedError",
    "accumulate",
    "bucket",
    "chunks",
    "cpus",
    "for_range",
    "for_slices",
    "for_start",
    "group",
    "is_cancelled",
    "map",
    "pipeline",
    "plan",
    "pool_limit",
    "pool_limit_get",
    "pool_shutdown",
    "pool_start",
    "pool_stats",
    "pool_threads",
    "pool_worker",
    "reduce",
    "sort",
    "starmap",
    "status_message",
    "status_name",
    "table",
    "team",
    "to_thread",
    "trace",
    "trace_start",
    "trace_stop",
    "version",
    "zstd",
    "zstd_version",
)

#: What is imported when it is first asked for, from which module: tables take a while, and not every
#: program has any.
_LATER = {"Column": "_columns", "Mask": "_masks", "Table": "_tables", "bucket": "_tables", "table": "_tables"}


def __getattr__(name: str) -> object:
    """Imports a name that has not been asked for before."""
    try:
        module = _LATER[name]
    except KeyError:
        text = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(text, name=name, obj=sys.modules[__name__]) from None
    value = getattr(importlib.import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All names, also those that have not been asked for."""
    return sorted({*globals(), *_LATER})
