"""Finding and loading the shared library."""

import ctypes
import os
import sys
from pathlib import Path

from . import _native

_NAME = {"win32": "fastpar.dll", "darwin": "libfastpar.1.dylib"}.get(sys.platform, "libfastpar.so.1")


def _load() -> ctypes.CDLL:
    """The library that FASTPAR_LIBRARY names, else that beside this file, else that which the system's loader finds."""
    named = os.environ.get("FASTPAR_LIBRARY")
    beside = Path(__file__).with_name(_NAME)
    path = named or (str(beside) if beside.exists() else _NAME)
    try:
        library = ctypes.CDLL(path)
        version = library.fastpar_abi_version
    except (OSError, AttributeError) as error:
        where = "FASTPAR_LIBRARY names it" if named else f"it is not beside the package, {beside.parent}"
        raise ImportError(f"the fastpar library cannot be loaded from {path!r} ({where}): {error}") from error
    version.restype = ctypes.c_uint32
    if version() != _native.FASTPAR_ABI_VERSION:
        raise ImportError(
            f"{path!r} speaks version {version()} of fastpar's ABI, and this package version {_native.FASTPAR_ABI_VERSION}: "
            "install a package and a library of the same release"
        )
    try:
        _native.declare(library)
    except AttributeError as error:
        raise ImportError(f"{path!r} is older than this package: {error}") from error
    return library


lib = _load()


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def version() -> str:
    """The version of the library, such as "1.2.3"."""
    return _text(lib.fastpar_version_string())


def zstd_version() -> str:
    """The version of the libzstd inside the library, such as "1.5.7"."""
    return _text(lib.fastpar_zstd_version_string())


def status_name(status: int) -> str:
    """The name of a status of the C ABI, such as "FASTPAR_ERR_CANCELLED"."""
    return _text(lib.fastpar_status_name(status))


def status_message(status: int) -> str:
    """A short sentence about a status of the C ABI."""
    return _text(lib.fastpar_status_message(status))
