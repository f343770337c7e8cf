"""Failures of the library as exceptions."""

import concurrent.futures
import contextlib
import ctypes
import operator
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, Self, SupportsIndex

from . import _native as n
from ._handles import Uncopied
from ._library import lib, status_name

_NO_POSITION = 2**64 - 1


class Error(Exception):
    """A call of fastpar failed. Failures of one kind are a subclass, which is also Python's own exception of that kind."""

    #: The status of the C ABI: one of the FASTPAR_ERR_ constants.
    status: int
    #: What a callback returned, zstd's error code, or the system's; else 0.
    code: int
    #: Chunk, item or frame index, or byte offset, as the header says of the function; None: none.
    position: int | None
    #: The file that it is about, such as one whose data is damaged; None: none, or it is not known.
    filename: str | None = None

    @classmethod
    def of(
        cls, status: int, message: str, code: int = 0, position: int | None = None, filename: str | None = None
    ) -> Self:
        """An error with these numbers. All of it is pickled: the machine that asked for the work gets it as it is."""
        if filename is not None:
            shown = _shown(filename)
            message = f"{message.removesuffix(f': {shown}')}: {shown}"
        error = cls(f"{message} ({status_name(status)})")
        error.status, error.code, error.position, error.filename = status, code, position, filename
        return error


class InvalidArgumentError(Error, ValueError):
    """An argument is outside its range, or contradicts another one."""


class UnsupportedError(Error, NotImplementedError):
    """A valid request that this version, this platform or this data does not allow."""


class BufferTooSmallError(Error, BufferError):
    """The output does not fit. `needed` is a size that does, 0 where none is known."""

    needed: int = 0


class OutOfMemoryError(Error, MemoryError):
    """The system has no memory left for the call."""


class LimitError(Error, ValueError):
    """A limit given in the options would be passed."""


class ThreadsError(Error, RuntimeError):
    """Threads could not be started, or not as many as the call needs."""


class CancelledError(Error, concurrent.futures.CancelledError):
    """The call was cancelled, by its flag."""


class TimeoutError(Error, TimeoutError):
    """The time given was over."""


class ClosedError(Error):
    """The queue or stream is closed."""


class BusyError(Error, RuntimeError):
    """Not possible from where it was called."""


_KINDS: dict[int, type[Error]] = {
    n.FASTPAR_ERR_INVALID_ARGUMENT: InvalidArgumentError,
    n.FASTPAR_ERR_UNSUPPORTED: UnsupportedError,
    n.FASTPAR_ERR_BUFFER_TOO_SMALL: BufferTooSmallError,
    n.FASTPAR_ERR_OUT_OF_MEMORY: OutOfMemoryError,
    n.FASTPAR_ERR_LIMIT_EXCEEDED: LimitError,
    n.FASTPAR_ERR_THREADS: ThreadsError,
    n.FASTPAR_ERR_CANCELLED: CancelledError,
    n.FASTPAR_ERR_TIMEOUT: TimeoutError,
    n.FASTPAR_ERR_CLOSED: ClosedError,
    n.FASTPAR_ERR_ALREADY_STARTED: BusyError,
    n.FASTPAR_ERR_BUSY: BusyError,
}


def error_of(
    error: n.fastpar_error,
    kinds: dict[int, type[Error]] = _KINDS,
    paths: Sequence[str] = (),
    source: str | None = None,
) -> Exception:
    """The exception for what a call has reported; `paths`: of the files that it was given; `source`: the one whose data failures
    of `kinds` are about, where the message names none."""
    message = error.message.decode("utf-8", "replace")
    if error.status == n.FASTPAR_ERR_IO:
        return _os_error(error.code, message, paths)
    position = None if error.position == _NO_POSITION else error.position
    kind = kinds.get(error.status) or _KINDS.get(error.status, Error)
    named, message = _named(message, paths)
    filename = named or (source if error.status in kinds else None)
    return kind.of(error.status, message, error.code, position, filename)


