"""Calls of the codec that the main thread can be interrupted in."""

import _thread
import contextvars
import ctypes
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from .. import _native as n
from .._library import lib
from .._threads import Work as Stoppable, begin, live
from .._unfinished import Unfinished, after_unfinished, unfinished

# Fewer bytes take less time than a thread's start is worth.
_SHORT = 1 << 22

# How long the main thread waits at a time, as not every signal interrupts the wait for a lock: not one that
# comes just before it begins, nor one that another thread is given, and on Windows none.
_TURN = 0.05


class Work(Protocol):
    """A call of the library that can be stopped."""

    def stop(self) -> None:
        """Cancels it."""

    def watching(self) -> AbstractContextManager[None]:
        """While it is entered, the caller's flag stops the call."""

    def raise_failure(self) -> None:
        """Raises what callbacks have raised, after the call."""


class Stop:
    """What ends one of many calls with the same options. Such calls look at the rest themselves."""

    def __init__(self, call: Stoppable) -> None:
        self._call = call

    def stop(self) -> None:
        self._call.stop()

    def watching(self) -> AbstractContextManager[None]:
        return nullcontext()

    def raise_failure(self) -> None:
        pass


class Flag:
    """A flag of one call, and options that name it and nothing else."""

    def __init__(self) -> None:
        self._flag = ctypes.c_int32()
        self.options = n.fastpar_loop_options(
            ctypes.sizeof(n.fastpar_loop_options), cancel=ctypes.addressof(self._flag)
        )

    def stop(self) -> None:
        """Cancels it."""
        lib.fastpar_cancel(ctypes.addressof(self._flag))


def is_short(amount: int | None) -> bool:
    """Whether a call about so many bytes is made as it is: it is short, or not the main thread's."""
    return (amount is not None and amount < _SHORT) or threading.current_thread() is not threading.main_thread()


def interruptible(settings: Work, work: Callable[[], int], amount: int | None = None) -> int:
    """Calls `work`, which may be cancelled by `settings`. `amount`: the bytes that it is about; None: they may be many.

    Python runs signal handlers in the main thread only, and not while that is in native code. So a long call of the main thread
    is made by another one, while the main thread waits; if a handler raises (Ctrl-C), the call is cancelled, and has ended
    before the exception goes on: its buffers are the caller's again.
    """
    try:
        begin(settings)
        with settings.watching():
            if is_short(amount):
                status = work()
            else:
                status = _on_a_thread(settings, work)
    finally:
        if unfinished:
            after_unfinished(lambda: live.discard(settings))
        else:
            live.discard(settings)
    settings.raise_failure()
    return status


def _on_a_thread(settings: Work, work: Callable[[], int]) -> int:
    statuses: list[int] = []
    over: list[bool] = []
    ended = threading.Lock()
    ended.acquire()
    context = contextvars.copy_context()
    call = Unfinished(settings)

    def body() -> None:
        try:
            if call.claim.acquire(blocking=False):
                statuses.append(context.run(work))
        finally:
            call.end()
            over.append(True)
            ended.release()

    interrupt: BaseException | None = None
    started = False
    while True:
        # Whatever a handler raises: work that has begun is waited for. Only a second handler may end this
        # earlier, for nothing protects an `except`; then `call` keeps what the work uses.
        try:
            if not started:
                started = True
                unfinished.add(call)
                # Not `threading.Thread`: a handler that raises while its `start` waits breaks it. And the
                # end of the interpreter would wait for the thread before it cancels what is under way.
                _thread.start_new_thread(body, ())
            # Not by what `acquire` returns: a handler may raise when it has the lock.
            while not over:
                ended.acquire(timeout=_TURN)
            break
        except BaseException as error:
            interrupt = interrupt or error
            if call.claim.acquire(blocking=False):
                # The work has not begun, and will not.
                call.end()
                if type(error) is RuntimeError and error.args == ("can't start new thread",):
                    return work()
                raise
            settings.stop()
    if interrupt is not None:
        raise interrupt
    return statuses[0]
