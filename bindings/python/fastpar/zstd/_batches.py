"""Many buffers in one call."""

import ctypes
from collections.abc import Buffer, Sequence
from contextlib import ExitStack
from typing import Literal, Unpack

from .. import _native as n
from .._buffers import address
from .._calls import group_of, raise_failures
from .._errors import Error, LimitError
from .._library import lib, status_message
from ._codec import _bound, decompress, decompressed_size
from ._interrupts import interruptible
from ._settings import UNSUPPORTED, DataError, Settings, ZstdOptions, check
from ._types import Dictionary, Parameters


def compress_batch(
    items: Sequence[Buffer],
    level: int | None = None,
    options: Parameters | None = None,
    zstd_dict: Dictionary | None = None,
    *,
    errors: Literal["first", "group"] = "first",
    **more: Unpack[ZstdOptions],
) -> list[bytes]:
    """Compresses many buffers, each to one frame, in parallel: `[compress(item, ..., single_frame=True) for item in items]`.

    If items fail, raises the error of the first of them; `errors="group"`: an ExceptionGroup of all.
    """
    settings = Settings(level, options, zstd_dict, True, **more)
    if not settings.supported:
        raise NotImplementedError(f"batches: {UNSUPPORTED}")
    lengths = [memoryview(item).nbytes for item in items]
    group = group_of(errors)
    room = [_bound(settings, length) for length in lengths]
    results, failures = _run(lib.fastpar_compress_batch, settings, items, room, range(len(items)))
    raise_failures(failures, "items", group)
    return results


def decompress_batch(
    items: Sequence[Buffer],
    zstd_dict: Dictionary | None = None,
    options: Parameters | None = None,
    *,
    errors: Literal["first", "group"] = "first",
    **more: Unpack[ZstdOptions],
) -> list[bytes]:
    """Decompresses many buffers in parallel: `[decompress(item, ...) for item in items]`.

    If items fail, raises the error of the first of them; `errors="group"`: an ExceptionGroup of all.
    """
    settings = Settings(None, options, zstd_dict, False, **more)
    if not settings.supported:
        raise NotImplementedError("batches take no prefix as dictionary")
    group = group_of(errors)
    limit = more.get("max_output", 0)
    results: list[bytes] = [b""] * len(items)
    failures: list[tuple[int, Exception]] = []
    known, room, unknown = [], [], []
    for index, item in enumerate(items):
        try:
            size = decompressed_size(item)
        except DataError as error:
            failures.append((index, _of_item(index, error)))
            continue
        if size is None:
            unknown.append(index)
        else:
            known.append(index)
            # An item over the limit fails whatever its capacity is; nothing is allocated for it.
            room.append(size if not limit or size <= limit else 0)
    done, failed = _run(lib.fastpar_decompress_batch, settings, [items[index] for index in known], room, known)
    failures += failed
    for index, result in zip(known, done):
        results[index] = result
    for index in unknown:
        try:
            results[index] = decompress(items[index], zstd_dict, options, **more)
        except (DataError, LimitError) as error:
            failures.append((index, _of_item(index, error)))
    raise_failures(failures, "items", group)
    return results


def _of_item(index: int, error: Error) -> Error:
    """The error of an item alone, as that of an item of a batch."""
    return type(error).of(error.status, f"item {index}: {status_message(error.status)}", error.code, index)


def _run(
    function: ctypes._NamedFuncPointer, settings: Settings, items: Sequence[Buffer], room: list[int], numbers: Sequence[int]
) -> tuple[list[bytes], list[tuple[int, Exception]]]:
    """One call for all items; their outputs lie one after the other in one buffer, and are copied out of it."""
    table = (n.fastpar_batch_item * len(items))()
    out = bytearray(sum(room))
    error = n.fastpar_error()
    with ExitStack() as stack:
        start, _ = stack.enter_context(address(out, writable=True))
        place = start or 0
        for row, item, capacity in zip(table, items, room):
            row.src, row.src_len = stack.enter_context(address(item))
            row.dst, row.dst_capacity = place, capacity
            place += capacity
        status = interruptible(
            settings,
            lambda: function(
                ctypes.byref(settings.native),
                ctypes.byref(table),
                ctypes.sizeof(n.fastpar_batch_item),
                len(items),
                None,
                ctypes.byref(error),
            ),
        )
    check(status, error)
    failures = [
        (number, DataError.of(row.status, f"item {number}: {status_message(row.status)}", row.code, number))
        for number, row in zip(numbers, table)
        if row.status != n.FASTPAR_OK
    ]
    results, place = [], 0
    with memoryview(out) as view:
        for row, capacity in zip(table, room):
            results.append(bytes(view[place : place + row.written]))
            place += capacity
    return results, failures
