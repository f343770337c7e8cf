"""Streams of the library between Python's file objects."""

import ctypes
import errno
import io
import os
from collections.abc import Callable
from compression.zstd import ZstdCompressor
from typing import Any

from .. import _native as n
from .._calls import entries
from .._handles import Handle, ReaderHandle, WriterHandle
from .._library import lib
from .._buffers import address
from .._locks import Turns
from ._interrupts import Stop, interruptible, is_short
from ._settings import DataError, Settings, check
from ._types import Dictionary, Parameters


class _Stream:
    """A stream of the library and its file object. Calls from several threads take turns."""

    #: None: closed, or never opened.
    _handle: Handle | None = None

    def __init__(self, file: Any, settings: Settings) -> None:
        self.file = file
        self._settings = settings
        #: What the file object has raised in the call under way; and what has ended the stream.
        self._failure: BaseException | None = None
        self._ended_by: BaseException | None = None
        # Reentrant: a file object that uses its own stream is told so by the library, instead of waiting for
        # itself.
        self._lock = Turns()
        #: Whether the file has given anything.
        self.started = False

    def fail(self, index: int, error: BaseException) -> None:
        """Notes what the file object has raised."""
        self._failure = self._failure or error

    def _call(self, function: ctypes._NamedFuncPointer, *arguments: object, amount: int = 0) -> bool:
        """Whether there was a result: the file of a reader may have nothing now. `amount`: the bytes that it is about."""
        # This thread may have the lock: in a call of the file object; or because a handler raised where
        # `with` had just taken it. Another thread would wait for ever.
        if is_short(amount) or self._lock._is_owned():
            return self._made(function, *arguments)
        results: list[bool | BaseException] = []

        def work() -> int:
            # All of it, the lock too: it is this thread that a file object calls the stream from, if it does.
            try:
                results.append(self._made(function, *arguments))
            except BaseException as error:
                results.append(error)
            return n.FASTPAR_OK

        try:
            interruptible(Stop(self._settings), work)
        except BaseException as interrupt:
            results.clear()  # an error in it would keep frames, and they the handle
            self._ended_by = interrupt
            raise
        result = results.pop()
        if isinstance(result, BaseException):
            try:
                raise result
            finally:
                del result  # its traceback holds this frame
        return result

    def _made(self, function: ctypes._NamedFuncPointer, *arguments: object) -> bool:
        error = n.fastpar_error()
        with self._lock:
            handle = self._handle
            if handle is None:
                raise ValueError("I/O operation on closed file")
            with self._settings.watching():
                status = function(handle, *arguments, ctypes.byref(error))
            if self._failure is not None:
                self._ended_by, self._failure = self._failure, None
                raise self._ended_by
            try:
                self._settings.raise_failure()
            except BaseException as error:
                self._ended_by = error
                raise
            if self._ended_by is not None and status != n.FASTPAR_OK:
                # As when `with` closes it: what has ended it is not to be hidden by what follows from that.
                raise self._ended_by
        if status == n.FASTPAR_ERR_AGAIN:
            return False
        if status == n.FASTPAR_ERR_CLOSED:
            # Another thread has ended it, and is about to release it.
            raise ValueError(f"I/O operation on closed file: {error.message.decode('utf-8', 'replace')}")
        name = getattr(self.file, "name", None)
        check(status, error, (), os.fsdecode(name) if isinstance(name, (str, bytes)) else None)
        return True

    def release(self) -> None:
        """Closes it without ending the stream. Its handle goes when the call under way, if there is one, returns."""
        self._handle = self._ended_by = None


def write_to_file(call: _Stream, data: int, length: int) -> int:
    """What a writer calls with compressed data."""
    try:
        call.file.write(ctypes.string_at(data, length))
        return 0
    except BaseException as error:
        call.fail(0, error)
        return 1


def read_from_file(call: "ParallelReader", buffer: int, capacity: int, length: int) -> int:
    """What a reader calls for compressed data. A file that does not wait gives None where it has nothing now."""
    try:
        data = call.next(capacity)
        if data is None:
            return n.FASTPAR_SOURCE_LATER
        with address(data) as (source, count):
            if count > capacity:
                raise OSError(f"read({capacity}) returned {count} bytes")
            ctypes.memmove(buffer, source, count)
        call.started = call.started or count > 0
        ctypes.c_size_t.from_address(length).value = count
        return 0
    except BaseException as error:
        call.fail(0, error)
        return 1


_sink = n.fastpar_sink_fn(write_to_file)
_source = n.fastpar_source_fn(read_from_file)
entries.update((write_to_file.__code__, read_from_file.__code__))


class ParallelWriter(_Stream):
    """Compresses in parallel what it is given, into a file object."""

    def __init__(self, file: Any, settings: Settings) -> None:
        super().__init__(file, settings)
        #: Bytes that may wait to be compressed.
        self._waiting = 0
        self._open()

    def _open(self) -> None:
        handle, error = WriterHandle(self._settings.kept()), n.fastpar_error()
        status = lib.fastpar_writer_open(
            ctypes.byref(self._settings.native), _sink, self, ctypes.byref(handle), ctypes.byref(error)
        )
        check(status, error)
        self._handle = handle

    def write(self, data: Any) -> None:
        """Takes all of it."""
        with address(data) as (source, length):
            self._waiting += length
            self._call(lib.fastpar_writer_write, source, length, amount=length)

    def flush(self) -> None:
        """Ends the frame and gives everything to the file."""
        self._call(lib.fastpar_writer_flush, amount=self._waiting)
        self._waiting = 0

    def finish(self) -> None:
        """Ends the stream."""
        self._call(lib.fastpar_writer_finish, amount=self._waiting)

    def release_if(self, unused: Callable[[], bool]) -> bool:
        """Closes it without ending the stream if nothing was written, and tells whether that is so.

        A thread that begins to write meanwhile has told that it is used, or finds it closed.
        """
        with self._lock:
            if not unused():
                return False
            self.release()
            return True


