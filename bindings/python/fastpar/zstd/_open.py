"""Opening compressed data for random access."""

import ctypes
import os
from collections.abc import Buffer, Callable
from contextlib import ExitStack
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


class _Source(ExitStack):
    """The buffer that an archive is read from; released with the archive's handle."""

    def __del__(self) -> None:
        self.close()


def open_archive(
    source: str | os.PathLike[str] | os.PathLike[bytes] | Buffer, /, *, zstd_dict: Dictionary | None = None, options: Parameters | None = None, **more: Unpack[ZstdOptions]
) -> Archive:
    """Opens compressed data for reading at any offset: a path, or a buffer, which is not copied.

    Any zstd data will do; the smaller its frames, the faster an offset is reached (`compress(..., frame_size=...)`).
    """
    settings = Settings(None, options, zstd_dict, False, **more)
    if not settings.supported:
        raise NotImplementedError("archives cannot be opened with a prefix as dictionary")
    handle, error, kept = ctypes.c_void_p(), n.fastpar_error(), _Source()
    name = os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else None
    try:
        with settings.watching():
            if isinstance(source, (str, os.PathLike)):
                status = lib.fastpar_archive_open_file(
                    ctypes.byref(settings.native), path(source), ctypes.byref(handle), ctypes.byref(error)
                )
            else:
                where, length = kept.enter_context(address(source))
                status = lib.fastpar_archive_open(
                    ctypes.byref(settings.native), where, length, ctypes.byref(handle), ctypes.byref(error)
                )
        check(status, error, () if name is None else (name,), name)
    except BaseException:
        kept.close()
        raise
    return Archive(ArchiveHandle(handle.value, (settings.kept(), kept)), settings, name=name)


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
    handle, error, source = ctypes.c_void_p(), n.fastpar_error(), Source(read)
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
    return Archive(ArchiveHandle(handle.value, settings.kept()), settings, source)
