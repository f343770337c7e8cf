"""Loops and single calls that run by themselves, as futures."""

import contextvars
import ctypes
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError as FutureCancelledError
from concurrent.futures import Future
from typing import Any, Unpack, overload

from . import _native as n
from ._calls import entries, group_of
from ._errors import CancelFlag, error_of, size
from ._handles import JobHandle, Uncopied
from ._library import lib
from ._loops import for_range
from ._options import LoopOptions, native
from ._threads import begin, live

# How long a thread waits at a time, as signals are handled in between only.
_PATIENCE_MS = 50

_ONE = native(segments=1)


class Task:
    """A function that runs once, on some thread of the pool."""

    __slots__ = ("_handle", "_lost", "_over", "_run")

    def __init__(self, run: Callable[[], object], lost: Callable[[BaseException], object]) -> None:
        """`run` must not raise. `lost` is called if it is struck from outside nevertheless, be it before its first line."""
        self._run = run
        self._lost = lost
        self._handle = JobHandle()
        #: Whether `run` has returned, or `lost` was called.
        self._over = False

    def start(self) -> None:
        """Starts it; this object lives until the function has returned."""
        error = n.fastpar_error()
        try:
            begin(self)
            status = lib.fastpar_for_start(
                ctypes.byref(_ONE), 1, _task_callback, self, ctypes.byref(self._handle), ctypes.byref(error)
            )
            if status == n.FASTPAR_OK:
                self._watch_end()
        except BaseException:
            # A signal's handler has raised; a task that was started removes itself.
            if not self._handle:
                live.discard(self)
            raise
        if status != n.FASTPAR_OK:
            live.discard(self)
            raise error_of(error)

    def _watch_end(self) -> None:
        """Has the pool tell the end, for a function that was struck where no hook of this package saw it."""
        status = None
        try:
            _watched.add(self)
            # By unpacking, after which no handler runs, and not by a call: the library has this object then.
            (status,) = map(lib.fastpar_job_notify, (self._handle,), (_end_callback,), (self,), (None,))
        finally:
            # What fails here has run already, and the hook has told of it.
            if status != n.FASTPAR_OK:
                _watched.discard(self)

    def help(self) -> None:
        """Runs it on the calling thread if no other has begun it, and waits for its end."""
        while lib.fastpar_job_wait(self._handle, _PATIENCE_MS, None) == n.FASTPAR_ERR_TIMEOUT:
            pass

    def stop(self) -> None:
        """What runs is stopped by its owner: a task that was started is never skipped."""

    def fail(self, index: int, error: BaseException) -> None:
        if not self._over:
            # In this order: where another handler strikes, it is told again.
            self._lost(error)
            self._over = True
        live.discard(self)


#: Tasks whose end is to be told.
_watched: set[Task] = set()


def run_task(call: Task, chunk: int) -> int:
    """What the pool calls for a task."""
    try:
        call._run()
        call._over = True
    finally:
        live.discard(call)
    return 0


def end_task(call: Task, status: int, error: int | None) -> None:
    """What the pool calls when the task's job has ended."""
    _watched.discard(call)
    if not call._over:
        call.fail(0, RuntimeError("a task was ended from outside before it was done"))


_task_callback = n.fastpar_chunk_fn(run_task)
_end_callback = n.fastpar_done_fn(end_task)
entries.add(run_task.__code__)


class Job(Uncopied, Future[None]):
    """A loop that runs by itself: a future whose result is None. Made by `for_start`.

    `await job` waits in an event loop; when the task that awaits is cancelled, so is the job. The task then goes on at once: chunks
    that are in flight end later, and `job.result()` waits for them.
    """

    def __init__(self, start: Callable[[CancelFlag], None]) -> None:
        super().__init__()
        self._loop = start
        self._flag = CancelFlag()
        context = contextvars.copy_context()
        self._task = Task(lambda: context.run(self._work), self._lose)

    def _work(self) -> None:
        if not self.set_running_or_notify_cancel():
            return
        try:
            self._loop(self._flag)
        except BaseException as error:
            self.set_exception(error)
        else:
            self.set_result(None)

    def _lose(self, error: BaseException) -> None:
        if not self.done():
            self.set_exception(error)

    def cancel(self) -> bool:
        """Stops the loop: no new chunk starts, and the job ends as cancelled when those in flight are done.

        Returns False if it has ended already.
        """
        if super().cancel():
            return True
        self._flag.cancel()
        return not self.done()

    def cancelled(self) -> bool:
        """Whether it has ended because it was cancelled."""
        return super().cancelled() or (self.done() and isinstance(self._exception, FutureCancelledError))

    def result(self, timeout: float | None = None) -> None:
        """Waits for the end, and raises the loop's failure.

        Without a timeout the calling thread does the work if no other has begun it: so this never waits for a free thread.
        """
        if timeout is None and not self.done():
            self._task.help()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Waits as `result` does, and returns the loop's failure; None: it succeeded."""
        if timeout is None and not self.done():
            self._task.help()
        return super().exception(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        import asyncio

        return asyncio.wrap_future(self).__await__()


@overload
def for_start(n_items: int, body: Callable[[int, int], object], /, **options: Unpack[LoopOptions]) -> Job: ...
@overload
def for_start(
    n_items: int, body: Callable[[int, int, int], object], /, *, lane: bool, **options: Unpack[LoopOptions]
) -> Job: ...
def for_start(n_items: int, body: Callable[..., object], /, *, lane: bool = False, **options: Unpack[LoopOptions]) -> Job:
    """Starts a loop and returns at once: `for_range` on a thread of the pool, which other threads help.

    The job completes whether anybody waits or not; when the interpreter ends it is cancelled. May be called from any thread and
    from inside bodies.
    """
    n_items = size(n_items, "n")
    native(**options)
    group_of(options.get("errors", "first"))
    outer = options.pop("cancel", None)

    def start(flag: CancelFlag) -> None:
        # The flag of the job, or the one given.
        if outer is None:
            for_range(n_items, body, lane=lane, cancel=flag, **options)
        else:
            with outer._watch(flag):
                for_range(n_items, body, lane=lane, cancel=flag, **options)

    job = Job(start)
    job._task.start()
    return job
