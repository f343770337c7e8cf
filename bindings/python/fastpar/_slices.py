"""Loops over the items of buffers, in which each thread has views of its own."""

from collections.abc import Buffer, Callable, Sequence
from typing import Any, Literal, Unpack, overload

from . import _native as n
from ._calls import Call, run
from ._errors import size
from ._options import LoopOptions, plan
from ._buffers import address


def own_view(data: Buffer) -> memoryview:
    """A new view that shares neither lock nor reference count with any other, where the exporting object allows.

    A memoryview is made anew from the object that it views, for the same part of it. Where that cannot be (more than one
    dimension, gaps between items, formats of more than one letter, objects that export something else by now) it is `data`.
    """
    if not isinstance(data, memoryview):
        return memoryview(data)
    if data.obj is None or data.ndim != 1 or not data.c_contiguous or data.nbytes == 0:
        return data
    try:
        whole = memoryview(data.obj).cast("B")
        with address(data) as (begin, length), address(whole) as (start, _):
            offset = begin - start
        if not 0 <= offset <= whole.nbytes - length:
            return data
        view = whole[offset : offset + length]
        if data.format != "B":
            view = view.cast(data.format)
    except (BufferError, TypeError, ValueError):
        return data
    return view.toreadonly() if data.readonly and not view.readonly else view


def _items(views: Sequence[memoryview], record_size: int) -> int:
    """How many records each has."""
    if not views:
        raise TypeError("for_slices() needs a buffer")
    if record_size < 1:
        raise ValueError(f"record_size must be at least 1, not {record_size}")
    for view in views:
        if view.ndim != 1:
            raise TypeError(f"a buffer must have one dimension, not {view.ndim}: see memoryview.cast")
        if len(view) % record_size:
            raise ValueError(f"{len(view)} elements are no whole number of records of {record_size}")
        if len(view) != len(views[0]):
            raise ValueError(f"the buffers must be equally long, and have {len(views[0])} and {len(view)} elements")
    return len(views[0]) // record_size


@overload
def for_slices(
    body: Callable[[memoryview[Any]], object],
    first: Buffer,
    /,
    *,
    record_size: int = 1,
    begin: Literal[False] = False,
    **options: Unpack[LoopOptions],
) -> None: ...
@overload
def for_slices(
    body: Callable[[int, memoryview[Any]], object],
    first: Buffer,
    /,
    *,
    record_size: int = 1,
    begin: Literal[True],
    **options: Unpack[LoopOptions],
) -> None: ...
@overload
def for_slices(
    body: Callable[[memoryview[Any], memoryview[Any]], object],
    first: Buffer,
    second: Buffer,
    /,
    *,
    record_size: int = 1,
    begin: Literal[False] = False,
    **options: Unpack[LoopOptions],
) -> None: ...
@overload
def for_slices(
    body: Callable[[int, memoryview[Any], memoryview[Any]], object],
    first: Buffer,
    second: Buffer,
    /,
    *,
    record_size: int = 1,
    begin: Literal[True],
    **options: Unpack[LoopOptions],
) -> None: ...
@overload
def for_slices(
    body: Callable[..., object],
    /,
    *buffers: Buffer,
    record_size: int = 1,
    begin: bool = False,
    **options: Unpack[LoopOptions],
) -> None: ...
def for_slices(
    body: Callable[..., object],
    /,
    *buffers: Buffer,
    record_size: int = 1,
    begin: bool = False,
    **options: Unpack[LoopOptions],
) -> None:
    """Calls `body(*slices)` for the chunks of equally long buffers, in parallel, with a memoryview of the chunk's items of each.

    The same as this, but for the threads and the order:

        for chunk in fastpar.plan(len(buffers[0]), **options):
            body(*(memoryview(buffer)[chunk.start : chunk.stop] for buffer in buffers))

    `begin=True`: `body(begin, *slices)`, with the number of the first item. `record_size`: elements of the buffer that are one
    item, such as the bytes of a row. Any object with the buffer protocol will do: array.array, bytearray, mmap, ctypes arrays,
    memoryviews of one dimension, NumPy's arrays.

    Each thread's slices come from a view of its own, made from the object that exports the memory, so that threads do not meet at
    one object's lock and reference count. A memoryview that cannot be made anew (see the manual) is shared by all.

    Everything else is as with `for_range`.
    """
    count = _items([memoryview(buffer) for buffer in buffers], size(record_size, "record_size"))
    lanes: dict[int, list[memoryview]] = {}

    def step(chunk: n.fastpar_chunk) -> None:
        views = lanes.get(chunk.lane)
        if views is None:
            views = lanes[chunk.lane] = [own_view(buffer) for buffer in buffers]
        first, last = chunk.begin * record_size, chunk.end * record_size
        slices = [view[first:last] for view in views]
        if begin:
            body(chunk.begin, *slices)
        else:
            body(*slices)

    try:
        run(Call(step, options.get("progress")), count, options)
    finally:
        # An exception's traceback would keep the buffers from being resized.
        lanes.clear()


@overload
def chunks(items: bytes | bytearray | memoryview, segments: int = 24, /, *, record_size: int = 1) -> list[memoryview]: ...
@overload
def chunks[S: Sequence[object]](items: S, segments: int = 24, /, *, record_size: int = 1) -> list[S]: ...
def chunks(items, segments=24, /, *, record_size=1):
    """Cuts a sequence into up to `segments` parts whose numbers of records differ by at most one.

    An object with the buffer protocol (bytes, bytearray, mmap, array.array, memoryview) is not copied: its parts are memoryviews,
    each made from the object that exports the memory, so that threads that work on different parts do not slow each other.
    Anything else is sliced. `record_size`: elements that stay together.
    """
    segments, record_size = size(segments, "segments"), size(record_size, "record_size")
    if segments < 1 or record_size < 1:
        raise ValueError(f"segments and record_size must be at least 1, not {segments} and {record_size}")
    try:
        with memoryview(items):
            part_of = own_view
    except TypeError:
        part_of = _same
    if len(items) % record_size:
        raise ValueError(f"{len(items)} elements are no whole number of records of {record_size}")
    parts = plan(len(items) // record_size, segments=segments)
    return [part_of(items)[part.start * record_size : part.stop * record_size] for part in parts]


def _same[T](items: T) -> T:
    return items
