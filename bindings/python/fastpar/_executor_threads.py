"""Threads for executors: the pool's, and where these all block, threads of the executor's own."""

import contextlib
import os
import threading
import time
from collections.abc import Callable

from ._errors import ThreadsError
from ._jobs import Task
from ._library import lib
from ._locks import Turns

# How often starts that wait for a thread of the pool are looked at. A start that has waited through a whole
# turn gets a thread.
_TURN = 0.01

# After how many turns without a waiting start the looking ends.
_IDLE_TURNS = 50


class _Local(threading.local):
    #: Whether the thread belongs to an executor.
    own = False


_local = _Local()


def in_pool() -> bool:
    """Whether the calling thread is one of the pool, or of an executor."""
    return _local.own or lib.fastpar_pool_worker() >= 0


class Start:
    """A runner of an executor that is about to begin, on a thread of the pool or on one of its own, whichever is there first."""

    __slots__ = ("_claim", "_lost", "_name", "_run")

    def __init__(self, run: Callable[[], object], lost: Callable[[BaseException], object], name: str) -> None:
        """`run` must not raise; `lost` is called if it is struck from outside nevertheless. `name`: of a thread of its own."""
        self._run, self._lost, self._name = run, lost, name
        self._claim = threading.Lock()

    def start(self, pool_threads: int) -> None:
        """Starts it: on the pool unless executors occupy all of its threads."""
        if len(_watch.on_pool) < pool_threads:
            try:
                _watch.on_pool.add(self)
                Task(self._on_pool, self._lost_on_pool).start()
            except ThreadsError:
                _watch.on_pool.discard(self)
            except BaseException:
                _watch.on_pool.discard(self)
                raise
            else:
                _watch.add(self)
                return
        self.start_thread()

    def start_thread(self) -> None:
        """Starts it on a thread of its own."""
        threading.Thread(target=self._on_thread, name=self._name).start()

    def begun(self) -> bool:
        return self._claim.locked()

    def revoke(self) -> bool:
        """Whether it has not begun, and will not."""
        return self._claim.acquire(blocking=False)

    def _on_pool(self) -> None:
        try:
            if self._claim.acquire(blocking=False):
                _watch.waiting.discard(self)
                self._run()
        finally:
            _watch.on_pool.discard(self)

    def _on_thread(self) -> None:
        if not self._claim.acquire(blocking=False):
            return
        _watch.waiting.discard(self)
        _local.own = True
        try:
            self._run()
        except BaseException as error:
            self._lost(error)

    def _lost_on_pool(self, error: BaseException) -> None:
        _watch.on_pool.discard(self)
        self._lost(error)


class _Watch:
    """Sees to it that every start begins, even while all threads of the pool block in what other calls do."""

    def __init__(self) -> None:
        #: Starts that have a task on the pool which has not ended, and those of them that have not begun.
        self.on_pool: set[Start] = set()
        self.waiting: set[Start] = set()
        # A signal handler or a finalizer may submit work while its thread is in here.
        self._lock = Turns()
        #: Runs while starts wait, and a moment longer.
        self._thread: threading.Thread | None = None

    def add(self, start: Start) -> None:
        """Watches a start that has a task on the pool, and gives it a thread if it waits long."""
        with self._lock:
            self.waiting.add(start)
            # It may have begun before it was added.
            if start.begun():
                self.waiting.discard(start)
            elif self._thread is None:
                thread = threading.Thread(target=self._look, name="fastpar-watch", daemon=True)
                # No thread can be had: the start waits for the pool.
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread

    def _look(self) -> None:
        before: set[Start] = set()
        idle = 0
        while True:
            time.sleep(_TURN)
            now = self.waiting.copy()
            for start in now & before:
                try:
                    start.start_thread()
                except RuntimeError:
                    # No thread can be had: the start waits for the pool.
                    continue
                self.waiting.discard(start)
            before = now
            idle = 0 if now else idle + 1
            if idle > _IDLE_TURNS:
                with self._lock:
                    if not self.waiting:
                        self._thread = None
                        return
                idle = 0


_watch = _Watch()


def _after_fork() -> None:
    """The child has none of the threads."""
    global _watch
    _watch = _Watch()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
