"""The life of the pool's threads in this interpreter: their thread states, the end of the process, fork."""

import atexit
import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

from . import _native as n
from ._errors import call
from ._library import lib
from ._thread_signals import open_signals

_ensure = ctypes.pythonapi.PyGILState_Ensure
_ensure.argtypes, _ensure.restype = (), ctypes.c_int
_release = ctypes.pythonapi.PyGILState_Release
_release.argtypes, _release.restype = (ctypes.c_int,), None

# What PyGILState_Ensure returns inside of a ctypes callback, which has attached the thread already.
_LOCKED = 0


class Work(Protocol):
    """Something under way that has to end before the interpreter does."""

    def stop(self) -> None:
        """Lets nothing new start."""


#: Calls under way. The code that begins a call adds it, and removes it when it has ended.
live: set[Work] = set()

#: What is called when the process ends, before everything that is still under way is stopped.
at_exit: list[Callable[[], None]] = []

#: The threads of the pool that have a thread state.
_attached: set[int] = set()

_exiting = False


# Without this ctypes makes a thread state for every callback on a thread of the pool, and destroys it: a
# hundred times slower, and nothing in a `threading.local` would last.
@n.fastpar_thread_fn
def _attach(_: object, worker: int) -> None:
    _ensure()
    open_signals()
    threading.current_thread().name = f"fastpar-{worker}"
    # At the end: then `settle` no longer waits for the thread.
    _attached.add(worker)


@n.fastpar_thread_fn
def _detach(_: object, worker: int) -> None:
    _attached.discard(worker)
    _release(_LOCKED)


def begin(work: Work) -> None:
    """Notes that something is under way; refuses when the interpreter is about to end."""
    live.add(work)
    # In this order: either this sees that the end has begun, or `_finish` sees the work.
    if _exiting:
        live.discard(work)
        raise RuntimeError("fastpar cannot start anything any more: the interpreter is shutting down")


def _finish() -> None:
    """Ends all work and all threads, as a thread that has a state must not outlive the interpreter."""
    global _exiting
    try:
        for function in at_exit:
            function()
        _exiting = True
        for work in live.copy():
            work.stop()
        pause = 0.0001
        while live:
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        settle()
        call(lib.fastpar_pool_shutdown)
    except KeyboardInterrupt:
        # Waiting for a body that does not end was interrupted: its thread stays, as daemon threads do.
        _exiting = True


def settle() -> None:
    """Waits for threads of the pool that are just starting, at most a second, and for those that work, at most a tenth of one.

    While a thread gets its state, and when it runs a function for the first time, it holds locks of the interpreter's, and may wait
    for all other threads to pause. A thread that loses its state meanwhile never pauses, and a process that forks meanwhile leaves
    the locks locked in its child.
    """
    stats = n.fastpar_pool_stats(ctypes.sizeof(n.fastpar_pool_stats))
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < 1:
        call(lib.fastpar_pool_stats_read, ctypes.byref(stats))
        if len(_attached) >= stats.threads and (stats.busy == 0 or waited > 0.1):
            break
        time.sleep(0.0001)


def _after_fork() -> None:
    """The child has neither the parent's threads nor its work."""
    live.clear()
    _attached.clear()


call(lib.fastpar_pool_hook, _attach, _detach, None)
atexit.register(_finish)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=settle, after_in_child=_after_fork)
