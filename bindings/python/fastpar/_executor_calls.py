"""The calls of an executor, and their futures."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from ._executor_threads import in_pool
from ._handles import Uncopied

if TYPE_CHECKING:
    from ._executor import ThreadPoolExecutor


class Item(Protocol):
    """Something that a thread of the executor takes and runs."""

    def run(self) -> None:
        """Does it, and lets no exception out."""

    def cancel(self) -> None:
        """Tells the threads that wait that it will not be done."""

    def break_(self, error: BaseException) -> None:
        """Tells the threads that wait why it cannot be done."""


class CallItem:
    """A call with a future."""

    __slots__ = ("_claim", "args", "fn", "future", "kwargs")

    def __init__(self, future: Future, fn: Callable[..., object], args: tuple, kwargs: dict) -> None:
        self.future, self.fn, self.args, self.kwargs = future, fn, args, kwargs
        self._claim = threading.Lock()

    def run(self) -> None:
        # A thread that waits for the call may have begun it.
        if self._claim.acquire(blocking=False):
            self._run()

    def _run(self) -> None:
        # Each has the other until here: a future outlives what its call was given.
        self.future._item = None
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.fn(*self.args, **self.kwargs)
        except BaseException as error:
            self.future.set_exception(error)
            # The exception's traceback holds this frame, which holds the future, which holds the exception.
            self = None
        else:
            self.future.set_result(result)

    def cancel(self) -> None:
        if self.future.cancel():
            self.run()  # which tells those that wait for several futures

    def break_(self, error: BaseException) -> None:
        # A thread that waits for the call may have begun it, and the future may be cancelled.
        if self._claim.acquire(blocking=False):
            self.future._item = None
            if self.future.set_running_or_notify_cancel():
                self.future.set_exception(error)


class CallFuture[T](Uncopied, Future[T]):
    """The future of a call. A worker that waits for it makes the call itself if no other has begun it."""

    def __init__(self, executor: "ThreadPoolExecutor") -> None:
        super().__init__()
        self._executor = executor
        self._item: CallItem | None = None

    def result(self, timeout: float | None = None) -> T:
        if timeout is None and self._state == "PENDING":
            self._help()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        if timeout is None and self._state == "PENDING":
            self._help()
        return super().exception(timeout)

    def _help(self) -> None:
        item = self._item
        # A forked child has no pool, and may be inside a call of the executor.
        if item is not None and (self._executor.is_here() or in_pool()):
            self._executor._run_here(item)