def _shown(path: str) -> str:
    """A path as messages have it."""
    return os.fsencode(path).decode("utf-8", "replace")


def _named(message: str, paths: Sequence[str]) -> tuple[str | None, str]:
    """The file that a message names at its end, and the message without it. Of a long name the message has the end, after dots."""
    for path in sorted(filter(None, paths), key=len, reverse=True):
        shown = _shown(path)
        if message.endswith(f": {shown}"):
            return path, message.removesuffix(f": {shown}")
        text, dots, end = message.rpartition(": ...")
        if dots and end and shown.endswith(end):
            return path, text
    return None, message


def _os_error(code: int, message: str, paths: Sequence[str]) -> OSError:
    """The exception of the system's error, with the name of the file that the message names."""
    filename, message = _named(message, paths)
    if filename is None:
        filename = paths[0] if len(paths) == 1 else None
    # The exception shows the number before the message.
    message = message.removesuffix(f" (os error {code})")
    if sys.platform == "win32":
        return OSError(0, message, filename, code)
    return OSError(code, message, filename) if filename is not None else OSError(code, message)


def call(function: ctypes._NamedFuncPointer, *arguments: object) -> None:
    """Calls a function that takes an error last, and raises what it reports."""
    error = n.fastpar_error()
    if function(*arguments, ctypes.byref(error)) != n.FASTPAR_OK:
        raise error_of(error)


class Stoppable(Protocol):
    """A call under way."""

    def stop(self) -> None:
        """Lets nothing new start."""


class CancelFlag(Uncopied):
    """Stops the calls that were given it as `cancel`: they start nothing new, and raise CancelledError.

    One flag may serve any number of calls, from any thread.
    """

    __slots__ = ("_calls", "_cancelled")

    def __init__(self) -> None:
        self._calls: set[Stoppable] = set()
        self._cancelled = False

    def stop(self) -> None:
        """The same as `cancel`: flags may watch flags."""
        self.cancel()

    def cancel(self) -> None:
        """Sets the flag, for good. Never blocks; may be called from any thread, from bodies and from signal handlers."""
        self._cancelled = True
        for call in self._calls.copy():
            call.stop()

    @property
    def cancelled(self) -> bool:
        """Whether it is set."""
        return self._cancelled

    @contextlib.contextmanager
    def _watch(self, call: Stoppable) -> Iterator[None]:
        # Either `cancel` finds the call in the set, or this finds the flag set: the set's own lock orders the
        # two.
        try:
            self._calls.add(call)
            if self._cancelled:
                call.stop()
            yield
        finally:
            self._calls.discard(call)


def check_options(cancel: object, progress: object = None, name: object = "") -> None:
    """Refuses values of these options that are of another type, before the call begins."""
    if cancel is not None and not isinstance(cancel, CancelFlag):
        raise TypeError(f"cancel must be a CancelFlag or None, not {type(cancel).__name__}")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be callable or None, not {type(progress).__name__}")
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")


_NOTHING = contextlib.nullcontext()


def watching(flag: CancelFlag | None, call: Stoppable) -> AbstractContextManager[None]:
    """While it is entered, `flag` stops the call."""
    return _NOTHING if flag is None else flag._watch(call)


def size(value: SupportsIndex, name: str) -> int:
    """`value` if it is a size of C; ctypes would cut off what is not."""
    return _natural(value, name, 8 * ctypes.sizeof(ctypes.c_size_t), "a size_t")


def uint32(value: SupportsIndex, name: str) -> int:
    """The same for 32 bits."""
    return _natural(value, name, 32, "32 bits")


def uint64(value: SupportsIndex, name: str) -> int:
    """The same for 64 bits."""
    return _natural(value, name, 64, "64 bits")


def _natural(value: SupportsIndex, name: str, bits: int, place: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
    if not 0 <= number < 2**bits:
        raise ValueError(f"{name} must be 0 or more and fit into {place}, not {number}")
    return number
