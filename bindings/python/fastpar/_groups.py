"""Groups: tasks that make tasks."""

import contextvars
import ctypes
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

from . import _native as n
from ._calls import entries, group_of, raise_failures
from ._errors import CancelFlag, CancelledError, call, check_options, error_of, uint32, watching
from ._handles import Uncopied
from ._library import lib
from .zstd._interrupts import interruptible


class Group(Uncopied):
    """A group of tasks at work. Made by `group`, for its tasks, until that returns."""

    __slots__ = ("_call",)

    def __init__(self, call: "_GroupCall") -> None:
        self._call = call

    def spawn[*A](self, function: Callable[[*A], object], /, *args: *A) -> None:
        """Adds the task `function(*args)`. Never blocks.

        From inside tasks of the group, and loops in them; elsewhere InvalidArgumentError. CancelledError: the group has failed or is
        cancelled, and begins no task.
        """
        task = _Task(self._call, function, args)
        pending = self._call.pending
        pending.add(task)
        try:
            call(lib.fastpar_group_spawn, self._call.handle, _task_callback, id(task))
        except Exception:
            # Not for exceptions of signal handlers: these may strike after the library has taken the task.
            pending.discard(task)
            raise

    def wait(self) -> None:
        """Waits until all tasks that the calling task has spawned, and all below, have ended; the thread runs others meanwhile.

        So a task must not hold a lock over it that other tasks take. CancelledError: the group has failed or is cancelled.
        """
        call(lib.fastpar_group_wait, self._call.handle)


class _GroupCall:
    """One call of `group`."""

    __slots__ = ("address", "_cancel", "_flag", "context", "failures", "group", "handle", "in_time", "pending")

    def __init__(self, cancel: CancelFlag | None) -> None:
        self._cancel = cancel
        self._flag = ctypes.c_int32()
        self.address = ctypes.addressof(self._flag)
        self.context = contextvars.copy_context()
        self.failures: list[tuple[int, BaseException]] = []
        self.in_time = itertools.count().__next__
        self.group = Group(self)
        #: What tasks are given by the library; None before and after.
        self.handle: int | None = None
        #: Tasks that have not ended: the library has their addresses only.
        self.pending: set[_Task] = set()

    def stop(self) -> None:
        """No task is begun any more."""
        lib.fastpar_cancel(self.address)

    def fail(self, error: BaseException) -> None:
        self.failures.append((self.in_time(), error))
        self.stop()

    def watching(self) -> AbstractContextManager[None]:
        """While it is entered, the caller's flag stops the call."""
        return watching(self._cancel, self)

    def raise_failure(self) -> None:
        """What was raised is judged when all is known, by `group`."""


class _Task:
    """A task that has not ended."""

    __slots__ = ("args", "call", "function")

    def __init__(self, call: _GroupCall, function: Callable[..., object], args: tuple[object, ...]) -> None:
        self.call, self.function, self.args = call, function, args

    def fail(self, index: int, error: BaseException) -> None:
        """What struck before the first line of the callback."""
        self.call.fail(error)


def run_task(call: _Task, group: int, lane: int) -> int:
    """What the pool calls for a task."""
    try:
        call.call.handle = group
        # A context of its own: a task that waits runs others on its stack, and no context can be entered
        # twice.
        call.call.context.copy().run(call.function, *call.args)
        call.call.pending.discard(call)
        return 0
    except BaseException as error:
        call.call.fail(error)
        return 1


# The item is the task itself, which `pending` keeps.
_typed_callback = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p, ctypes.c_uint32)(run_task)
_task_callback = ctypes.cast(_typed_callback, n.fastpar_task_fn)
entries.add(run_task.__code__)


def group(
    root: Callable[[Group], object],
    /,
    *,
    max_lanes: int = 0,
    cancel: CancelFlag | None = None,
    errors: Literal["first", "group"] = "first",
    name: str = "",
) -> None:
    """Calls `root(group)` and all tasks that it and they spawn, in parallel, and returns when all have ended.

        def walk(group, folder):
            for entry in os.scandir(folder):
                if entry.is_dir(follow_symlinks=False):
                    group.spawn(walk, group, entry.path)

        fastpar.group(lambda group: walk(group, "."))

    For work that is no range: trees, recursion, graphs. `group.spawn(function, *args)` adds a task and `group.wait()` waits for those
    that the calling task has spawned. Spawning nests nothing, however deep the recursion. `max_lanes`: threads at the same time; 0:
    every thread of the pool. `name`: what traces call the group.

    An exception of a task ends the group: no task is begun, those that run finish, and it is raised here; of several, the first in
    time (`errors="group"`: all, in an ExceptionGroup). KeyboardInterrupt in the main thread ends it in the same way. Tasks see the
    caller's context variables; what they set ends with the task.
    """
    as_group = group_of(errors)
    check_options(cancel)
    work = _GroupCall(cancel)
    task = _Task(work, root, (work.group,))
    work.pending.add(task)
    options = n.fastpar_group_options(
        ctypes.sizeof(n.fastpar_group_options),
        uint32(max_lanes, "max_lanes"),
        cancel=work.address,
        name=name.encode() if name else None,
    )
    error = n.fastpar_error()
    try:
        status = interruptible(
            work, lambda: lib.fastpar_group_run(ctypes.byref(options), _task_callback, task, ctypes.byref(error))
        )
        left = bool(work.pending)
    finally:
        work.handle = None
        work.pending.clear()
    # That a group is cancelled only follows from another failure, or is told below.
    causes = [failure for failure in work.failures if not isinstance(failure[1], CancelledError)]
    if causes:
        work.failures.clear()
        raise_failures(causes, "tasks", as_group)
    if work.failures:
        raise_failures(work.failures, "tasks", False)
    if status not in (n.FASTPAR_OK, n.FASTPAR_ERR_CALLBACK):
        raise error_of(error)
    if status != n.FASTPAR_OK or left:
        raise RuntimeError("a task was ended from outside before it was done")
