"""`concurrent.futures.ThreadPoolExecutor` on the global pool."""

import _thread
import collections
import concurrent.futures.thread
import contextlib
import contextvars
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from . import _threads
from ._errors import call
from ._executor_calls import CallFuture, CallItem, Item
from ._executor_here import Here
from ._executor_map import MapWork
from ._executor_threads import Start
from ._handles import Uncopied
from ._library import lib
from ._locks import Turns
from ._pool import pool_worker

BrokenThreadPool = concurrent.futures.thread.BrokenThreadPool

_LOGGER = logging.getLogger("concurrent.futures")

# Seconds that a runner waits for more before its thread is the pool's again.
_LINGER = 0.002

#: Executors with something to do, and whether the interpreter is about to end.
_working: set["ThreadPoolExecutor"] = set()
_closing = False

#: All executors, for a forked child.
_executors: "weakref.WeakSet[ThreadPoolExecutor]" = weakref.WeakSet()


def _default_workers() -> int:
    """As many as the pool has threads, and not fewer than the standard executor has: calls that wait for each other need them.

    If the pool could have no thread, its start tells why.
    """
    threads = lib.fastpar_pool_threads()
    if threads == 0:
        call(lib.fastpar_pool_start, None)
        threads = lib.fastpar_pool_threads()
    return max(threads, min(32, (os.process_cpu_count() or 1) + 4))


