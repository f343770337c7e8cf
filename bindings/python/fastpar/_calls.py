"""A parallel call under way: what its callbacks do, what becomes of exceptions, how the main thread stays interruptible."""

import contextvars
import ctypes
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from . import _native as n
from ._buffers import PyBuffer
from ._errors import error_of, watching
from ._handles import Handle
from ._library import lib
from ._options import LoopOptions, native
from ._threads import begin, live

_chunk_at = n.fastpar_chunk.from_address

# The longest time that a signal waits when the main thread has nothing to do but to wait.
_PATIENCE_MS = 20


class Lane:
    """What the thread that holds a lane has for itself."""

    __slots__ = ("done", "run")

    def __init__(self, context: contextvars.Context) -> None:
        #: Calls a function in the lane's copy of the caller's context.
        self.run = context.copy().run
        #: Items whose body has returned.
        self.done = 0


class Call:
    """One call of a loop."""

    __slots__ = ("_flag", "address", "context", "failures", "lanes", "progress", "step", "stopped")

    def __init__(self, step: Callable[..., object], progress: Callable[[int, int], object] | None = None) -> None:
        #: Does the work of one chunk.
        self.step = step
        #: What bodies set is gone after the call, and a context cannot be entered by two threads: each lane
        #: has a copy.
        self.context = contextvars.copy_context()
        self.lanes: dict[int, Lane] = {}
        #: What was raised, with the number of the chunk.
        self.failures: list[tuple[int, BaseException]] = []
        self.progress = progress
        #: Whether no new chunk starts; bodies of several items look at it between two.
        self.stopped = False
        self._flag = ctypes.c_int32()
        self.address = ctypes.addressof(self._flag)

    def stop(self) -> None:
        """No new chunk starts."""
        self.stopped = True
        lib.fastpar_cancel(self.address)

    def fail(self, index: int, error: BaseException) -> None:
        """Notes an exception and stops."""
        self.failures.append((index, error))
        self.stop()

    def done(self) -> int:
        """The items whose body has returned. A callback that dies before its first line returns rubbish, which may look
        like success."""
        return sum(lane.done for lane in self.lanes.values())

    def lane(self, number: int) -> Lane:
        """A lane that is new to this call. No other thread asks for it meanwhile."""
        lane = self.lanes[number] = Lane(self.context)
        return lane


def run_chunk(call: Call, address: int) -> int:
    """What the pool calls for a chunk."""
    try:
        chunk = _chunk_at(address)
        try:
            lane = call.lanes[chunk.lane]
        except KeyError:
            lane = call.lane(chunk.lane)
        lane.run(call.step, chunk)
        lane.done += chunk.end - chunk.begin
        return 0
    except BaseException as error:
        call.fail(_chunk_at(address).index, error)
        return 1


def run_range(call: Call, address: int) -> int:
    """The same where the work takes the range: one Python call fewer for each chunk."""
    try:
        chunk = _chunk_at(address)
        begin, end = chunk.begin, chunk.end
        try:
            lane = call.lanes[chunk.lane]
        except KeyError:
            lane = call.lane(chunk.lane)
        lane.run(call.step, begin, end)
        lane.done += end - begin
        return 0
    except BaseException as error:
        call.fail(_chunk_at(address).index, error)
        return 1


def _report_progress(call: Call, done: int, total: int) -> int:
    try:
        if call.progress is not None:
            # Never two at a time, so one context serves them all.
            call.context.run(call.progress, done, total)
        return 0
    except BaseException as error:
        call.fail(sys.maxsize, error)
        return 1


chunk_callback = n.fastpar_chunk_fn(run_chunk)
range_callback = n.fastpar_chunk_fn(run_range)
progress_callback = n.fastpar_progress_fn(_report_progress)

# The functions that the library calls; each has the call as its first argument, `call`.
entries = {run_chunk.__code__, run_range.__code__, _report_progress.__code__}

# Finalizers that release something of the library's or of others; each does nothing the second time.
finalizers = {Handle.__del__.__code__, PyBuffer.__del__.__code__}

_ignore = sys.unraisablehook


