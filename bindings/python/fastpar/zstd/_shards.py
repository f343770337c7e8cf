"""The work of many machines."""

import ctypes
import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Unpack

from .. import _native as n
from .._errors import size as natural, uint32, uint64
from .._library import lib
from ._files import FileStats
from ._interrupts import interruptible
from ._open import open_archive
from ._settings import FileOptions, FileSettings, check, path
from ._types import Name


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a compressed file. Can be pickled and sent to another machine:

        with zstd.open_archive(shard.path) as archive:
            archive.scan(body, record_size=48, offset=shard.offset, size=shard.size)
    """

    path: str
    #: The part of the content, in bytes.
    offset: int
    size: int
    #: The frames that are to be read for it.
    first_frame: int
    frames: int


def shards(
    paths: Name | Iterable[Name], /, *, record_size: int = 0, lines: bool = False, size: int = 1 << 30
) -> list[Shard]:
    """Cuts compressed files into shards of about `size` bytes of content, at frames and at whole records; none is empty.

    The same on every machine that has the files. A record belongs to the shard of the frame where it begins; `lines`: a line to
    the shard where it begins. No frame is cut: a file of one frame is one shard, and a RuntimeWarning tells how to rewrite it.
    """
    if natural(size, "size") == 0:
        raise ValueError("size must be at least 1")
    names = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else list(paths)
    found = []
    for name in map(os.fsdecode, names):
        made_of_file = []
        with open_archive(name) as archive:
            options = n.fastpar_scan_options(
                ctypes.sizeof(n.fastpar_scan_options),
                natural(record_size, "record_size"),
                flags=n.FASTPAR_SCAN_LINES if lines else 0,
            )
            count = max(-(-len(archive) // size), 1)
            for index in range(count):
                made, error = n.fastpar_shard(ctypes.sizeof(n.fastpar_shard)), n.fastpar_error()
                check(
                    lib.fastpar_archive_shard(
                        ctypes.byref(options), archive._opened(), count, index, ctypes.byref(made), ctypes.byref(error)
                    ),
                    error,
                    (name,),
                    name,
                )
                if made.size:
                    made_of_file.append(Shard(name, made.offset, made.size, made.first_frame, made.frames))
        if made_of_file and sum(shard.frames for shard in made_of_file) < count:
            warnings.warn(_too_large(name, len(made_of_file), count), RuntimeWarning, stacklevel=2)
        found += made_of_file
    return found


def _too_large(name: str, made: int, wanted: int) -> str:
    """What is said of a file whose frames are too few for the shards that were asked for."""
    stem, ext = os.path.splitext(name)
    return (
        f"{name!r} is {made} shard{'s' if made > 1 else ''} and not {wanted}, as no frame is cut and its frames are larger than that: "
        f"zstd.transform_file(zstd.open_archive({name!r}), {stem + '.frames' + ext!r}, bytes) rewrites it in frames of some MiB"
    )


def concat_files(
    sources: Iterable[Name], target: Name, /, **more: Unpack[FileOptions]
) -> FileStats:
    """Joins compressed files to one, without decompressing them: frames are copied, and one seek table is written.

    The target may be the first source: that appends the others. It appears when it is complete, or stays as it was.
    """
    settings = FileSettings(None, None, None, True, **more)
    names = list(sources)
    paths = (ctypes.c_char_p * len(names))(*map(path, names))
    to = path(target)
    stats, error = n.fastpar_file_stats(ctypes.sizeof(n.fastpar_file_stats)), n.fastpar_error()
    status = interruptible(
        settings,
        lambda: lib.fastpar_concat_files(
            ctypes.byref(settings.native), paths, len(names), to, ctypes.byref(stats), ctypes.byref(error)
        ),
    )
    check(status, error, (*map(os.fsdecode, names), os.fsdecode(target)))
    return FileStats(stats.bytes_in, stats.bytes_out, stats.frames, stats.seconds, stats.peak_memory)


def seek_table_write(
    sizes: Iterable[int], content_sizes: Iterable[int], checksums: Iterable[int] | None = None
) -> bytes:
    """The seek table of frames that a program has put one after the other itself, such as parts of an object in a store.

    They are compressed with `seek_table=False`; `frame_read` tells the bytes of each frame and of its content. The table comes
    behind the last frame, at the very end of the data. `checksums`: of all, the lower half of the XXH64 of each content.
    """
    frames = [uint64(value, "a size") for value in sizes]
    contents = [uint64(value, "a size") for value in content_sizes]
    sums = None if checksums is None else [uint32(value, "a checksum") for value in checksums]
    count = len(frames)
    if len(contents) != count or sums is not None and len(sums) != count:
        raise ValueError("there are not as many of each")
    numbers = ctypes.c_uint64 * count
    written, error = ctypes.c_size_t(), n.fastpar_error()
    arrays = numbers(*frames), numbers(*contents), None if sums is None else (ctypes.c_uint32 * count)(*sums), count
    end = ctypes.byref(written), ctypes.byref(error)
    status = lib.fastpar_seek_table_write(*arrays, None, 0, *end)
    if status != n.FASTPAR_ERR_BUFFER_TOO_SMALL:
        check(status, error)
    table = ctypes.create_string_buffer(written.value)
    check(lib.fastpar_seek_table_write(*arrays, table, written.value, *end), error)
    return table.raw
