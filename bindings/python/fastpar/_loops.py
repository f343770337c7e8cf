"""Parallel loops."""

import contextlib
import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Unpack, overload

from . import _native as n
from ._calls import Call, range_callback, run
from ._errors import size
from ._options import LoopOptions

#: In the place of a value that was not given.
NO_VALUE = object()


@overload
def for_range(n_items: int, body: Callable[[int, int], object], /, **options: Unpack[LoopOptions]) -> None: ...
@overload
def for_range(
    n_items: int, body: Callable[[int, int, int], object], /, *, lane: bool, **options: Unpack[LoopOptions]
) -> None: ...
def for_range(n_items: int, body: Callable[..., object], /, *, lane: bool = False, **options: Unpack[LoopOptions]) -> None:
    """Calls `body(begin, end)` for the chunks of `range(n_items)`, in parallel, and returns when all are done.

    The same as this, but for the threads and the order:

        for chunk in fastpar.plan(n_items, **options):
            body(chunk.start, chunk.stop)

    `lane=True`: `body(begin, end, lane)`, where `lane` is a number below `pool_threads()` that no other thread has while this one
    works for the loop: an index of scratch memory that needs no lock.

    Where the body works on the items of an array or buffer, `for_slices` gives it views of its own, which scales; elements of one
    shared object do not (see the table in `help(fastpar)`).

    The calling thread works too. An exception of a body stops the loop: no new chunk starts, those in flight finish, and it is
    raised here with its traceback; of several, that of the lowest chunk (`errors="group"`: all, in an ExceptionGroup).
    KeyboardInterrupt in the main thread stops the loop in the same way; a second one no longer waits for the chunks in flight.

    Bodies see the caller's context variables (and decimal's context, warnings' filters); what they set there ends with the loop.

    May be called from any thread and from inside bodies. A body must not wait for another chunk of its own loop: see `team`.
    """
    count = size(n_items, "n")
    progress = options.get("progress")
    if not lane:
        run(Call(body, progress), count, options, range_callback)
        return

    def step(chunk: n.fastpar_chunk) -> None:
        body(chunk.begin, chunk.end, chunk.lane)

    run(Call(step, progress), count, options)


def in_order[R](n_items: int, part: Callable[[Call, int, int], R], options: LoopOptions) -> list[R]:
    """What `part(call, begin, end)` returns for every chunk, in their order."""
    parts: dict[int, R] = {}

    def step(chunk: n.fastpar_chunk) -> None:
        parts[chunk.index] = part(call, chunk.begin, chunk.end)

    call = Call(step, options.get("progress"))
    try:
        run(call, n_items, options)
    finally:
        # The call holds `step`, which holds the call.
        del call
    return [parts[index] for index in range(len(parts))]


def slices_of[T](items: Iterable[T]) -> Sequence[T] | memoryview:
    """The items as something that can be sliced: as they are, or a list of them."""
    if isinstance(items, memoryview):
        return items
    if isinstance(items, Sequence):
        # Sequences need not have slices: a deque has none.
        with contextlib.suppress(TypeError):
            if len(items[0:0]) == 0:
                return items
    return list(items)


def map[T, R](function: Callable[[T], R], items: Iterable[T], /, **options: Unpack[LoopOptions]) -> list[R]:
    """`[function(item) for item in items]`, in parallel.

    A sequence is sliced, so that of a buffer nothing is copied; anything else is made a list first, and so is a sequence that has
    no slices, such as a deque. Exceptions: as `for_range`; threads stop between two items.
    """
    sequence = slices_of(items)

    def part(call: Call, begin: int, end: int) -> list[R]:
        results = []
        for item in sequence[begin:end]:
            if call.stopped:
                break
            results.append(function(item))
        return results

    return list(itertools.chain.from_iterable(in_order(len(sequence), part, options)))


def starmap[R](function: Callable[..., R], items: Iterable[Iterable[object]], /, **options: Unpack[LoopOptions]) -> list[R]:
    """`[function(*item) for item in items]`, in parallel: as `map`."""
    return map(lambda item: function(*item), items, **options)


@overload
def reduce[R](n_items: int, fold: Callable[[int, int], R], /, **options: Unpack[LoopOptions]) -> R: ...
@overload
def reduce[R](
    n_items: int, fold: Callable[[int, int], R], /, combine: Callable[[R, R], R], **options: Unpack[LoopOptions]
) -> R: ...
@overload
def reduce[A, R](
    n_items: int, fold: Callable[[int, int], R], /, combine: Callable[[A, R], A], initial: A, **options: Unpack[LoopOptions]
) -> A: ...
@overload
def reduce[R](n_items: int, fold: Callable[[int, int], R], /, *, initial: R, **options: Unpack[LoopOptions]) -> R: ...
@overload
def reduce[A, R](
    n_items: int,
    fold: Callable[[int, int], R],
    /,
    combine: Callable[[A, R], A],
    *,
    initial_factory: Callable[[], A],
    **options: Unpack[LoopOptions],
) -> A: ...
def reduce(n_items, fold, /, combine=None, initial=NO_VALUE, *, initial_factory=None, **options):
    """Folds the chunks of `range(n_items)` in parallel, and combines what comes out in the order of the chunks.

    The same as this, but for the threads:

        parts = [fold(chunk.start, chunk.stop) for chunk in fastpar.plan(n_items, **options)]
        result = functools.reduce(combine, parts, initial)

    `combine`: None: addition. `initial`: where combining starts, and the result if there are no items; without it the first part
    is where it starts, and no items are a TypeError, as with functools.reduce. `combine` may change its first argument and return
    it: that object is then `initial` itself, or the first part. `initial_factory=list` makes a fresh `initial` for each call.

    `combine` is called by the calling thread only. With the schedules SEGMENTS and GRAIN the result does not depend on the number
    of threads, for floats too. Exceptions: as `for_range`.
    """
    if initial_factory is not None:
        if initial is not NO_VALUE:
            raise TypeError("initial and initial_factory exclude each other")
        initial = initial_factory()
    return combined("items", in_order(size(n_items, "n"), lambda call, begin, end: fold(begin, end), options), combine, initial)


def combined(what: str, parts: list[Any], combine: Callable[[Any, Any], Any] | None, initial: object) -> Any:
    """Parts, combined in their order; `combine`: None: addition."""
    if combine is None:
        combine = operator.add
    if initial is not NO_VALUE:
        return functools.reduce(combine, parts, initial)
    if not parts:
        raise TypeError(f"reduce() of no {what} with no initial value")
    return functools.reduce(combine, parts)
