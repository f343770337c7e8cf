"""Sorting of buffers, and running sums."""

import bisect
import ctypes
import functools
import itertools
import operator
import re
import struct
import sys
from collections.abc import Buffer, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Unpack, overload

from . import _native as n
from ._buffers import address
from ._calls import Call, progress_callback, raise_failures
from ._errors import CancelFlag, check_options, error_of, uint32, watching
from ._library import lib
from ._loops import NO_VALUE, in_order, slices_of
from ._options import LoopOptions
from .zstd._interrupts import interruptible

_SIGNED = {1: n.FASTPAR_I8, 2: n.FASTPAR_I16, 4: n.FASTPAR_I32, 8: n.FASTPAR_I64}
_UNSIGNED = {1: n.FASTPAR_U8, 2: n.FASTPAR_U16, 4: n.FASTPAR_U32, 8: n.FASTPAR_U64}
_FLOATS = {"f": n.FASTPAR_F32, "d": n.FASTPAR_F64}
_OTHER_ORDER = "><"[sys.byteorder == "big"]


class Steps(Call):
    """A call under way whose work is the library's own: it has no chunks."""

    __slots__ = ("_cancel",)

    def __init__(self, progress: Callable[[int, int], object] | None, cancel: CancelFlag | None) -> None:
        check_options(cancel, progress)
        super().__init__(operator.index, progress)
        self._cancel = cancel

    def watching(self) -> AbstractContextManager[None]:
        """While it is entered, the caller's flag stops the call."""
        return watching(self._cancel, self)

    def raise_failure(self) -> None:
        """Raises what `progress` has raised."""
        if self.failures:
            raise_failures(self.failures, "reports", False)


def fields_of(format: str) -> tuple[list[tuple[int, int, int]], int]:
    """Offset, type and bytes of each field of a format of `struct`, and the size of a record."""
    total = struct.calcsize(format)
    text = re.sub(r"\s", "", format)
    mode, text = (text[0], text[1:]) if text[:1] in tuple("@=<>!") else ("@", text)
    other_order = mode == _OTHER_ORDER or (mode == "!" and sys.byteorder == "little")
    fields, before = [], mode
    for count, letter in re.findall(r"(\d*)(.)", text):
        size = struct.calcsize(mode + letter)
        if letter in "sp":
            fields.append((struct.calcsize(before), n.FASTPAR_BYTES, int(count or 1)))
        elif letter != "x":
            # Zero of a type stand where the first of it would.
            begin = struct.calcsize(f"{before}0{letter}")
            for index in range(int(count or 1)):
                fields.append((begin + index * size, _type(letter, size, other_order), size))
        before += count + letter
    return fields, total


def _type(letter: str, size: int, other_order: bool) -> int:
    if letter == "c":
        return n.FASTPAR_BYTES
    if other_order and size > 1:
        # Bytes compare as such numbers do.
        return n.FASTPAR_BYTES if letter in "HILQNP" else 0
    if letter in _FLOATS:
        return _FLOATS[letter]
    if letter in "bhilqn":
        return _SIGNED[size]
    return _UNSIGNED[size] if letter in "?BHILQNP" else 0


def _keys(format: str, key: int | Sequence[int], descending: bool | Sequence[bool]) -> tuple[object, int, int]:
    """The keys for C, how many they are, and the size of a record."""
    fields, record_size = fields_of(format)
    numbers = [key] if isinstance(key, int) else list(key)
    directions = [descending] * len(numbers) if isinstance(descending, (bool, int)) else list(descending)
    if len(directions) != len(numbers):
        raise ValueError(f"{len(numbers)} keys, but {len(directions)} directions")
    keys = (n.fastpar_sort_key * len(numbers))()
    for place, number, downwards in zip(keys, numbers, directions):
        try:
            offset, kind, length = fields[number]
        except IndexError:
            raise IndexError(f"there is no field {number}: the format {format!r} has {len(fields)}") from None
        if kind == 0:
            raise ValueError(f"field {number} of {format!r} cannot be sorted by: half precision, or another byte order")
        place.offset, place.type = offset, kind
        place.flags = (n.FASTPAR_SORT_DESCENDING if downwards else 0) | (length << 8 if kind == n.FASTPAR_BYTES else 0)
    return keys, len(numbers), record_size


