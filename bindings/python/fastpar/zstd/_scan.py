"""Loops over what is compressed."""

import contextvars
import ctypes
import os
from collections.abc import Buffer, Callable
from contextlib import AbstractContextManager
from typing import Literal, TypedDict, Unpack

from .. import _native as n
from .._buffers import address
from .._calls import Lane, entries, group_of, progress_callback, raise_failures
from .._errors import CancelFlag, check_options, size, uint32, watching
from .._handles import ArchiveHandle
from .._library import lib
from .._loops import combined
from .._options import unknown_option
from ._interrupts import interruptible
from ._settings import Settings, check, path
from ._source import Borrowed, check_source
from ._types import Name

_piece_at = n.fastpar_piece.from_address
_SIZE = ctypes.sizeof(n.fastpar_scan_options)


class ScanOptions(TypedDict, total=False):
    """What every scan takes as keyword arguments; what is not given, or 0, is the default."""

    #: Bytes of a record; 0: 1. A record that the end of a frame cuts comes whole, as a piece of its own.
    record_size: int
    #: The most bytes of a piece; 0: a frame, and 256 KiB of frames over 1 MiB.
    piece_size: int
    #: The part of the content, in bytes: whole records; size 0: up to the end.
    offset: int
    size: int
    #: Threads that work at the same time, the caller included; 0: as the archive was opened with.
    max_lanes: int
    #: Working memory in bytes, and the longest line; 0: as the archive was opened with.
    max_memory: int
    #: What is raised when bodies fail: as for loops.
    errors: Literal["first", "group"]
    #: A flag that stops the scan: it then raises CancelledError.
    cancel: CancelFlag | None
    #: Called with (bytes of the part done, in total), as for loops.
    progress: Callable[[int, int], object] | None
    #: What traces call the scan.
    name: str


class ScanCall:
    """One scan: its options, and what becomes of its bodies."""

    def __init__(
        self,
        step: Callable[[n.fastpar_piece, memoryview], object],
        lines: bool = False,
        record_size: int = 0,
        piece_size: int = 0,
        offset: int = 0,
        size: int = 0,
        max_lanes: int = 0,
        max_memory: int = 0,
        errors: str = "first",
        cancel: CancelFlag | None = None,
        progress: Callable[[int, int], object] | None = None,
        name: str = "",
        **unknown: object,
    ) -> None:
        if unknown:
            raise unknown_option(next(iter(unknown)), ScanOptions)
        check_options(cancel, progress)
        self.step = step
        self.group = group_of(errors)
        self.cancel = cancel
        self.progress = progress
        self.context = contextvars.copy_context()
        self.lanes: dict[int, Lane] = {}
        self.failures: list[tuple[int, BaseException]] = []
        self._flag = ctypes.c_int32()
        self.native = n.fastpar_scan_options(
            _SIZE,
            _size(record_size, "record_size"),
            _size(piece_size, "piece_size"),
            n.FASTPAR_SCAN_LINES if lines else 0,
            uint32(max_lanes, "max_lanes"),
            _size(offset, "offset"),
            _size(size, "size"),
            _size(max_memory, "max_memory"),
            ctypes.addressof(self._flag),
            name=name.encode() if name else None,
        )
        if progress is not None:
            self.native.progress, self.native.progress_data = progress_callback, self

    def stop(self) -> None:
        """No new piece starts."""
        lib.fastpar_cancel(ctypes.addressof(self._flag))

    def fail(self, index: int, error: BaseException) -> None:
        """Notes an exception and stops."""
        self.failures.append((index, error))
        self.stop()

    def raise_failure(self) -> None:
        """Raises what bodies have raised."""
        if self.failures:
            raise_failures(self.failures, "pieces", self.group)

    def watching(self) -> AbstractContextManager[None]:
        """While it is entered, the caller's flag stops the call."""
        return watching(self.cancel, self)

    def lane(self, number: int) -> Lane:
        """A lane of the call, with a copy of the caller's context. No other thread asks for it meanwhile."""
        lane = self.lanes.get(number)
        if lane is None:
            lane = self.lanes[number] = Lane(self.context)
        return lane

    def run(
        self,
        work: Callable[[], int],
        error: n.fastpar_error,
        source: str | None,
        targets: tuple[str, ...] = (),
        total: int | None = None,
    ) -> None:
        """Runs the call, and raises its failure; `source`: the archive's file; `total`: the bytes that bodies get, if that is
        known."""
        status = interruptible(self, work)
        check_source(status, error)
        if status != n.FASTPAR_ERR_CALLBACK:
            check(status, error, targets if source is None else (source, *targets), source)
        if status != n.FASTPAR_OK or total is not None and sum(lane.done for lane in self.lanes.values()) != total:
            raise RuntimeError("a body was ended from outside before it was done")


