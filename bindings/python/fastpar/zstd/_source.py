"""Archives whose bytes a function reads, and memory of the library that Python's code sees for a moment."""

import ctypes
import itertools
import threading
from collections.abc import Callable
from pickle import PickleBuffer

from .. import _native as n
from .._calls import entries
from .._library import lib

_view_of = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)(
    ("PyMemoryView_FromMemory", ctypes.pythonapi)
)
_READ, _WRITE = 0x100, 0x200


class Borrowed:
    """A view of memory that is the library's again when this is left. A view, or an array over one, that is kept is BufferError."""

    __slots__ = ("_memory", "_view")

    def __init__(self, data: int, length: int, writable: bool = False) -> None:
        self._memory = _view_of(data, length, _WRITE if writable else _READ)
        # Its own exporter: slices of a memoryview are views of what that is a view of.
        between = PickleBuffer(self._memory)
        self._view = memoryview(between)
        between.release()

    def __enter__(self) -> memoryview:
        return self._view

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self._view.release()
            self._memory.release()
        except BufferError:
            if kind is not None:
                return  # what is raised holds the frames that hold views
            raise BufferError("a view is kept whose bytes are gone: copy what is to last") from None


# What sources have raised, by the number that goes through the library as `code`; each until its call has
# ended.
_raised: dict[int, BaseException] = {}
_numbers = itertools.count(1)

# What has struck the main thread before the first line of `read_at`, whose result is rubbish then: the call
# may go on with zeros instead of the bytes.
_struck: list[BaseException] = []

# Of failures that no call asks for, such as a second one of the same call, the latest are kept.
_MOST = 64


class Source:
    """What the library calls for bytes of an archive. Whoever has the archive's handle keeps this."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[int, memoryview], object]) -> None:
        self.read = read

    def fail(self, index: int, error: BaseException) -> None:
        """Notes what has struck the function before its first line."""
        _struck.append(error)
        self.note(error)

    def note(self, error: BaseException) -> None:
        """Notes what the function has raised, and has the call return its number."""
        number = next(_numbers) % 2**31 or next(_numbers) % 2**31
        _raised[number] = error
        if len(_raised) > _MOST:
            _raised.pop(min(_raised.copy()), None)
        text = f"{type(error).__name__}: {error}".encode()[:200]
        lib.fastpar_fail(ctypes.byref(n.fastpar_error(n.FASTPAR_ERR_CALLBACK, number, 2**64 - 1, text)))


def read_at(call: Source, offset: int, buffer: int, length: int) -> int:
    """What the library calls for bytes of a source."""
    try:
        with Borrowed(buffer, length, True) as view:
            call.read(offset, view)
        return 0
    except BaseException as error:
        call.note(error)
        return 1


read_at_callback = n.fastpar_read_at_fn(read_at)
entries.add(read_at.__code__)


def check_source(status: int, error: n.fastpar_error) -> None:
    """Raises what the source of an archive has raised, if that is why a call has failed; and on the main thread what has
    struck there, however the call has ended."""
    raised = _raised.pop(error.code, None) if status == n.FASTPAR_ERR_CALLBACK else None
    if _struck and threading.current_thread() is threading.main_thread():
        raised = _struck.pop()
        _struck.clear()
    if raised is not None:
        try:
            raise raised
        finally:
            # Its traceback holds this frame.
            del raised
