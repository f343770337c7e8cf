"""Options of loops."""

import ctypes
import difflib
import enum
from collections.abc import Callable
from typing import Literal, TypedDict, Unpack

from . import _native as n
from ._errors import CancelFlag, call, check_options, size, uint32
from ._library import lib


class Schedule(enum.IntEnum):
    """How a range is cut into chunks."""

    #: `segments` chunks whose sizes differ by at most one item. The default.
    SEGMENTS = n.FASTPAR_SCHEDULE_SEGMENTS
    #: Chunks of which one for every lane fits into `cache_bytes` at the same time, in whole waves of one
    #: chunk a lane.
    CACHE = n.FASTPAR_SCHEDULE_CACHE
    #: Chunks of `grain` items.
    GRAIN = n.FASTPAR_SCHEDULE_GRAIN
    #: Chunks that shrink from half a fair share down to `grain` items.
    GUIDED = n.FASTPAR_SCHEDULE_GUIDED


class LoopOptions(TypedDict, total=False):
    """What every loop takes as keyword arguments; what is not given, or 0, is the default.

    Without a schedule and segments, `grain` means GRAIN, and what is for the cache CACHE. What the schedule does not use must not
    be given: InvalidArgumentError.
    """

    #: How the range is cut.
    schedule: Schedule
    #: SEGMENTS: how many chunks; 0: 24. `min(segments, n)` are made.
    segments: int
    #: GRAIN: items per chunk, 0: about 1/768 of the range. GUIDED: the smallest chunk, 0: about 1/64 of a
    #: fair share.
    grain: int
    #: CACHE: bytes per item; 0: 1.
    item_size: int
    #: CACHE: all lanes' chunks together stay within it; 0: 64 MiB.
    cache_bytes: int
    #: CACHE: `cache_bytes`, which must be 0, is half of what the last-level caches of this machine have
    #: together.
    cache_detect: bool
    #: Threads that work on the loop at the same time, the caller included; 0: every thread of the pool.
    max_lanes: int
    #: What is raised when bodies fail. "first": the exception of the lowest chunk of those that ran. "group":
    #: an ExceptionGroup of all, in the order of their chunks, even if it is one.
    errors: Literal["first", "group"]
    #: What traces call the loop.
    name: str
    #: A flag that stops the loop: it then raises CancelledError.
    cancel: CancelFlag | None
    #: Called with (items done, total), at most about 20 times a second and once at the end of a loop that
    #: succeeds; from the threads that work, never from two at a time. What it raises stops the loop.
    progress: Callable[[int, int], object] | None


def unknown_option(name: str, options: type) -> TypeError:
    """The exception for a keyword that is none of the options."""
    known = list(options.__annotations__)
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"the options are {', '.join(known)}"
    return TypeError(f"there is no option {name!r}: {hint}")


_SIZE = ctypes.sizeof(n.fastpar_loop_options)


def native(
    schedule: Schedule = Schedule.SEGMENTS,
    segments: int = 0,
    grain: int = 0,
    item_size: int = 0,
    cache_bytes: int = 0,
    cache_detect: bool = False,
    max_lanes: int = 0,
    cancel: CancelFlag | None = None,
    progress: Callable[[int, int], object] | None = None,
    errors: str = "first",
    name: str = "",
    **unknown: object,
) -> n.fastpar_loop_options:
    """The C struct, without `cancel`, `progress` and `errors`: these belong to the call."""
    if unknown:
        raise unknown_option(next(iter(unknown)), LoopOptions)
    check_options(cancel, progress, name)
    if schedule == Schedule.SEGMENTS and segments == 0:
        if grain != 0:
            schedule = Schedule.GRAIN
        elif item_size != 0 or cache_bytes != 0 or cache_detect:
            schedule = Schedule.CACHE
    return n.fastpar_loop_options(
        _SIZE,
        uint32(schedule, "schedule"),
        uint32(max_lanes, "max_lanes"),
        size(segments, "segments"),
        size(grain, "grain"),
        size(item_size, "item_size"),
        size(cache_bytes, "cache_bytes"),
        flags=n.FASTPAR_LOOP_CACHE_DETECT if cache_detect else 0,
        name=name.encode() if name else None,
    )


def chunk_count(options: n.fastpar_loop_options, count: int) -> int:
    """How many chunks a loop has."""
    plan = n.fastpar_plan(ctypes.sizeof(n.fastpar_plan))
    call(lib.fastpar_plan_make, ctypes.byref(options), count, ctypes.byref(plan))
    return plan.chunks


def plan(n_items: int, /, **options: Unpack[LoopOptions]) -> list[range]:
    """The chunks that `for_range(n_items, ..., **options)` would have, in their order; runs nothing."""
    native_options = native(**options)
    n_items = size(n_items, "n")
    chunk = n.fastpar_chunk()
    ranges = []
    for index in range(chunk_count(native_options, n_items)):
        call(lib.fastpar_plan_chunk, ctypes.byref(native_options), n_items, index, ctypes.byref(chunk))
        ranges.append(range(chunk.begin, chunk.end))
    return ranges
