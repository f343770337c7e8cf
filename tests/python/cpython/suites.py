"""CPython's own tests of `compression.zstd` and of ThreadPoolExecutor, with the package in the place of both; for the tests only.

`suites.py FOLDER`: the folder that has CPython's package `test`. What differs on purpose is listed here, and in tests/README.md:
it is not run, as some of it leaves threads blocked where it fails.
"""

import concurrent.futures.thread
import os
import sys
import sysconfig
import unittest

SUITES = {
    "test.test_zstd": "",
    **dict.fromkeys(
        (f"test.test_concurrent_futures.{name}" for name in ("test_thread_pool", "test_shutdown", "test_wait", "test_as_completed", "test_init")),
        "ThreadPool",
    ),
}

_BYTES = "it expects the very bytes of one frame without a checksum and without a size"
_THREADS = "it looks at a private attribute, _threads: the threads are the pool's"
_SPEED = "it expects that a call has begun before the others are submitted, which depends on the machine's speed"
_CHILD = "its child process has the standard executor, and starts sys.executable, which here needs its loader"

DIFFERENT = {
    "test_write": _BYTES,
    "test_write_101": _BYTES,
    "test_write_append": _BYTES,
    "test_writelines": _BYTES,
    "test_default_workers": "there are at least as many workers as the pool has threads",
    "test_idle_thread_reuse": _THREADS,
    "test_saturation": _THREADS,
    "test_threads_terminate": _THREADS,
    "test_context_manager_shutdown": _THREADS,
    "test_del_shutdown": _THREADS,
    "test_shutdown_no_wait": _THREADS,
    "test_thread_names_assigned": _THREADS,
    "test_thread_names_default": _THREADS,
    "test_cancel_futures": _SPEED,
    "test_cancel_futures_wait_false": _CHILD,
    "test_hang_gh83386": _CHILD,
    "test_interpreter_shutdown": _CHILD,
    "test_submit_after_interpreter_shutdown": _CHILD,
}


def replace() -> None:
    """Puts the package's classes and functions where CPython's tests find them."""
    import compression.zstd

    import fastpar
    from fastpar import zstd

    sys.modules["compression.zstd"] = compression.zstd = zstd
    concurrent.futures.ThreadPoolExecutor = fastpar.ThreadPoolExecutor
    concurrent.futures.thread.ThreadPoolExecutor = fastpar.ThreadPoolExecutor


def tests(suite: unittest.TestSuite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests(test)
        else:
            yield test


def chosen() -> unittest.TestSuite:
    """The tests that say the same of the package; those that are different are told, and must be there."""
    suite, left = unittest.TestSuite(), dict(DIFFERENT)
    for module, classes in SUITES.items():
        for test in tests(unittest.defaultTestLoader.loadTestsFromName(module)):
            name = test.id().rsplit(".", 1)[-1]
            if classes not in test.id():
                continue
            if name in DIFFERENT:
                left.pop(name, None)
                continue
            suite.addTest(test)
    if left:
        sys.exit(f"there is no such test any more: {', '.join(left)}")
    return suite


if __name__ == "__main__":
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, os.path.join(folder, "..", "..", "..", "bindings", "python"))
    if sys._is_gil_enabled():
        sys._is_gil_enabled = lambda: False
    import test.support.threading_helper

    # Debian's library has a part of the package `test`, the folder the rest.
    test.__path__.append(os.path.join(os.path.abspath(sys.argv[1]), "test"))

    # Only results are printed, and the pool's threads are not waited for after each test.
    test.support.verbose = 0
    test.support.threading_helper.threading_cleanup = lambda *_: None
    print(f"Python {sys.version}, {'free-threaded' if sysconfig.get_config_var('Py_GIL_DISABLED') else 'with the GIL'}", flush=True)
    replace()
    result = unittest.TextTestRunner(verbosity=2).run(chosen())
    sys.exit(not result.wasSuccessful())
