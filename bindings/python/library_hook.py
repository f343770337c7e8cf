"""Puts the library into the wheel, which makes it one for a platform, though for every Python."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LibraryHook(BuildHookInterface):
    """The library is FASTPAR_WHEEL_LIBRARY, for the platform FASTPAR_WHEEL_PLATFORM, else what cargo builds."""

    def initialize(self, version, build_data):
        named = os.environ.get("FASTPAR_WHEEL_LIBRARY")
        platform = os.environ.get("FASTPAR_WHEEL_PLATFORM") or sysconfig.get_platform().replace("-", "_").replace(".", "_")
        if platform.startswith("win"):
            built, packed = "fastpar.dll", "fastpar.dll"
        elif platform.startswith("macosx"):
            built, packed = "libfastpar.dylib", "libfastpar.1.dylib"
        else:
            built, packed = "libfastpar.so", "libfastpar.so.1"
        library = Path(named) if named else self.build(built)
        build_data["force_include"][str(library)] = f"fastpar/{packed}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def build(self, name):
        """Builds the library in the repository that this folder is a part of."""
        if sys.platform not in ("darwin", "linux", "win32"):
            raise RuntimeError(f"fastpar is for Linux, macOS and Windows, not for {sys.platform}")
        repository = Path(self.root).parent.parent
        target = repository / os.environ.get("CARGO_TARGET_DIR", "target")
        command = ["cargo", "build", "--release", "--lib", "--package", "fastpar", "--target-dir", str(target)]
        subprocess.run(command, cwd=repository, check=True)
        return target / "release" / name
