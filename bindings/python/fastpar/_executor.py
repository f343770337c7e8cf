"""`concurrent.futures.ThreadPoolExecutor` on the global pool."""

import collections
import concurrent.futures.thread
import logging
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from typing import Protocol

from . import _threads
from ._errors import Error
from ._executor_map import MapWork
from ._jobs import Task
from ._library import lib
from ._pool import pool_worker

BrokenThreadPool = concurrent.futures.thread.BrokenThreadPool

_LOGGER = logging.getLogger("concurrent.futures")

#: Executors with something to do, and whether the interpreter is about to end.
_working: set["ThreadPoolExecutor"] = set()
_closing = False


class _Item(Protocol):
    """Something that a thread of the executor takes and runs."""

    def run(self) -> None:
        """Does it, and lets no exception out."""

    def cancel(self) -> None:
        """Tells whoever waits that it will not be done."""

    def break_(self, error: BaseException) -> None:
        """Tells whoever waits why it cannot be done."""


class _CallItem:
    """A call with a future."""

    __slots__ = ("args", "fn", "future", "kwargs")

    def __init__(self, future: Future, fn: Callable[..., object], args: tuple, kwargs: dict) -> None:
        self.future, self.fn, self.args, self.kwargs = future, fn, args, kwargs

    def run(self) -> None:
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
        self.future.cancel()

    def break_(self, error: BaseException) -> None:
        self.future.set_exception(error)


class ThreadPoolExecutor(Executor):
    """A `concurrent.futures.ThreadPoolExecutor` whose calls run on the threads of fastpar's pool.

    What differs from the standard one: the threads are there already and are shared with everything else that uses the pool;
    no more than `fastpar.pool_threads()` calls run at a time, whatever `max_workers` says; a call costs a fraction.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple = (),
    ) -> None:
        """`max_workers`: how many calls run at a time at most; None: as many as the pool has threads.

        `initializer(*initargs)` is called on every thread before its first call for this executor; if it raises, the executor
        is broken, and every call that waits or comes later is BrokenThreadPool. `thread_name_prefix`: threads have names that
        begin so while they work for this executor.
        """
        threads = lib.fastpar_pool_threads()
        if max_workers is None:
            max_workers = threads
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = max_workers
        self._most_runners = min(max_workers, threads)
        self._thread_name_prefix = thread_name_prefix
        self._initializer, self._initargs = initializer, initargs
        self._initialized = threading.local()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._items: collections.deque[_Item] = collections.deque()
        #: Tasks on the pool that take items, and whether one of them has not taken its first yet: 0 or 1.
        self._runners = 0
        self._waking = 0
        self._shutdown = False
        self._broken: str | None = None

    def submit(self, fn, /, *args, **kwargs):
        future: Future = Future()
        self._add((_CallItem(future, fn, args, kwargs),))
        return future

    submit.__doc__ = Executor.submit.__doc__

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None):
        if buffersize is not None:
            return super().map(fn, *iterables, timeout=timeout, chunksize=chunksize, buffersize=buffersize)
        work = MapWork(fn, list(zip(*iterables)), timeout)
        # One item for each thread: they share the calls among themselves.
        self._add((work,) * min(self._most_runners, work.count) or ())
        return work.results()

    map.__doc__ = Executor.map.__doc__

    def _add(self, items: Iterable[_Item]) -> None:
        """Queues items, and starts runners for them."""
        with self._lock:
            if self._broken:
                raise BrokenThreadPool(self._broken)
            if self._shutdown:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if _closing:
                raise RuntimeError("cannot schedule new futures after interpreter shutdown")
            self._items.extend(items)
            if not self._recruit():
                return
        self._start_runner()

    def _recruit(self) -> bool:
        """Whether another runner is to be started; it is counted then. Under the lock.

        Runners wake one by one: each that takes its first item recruits the next if there are more. So many small calls do not
        wake all threads, and still nothing waits behind a call that takes long: wherever items wait a runner is waking, or all
        are busy.
        """
        if self._waking or not self._items or self._runners == self._most_runners:
            return False
        if self._runners == 0:
            _working.add(self)
        self._runners += 1
        self._waking = 1
        return True

    def _start_runner(self) -> None:
        try:
            Task(self._run, self._lost).start()
        except BaseException as error:
            self._not_started(error)
            raise

    def _not_started(self, error: BaseException) -> None:
        """Takes back what was counted; without any runner nobody would ever take the items."""
        with self._lock:
            self._waking = 0
            self._left()
            items = list(self._items) if self._runners == 0 else ()
            if items:
                self._items.clear()
        for item in items:
            item.break_(error)

    def _left(self) -> None:
        """A runner has ended; under the lock."""
        self._runners -= 1
        if self._runners == 0:
            _working.discard(self)
            self._idle.notify_all()

    def _run(self) -> None:
        """What a runner does: takes items until there is none left."""
        ready = self._initializer is None or self._initialize()
        thread, prefix = threading.current_thread(), self._thread_name_prefix
        name = thread.name
        if prefix:
            thread.name = f"{prefix}_{pool_worker()}"
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

    def _first(self) -> _Item | None:
        """The first item of a runner, which is awake now; None: it has ended."""
        with self._lock:
            self._waking = 0
            item = self._take_last_chance()
            if item is None:
                return None
            recruited = self._recruit()
        if recruited:
            try:
                self._start_runner()
            except Error:
                # This runner goes on; the next item that is added tries again.
                pass
        return item

    def _next(self) -> _Item | None:
        """Another one."""
        try:
            return self._items.popleft()
        except IndexError:
            pass
        with self._lock:
            return self._take_last_chance()

    def _take_last_chance(self) -> _Item | None:
        """An item; None: the runner has ended. Under the lock, which adding takes too, but not every taking: so it just tries."""
        try:
            return self._items.popleft()
        except IndexError:
            self._left()
            return None

    def _lost(self, error: BaseException) -> None:
        """A runner was struck down from outside."""
        _LOGGER.critical("Exception in worker", exc_info=error)
        self._not_started(error)

    def _initialize(self) -> bool:
        """Calls the initializer if this thread has not done so; false: the executor is broken."""
        if getattr(self._initialized, "done", False):
            return True
        try:
            self._initializer(*self._initargs)
        except BaseException:
            _LOGGER.critical("Exception in initializer:", exc_info=True)
            with self._lock:
                self._broken = "A thread initializer failed, the thread pool is not usable anymore"
                items = list(self._items)
                self._items.clear()
            for item in items:
                item.break_(BrokenThreadPool(self._broken))
            return False
        self._initialized.done = True
        return True

    def shutdown(self, wait=True, *, cancel_futures=False):
        with self._lock:
            self._shutdown = True
            items = list(self._items) if cancel_futures else ()
            if items:
                self._items.clear()
        for item in items:
            item.cancel()
        if wait:
            self._wait()

    shutdown.__doc__ = Executor.shutdown.__doc__

    def _wait(self) -> None:
        with self._idle:
            self._idle.wait_for(lambda: self._runners == 0)


def _finish() -> None:
    """What was submitted is done before the interpreter ends, as with the standard executor."""
    global _closing
    _closing = True
    for executor in _working.copy():
        executor._wait()


def _after_fork() -> None:
    """The child has none of the threads that work for the parent's executors."""
    _working.clear()


_threads.at_exit.append(_finish)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
