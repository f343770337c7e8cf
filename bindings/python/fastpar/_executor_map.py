"""`Executor.map` without a future for every call."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any


class _Failure:
    """What a call has raised, in the place of its result."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Waiter:
    """In the place of a result that a thread waits for."""

    __slots__ = ("lock", "outcome")

    def __init__(self) -> None:
        self.outcome: object = None
        self.lock = threading.Lock()
        self.lock.acquire()


_MISSING = object()


class MapWork[T]:
    """The calls of one `map`. Every thread of the executor that runs it takes call after call until none is left."""

    def __init__(self, fn: Callable[..., T], arguments: list[tuple[Any, ...]], timeout: float | None) -> None:
        self._fn = fn
        self._arguments = arguments
        self.count = len(arguments)
        self._end = None if timeout is None else time.monotonic() + timeout
        # A count is one atomic step, so that every call is taken once.
        self._numbers = itertools.count()
        # For a call either its outcome or its waiter, whichever comes first: `setdefault` is one atomic step.
        self._places: dict[int, object] = {}
        #: No call is begun any more.
        self.stopped = False

    def run(self) -> None:
        """Takes calls until none is left."""
        fn, arguments, count, settle = self._fn, self._arguments, self.count, self._places.setdefault
        claim = self._numbers.__next__
        while not self.stopped and (index := claim()) < count:
            try:
                outcome = fn(*arguments[index])
            except BaseException as error:
                outcome = _Failure(error)
            place = settle(index, outcome)
            if place is not outcome:
                self._hand_over(place, outcome)
            del outcome, place

    def _hand_over(self, place: object, outcome: object) -> None:
        if type(place) is _Waiter:
            place.outcome = outcome
            place.lock.release()

    def cancel(self) -> None:
        """No call that has not begun is made; their results are CancelledError."""
        self.break_(CancelledError())

    def break_(self, error: BaseException) -> None:
        """The same with another error."""
        outcome = _Failure(error)
        # By a loop over the numbers, and not by a call, after which a signal handler may run: a number that
        # is taken is settled.
        for index in self._numbers:
            if index >= self.count:
                return
            try:
                self._settle(index, outcome)
            except BaseException:
                self._settle(index, outcome)
                raise

    def _settle(self, index: int, outcome: _Failure) -> None:
        place = self._places.setdefault(index, outcome)
        # When it is done again the waiter may have been released.
        with contextlib.suppress(RuntimeError):
            self._hand_over(place, outcome)

    def results(self) -> Iterator[T]:
        """The results in their order, each as soon as it is there; what a call has raised is raised in its place."""
        try:
            for index in range(self.count):
                # Without a local variable: a result without another reference must not live on here.
                yield self._take(index)
        finally:
            self.stopped = True

    def _take(self, index: int) -> Any:
        outcome = self._places.pop(index, _MISSING)
        if outcome is _MISSING:
            outcome = self._await(index)
        if type(outcome) is not _Failure:
            return outcome
        try:
            raise outcome.error
        finally:
            # The exception's traceback holds this frame.
            del outcome

    def _await(self, index: int) -> Any:
        waiter = _Waiter()
        outcome = self._places.setdefault(index, waiter)
        if outcome is waiter:
            rest = -1 if self._end is None else max(self._end - time.monotonic(), 0)
            if not waiter.lock.acquire(timeout=min(rest, threading.TIMEOUT_MAX)):
                raise FutureTimeoutError
            outcome = waiter.outcome
        self._places.pop(index, None)
        return outcome
