"""Compressed files as file objects."""

import io
import os
from collections.abc import Buffer
from compression import zstd as standard
from compression.zstd import ZstdCompressor
from typing import Any, Literal, Unpack, overload

from .._handles import Uncopied
from .._locks import Turns
from ._settings import Settings, ZstdOptions
from ._streams import BUFFER_SIZE, ParallelReader, ParallelWriter, StandardWriter
from ._types import Dictionary, File, Parameters

builtin_open = open


class ZstdFile(Uncopied, io.BufferedIOBase):
    """A file object that compresses what is written to it, or decompresses what is read from it, in parallel.

    As `compression.zstd.ZstdFile`: a file to which nothing is written stays empty; reading a file that is empty or cut off is EOFError.
    What is written becomes frames of 4 MiB (`frame_size`), with a table at the end by which
    `open_archive` finds any offset. Calls from several threads take turns. A file that does not wait (`read` gives None, or raises
    BlockingIOError) is read as io.BufferedReader reads it: `read` and `readinto` give what there is, or None.
    """

    FLUSH_BLOCK = ZstdCompressor.FLUSH_BLOCK
    FLUSH_FRAME = ZstdCompressor.FLUSH_FRAME

    # What a finalizer finds where opening has failed.
    _fp: Any = None

    def __init__(
        self,
        file: File,
        /,
        mode: str = "r",
        *,
        level: int | None = None,
        options: Parameters | None = None,
        zstd_dict: Dictionary | None = None,
        **more: Unpack[ZstdOptions],
    ) -> None:
        """`file`: a path, or a file object with `read` or `write`. `mode`: "r", "w", "x" or "a", with or without "b"."""
        self._close_file = False
        self._closing = Turns()
        self._buffer: io.BufferedReader | None = None
        self._writer: ParallelWriter | StandardWriter | None = None
        if not isinstance(mode, str):
            raise ValueError("mode must be a str")
        if options is not None and not isinstance(options, dict):
            raise TypeError("options must be a dict or None")
        mode = mode.removesuffix("b")
        if mode not in ("r", "w", "a", "x"):
            raise ValueError(f"Invalid mode: {mode!r}")
        if mode == "r" and level is not None:
            raise TypeError("level is illegal in read mode")
        if level is not None and not isinstance(level, int):
            raise TypeError("level must be int or None")
        self._reads = mode == "r"
        settings = Settings(level, options, zstd_dict, not self._reads, **more)
        if isinstance(file, (str, bytes, os.PathLike)):
            self._fp = builtin_open(file, f"{mode}b")
            self._close_file = True
        elif hasattr(file, "read" if self._reads else "write"):
            self._fp = file
        else:
            raise TypeError("file must be a file-like object or a str, bytes, or PathLike object")
        self._position = 0
        #: Nothing has ever been written.
        self._untouched = True
        #: Writes that have ended, and those that a flush has followed; a signal handler may write meanwhile.
        self._writes = self._flushed = 0
        self._counting = Turns()
        if not self._reads:
            self._writer = (
                ParallelWriter(self._fp, settings)
                if settings.supported
                else StandardWriter(self._fp, level, options, zstd_dict)
            )
        elif settings.supported:
            self._buffer = io.BufferedReader(ParallelReader(self._fp, settings), BUFFER_SIZE)
        else:
            self._buffer = standard.ZstdFile(self._fp, options=options, zstd_dict=zstd_dict)

    def close(self) -> None:
        """Ends and closes the file; may be called several times. A file object that was given stays open.

        If it raises, the file is closed all the same, and what was written may be incomplete; later calls do nothing.
        """
        if self._fp is None:
            return
        file = None
        try:
            with self._closing:
                file, self._fp = self._fp, None
            if file is None:
                return
            writer = self._writer
            if self._buffer is not None:
                self._buffer.close()
            elif writer is not None and not self._is_unused(writer):
                writer.finish()
        finally:
            # Without a function, before whose first line a handler may strike.
            if file is not None:
                try:
                    self._buffer, writer, self._writer = None, self._writer, None
                    if isinstance(writer, ParallelWriter):
                        writer.release()
                finally:
                    if self._close_file:
                        file.close()

    def _is_unused(self, writer: ParallelWriter | StandardWriter) -> bool:
        """Whether nothing was ever written; then nothing can be any more."""
        if self._untouched and isinstance(writer, ParallelWriter):
            return writer.release_if(lambda: self._untouched)
        return self._untouched

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._fp is None

    def write(self, data: Buffer, /) -> int:
        """Takes all of `data`, and returns how many bytes that were. What comes of it may reach the file later."""
        writer = self._writing()
        with memoryview(data) as view:
            length = view.nbytes
        # First: a call that is interrupted may have taken a part.
        self._untouched = False
        writer.write(data)
        with self._counting:
            self._position += length
            self._writes += 1
        return length

    def flush(self, mode: int = FLUSH_BLOCK) -> None:
        """Gives everything written to the file, and ends the frame: it costs compression. Nothing in read mode."""
        file = self._opened()
        if self._reads:
            return
        writer = self._writing()
        if mode not in (self.FLUSH_BLOCK, self.FLUSH_FRAME):
            raise ValueError("Invalid mode argument, expected either ZstdFile.FLUSH_FRAME or ZstdFile.FLUSH_BLOCK")
        # Before: what another thread writes meanwhile is for the next flush.
        writes = self._writes
        if writes != self._flushed or (self._untouched and mode == self.FLUSH_BLOCK):
            self._untouched = False
            if mode == self.FLUSH_FRAME and isinstance(writer, StandardWriter):
                writer.finish()
            else:
                writer.flush()
            with self._counting:
                self._flushed = max(self._flushed, writes)
        if hasattr(file, "flush"):
            file.flush()

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, fewer only at the end; None or negative: the rest."""
        return self._reading().read(-1 if size is None else size)

    def read1(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes, as soon as there are some; negative: a buffer full."""
        return self._reading().read1(BUFFER_SIZE if size < 0 else size)

    def readinto(self, buffer: Buffer, /) -> int:
        """Fills a writable buffer; returns how many bytes."""
        return self._reading().readinto(buffer)

    def readinto1(self, buffer: Buffer, /) -> int:
        """Fills a writable buffer as far as there is something at once; returns how many bytes."""
        return self._reading().readinto1(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line with its end, or `size` bytes of it."""
        return self._reading().readline(-1 if size is None else size)

    def peek(self, size: int = -1, /) -> bytes:
        """What comes next, at least one byte unless at the end, without going on."""
        return self._reading().peek(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to an offset of the content: by reading, from the start if that lies before. See `open_archive`."""
        return self._reading().seek(offset, whence)

    def tell(self) -> int:
        """The offset in the content."""
        self._opened()
        return self._reading().tell() if self._reads else self._position

    def __next__(self) -> bytes:
        line = self._reading().readline()
        if not line:
            raise StopIteration
        return line

    def fileno(self) -> int:
        """The descriptor of the compressed file."""
        return self._opened().fileno()

    @property
    def name(self) -> str:
        """The name of the compressed file."""
        return self._opened().name

    @property
    def mode(self) -> str:
        """"rb" or "wb"."""
        return "rb" if self._reads else "wb"

    def readable(self) -> bool:
        self._opened()
        return self._reads

    def writable(self) -> bool:
        self._opened()
        return not self._reads

    def seekable(self) -> bool:
        return self.readable() and self._reading().seekable()

    # Each takes an attribute once: another thread may close the file at any time.

    def _opened(self) -> Any:
        file = self._fp
        if file is None:
            raise ValueError("I/O operation on closed file")
        return file

    def _reading(self) -> io.BufferedReader:
        self._opened()
        if not self._reads:
            raise io.UnsupportedOperation("File not open for reading")
        buffer = self._buffer
        if buffer is None:
            raise ValueError("I/O operation on closed file")
        return buffer

    def _writing(self) -> ParallelWriter | StandardWriter:
        self._opened()
        if self._reads:
            raise io.UnsupportedOperation("File not open for writing")
        writer = self._writer
        if writer is None:
            raise ValueError("I/O operation on closed file")
        return writer


@overload
def open(
    file: File,
    /,
    mode: Literal["r", "rb", "br", "w", "wb", "bw", "x", "xb", "bx", "a", "ab", "ba"] = "rb",
    *,
    level: int | None = None,
    options: Parameters | None = None,
    zstd_dict: Dictionary | None = None,
    encoding: None = None,
    errors: None = None,
    newline: None = None,
    **more: Unpack[ZstdOptions],
) -> ZstdFile: ...
@overload
def open(
    file: File,
    /,
    mode: Literal["rt", "tr", "wt", "tw", "xt", "tx", "at", "ta"],
    *,
    level: int | None = None,
    options: Parameters | None = None,
    zstd_dict: Dictionary | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **more: Unpack[ZstdOptions],
) -> io.TextIOWrapper: ...
@overload
def open(
    file: File,
    /,
    mode: str,
    *,
    level: int | None = None,
    options: Parameters | None = None,
    zstd_dict: Dictionary | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **more: Unpack[ZstdOptions],
) -> ZstdFile | io.TextIOWrapper: ...
def open(
    file,
    /,
    mode="rb",
    *,
    level=None,
    options=None,
    zstd_dict=None,
    encoding=None,
    errors=None,
    newline=None,
    **more,
):
    """Opens a compressed file, as `compression.zstd.open`: a ZstdFile, in text mode ("rt", "wt", ...) within a TextIOWrapper."""
    text = "t" in mode
    mode = mode.replace("t", "")
    if text and "b" in mode:
        raise ValueError(f"Invalid mode: {mode!r}")
    if not text:
        for name, value in (("encoding", encoding), ("errors", errors), ("newline", newline)):
            if value is not None:
                raise ValueError(f'Argument "{name}" not supported in binary mode')
    binary = ZstdFile(file, mode, level=level, options=options, zstd_dict=zstd_dict, **more)
    return io.TextIOWrapper(binary, encoding, errors, newline) if text else binary
