"""`compression.zstd` of Python 3.14: `backports.zstd` is the same for older ones."""

import sys

from backports import zstd

zstd.__all__ = tuple(name for name in zstd.__all__ if name != "register_shutil")  # 3.14 has no such name
sys.modules[f"{__name__}.zstd"] = zstd
