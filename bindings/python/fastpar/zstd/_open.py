"""Opening compressed data for random access."""

import ctypes
import os
from collections.abc import Buffer, Callable
from typing import Unpack

from .. import _native as n
from .._handles import ArchiveHandle
from .._library import lib
from .._buffers import address
from .._errors import size as natural
from ._archive import Archive
from ._settings import Settings, ZstdOptions, check, path
from ._source import Source, check_source, read_at_callback
from ._types import Dictionary, Parameters


def open_archive(
    source: str | os.PathLike[str] | os.PathLike[bytes] | Buffer, /, *, zstd_dict: Dictionary | None = None, options: Parameters | None = None, **more: Unpack[ZstdOptions]
) -> Archive:
    """Opens compressed data for reading at any offset: a path, or a buffer, which is not copied.

    Any zstd data will do; the smaller its frames, the faster an offset is reached (`compress(..., frame_size=...)`).
    """
    settings = Settings(None, options, zstd_dict, False, **more)
    if not settings.supported:
        raise NotImplementedError("archives cannot be opened with a prefix as dictionary")
    name = os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else None
    # A buffer is released when the archive's handle goes.
    buffer = address(source) if name is None else None
    handle, error = ArchiveHandle((settings.kept(), buffer)), n.fastpar_error()
    try:
        with settings.watching():
            if buffer is None:
                status = lib.fastpar_archive_open_file(
                    ctypes.byref(settings.native), path(source), ctypes.byref(handle), ctypes.byref(error)
                )
            else:
                where, length = buffer.__enter__()
                status = lib.fastpar_archive_open(
                    ctypes.byref(settings.native), where, length, ctypes.byref(handle), ctypes.byref(error)
                )
        check(status, error, () if name is None else (name,), name)
    except BaseException:
        # In this order: a handler may have struck when it was open.
        del handle
        if buffer is not None:
            buffer.__exit__()
        raise
    return Archive(handle, settings, name=name)


def open_source(
    read: Callable[[int, memoryview], object], size: int, /, *, zstd_dict: Dictionary | None = None, options: Parameters | None = None, **more: Unpack[ZstdOptions]
) -> Archive:
    """Opens compressed data wherever it is, such as an object in a store: `read(offset, view)` fills all of a writable view.

    It is called by several threads at a time, for as long as the archive is used. What it raises is raised by the call that wanted
    the bytes.
    """
    settings = Settings(None, options, zstd_dict, False, **more)
    if not settings.supported:
        raise NotImplementedError("archives cannot be opened with a prefix as dictionary")
    handle, error, source = ArchiveHandle(settings.kept()), n.fastpar_error(), Source(read)
    with settings.watching():
        status = lib.fastpar_archive_open_source(
            ctypes.byref(settings.native),
            read_at_callback,
            natural(size, "size"),
            source,
            ctypes.byref(handle),
            ctypes.byref(error),
        )
    check_source(status, error)
    check(status, error)
    return Archive(handle, settings, source)
