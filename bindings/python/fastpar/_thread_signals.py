"""The signals that the pool's threads have open in this interpreter."""

import signal
import sys
import time

_SIGNALS = [int(number) for number in signal.valid_signals()]

#: As many as are blocked by who blocks all: two cannot be, and seven are raised by what a thread executes.
_ALL = len(_SIGNALS) - 9

# How often the main thread's signals are looked at while it blocks all.
_TRIES = 20


def open_signals() -> None:
    """Opens the signals that the main thread has open, on the calling thread.

    The pool's threads block all, and programs that bodies start inherit that: they would not end by `terminate`, nor by Ctrl-C.
    Handlers written in Python run in the main thread all the same. Only Linux tells what another thread blocks.
    """
    if sys.platform != "linux":
        return
    for _ in range(_TRIES):
        blocked = _blocked_by_main()
        if blocked is None:
            return
        # While it starts threads or programs the main thread blocks all for a moment.
        if len(blocked) < _ALL:
            # The one without names for what was blocked, which take three times as long as all the rest.
            set_mask = getattr(signal.pthread_sigmask, "__wrapped__", signal.pthread_sigmask)
            set_mask(signal.SIG_SETMASK, blocked)
            return
        time.sleep(0.001)


def _blocked_by_main() -> list[int] | None:
    """The signals that the main thread of the process blocks; None where there is no /proc."""
    try:
        with open("/proc/self/status", "rb", 0) as status:
            lines = status.read()
    except OSError:
        return None
    _, found, rest = lines.partition(b"\nSigBlk:")
    if not found:
        return None
    mask = int(rest.split(None, 1)[0], 16)
    return [number for number in _SIGNALS if mask >> (number - 1) & 1]
