"""What a thread has of an executor."""

import contextvars
import threading
from collections.abc import Callable


class Here(threading.local):
    """The calling thread's part of an executor."""

    #: Whether the thread makes a call of the executor.
    entered = False

    #: Whether the initializer has been called in the thread.
    initialized = False

    _context: contextvars.Context | None = None

    def run(self, origin: contextvars.Context, function: Callable[..., None], *arguments: object) -> None:
        """Calls in this thread's context for the executor, which is a copy of `origin` at first: in a copy of it where
        a call further down the stack is in it.
        """
        entered = self.entered
        context = self._context
        if context is None:
            context = self._context = origin.copy()
        if entered:
            context = context.copy()
        self.entered = True
        try:
            context.run(function, *arguments)
        finally:
            self.entered = entered