class StandardWriter:
    """The same by the standard module, for parameters that fastpar does not have."""

    def __init__(self, file: Any, level: int | None, options: Parameters | None, zstd_dict: Dictionary | None) -> None:
        self._file = file
        self._compressor = ZstdCompressor(level, options, zstd_dict)
        # What is compressed first is written first.
        self._lock = Turns()

    def write(self, data: Any) -> None:
        with self._lock:
            self._file.write(self._compressor.compress(data))

    def flush(self) -> None:
        with self._lock:
            self._file.write(self._compressor.flush(ZstdCompressor.FLUSH_BLOCK))

    def finish(self) -> None:
        with self._lock:
            self._file.write(self._compressor.flush(ZstdCompressor.FLUSH_FRAME))


# What a table of the frames ends with: their number, a descriptor, and a magic number.
_FOOTER_SIZE = 9
_HAS_CHECKSUMS = 0x80
_FOOTER_MAGIC = b"\xb1\xea\x92\x8f"


def tells_checksums(file: Any) -> bool:
    """Whether an ordinary file, or io.BytesIO, ends with a table of frames that tells checksums; others are read only as far as they
    are used."""
    raw = file.raw if type(file) is io.BufferedReader else file
    if type(raw) not in (io.FileIO, io.BytesIO) or not file.seekable():
        return False
    start = file.tell()
    try:
        if file.seek(0, io.SEEK_END) - start < _FOOTER_SIZE:
            footer = b""
        else:
            file.seek(-_FOOTER_SIZE, io.SEEK_END)
            footer = file.read(_FOOTER_SIZE)
    except OSError:
        footer = b""  # files of the system whose end cannot be sought, as in /proc
    file.seek(start)
    return footer.endswith(_FOOTER_MAGIC) and footer[4] & _HAS_CHECKSUMS != 0


class ParallelReader(_Stream, io.RawIOBase):
    """The content of a compressed file object, decompressed in parallel. Going back begins anew."""

    def __init__(self, file: Any, settings: Settings) -> None:
        super().__init__(file, settings)
        self._position = 0
        self._size = -1
        self._read1 = getattr(file, "read1", None)
        if tells_checksums(file):
            settings.native.flags |= n.FASTPAR_ZSTD_CHECK_TABLE
        self._open()

    def _open(self) -> None:
        handle, error = ReaderHandle(self._settings.kept()), n.fastpar_error()
        status = lib.fastpar_reader_open(
            ctypes.byref(self._settings.native), _source, self, ctypes.byref(handle), ctypes.byref(error)
        )
        check(status, error)
        self._handle = handle

    def readable(self) -> bool:
        return True

    def next(self, capacity: int) -> Any:
        """Compressed data, empty at the end; None: the file has nothing now, and does not wait."""
        try:
            # What is there, where `read` would wait for all. It gives nothing at the end, and where the file
            # does not wait; `read` tells the two apart.
            if self._read1 is not None:
                try:
                    data = self._read1(capacity)
                    if data:
                        return data
                except io.UnsupportedOperation:
                    self._read1 = None
            return self.file.read(capacity)
        except BlockingIOError:
            return None

    def readinto(self, buffer: Any, /) -> int | None:
        """As io.RawIOBase: None where the file has nothing now, and does not wait."""
        count = ctypes.c_size_t()
        with address(buffer, writable=True) as (to, capacity):
            if capacity == 0:
                return 0
            try:
                if not self._call(lib.fastpar_reader_read, to, capacity, ctypes.byref(count), amount=capacity):
                    return None
            except DataError as error:
                if error.status == n.FASTPAR_ERR_TRUNCATED:
                    raise EOFError(str(error)) from error
                raise
        if count.value == 0:
            if not self.started:
                raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            self._size = self._position
        self._position += count.value
        return count.value

    def seekable(self) -> bool:
        return self.file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            if self._size < 0:
                self._skip(None)
            offset += self._size
        elif whence != io.SEEK_SET:
            raise ValueError(f"Invalid value for whence: {whence}")
        if offset < self._position:
            self.file.seek(0)
            self.release()
            self._position = 0
            self._open()
        self._skip(offset)
        return self._position

    def _skip(self, place: int | None) -> None:
        """Reads up to an offset, or the end."""
        block = bytearray(io.DEFAULT_BUFFER_SIZE)
        with memoryview(block) as view:
            while place is None or self._position < place:
                rest = len(view) if place is None else min(len(view), place - self._position)
                count = self.readinto(view[:rest])
                if count is None:
                    raise BlockingIOError(errno.EAGAIN, "the file has nothing now, and does not wait")
                if count == 0:
                    break

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self.release()
        super().close()


# Decompressed bytes that a file object takes at a time.
BUFFER_SIZE = max(io.DEFAULT_BUFFER_SIZE, 1 << 17)