_size = size


def _with_view(call: ScanCall, piece: n.fastpar_piece) -> None:
    """Runs the step of a call on the bytes of a piece, which are gone afterwards."""
    with Borrowed(piece.data, piece.size) as view:
        call.step(piece, view)


def run_piece(call: ScanCall, address: int) -> int:
    """What the pool calls for a piece."""
    try:
        piece = _piece_at(address)
        lane = call.lane(piece.lane)
        lane.run(_with_view, call, piece)
        lane.done += piece.size
        return 0
    except BaseException as error:
        call.fail(_piece_at(address).index, error)
        return 1


def transform_piece(call: ScanCall, address: int, output: int) -> int:
    """The same for a piece whose body returns what is to be written."""
    try:
        piece = _piece_at(address)
        lane = call.lane(piece.lane)
        lane.run(_write_view, call, piece, output)
        lane.done += piece.size
        return 0
    except BaseException as error:
        call.fail(_piece_at(address).index, error)
        return 1


def _write_view(call: ScanCall, piece: n.fastpar_piece, output: int) -> None:
    with Borrowed(piece.data, piece.size) as view:
        # In a frame of its own, so that nothing here keeps what the body has returned.
        _write(call.step(piece, view), output)


def _write(result: Buffer | None, output: int) -> None:
    if result is None:
        return
    error = n.fastpar_error()
    with address(result) as (data, length):
        check(lib.fastpar_output_write(output, data, length, ctypes.byref(error)), error)


_piece_callback = n.fastpar_piece_fn(run_piece)
_transform_callback = n.fastpar_transform_fn(transform_piece)
entries.update((run_piece.__code__, transform_piece.__code__))


def _total(archive_size: int, call: ScanCall) -> int | None:
    """The bytes that bodies get: not known of lines that begin in a part."""
    native = call.native
    if native.flags and (native.offset or native.size):
        return None
    return native.size or max(archive_size - native.offset, 0)


def scan(handle: ArchiveHandle, archive_size: int, source: str | None, call: ScanCall) -> None:
    """Runs a scan."""
    error = n.fastpar_error()
    call.run(
        lambda: lib.fastpar_archive_for(ctypes.byref(call.native), handle, _piece_callback, call, ctypes.byref(error)),
        error,
        source,
        total=_total(archive_size, call),
    )


def transform(
    handle: ArchiveHandle, archive_size: int, source: str | None, call: ScanCall, target: Settings, name: Name
) -> n.fastpar_file_stats:
    """Runs a scan whose bodies return what is to be compressed into a file."""
    error, to = n.fastpar_error(), path(name)
    stats = n.fastpar_file_stats(ctypes.sizeof(n.fastpar_file_stats))
    target.native.cancel = None
    call.run(
        lambda: lib.fastpar_transform_file(
            ctypes.byref(call.native),
            handle,
            ctypes.byref(target.native),
            to,
            _transform_callback,
            call,
            ctypes.byref(stats),
            ctypes.byref(error),
        ),
        error,
        source,
        (os.fsdecode(name),),
        _total(archive_size, call),
    )
    return stats


def reduce(
    handle: ArchiveHandle,
    archive_size: int,
    source: str | None,
    fold: Callable[[memoryview], object],
    combine: Callable[[object, object], object] | None,
    initial: object,
    lines: bool,
    options: ScanOptions,
) -> object:
    """Folds pieces, and combines what comes out in their order."""
    parts: dict[int, object] = {}

    def step(piece: n.fastpar_piece, view: memoryview) -> None:
        parts[piece.index] = fold(view)

    call = ScanCall(step, lines, **options)
    try:
        scan(handle, archive_size, source, call)
    finally:
        # The call holds `step`, which holds the parts.
        del call
    ordered = [parts[index] for index in sorted(parts)]
    return combined("pieces", ordered, combine, initial)
