"""From file to file."""

import ctypes
import os
from dataclasses import dataclass
from typing import Unpack

from .. import _native as n
from .._library import lib
from ._interrupts import interruptible
from ._settings import Settings, ZstdOptions, check, path


@dataclass(frozen=True, slots=True)
class FileStats:
    """What a call on files has done."""

    #: Bytes read, and written.
    bytes_in: int
    bytes_out: int
    #: zstd frames written, or decoded.
    frames: int
    #: Wall time.
    seconds: float
    #: The most working memory at a time, in bytes.
    peak_memory: int


def _run(
    function: ctypes._NamedFuncPointer, settings: Settings, source: str | os.PathLike, target: str | os.PathLike, sync: bool
) -> FileStats:
    if not settings.supported:
        raise NotImplementedError("files take the parameters compression_level, window_log, checksum_flag, window_log_max only")
    stats = n.fastpar_file_stats(ctypes.sizeof(n.fastpar_file_stats))
    error = n.fastpar_error()
    settings.native.flags |= n.FASTPAR_ZSTD_SYNC if sync else 0
    names = (path(source), path(target))
    status = interruptible(
        settings, lambda: function(ctypes.byref(settings.native), *names, ctypes.byref(stats), ctypes.byref(error))
    )
    check(status, error, (os.fsdecode(source), os.fsdecode(target)))
    return FileStats(stats.bytes_in, stats.bytes_out, stats.frames, stats.seconds, stats.peak_memory)


def compress_file(
    source: str | os.PathLike,
    target: str | os.PathLike,
    level: int | None = None,
    options: dict | None = None,
    zstd_dict: object = None,
    *,
    sync: bool = False,
    **more: Unpack[ZstdOptions],
) -> FileStats:
    """Compresses a file into another, in parallel: the target appears when it is complete, or stays as it was.

    `sync`: it is on the disk when this returns. Raises OSError, with the paths, for what goes wrong with the files.
    """
    return _run(lib.fastpar_compress_file, Settings(level, options, zstd_dict, True, **more), source, target, sync)


def decompress_file(
    source: str | os.PathLike,
    target: str | os.PathLike,
    zstd_dict: object = None,
    options: dict | None = None,
    *,
    sync: bool = False,
    **more: Unpack[ZstdOptions],
) -> FileStats:
    """Decompresses a file into another, in parallel where the data allows: the target appears when it is complete."""
    return _run(lib.fastpar_decompress_file, Settings(None, options, zstd_dict, False, **more), source, target, sync)
