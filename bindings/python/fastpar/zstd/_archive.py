"""Random access to compressed data."""

import ctypes
import io
import operator
import os
from collections.abc import Buffer, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack, overload

from .. import _native as n
from .._handles import ArchiveHandle, Uncopied
from .._library import lib
from .._async import cancellable, to_thread
from .._buffers import address, fill_bytes
from .._errors import size as natural
from .._loops import NO_VALUE
from ._files import FileStats
from ._interrupts import Flag, Stop, interruptible, is_short
from ._scan import ScanCall, ScanOptions, reduce, scan, transform
from ._settings import FileSettings, Settings, check
from ._source import Source, check_source
from ._types import Name

if TYPE_CHECKING:
    from ._tables import ArchiveTable

# Bytes that are read ahead for lines.
_LINES = 1 << 17


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame of an archive is, in bytes."""

    #: Where it begins in the compressed data, and its size there.
    offset: int
    size: int
    #: Where its content begins in the whole, and its size.
    content_offset: int
    content_size: int


def _index(value: object) -> int | None:
    """An integer; None for all else. Arrays have `__index__` too, which raises TypeError."""
    try:
        return operator.index(value)
    except TypeError:
        return None


class Archive(Uncopied, io.RawIOBase):
    """The content of compressed data as a file that can be read at any offset. Made by `open_archive`.

    `read`, `seek` and the like share one position; `read_at` needs none, and may be called by any number of threads at a time.
    Nothing but the frames that lie in what is asked for is decompressed; those that are read in part are kept.
    """

    #: None: closed. Dropping it closes: a call under way in another thread has a reference of its own.
    _handle: ArchiveHandle | None = None

    def __init__(
        self, handle: ArchiveHandle, settings: Settings, source: Source | None = None, name: str | None = None
    ) -> None:
        self._handle = handle
        self._settings = settings
        #: The path that it was opened by; None: it was opened by no path.
        self.name = name
        #: Where the bytes come from. Here, and not with the handle: a source that has its archive, as a bound
        #: method may, is collected with it. Calls under way have a reference to the archive.
        self._source = source
        size, error = ctypes.c_uint64(), n.fastpar_error()
        self._check(lib.fastpar_archive_size(handle, ctypes.byref(size), ctypes.byref(error)), error)
        self._size = size.value
        self._position = 0
        #: Where lines come from: a part of the content, and its offset.
        self._block = (0, b"")

    def __len__(self) -> int:
        """The bytes of the whole content."""
        return self._size

    def __bool__(self) -> bool:
        return True

    def frames(self) -> list[Frame]:
        """Where the frames are."""
        handle = self._opened()
        count, error = ctypes.c_uint64(), n.fastpar_error()
        self._check(lib.fastpar_archive_frames(handle, ctypes.byref(count), ctypes.byref(error)), error)
        info = n.fastpar_frame_info(ctypes.sizeof(n.fastpar_frame_info))
        found = []
        for index in range(count.value):
            self._check(lib.fastpar_archive_frame(handle, index, ctypes.byref(info), ctypes.byref(error)), error)
            found.append(Frame(info.offset, info.size, info.content_offset, info.content_size))
        return found

    @overload
    def read_at(self, offset: int, size: int, /) -> bytes: ...
    @overload
    def read_at(self, offset: int, out: Buffer, /) -> int: ...
    def read_at(self, offset, out, /):
        """Fills a writable buffer from the content at `offset`; returns how many bytes: fewer where the content ends.

        With a size instead of a buffer it returns bytes.
        """
        if offset < 0:
            raise ValueError(f"offset must not be negative, and is {offset}")
        size = _index(out)
        if size is not None:
            capacity = min(natural(size, "size"), max(self._size - offset, 0))
            return fill_bytes(capacity, lambda to: self._read_at(offset, to, capacity))
        with address(out, writable=True) as (to, capacity):
            return self._read_at(offset, to, capacity)

    def _read_at(self, offset: int, to: int | None, capacity: int) -> int:
        handle = self._opened()
        if offset >= self._size:
            return 0
        written, error = ctypes.c_size_t(), n.fastpar_error()

        def work(options: object = None) -> int:
            return lib.fastpar_archive_read_with(
                options, handle, offset, to, capacity, ctypes.byref(written), ctypes.byref(error)
            )

        if is_short(capacity):
            status = work()
        else:
            # The archive's flag would stop the calls of other threads too.
            flag = Flag()
            status = interruptible(Stop(flag), lambda: work(ctypes.byref(flag.options)))
        check_source(status, error)
        self._check(status, error)
        return written.value

    def scan(self, body: Callable[[memoryview], object], /, **options: Unpack[ScanOptions]) -> None:
        """Decompresses the content in parallel, and calls `body(view)` for each piece, on the thread that has decompressed it.

            archive.scan(lambda rows: counts.add(len(rows) // 48), record_size=48)

        Pieces are whole records; one that the end of a frame cuts comes whole, as a piece of its own. Which pieces there are
        depends on the archive and the options only. The view is read-only, and gone when the body returns: what is to last is
        copied (numpy.frombuffer(view, dtype) copies nothing, and has to be gone by then as well).

        Exceptions, KeyboardInterrupt, context variables: as for `fastpar.for_range`; of several exceptions that of the lowest
        piece. May be called from any thread and from inside bodies.
        """
        call = ScanCall(lambda piece, view: body(view), False, **options)
        scan(self._opened(), self._size, self.name, call)

    def lines(self, body: Callable[[memoryview], object], /, **options: Unpack[ScanOptions]) -> None:
        """The same for text: `body(view)` gets whole lines, each with its end; the last one may end with the content.

        Of a part (`offset`, `size`) the lines come that begin in it, the last one whole.
        """
        call = ScanCall(lambda piece, view: body(view), True, **options)
        scan(self._opened(), self._size, self.name, call)

    @overload
    def reduce[R](
        self,
        fold: Callable[[memoryview], R],
        /,
        combine: Callable[[R, R], R] | None = None,
        *,
        lines: bool = False,
        **options: Unpack[ScanOptions],
    ) -> R: ...
    @overload
    def reduce[A, R](
        self,
        fold: Callable[[memoryview], R],
        /,
        combine: Callable[[A, R], A],
        initial: A,
        *,
        lines: bool = False,
        **options: Unpack[ScanOptions],
    ) -> A: ...
    @overload
    def reduce[R](
        self,
        fold: Callable[[memoryview], R],
        /,
        combine: None,
        initial: R,
        *,
        lines: bool = False,
        **options: Unpack[ScanOptions],
    ) -> R: ...
    def reduce(self, fold, /, combine=None, initial=NO_VALUE, *, lines=False, **options):
        """Folds the pieces of the content in parallel, and combines what comes out in the order of the pieces.

            functools.reduce(combine, [fold(view) for view in pieces], initial)

        `combine`: None: addition; it is called by the calling thread only. `initial`, where combining starts, may be left out:
        then no pieces are a TypeError. The result does not depend on the number of threads, for floats too.
        """
        return reduce(self._opened(), self._size, self.name, fold, combine, initial, lines, options)

    def table(
        self, format: str, names: Sequence[str] | None = None, *, offset: int = 0, size: int = 0
    ) -> "ArchiveTable":
        """The records of the content as a table, which need not fit into memory: see `fastpar.table`.

            trades = archive.table("<QQQIH2xq8x", names=("id", "ts", "order", "qty", "venue", "price"))
            large = trades.filter((trades["qty"] >= 100) & trades["ts"].between(begin, end))
            large.aggregate({"rows": "count", "vwap": (("price", "qty"), "wmean")})

        `offset`, `size`: a part of the content, in bytes; size 0: up to the end.
        """
        from ._tables import archive_table  # which needs this module's package

        return archive_table(self, format, names, (offset, size))

    async def read_at_async(self, offset: int, size: int, /) -> bytes:
        """`read_at` for an event loop."""
        return await to_thread(self.read_at, offset, size)

    async def scan_async(self, body: Callable[[memoryview], object], /, **options: Unpack[ScanOptions]) -> None:
        """`scan` for an event loop. When the awaiting task is cancelled the scan is too, and has ended before the task goes on."""
        await cancellable(self.scan, body, **options)

    async def lines_async(self, body: Callable[[memoryview], object], /, **options: Unpack[ScanOptions]) -> None:
        """The same of `lines`."""
        await cancellable(self.lines, body, **options)

    @overload
    async def reduce_async[R](
        self,
        fold: Callable[[memoryview], R],
        /,
        combine: Callable[[R, R], R] | None = None,
        *,
        lines: bool = False,
        **options: Unpack[ScanOptions],
    ) -> R: ...
    @overload
    async def reduce_async[A, R](
        self,
        fold: Callable[[memoryview], R],
        /,
        combine: Callable[[A, R], A],
        initial: A,
        *,
        lines: bool = False,
        **options: Unpack[ScanOptions],
    ) -> A: ...
    async def reduce_async(self, fold, /, *how, **options):
        """The same of `reduce`."""
        return await cancellable(self.reduce, fold, *how, **options)

    def readinto(self, buffer: Buffer, /) -> int:
        """Fills a writable buffer from the position on."""
        count = self.read_at(self._position, buffer)
        self._position += count
        return count

    def readall(self) -> bytes:
        """The rest of the content."""
        self._opened()
        return self.read(max(self._size - self._position, 0))

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Sets the position."""
        self._opened()
        match whence:
            case os.SEEK_SET:
                place = offset
            case os.SEEK_CUR:
                place = self._position + offset
            case os.SEEK_END:
                place = self._size + offset
            case _:
                raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
        if place < 0:
            raise ValueError(f"a position must not be negative, and this would be {place}")
        self._position = place
        return place

    def tell(self) -> int:
        """The position."""
        self._opened()
        return self._position

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line with its end, or `size` bytes of it."""
        self._opened()
        position = self._position
        most = self._size - position if size is None or size < 0 else size
        parts: list[bytes] = []
        while most > 0:
            # One attribute, so that threads that read lines at the same time each have a block and its own
            # offset.
            offset, block = self._block
            begin = position - offset
            if not 0 <= begin < len(block):
                offset, block = self._block = (position, self._block_at(position))
                begin = 0
                if not block:
                    break
            end = block.find(b"\n", begin, begin + most) + 1 or min(begin + most, len(block))
            parts.append(block[begin:end])
            position += end - begin
            most -= end - begin
            if block[end - 1] == 10:
                break
        self._position = position
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def _block_at(self, position: int) -> bytes:
        return self.read_at(position, _LINES)

    def readable(self) -> bool:
        self._opened()
        return True

    def seekable(self) -> bool:
        self._opened()
        return True

    def close(self) -> None:
        """Releases it. Other threads may be reading: those calls end as usual, and later ones are ValueError."""
        self._handle = None
        super().close()

    def _check(self, status: int, error: n.fastpar_error) -> None:
        check(status, error, () if self.name is None else (self.name,), self.name)

    def _opened(self) -> ArchiveHandle:
        handle = self._handle
        if handle is None:
            raise ValueError("I/O operation on closed file")
        return handle


def transform_file(
    archive: Archive,
    target: Name,
    body: Callable[[memoryview], Buffer | None],
    /,
    *,
    lines: bool = False,
    level: int | None = None,
    frame_size: int = 0,
    sync: bool = False,
    keep: bool = False,
    in_place: bool = False,
    **options: Unpack[ScanOptions],
) -> FileStats:
    """Makes a compressed file of what `body(view)` returns for the pieces of an archive, in their order: None, or a buffer.

    To filter or to convert more than fits into memory. The target appears when it is complete, or stays as it was. Pieces and
    exceptions: as `Archive.scan`; `sync`, `keep`, `in_place`: as `compress_file`.
    """
    settings = FileSettings(level, None, None, True, frame_size=frame_size, sync=sync, keep=keep, in_place=in_place)
    call = ScanCall(lambda piece, view: body(view), lines, **options)
    stats = transform(archive._opened(), len(archive), archive.name, call, settings, target)
    return FileStats(stats.bytes_in, stats.bytes_out, stats.frames, stats.seconds, stats.peak_memory)
