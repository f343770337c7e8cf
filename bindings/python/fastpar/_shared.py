"""State that threads share: an atomic integer and a bounded queue."""

import ctypes
import itertools
import math
import operator
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import _native as n
from ._errors import ClosedError, TimeoutError, call, error_of, size
from ._handles import QueueHandle, Uncopied
from ._library import lib

_LEAST, _MOST = -(2**63), 2**63 - 1


def _int64(value: int) -> int:
    value = operator.index(value)
    if not _LEAST <= value <= _MOST:
        raise OverflowError(f"{value} does not fit into 64 bits")
    return value


class AtomicInt(Uncopied):
    """An integer of 64 bits that any number of threads may change at the same time, each change in one step.

    For state that is shared with native code, which gets its `address`; among Python's threads a threading.Lock around an int
    is faster. Changes are sequentially consistent.
    """

    __slots__ = ("_at", "_place")

    def __init__(self, value: int = 0, /) -> None:
        self._place = ctypes.c_int64(_int64(value))
        self._at = ctypes.addressof(self._place)

    @property
    def address(self) -> int:
        """Where it is: an aligned `int64_t` for native code's `fastpar_atomic_` functions, or atomics of its own, as long as this
        object lives."""
        return self._at

    def load(self) -> int:
        """Its value."""
        return lib.fastpar_atomic_load(self._at)

    def store(self, value: int, /) -> None:
        """Gives it a value."""
        lib.fastpar_atomic_store(self._at, _int64(value))

    def add(self, delta: int = 1, /) -> int:
        """Adds, wrapping around at 64 bits; returns the value before."""
        return lib.fastpar_atomic_add(self._at, _int64(delta))

    def max(self, value: int, /) -> int:
        """Raises it to at least `value`; returns the value before."""
        return lib.fastpar_atomic_max(self._at, _int64(value))

    def min(self, value: int, /) -> int:
        """Lowers it to at most `value`; returns the value before."""
        return lib.fastpar_atomic_min(self._at, _int64(value))

    def compare_exchange(self, expected: int, desired: int, /) -> tuple[bool, int]:
        """Replaces it by `desired` if it is `expected`; returns whether it was, and the value before."""
        before = ctypes.c_int64(_int64(expected))
        replaced = lib.fastpar_atomic_compare_exchange(self._at, ctypes.addressof(before), _int64(desired))
        return replaced != 0, before.value

    def __int__(self) -> int:
        return self.load()

    __index__ = __int__

    def __repr__(self) -> str:
        return f"AtomicInt({self.load()})"


# The longest wait: 300 million years.
_FOREVER_MS = 2**63

# How long the main thread waits at a time, as signals are handled in between only.
_PATIENCE_MS = 50


def _deadline(timeout: float | None) -> float:
    """When `timeout` seconds will have passed; None: never."""
    if timeout is None:
        return math.inf
    if math.isnan(timeout):
        raise ValueError("timeout must be a number of seconds, not NaN")
    return time.monotonic() + max(timeout, 0)


def _wait(deadline: float, attempt: Callable[[int, object], int]) -> None:
    """Calls `attempt(milliseconds, error)` until it no longer reports that the time is over, or the deadline has passed."""
    error = n.fastpar_error()
    while True:
        rest = math.ceil(min(max(deadline - time.monotonic(), 0) * 1000, _FOREVER_MS))
        turn = min(rest, _PATIENCE_MS) if threading.current_thread() is threading.main_thread() else rest
        status = attempt(turn, ctypes.byref(error))
        if status == n.FASTPAR_OK:
            return
        if status != n.FASTPAR_ERR_TIMEOUT or turn == rest:
            raise error_of(error)


#: In the place of an item whose `push` has raised.
_NOTHING: Any = object()


class Queue[T](Uncopied):
    """A bounded queue, first in, first out, for any number of producers and consumers. queue.Queue is faster.

    A body that waits occupies its thread, and the chunk that would make room may not have begun: let the members of a `team`
    wait, or other threads.
    """

    __slots__ = ("_handle", "_items", "_keys")

    def __init__(self, capacity: int, /) -> None:
        """`capacity`: items that it holds at most, 1 to 16,777,216."""
        self._handle = QueueHandle()
        call(lib.fastpar_queue_open, size(capacity, "capacity"), ctypes.byref(self._handle))
        # The library's queue holds numbers, and this what they stand for.
        self._items: dict[int, T] = {}
        self._keys = itertools.count(1).__next__

    def push(self, item: T, /, timeout: float | None = None) -> None:
        """Adds an item, waiting for room: `timeout` seconds, None: for ever.

        Raises TimeoutError if it stayed full, ClosedError if it is closed, before or while this waited.
        """
        deadline = _deadline(timeout)
        key = self._keys()
        self._items[key] = item
        try:
            _wait(deadline, lambda turn, error: lib.fastpar_queue_push(self._handle, key, turn, error))
        except BaseException:
            # A signal's handler may have raised when the library had the number: `pop` passes over it.
            self._items.pop(key, None)
            raise

    def pop(self, timeout: float | None = None) -> T:
        """Takes the oldest item, waiting for one: `timeout` seconds, None: for ever.

        Raises TimeoutError if it stayed empty, ClosedError if it is closed and empty.
        """
        deadline, key, item = _deadline(timeout), ctypes.c_uint64(), _NOTHING
        try:
            while item is _NOTHING:
                _wait(deadline, lambda turn, error: lib.fastpar_queue_pop(self._handle, turn, ctypes.byref(key), error))
                item = self._items.pop(key.value, _NOTHING)
        except BaseException:
            # A signal's handler may have raised when the library had given the number.
            self._items.pop(key.value, None)
            raise
        return item

    def close(self) -> None:
        """Ends it: nothing can be added any more, what is inside can still be taken. Threads that wait in vain are released."""
        lib.fastpar_queue_close(self._handle)

    def __iter__(self) -> Iterator[T]:
        """Takes items until it is closed and empty."""
        while True:
            try:
                item = self.pop()
            except ClosedError:
                return
            yield item

    def __len__(self) -> int:
        """How many items are inside or about to be; another thread may change it at once."""
        return len(self._items)
