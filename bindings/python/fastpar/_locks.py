"""Locks that a signal handler cannot leave locked."""

import _thread


class Turns(_thread.RLock):
    """A reentrant lock for `with`: it is released whatever a handler raises, wherever it strikes.

    Python runs handlers after calls of native code. After the `__enter__` of other locks, too, where `with` does not yet release: other
    threads would wait for ever. (And an `__exit__` in Python could be struck before its first line; this one is native.)
    """

    __slots__ = ()

    def __enter__(self) -> bool:
        # By unpacking, after which no handler runs, and not by a call.
        (taken,) = map(self.acquire, (True,))
        return taken
