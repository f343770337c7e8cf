"""For the tests only, as no Python 3.14 for Windows can be had here: what an older Python, with the GIL, needs to run the
package, which says by itself that it does not. It is imported before any program.
"""

import __future__
import sys
import types
from importlib.machinery import SourceFileLoader


def _with_late_annotations(self, data, path, *, _optimize=-1):
    """Annotations are not evaluated, as since 3.14."""
    return compile(data, path, "exec", __future__.annotations.compiler_flag, True, _optimize)


SourceFileLoader.source_to_code = _with_late_annotations

_runtime = types.ModuleType("fastpar._runtime")
_runtime.check = lambda: None
sys.modules[_runtime.__name__] = _runtime