class ThreadPoolExecutor(Uncopied, concurrent.futures.ThreadPoolExecutor):
    """A `concurrent.futures.ThreadPoolExecutor` whose calls run on the threads of fastpar's pool.

    What differs from the standard one: the threads are there already and are shared with everything else that uses the pool,
    and a call costs a fraction. Where calls block, so that the pool has no thread left, the executor starts threads of its own, up
    to a total of `max_workers`. A worker that waits for the result of a call which has not begun makes that call itself: so calls
    may wait for calls of their own executor, though that has one worker. Not so with a timeout, in `wait` and `as_completed`, and
    for the results of `map`: these need another worker.

    Initializer and calls of one worker share a context: a copy of that of the `submit` which brought the worker.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        """`max_workers`: how many calls run at a time at most, any number; None: as many as the pool has threads,
        or as the standard executor has workers, whichever is more.

        `initializer(*initargs)` is called on every thread before its first call for this executor; if it raises, the executor
        is broken, and every call that waits or comes later is BrokenThreadPool. `thread_name_prefix`: threads have names that
        begin so while they work for this executor.

        Raises ValueError for less than 1 worker, InvalidArgumentError if FASTPAR_THREADS does not hold a number.
        """
        if max_workers is None:
            max_workers = _default_workers()
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = max_workers
        self._context = contextvars.copy_context()
        self._thread_name_prefix = thread_name_prefix
        self._initializer, self._initargs = initializer, initargs
        self._here = Here()
        # A signal handler or a finalizer may submit while its thread has it.
        self._lock = Turns()
        self._items: collections.deque[Item] = collections.deque()
        #: Of threads that wait until there are no runners.
        self._ends: list[threading.Lock] = []
        #: Tasks on the pool that take items, and whether one of them has not taken its first yet: 0 or 1.
        self._runners = 0
        self._waking = 0
        #: A runner without items waits at this lock for a moment: waking it is faster than starting another.
        self._lingering: threading.Lock | None = None
        self._shutdown = False
        self._broken: str | None = None
        _executors.add(self)

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: CallFuture[T] = CallFuture(self)
        future._item = item = CallItem(future, fn, args, kwargs)
        self._add((item,))
        return future

    submit.__doc__ = concurrent.futures.Executor.submit.__doc__

    def map[T](
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        if buffersize is not None:
            return super().map(fn, *iterables, timeout=timeout, chunksize=chunksize, buffersize=buffersize)
        work = MapWork(fn, list(zip(*iterables)), timeout)
        try:
            # One item for each thread: they share the calls among themselves.
            self._add((work,) * min(self._max_workers, work.count) or ())
        except BaseException:
            # A signal's handler may have raised when calls were being made, whose results nobody asks for.
            work.stopped = True
            raise
        return work.results()

    map.__doc__ = concurrent.futures.Executor.map.__doc__

    def _add(self, items: Iterable[Item]) -> None:
        """Queues items, and starts runners for them."""
        recruited = False
        start = None
        try:
            with self._lock:
                if self._broken:
                    raise BrokenThreadPool(self._broken)
                if self._shutdown:
                    raise RuntimeError("cannot schedule new futures after shutdown")
                if _closing:
                    raise RuntimeError("cannot schedule new futures after interpreter shutdown")
                self._items.extend(items)
                lingering = self._lingering
                if lingering is not None:
                    if self._items:
                        self._lingering, self._waking = None, 1
                        lingering.release()
                    return
                recruited = self._recruit()
                if not recruited:
                    return
                self._context = contextvars.copy_context()
            start = self._new_start()
            start.start(lib.fastpar_pool_threads())
        except BaseException:
            # Of a signal's handler, too, wherever it has struck.
            if recruited:
                try:
                    # There another handler cannot strike.
                    _thread.start_new_thread(self._start_another, (start,))
                except RuntimeError:
                    self._start_another(start)
            raise

    def _recruit(self) -> bool:
        """Whether another runner is to be started; it is counted then. Under the lock.

        Runners wake one by one: each that takes its first item recruits the next if there are more. So many small calls do not
        wake all threads, and still nothing waits behind a call that takes long: wherever items wait a runner is waking, or all
        are busy.
        """
        if self._waking or not self._items or not self._has_room():
            return False
        self._runners += 1
        self._waking = 1
        return True

    def _has_room(self) -> bool:
        """Whether there may be one more runner, which is to be counted at once; under the lock."""
        if self._runners == 0:
            # Here a signal handler or a finalizer may run, and submit; none does between the answer and the
            # count.
            _working.add(self)
        return self._runners < self._max_workers

    def _new_start(self) -> Start:
        return Start(self._run, self._lost, self._runner_name())

    def _start_runner(self) -> None:
        start = None
        try:
            start = self._new_start()
            start.start(lib.fastpar_pool_threads())
        except BaseException as error:
            if start is None or start.revoke():
                self._not_started(error)
            raise

    def _start_another(self, start: Start | None) -> None:
        """In the place of a runner whose start has failed, and has items to take: they are not that start's alone."""
        if start is not None and not start.revoke():
            return
        with self._lock:
            self._waking = 0
            self._left()
            recruited = self._recruit()
        if recruited:
            with contextlib.suppress(Exception):
                self._start_runner()

    def _not_started(self, error: BaseException) -> None:
        """Takes back what was counted; without a runner the items would wait for ever."""
        with self._lock:
            self._waking = 0
            self._left()
            # Under the lock: once that is released another thread may add an item, and start a runner for it.
            items = [] if self._runners else self._take_items()
        for item in items:
            item.break_(error)

    def _take_items(self) -> list[Item]:
        """All items that are left."""
        items: list[Item] = []
        # One by one: other threads take items, without the lock too.
        with contextlib.suppress(IndexError):
            while True:
                items.append(self._items.popleft())
        return items

    def _left(self) -> None:
        """A runner has ended; under the lock."""
        self._runners -= 1
        if self._runners == 0:
            _working.discard(self)
            while self._ends:
                self._ends.pop().release()

    def _runner_name(self) -> str:
        return f"{self._thread_name_prefix or 'fastpar-executor'}_{lib.fastpar_pool_threads() + self._runners}"

    def is_here(self) -> bool:
        """Whether the calling thread makes a call of this executor."""
        return self._here.entered

    def _run_here(self, item: CallItem) -> None:
        """Makes a call on the calling thread: inside of the call that waits for it, or as one more worker if there may be one."""
        if self.is_here():
            self._here.run(self._context, self._run_item, item)
            return
        with self._lock:
            if self._broken or not self._has_room():
                return
            self._runners += 1
        try:
            self._here.run(self._context, self._run_item, item)
        finally:
            with self._lock:
                self._left()
                recruited = self._recruit()
            if recruited:
                # The call has been made, whether or not another can have a runner.
                with contextlib.suppress(Exception):
                    self._start_runner()

    def _run_item(self, item: CallItem) -> None:
        if self._initializer is None or self._initialize():
            item.run()
        # All runners may be busy for long: what the call was given must not live until one would take it. A
        # runner has taken it (ValueError), or others take items meanwhile (IndexError): then one will.
        with contextlib.suppress(ValueError, IndexError):
            self._items.remove(item)

    def _run(self) -> None:
        """What a runner does, in its context."""
        self._here.run(self._context, self._work)

    def _work(self) -> None:
        """Takes items until there is none left."""
        ready = self._initializer is None or self._initialize()
        thread, prefix = threading.current_thread(), self._thread_name_prefix
        name = thread.name
        if prefix:
            worker = pool_worker()
            if worker is not None:
                thread.name = f"{prefix}_{worker}"
        item = self._first() if ready else None
        while item is not None:
            item.run()
            # What the call was given must not live on while the next one runs.
            del item
            item = self._next()
        if prefix:
            thread.name = name
        if not ready:
            with self._lock:
                self._waking = 0
                self._left()

    def _first(self) -> Item | None:
        """The first item of a runner, which is awake now; None: it has ended."""
        with self._lock:
            self._waking = 0
            item = self._take_last_chance()
            if item is None:
                return None
            recruited = self._recruit()
        if recruited:
            # Without it this runner goes on; the next item that is added tries again.
            with contextlib.suppress(Exception):
                self._start_runner()
        return item

    def _next(self) -> Item | None:
        """The next item, after waiting a moment for it; None: the runner has ended."""
        try:
            return self._items.popleft()
        except IndexError:
            pass
        with self._lock:
            if self._items or self._lingering is not None or self._waking or self._shutdown or _closing:
                return self._take_last_chance()
            self._lingering = lingering = threading.Lock()
            lingering.acquire()
        woken = lingering.acquire(timeout=_LINGER)
        if not woken:
            with self._lock:
                if self._lingering is lingering:
                    self._lingering = None
                    return self._take_last_chance()
        # The thread that took this runner out of the list has counted it as waking.
        return self._first()

    def _dismiss(self) -> None:
        """Ends the waiting of a runner without items; under the lock."""
        lingering, self._lingering = self._lingering, None
        if lingering is not None:
            self._waking = 1
            lingering.release()

    def _take_last_chance(self) -> Item | None:
        """An item; None: the runner has ended. Under the lock, without which items may be taken, too: so it just tries."""
        try:
            return self._items.popleft()
        except IndexError:
            self._left()
            return None

    def _lost(self, error: BaseException) -> None:
        """A runner was ended by an exception from outside."""
        _LOGGER.critical("Exception in worker", exc_info=error)
        self._not_started(error)

    def _initialize(self) -> bool:
        """Calls the initializer if this thread has not done so; false: the executor is broken."""
        if self._here.initialized:
            return True
        try:
            self._initializer(*self._initargs)
        except BaseException:
            _LOGGER.critical("Exception in initializer:", exc_info=True)
            with self._lock:
                self._broken = "A thread initializer failed, the thread pool is not usable anymore"
                items = self._take_items()
            for item in items:
                item.break_(BrokenThreadPool(self._broken))
            return False
        self._here.initialized = True
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._shutdown = True
            self._dismiss()
        if cancel_futures:
            self._cancel_items()
        if not wait:
            return
        if self.is_here():
            raise RuntimeError("a call cannot wait for the end of its own executor")
        self._wait()

    shutdown.__doc__ = concurrent.futures.Executor.shutdown.__doc__

    def _cancel_items(self) -> None:
        # One by one, as runners take items meanwhile; and cancelled first: where a signal's handler raises,
        # the item is still there.
        with contextlib.suppress(IndexError):
            while True:
                item = self._items[0]
                item.cancel()
                with contextlib.suppress(ValueError):
                    self._items.remove(item)

    def _wait(self) -> None:
        # Not by a condition, in which a handler may strike where it has released the lock.
        while True:
            end = threading.Lock()
            end.acquire()
            with self._lock:
                self._dismiss()
                if self._runners == 0:
                    return
                self._ends.append(end)
            end.acquire()

    def _after_fork(self) -> None:
        """What was submitted is the parent's, whose threads may have had the lock."""
        self._lock = Turns()
        self._items.clear()
        self._ends.clear()
        self._lingering, self._waking = None, 0
        self._runners = 1 if self.is_here() else 0
        if self._runners > 0:
            _working.add(self)


def _finish() -> None:
    """What was submitted is done before the interpreter ends, as with the standard executor."""
    global _closing
    _closing = True
    for executor in _working.copy():
        executor._wait()


def _after_fork() -> None:
    """The child has none of the threads that work for the parent's executors, but for the one that has forked."""
    _working.clear()
    for executor in _executors:
        executor._after_fork()


_threads.at_exit.append(_finish)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
