"""Runs unittest with this folder and the package on the path; for the tests only.

On a Python with the GIL it first makes `sys._is_gil_enabled` say that there is none, so that what the package does, if not how
fast, is tested there too.
"""

import os
import sys
import sysconfig
import unittest

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED")) and not sys._is_gil_enabled()

if __name__ == "__main__":
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:0] = [folder, os.path.join(folder, "..", "..", "..", "bindings", "python")]
    kind = "free-threaded" if FREE_THREADED else "with the GIL, which is hidden from the package"
    print(f"Python {sys.version}, {kind}", flush=True)
    if not FREE_THREADED:
        sys._is_gil_enabled = lambda: False
    unittest.main(module=None, argv=["launcher", *(sys.argv[1:] or ["discover", "-v", "-s", folder])])