def _rescue(unraisable: "sys.UnraisableHookArgs") -> None:
    """Hands an exception that struck before the first line of a callback to its call, instead of printing it.

    That is where Python runs signal handlers, so it happens to every other KeyboardInterrupt. And calls a finalizer again that was
    struck so.
    """
    traceback, error = unraisable.exc_traceback, unraisable.exc_value
    code = None if traceback is None else traceback.tb_frame.f_code
    if code in entries and error is not None:
        try:
            traceback.tb_frame.f_locals["call"].fail(sys.maxsize, error)
        except BaseException as another:
            # Another handler has struck here.
            traceback.tb_frame.f_locals["call"].fail(sys.maxsize, another)
        return
    if code in finalizers:
        finish = traceback.tb_frame.f_locals["self"].__del__
        try:
            finish()
        except BaseException:
            finish()
    _ignore(unraisable)


sys.unraisablehook = _rescue


def _without_entry(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback that begins in the caller's own code."""
    inner = traceback.tb_next if traceback is not None and traceback.tb_frame.f_code in entries else None
    return inner or traceback


def group_of(errors: str) -> bool:
    """Whether failures are raised as a group, by the option `errors`."""
    if errors not in ("first", "group"):
        raise ValueError(f'errors must be "first" or "group", not {errors!r}')
    return errors == "group"


def raise_failures(failures: list[tuple[int, BaseException]], what: str, group: bool) -> None:
    """Raises what bodies have raised: that of the lowest chunk, or all in the order of their chunks as an ExceptionGroup.

    KeyboardInterrupt, SystemExit and the like are for the whole program, and go before everything else.
    """
    failures.sort(key=lambda failure: failure[0])
    errors = [error.with_traceback(_without_entry(error.__traceback__)) for _, error in failures]
    failures.clear()
    urgent = [error for error in errors if not isinstance(error, Exception)]
    ordinary = [error for error in errors if isinstance(error, Exception)]
    try:
        if urgent:
            raise urgent[0]
        if ordinary and group:
            raise ExceptionGroup(f"{len(ordinary)} {what} failed", ordinary)
        if ordinary:
            raise ordinary[0]
    finally:
        # An exception's traceback holds this frame, and the frame would hold the exception.
        del errors, urgent, ordinary


def run(call: Call, count: int, options: LoopOptions, callback: ctypes._CFunctionType = chunk_callback) -> None:
    """Runs a loop, waits for it, and raises its failure. The step of `call` is what `callback` takes."""
    settings, error = native(**options), n.fastpar_error()
    group = group_of(options.get("errors", "first"))
    settings.cancel = call.address
    if call.progress is not None:
        settings.progress, settings.progress_data = progress_callback, call
    try:
        begin(call)
        with watching(options.get("cancel"), call):
            if threading.get_ident() == threading.main_thread().ident:
                status = _run_interruptible(call, count, settings, callback, error)
            else:
                status = lib.fastpar_for(ctypes.byref(settings), count, callback, call, ctypes.byref(error))
    finally:
        live.discard(call)
    if call.failures:
        raise_failures(call.failures, "chunks", group)
    if status not in (n.FASTPAR_OK, n.FASTPAR_ERR_CALLBACK):
        raise error_of(error)
    if status != n.FASTPAR_OK or call.done() != count:
        raise RuntimeError("a body was ended from outside before it was done")


#: Loops that were left when waiting for their last chunks was interrupted a second time. Their memory must
#: stay.
_abandoned: list[tuple[Call, ctypes.c_void_p]] = []


def _run_interruptible(
    call: Call, count: int, options: n.fastpar_loop_options, callback: ctypes._CFunctionType, error: n.fastpar_error
) -> int:
    """Runs a loop from the main thread, which works and waits in short turns, as signals are handled between them only."""
    job = ctypes.c_void_p()
    error_at = ctypes.byref(error)
    try:
        while True:
            # Whatever a signal's handler raises, wherever it strikes here: a loop that has been started is
            # waited for.
            try:
                if not job:
                    if call.failures:
                        return n.FASTPAR_ERR_CANCELLED
                    status = lib.fastpar_for_start(
                        ctypes.byref(options), count, callback, call, ctypes.byref(job), error_at
                    )
                    if status != n.FASTPAR_OK:
                        return status
                while (status := lib.fastpar_job_wait(job, _PATIENCE_MS, error_at)) == n.FASTPAR_ERR_TIMEOUT:
                    pass
                return status
            except BaseException as interrupt:
                if any(not isinstance(failure, Exception) for _, failure in call.failures):
                    # The second time the chunks in flight are no longer waited for.
                    _abandoned.append((call, job))
                    job = None
                    raise
                call.fail(-1, interrupt)
    finally:
        lib.fastpar_job_free(job)
