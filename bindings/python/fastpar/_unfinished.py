"""Calls that go on although their callers have left them: what they use is kept until they end.

A call of the main thread that takes long is made by a thread of its own, and the main thread waits. A signal handler that raises
stops the call, and a second one may strike wherever the main thread is then, before the call has ended.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Protocol


class Stoppable(Protocol):
    def stop(self) -> None:
        """Cancels it."""


class Unfinished:
    """A call that a thread of its own makes for the main thread."""

    __slots__ = ("_held", "_over", "_releases", "_settings", "_waiter", "claim")

    def __init__(self, settings: Stoppable) -> None:
        #: Whoever has it makes the call, or sees to it that it is never made.
        self.claim = threading.Lock()
        self._settings = settings
        # Of the function that makes this and waits.
        self._waiter: FrameType | None = sys._getframe(1)
        # Structures and arrays that the library has addresses of.
        self._held: list[dict[str, object]] | None = _locals_of_callers()
        self._releases: deque[Callable[[], object]] = deque()
        self._over = False

    def later(self, release: Callable[[], object]) -> None:
        """Does it when the call has ended."""
        self._releases.append(release)
        if self._over:
            self._do_releases()

    def leave(self) -> bool:
        """Whether the main thread, which calls this, has left it and it still runs; it is stopped then."""
        frame = sys._getframe(1)
        while frame is not None:
            if frame is self._waiter:
                return False  # this is called by a handler, and the call is waited for
            frame = frame.f_back
        if self.claim.acquire(blocking=False):
            self.end()
            return False
        self._settings.stop()
        return not self._over

    def end(self) -> None:
        """The call has ended, or is never made."""
        self._over = True
        unfinished.discard(self)
        self._held = self._waiter = None
        self._do_releases()

    def _do_releases(self) -> None:
        while self._releases:
            try:
                release = self._releases.popleft()
            except IndexError:  # another thread was faster
                return
            release()


#: Calls whose threads may be at work.
unfinished: set[Unfinished] = set()

# The child has none of the threads: there nothing would ever be released.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=unfinished.clear)


def after_unfinished(release: Callable[[], object]) -> None:
    """Releases something: at once, unless it is the main thread's, and a call that this has left may use it."""
    if threading.current_thread() is threading.main_thread():
        for call in unfinished.copy():
            if call.leave():
                call.later(lambda: after_others(release))
                return
    release()


def after_others(release: Callable[[], object]) -> None:
    """The same on the thread of a call that has ended: others may be under way."""
    other = next(iter(unfinished.copy()), None)
    if other is None:
        release()
    else:
        other.later(lambda: after_others(release))


def _locals_of_callers() -> list[dict[str, object]]:
    """Those of the functions of this package that the caller was called by."""
    package, held = __name__.partition(".")[0], []
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        held.append(dict(frame.f_locals))
        frame = frame.f_back
    return held
