"""What every Python of these tests begins with: the tests' own, Dask's, and those that they start.

On a Python with the GIL it makes `sys._is_gil_enabled` say that there is none, as the launcher of the package's tests does.
"""

import os
import sys
import sysconfig

if not sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys._is_gil_enabled = lambda: False

# How this Python is started, which it cannot always tell by itself.
sys.executable = os.environ.get("FASTPAR_TEST_PYTHON", sys.executable)
