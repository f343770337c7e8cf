"""A timeline of the process, and the program's own spans in it."""

import contextlib
import ctypes
import enum
import os

from . import _native as n
from ._errors import uint32
from ._library import lib
from .zstd._settings import check, path as encoded


class TraceCategory(enum.IntFlag):
    """What a trace has in it."""

    #: Loops, reductions, prefix sums, jobs and teams, the lanes that work for them, and waiting.
    LOOPS = n.FASTPAR_TRACE_LOOPS
    #: Chunks, as they are claimed: several very short ones are one event. Pieces of scans.
    CHUNKS = n.FASTPAR_TRACE_CHUNKS
    #: Groups, pipelines, sorts, and the tasks that calls of the codec and streams are made of.
    TASKS = n.FASTPAR_TRACE_TASKS
    #: Calls of the codec, scans, frames and parts of them, and bytes so far.
    CODEC = n.FASTPAR_TRACE_CODEC
    #: Reads and writes of files.
    FILES = n.FASTPAR_TRACE_FILES
    #: The program's own spans: `trace`.
    USER = n.FASTPAR_TRACE_USER


def trace_start(path: str | os.PathLike, *, max_memory: int = 0, categories: int = 0) -> None:
    """Starts a timeline of the process, in a new file that Perfetto and chrome://tracing open, and that is whole whenever the
    process ends.

    `path`: "%p" becomes the number of the process; the file must not exist, and a link is not followed. `max_memory`: bytes of
    events that wait to be written, at least 1 MiB; 0: 64 MiB. `categories`: a sum of `TraceCategory`; 0: all.

    Raises OSError for what is wrong with the file, BusyError if a trace runs.
    """
    options = n.fastpar_trace_options(ctypes.sizeof(n.fastpar_trace_options), max_memory, uint32(categories, "categories"), 0)
    if options.max_memory != max_memory:
        raise ValueError(f"max_memory is {max_memory}, expected at least 1 MiB")
    error = n.fastpar_error()
    check(lib.fastpar_trace_start(ctypes.byref(options), encoded(path), ctypes.byref(error)), error, (os.fsdecode(path),))


def trace_stop() -> None:
    """Ends the trace that runs, if one does, and writes what is left of it. Raises OSError if that cannot be written."""
    error = n.fastpar_error()
    check(lib.fastpar_trace_stop(ctypes.byref(error)), error)


class trace(contextlib.ContextDecorator):
    """A span of the program's own: `with fastpar.trace("load"): ...`, or `@fastpar.trace("load")` over a function. It belongs to
    the thread that enters it. Nothing where no trace runs."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name.encode().replace(b"\0", b"")

    def __enter__(self) -> None:
        lib.fastpar_trace_begin(self._name)

    def __exit__(self, *_: object) -> None:
        lib.fastpar_trace_end()
