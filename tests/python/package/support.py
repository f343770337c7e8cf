"""What the tests share."""

import contextlib
import os
import signal
import subprocess
import sys
import unittest
from unittest import mock

from launcher import FREE_THREADED

#: How this Python is started, where `sys.executable` does not tell.
PYTHON = os.environ.get("FASTPAR_TEST_PYTHON", sys.executable)

PACKAGE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..", "bindings", "python"))

#: For what only a Python without the GIL can show.
free_threaded_only = unittest.skipUnless(FREE_THREADED, "needs a free-threaded Python")


def where(condition):
    """A test of what only some systems have: elsewhere there is no such test."""
    return lambda test: test if condition else None


#: For what older Pythons do not have, which stand in for 3.14 on Windows.
since_3_14 = where(sys.version_info >= (3, 14))

#: Seconds that nothing takes, on a busy machine too: only what hangs is found out by it.
LIMIT = 300

#: Rounds of what happens once in a while only.
ROUNDS = 200 if FREE_THREADED else 2 if sys.platform == "win32" else 5

#: Begins a program that Ctrl-C interrupts: a shell's background job starts with SIGINT ignored, and Python
#: leaves it at that.
LOOP = (
    "import fastpar, os, signal, sys, threading, time\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
)

#: Begins a program that `interrupt` reaches. On Windows Ctrl-C comes by the console, and the tests have
#: none: so its input has it do what Python's handler of Ctrl-C does.
INTERRUPTIBLE = (
    "import _thread, os, threading\n"
    "def _interrupts():\n    while os.read(0, 1): _thread.interrupt_main()\n"
    "threading.Thread(target=_interrupts, daemon=True).start()\n"
    if sys.platform == "win32"
    else ""
)

# A process group of its own, so that its children can be ended with it.
_GROUP = {"process_group": 0} if hasattr(os, "killpg") else {}

_HIDE_THE_GIL = "" if FREE_THREADED else "import sys; sys._is_gil_enabled = lambda: False\n"


def start(code: str, hide: bool = True, **more: object) -> subprocess.Popen:
    """Starts a Python that can import the package."""
    environment = {**os.environ, "PYTHONPATH": PACKAGE, "PYTHONDONTWRITEBYTECODE": "1", **more.pop("env", {})}
    command = [PYTHON, "-W", "ignore", "-X", "faulthandler", "-c", (_HIDE_THE_GIL if hide else "") + code]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **_GROUP, **more
    )


def start_interruptible(code: str) -> subprocess.Popen:
    """The same for a program that `interrupt` reaches."""
    return start(INTERRUPTIBLE + code, **({"stdin": subprocess.PIPE} if INTERRUPTIBLE else {}))


def interrupt(process: subprocess.Popen) -> None:
    """What Ctrl-C does; nothing if it has ended."""
    if not INTERRUPTIBLE:
        process.send_signal(signal.SIGINT)
        return
    with contextlib.suppress(OSError):
        process.stdin.write("!")
        process.stdin.flush()


def run(code: str, timeout: float = LIMIT, **more: object) -> tuple[int, str, str]:
    """Runs it to its end: exit code, output, error output."""
    with start(code, **more) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            # Its children too: they would hold the pipes open.
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
            output, errors = process.communicate()
            raise AssertionError(f"it hangs:\n{code}\n{output}\n{errors}") from None
    return process.returncode, output, errors


@contextlib.contextmanager
def no_handle_left(case: unittest.TestCase):
    """Every handle that is made while it is entered has gone when it is left."""
    from fastpar._handles import Handle

    made, gone = [], []
    init, delete = Handle.__init__, Handle.__del__
    with (
        mock.patch.object(Handle, "__init__", lambda handle, *given: (made.append(1), init(handle, *given))[1]),
        mock.patch.object(Handle, "__del__", lambda handle: (gone.append(1), delete(handle))[1]),
    ):
        yield
    case.assertGreater(len(made), 0)
    case.assertEqual(len(gone), len(made))


@contextlib.contextmanager
def no_unraisable(case: unittest.TestCase, *allowed: type[BaseException]):
    """No finalizer or callback may raise while it is entered, but for exceptions of these types."""
    seen, before = [], sys.unraisablehook

    def note(unraisable: "sys.UnraisableHookArgs") -> None:
        if not isinstance(unraisable.exc_value, allowed):
            seen.append(repr(unraisable.exc_value))

    sys.unraisablehook = note
    try:
        yield
    finally:
        sys.unraisablehook = before
    case.assertEqual(seen, [])
