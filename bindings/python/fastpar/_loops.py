"""Parallel loops."""

import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Unpack, overload

from . import _native as n
from ._calls import chunk_callback, range_callback, run
from ._errors import size
from ._options import LoopOptions, native, plan


def for_range(n_items: int, body: Callable[..., object], /, *, lane: bool = False, **options: Unpack[LoopOptions]) -> None:
    """Calls `body(begin, end)` for the chunks of `range(n_items)`, in parallel, and returns when all are done.

    The same as this, but for the threads and the order:

        for chunk in fastpar.plan(n_items, **options):
            body(chunk.start, chunk.stop)

    `lane=True`: `body(begin, end, lane)`, where `lane` is a number below `pool_threads()` that no other thread has while this one
    works for the loop: an index of scratch memory that needs no lock.

    The calling thread works too. An exception of a body stops the loop: no new chunk starts, those in flight finish, and it is
    raised here with its traceback; several become an ExceptionGroup in the order of their chunks. KeyboardInterrupt in the main
    thread stops the loop in the same way, and is raised alone; a second one no longer waits for the chunks in flight.

    May be called from any thread and from inside bodies. A body must not wait for another chunk of its own loop: see `team`.
    """
    step, callback = body, range_callback
    if lane:
        callback = chunk_callback

        def step(chunk: n.fastpar_chunk) -> None:
            body(chunk.begin, chunk.end, chunk.lane)

    count = size(n_items, "n")
    run(step, count, native(**options), options.get("cancel"), options.get("progress"), callback)


def _in_order[R](n_items: int, part: Callable[[int, int], R], options: LoopOptions) -> list[R]:
    """What `part(begin, end)` returns for every chunk, in their order."""
    parts: dict[int, R] = {}

    def step(chunk: n.fastpar_chunk) -> None:
        parts[chunk.index] = part(chunk.begin, chunk.end)

    run(step, n_items, native(**options), options.get("cancel"), options.get("progress"))
    return [parts[index] for index in range(len(parts))]


def map[T, R](function: Callable[[T], R], items: Iterable[T], /, **options: Unpack[LoopOptions]) -> list[R]:
    """`[function(item) for item in items]`, in parallel.

    A sequence is sliced, so that of a buffer nothing is copied; anything else is made a list first. Exceptions: as `for_range`.
    """
    sequence = items if isinstance(items, (Sequence, memoryview)) else list(items)
    parts = _in_order(len(sequence), lambda begin, end: [function(item) for item in sequence[begin:end]], options)
    return list(itertools.chain.from_iterable(parts))


def starmap[R](function: Callable[..., R], items: Iterable[Iterable[object]], /, **options: Unpack[LoopOptions]) -> list[R]:
    """`[function(*item) for item in items]`, in parallel: as `map`."""
    sequence = items if isinstance(items, Sequence) else list(items)
    parts = _in_order(len(sequence), lambda begin, end: [function(*item) for item in sequence[begin:end]], options)
    return list(itertools.chain.from_iterable(parts))


def reduce[R](
    n_items: int,
    fold: Callable[[int, int], R],
    /,
    combine: Callable[[R, R], R] = operator.add,
    initial: R = 0,
    **options: Unpack[LoopOptions],
) -> R:
    """Folds the chunks of `range(n_items)` in parallel, and combines what comes out in the order of the chunks.

    The same as this, but for the threads:

        result = initial
        for chunk in fastpar.plan(n_items, **options):
            result = combine(result, fold(chunk.start, chunk.stop))

    `combine` is called by the calling thread only. With the schedules SEGMENTS and GRAIN the result does not depend on the number
    of threads, for floats too. Exceptions: as `for_range`.
    """
    result = initial
    for part in _in_order(size(n_items, "n"), fold, options):
        result = combine(result, part)
    return result


@overload
def chunks(items: bytes | bytearray | memoryview, segments: int = 24, /) -> list[memoryview]: ...
@overload
def chunks[S: Sequence[object]](items: S, segments: int = 24, /) -> list[S]: ...
def chunks(items, segments=24, /):
    """Cuts a sequence into up to `segments` parts whose lengths differ by at most one.

    Whatever has the buffer protocol (bytes, bytearray, mmap, array.array, memoryview) is not copied: its parts are memoryviews.
    Anything else is sliced.
    """
    if segments < 1:
        raise ValueError(f"segments must be at least 1, not {segments}")
    try:
        items = memoryview(items)
    except TypeError:
        pass
    return [items[part.start : part.stop] for part in plan(len(items), segments=segments)]
