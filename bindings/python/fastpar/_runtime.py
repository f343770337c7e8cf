"""What this Python must be able to do. This file can be read by every Python 3, so that an old one gets a clear answer."""

import sys
import sysconfig


def check():
    """Raises RuntimeError, with what to run instead, on a Python that cannot run Python code in parallel."""
    running = "this is Python %d.%d" % sys.version_info[:2]
    if sys.version_info < (3, 14):
        raise RuntimeError("fastpar needs free-threaded Python 3.14 or later, and " + running + ": run it with python3.14t")
    _check_interpreter()
    if not sys._is_gil_enabled():
        return
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise RuntimeError(
            "fastpar needs Python without the GIL, and here it has been switched on, by PYTHON_GIL=1, by -X gil=1, or by the "
            "import of an extension module that is not made for free threading: run it with -X gil=0"
        )
    raise RuntimeError(
        "fastpar needs a free-threaded Python, and " + running + " with the GIL: run it with python%d.%dt" % sys.version_info[:2]
    )


def _check_interpreter():
    """Raises ImportError in a subinterpreter: threads of the pool belong to the main one, and run no code of others."""
    try:
        import _interpreters
    except ImportError:
        return
    if _interpreters.get_current()[0] != _interpreters.get_main()[0]:
        raise ImportError(
            "fastpar cannot be used in a subinterpreter: the threads of its pool belong to the main interpreter. Use it there; "
            "free-threaded Python runs threads of one interpreter in parallel",
            name="fastpar",
        )
