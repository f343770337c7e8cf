"""Random access to compressed data."""

import ctypes
import io
import os
from collections.abc import Buffer
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Unpack

from .. import _native as n
from .._library import lib
from ._buffers import address
from ._settings import Settings, ZstdOptions, check, path


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame of an archive is, in bytes."""

    #: Where it begins in the compressed data, and its size there.
    offset: int
    size: int
    #: Where its content begins in the whole, and its size.
    content_offset: int
    content_size: int


class Archive(io.RawIOBase):
    """The content of compressed data as a file that can be read at any place. Made by `open_archive`.

    `read`, `seek` and the like share one position; `read_at` needs none, and may be called by any number of threads at a time.
    Nothing but the frames that lie in what is asked for is decompressed; those that are read in part are kept.
    """

    def __init__(self, settings: Settings, handle: ctypes.c_void_p, kept: ExitStack) -> None:
        self._settings, self._handle, self._kept = settings, handle, kept
        size = ctypes.c_uint64()
        error = n.fastpar_error()
        check(lib.fastpar_archive_size(handle, ctypes.byref(size), ctypes.byref(error)), error)
        self._size = size.value
        self._position = 0

    def __len__(self) -> int:
        """The bytes of the whole content."""
        return self._size

    def __bool__(self) -> bool:
        return True

    def frames(self) -> list[Frame]:
        """Where the frames are."""
        self._check_open()
        count, error = ctypes.c_uint64(), n.fastpar_error()
        check(lib.fastpar_archive_frames(self._handle, ctypes.byref(count), ctypes.byref(error)), error)
        info = n.fastpar_frame_info(ctypes.sizeof(n.fastpar_frame_info))
        found = []
        for index in range(count.value):
            check(lib.fastpar_archive_frame(self._handle, index, ctypes.byref(info), ctypes.byref(error)), error)
            found.append(Frame(info.offset, info.size, info.content_offset, info.content_size))
        return found

    def read_at(self, offset: int, out: Buffer, /) -> int:
        """Fills a writable buffer from the content at `offset`; returns how many bytes: fewer where the content ends."""
        self._check_open()
        if offset < 0:
            raise ValueError(f"offset must not be negative, and is {offset}")
        if offset >= self._size:
            return 0
        written, error = ctypes.c_size_t(), n.fastpar_error()
        with address(out, writable=True) as (to, capacity):
            check(
                lib.fastpar_archive_read(self._handle, offset, to, capacity, ctypes.byref(written), ctypes.byref(error)),
                error,
            )
        return written.value

    def readinto(self, buffer: Buffer, /) -> int:
        """Fills a writable buffer from the position on."""
        count = self.read_at(self._position, buffer)
        self._position += count
        return count

    def readall(self) -> bytes:
        """The rest of the content."""
        self._check_open()
        return self.read(max(self._size - self._position, 0))

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Sets the position."""
        self._check_open()
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
        self._check_open()
        return self._position

    def readable(self) -> bool:
        self._check_open()
        return True

    def seekable(self) -> bool:
        self._check_open()
        return True

    def close(self) -> None:
        """Releases it. No other thread may be reading."""
        handle, self._handle = getattr(self, "_handle", None), None
        if handle is not None:
            lib.fastpar_archive_free(handle)
            self._kept.close()
        super().close()

    def _check_open(self) -> None:
        if self._handle is None:
            raise ValueError("I/O operation on closed file")


def open_archive(
    source: str | os.PathLike | Buffer, /, *, zstd_dict: object = None, options: dict | None = None, **more: Unpack[ZstdOptions]
) -> Archive:
    """Opens compressed data for reading at any place: a path, or a buffer, which is not copied.

    Any zstd data will do; the smaller its frames, the faster a place is reached (`compress(..., frame_size=...)`).
    """
    settings = Settings(None, options, zstd_dict, False, **more)
    if not settings.supported:
        raise NotImplementedError("archives cannot be opened with a prefix as dictionary")
    handle, error = ctypes.c_void_p(), n.fastpar_error()
    with ExitStack() as stack:
        stack.enter_context(settings.watching())
        if isinstance(source, (str, os.PathLike)):
            status = lib.fastpar_archive_open_file(
                ctypes.byref(settings.native), path(source), ctypes.byref(handle), ctypes.byref(error)
            )
        else:
            where, length = stack.enter_context(address(source))
            status = lib.fastpar_archive_open(
                ctypes.byref(settings.native), where, length, ctypes.byref(handle), ctypes.byref(error)
            )
        check(status, error)
        return Archive(settings, handle, stack.pop_all())