def sort(
    buffer: Buffer,
    format: str | None = None,
    key: int | Sequence[int] = 0,
    *,
    descending: bool | Sequence[bool] = False,
    max_lanes: int = 0,
    cancel: CancelFlag | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> None:
    """Sorts the records of a writable buffer in place, in parallel. Stable: records whose keys are equal keep their order.

        fastpar.sort(array.array("d", values))
        fastpar.sort(rows, "<q d 8s", key=0)                                        # by the first field
        fastpar.sort(rows, "<q d 8s", key=(2, 0), descending=(False, True))         # by the third; then the newest first

    `format`: what a record looks like, as for `struct`; None: what the buffer's memoryview tells, as of an array. `key`: which
    fields, the most important first, counted from 0 (padding is none). Numbers have the byte order of this machine, unsigned ones
    may have the other; floats are sorted by IEEE total order (-0.0 before 0.0, NaN at the ends), text (`8s`) by its bytes.
    `progress` counts records.

    Memory of about the buffer's size is taken (OutOfMemoryError, and the buffer is unchanged). When it is cancelled, or interrupted by
    Ctrl-C, the records are all there, in some order.
    """
    if format is None:
        with memoryview(buffer) as view:
            format = view.format
    keys, count, record_size = _keys(format, key, descending)
    options = n.fastpar_loop_options(ctypes.sizeof(n.fastpar_loop_options), 0, uint32(max_lanes, "max_lanes"))
    call, error = Steps(progress, cancel), n.fastpar_error()
    options.cancel = call.address
    if progress is not None:
        options.progress, options.progress_data = progress_callback, call
    with address(buffer, writable=True) as (data, length):
        if record_size == 0 or length % record_size:
            raise ValueError(f"{length} bytes are no whole number of records of {record_size}")

        def work() -> int:
            return lib.fastpar_sort(
                ctypes.byref(options), data, length // record_size, record_size, keys, count, ctypes.byref(error)
            )

        status = interruptible(call, work, length)
    if status != n.FASTPAR_OK:
        raise error_of(error)


@overload
def accumulate[T](
    items: Iterable[T], function: Callable[[T, T], T] | None = ..., /, **options: Unpack[LoopOptions]
) -> list[T]: ...
@overload
def accumulate[T](
    items: Iterable[T],
    function: Callable[[T, T], T] | None = ...,
    /,
    *,
    initial: T | None,
    **options: Unpack[LoopOptions],
) -> list[T]: ...
def accumulate(items, function=None, /, *, initial=None, **options):
    """`list(itertools.accumulate(items, function, initial=initial))`, in parallel, for a function that is associative.

    `function` None: addition; `initial` None: there is none. Two passes over the chunks of the plan: each is folded, and once it
    is known what comes before it, accumulated. So `function` is called about twice as often, by several threads at a time; it must
    not change its arguments. With the schedules SEGMENTS and GRAIN the result does not depend on the number of threads, for floats
    too. `progress` counts each item twice, in two loops. Exceptions: as `for_range`.
    """
    sequence = slices_of(items)
    size = len(sequence)
    if function is None:
        function = operator.add
    folds = in_order(size, lambda call, begin, end: (begin, functools.reduce(function, sequence[begin:end])), options)
    begins = [begin for begin, _ in folds]
    values = [value for _, value in folds]
    # What comes before each of these chunks, and after the last.
    if initial is None:
        before = [NO_VALUE, *itertools.accumulate(values, function)]
    else:
        before = list(itertools.accumulate(values, function, initial=initial))

    def part(call: Call, begin: int, end: int) -> list:
        at = bisect.bisect_right(begins, begin) - 1
        start = before[at]
        if begins[at] < begin:
            # CACHE and GUIDED cut by the threads of the pool, which are others than in the first pass.
            ahead = functools.reduce(function, sequence[begins[at] : begin])
            start = ahead if start is NO_VALUE else function(start, ahead)
        if start is NO_VALUE:
            return list(itertools.accumulate(sequence[begin:end], function))
        return list(itertools.accumulate(sequence[begin:end], function, initial=start))[1:]

    parts = in_order(size, part, options)
    return list(itertools.chain([] if initial is None else [initial], *parts))
