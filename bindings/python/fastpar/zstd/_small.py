"""Small buffers, by the shortest way through ctypes: what the calling thread does by itself, and has done before anybody could
cancel it. What comes out goes through a place that the thread keeps."""

import ctypes
import threading

from .. import _native as n
from .._library import lib
from ._settings import failure

#: The most bytes that this is for. Larger results are not worth the copy; and below 256 KiB the library
#: starts no thread, however many frames there are.
LIMIT = 1 << 17

# No result of LIMIT bytes is larger, compressed or not.
_ROOM = LIMIT + (LIMIT >> 8) + 64


class _Place:
    __slots__ = ("_error", "_room", "address", "count", "error", "written")

    def __init__(self) -> None:
        self._room = ctypes.create_string_buffer(_ROOM)
        self.count, self._error = ctypes.c_size_t(), n.fastpar_error()
        self.address = ctypes.addressof(self._room)
        self.written, self.error = ctypes.byref(self.count), ctypes.byref(self._error)

    def content(self) -> bytes:
        return ctypes.string_at(self.address, self.count.value)

    def failure(self) -> Exception:
        return failure(self._error, self.count.value)


class _Local(threading.local):
    def __init__(self) -> None:
        # One is taken out while it is in use: a signal's handler, or a finalizer, may come back here in
        # between.
        self.free: list[_Place] = []


_local = _Local()


def _run(function: ctypes._NamedFuncPointer, options: object, data: bytes) -> bytes | None:
    free = _local.free
    place = free.pop() if free else _Place()
    status = function(options, data, len(data), place.address, _ROOM, place.written, None)
    result = place.content() if status == n.FASTPAR_OK else None
    free.append(place)
    return result


def _run_into(function: ctypes._NamedFuncPointer, options: object, data: bytes, out: bytearray) -> int | None:
    free = _local.free
    place = free.pop() if free else _Place()
    start = ctypes.c_char.from_buffer(out)  # while it lives, `out` stays where it is
    status = function(options, data, len(data), ctypes.addressof(start), len(out), place.written, place.error)
    if status == n.FASTPAR_ERR_BUFFER_TOO_SMALL:
        failed = place.failure()
        free.append(place)
        raise failed
    result = place.count.value if status == n.FASTPAR_OK else None
    free.append(place)
    return result


def is_small(data: object) -> bool:
    """Whether these functions take it."""
    return type(data) is bytes and 0 < len(data) <= LIMIT


def is_small_into(data: object, out: object) -> bool:
    """Whether these functions take it."""
    return type(data) is bytes and 0 < len(data) <= LIMIT and type(out) is bytearray and len(out) > 0


def _options(level: int | None) -> object:
    if level is None:
        return None
    return ctypes.byref(n.fastpar_zstd_options(struct_size=ctypes.sizeof(n.fastpar_zstd_options), level=level))


# Each returns None where it cannot be done, or where more than a small buffer comes out: the long way tells
# why. A level must be one that there is.


def compress(data: bytes, level: int | None) -> bytes | None:
    return _run(lib.fastpar_compress, _options(level), data)


def compress_into(data: bytes, out: bytearray, level: int | None) -> int | None:
    return _run_into(lib.fastpar_compress, _options(level), data, out)


def decompress(data: bytes) -> bytes | None:
    return _run(lib.fastpar_decompress, None, data)


def decompress_into(data: bytes, out: bytearray) -> int | None:
    # All of `out` may be filled, in parallel even.
    return _run_into(lib.fastpar_decompress, None, data, out) if len(out) <= LIMIT else None
