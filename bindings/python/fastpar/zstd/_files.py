"""From file to file."""

import ctypes
import os
from dataclasses import dataclass
from typing import Unpack

from .. import _native as n
from .._errors import uint64
from .._library import lib
from ._interrupts import interruptible
from ._settings import UNSUPPORTED, FileOptions, FileSettings, Settings, check, path
from ._types import Dictionary, Name, Parameters


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
    function: ctypes._NamedFuncPointer, settings: Settings, source: Name, target: Name
) -> FileStats:
    if not settings.supported:
        raise NotImplementedError(f"files: {UNSUPPORTED}")
    stats = n.fastpar_file_stats(ctypes.sizeof(n.fastpar_file_stats))
    error = n.fastpar_error()
    names = (path(source), path(target))
    status = interruptible(
        settings, lambda: function(ctypes.byref(settings.native), *names, ctypes.byref(stats), ctypes.byref(error))
    )
    check(status, error, (os.fsdecode(source), os.fsdecode(target)), os.fsdecode(source))
    return FileStats(stats.bytes_in, stats.bytes_out, stats.frames, stats.seconds, stats.peak_memory)


def compress_file(
    source: Name,
    target: Name,
    level: int | None = None,
    options: Parameters | None = None,
    zstd_dict: Dictionary | None = None,
    *,
    src_offset: int = 0,
    src_size: int = 0,
    **more: Unpack[FileOptions],
) -> FileStats:
    """Compresses a file into another, in parallel: the target appears when it is complete, or stays as it was.

    `src_offset`, `src_size`: the part of the source that is compressed, in bytes; size 0: up to the end. So several machines can
    compress one file; `concat_files` joins the parts, to the byte what the whole would be if the parts begin at multiples of
    `frame_size`.

    Raises OSError, with the paths, for what goes wrong with the files; InvalidArgumentError for a part that is not in the source,
    UnsupportedError for a part of a source that is not an ordinary file.
    """
    settings = FileSettings(level, options, zstd_dict, True, **more)
    settings.native.src_offset = uint64(src_offset, "src_offset")
    settings.native.src_size = uint64(src_size, "src_size")
    return _run(lib.fastpar_compress_file, settings, source, target)


def decompress_file(
    source: Name,
    target: Name,
    zstd_dict: Dictionary | None = None,
    options: Parameters | None = None,
    **more: Unpack[FileOptions],
) -> FileStats:
    """Decompresses a file into another, in parallel where the data allows: the target appears when it is complete.

    Raises OSError, with the paths, for what goes wrong with the files; ZstdError for what is wrong with the data.
    """
    return _run(lib.fastpar_decompress_file, FileSettings(None, options, zstd_dict, False, **more), source, target)
