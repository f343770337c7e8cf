"""From buffer to buffer."""

import ctypes
from collections.abc import Buffer
from compression import zstd as standard
from dataclasses import dataclass
from typing import Unpack

from .. import _native as n
from .._errors import BufferTooSmallError, LimitError, size
from .._library import lib
from . import _small
from .._buffers import address, fill_bytes
from ._interrupts import interruptible
from ._settings import DataError, Settings, ZstdOptions, check, failure, is_level
from ._types import Dictionary, Parameters

# Where data does not tell its size: the first guess is this many times its own.
_GUESS = 8


def _run(function: ctypes._NamedFuncPointer, settings: Settings, *arguments: object) -> int:
    """Calls a function of the codec: the bytes written, or what it reports."""
    written, error = ctypes.c_size_t(), n.fastpar_error()

    def work() -> int:
        return function(ctypes.byref(settings.native), *arguments, ctypes.byref(written), ctypes.byref(error))

    # Source and target each come as address and size.
    status = interruptible(settings, work, arguments[1] + arguments[3])
    if status == n.FASTPAR_OK:
        return written.value
    raise failure(error, written.value)


def compress_bound(length: int, /, **more: Unpack[ZstdOptions]) -> int:
    """A capacity that is enough for compressing any `length` bytes with these options."""
    return _bound(Settings(None, None, None, True, **more), size(length, "length"))


def _bound(settings: Settings, length: int) -> int:
    bound, error = ctypes.c_size_t(), n.fastpar_error()
    check(
        lib.fastpar_compress_bound(ctypes.byref(settings.native), length, ctypes.byref(bound), ctypes.byref(error)), error
    )
    return bound.value


def compress(
    data: Buffer,
    level: int | None = None,
    options: Parameters | None = None,
    zstd_dict: Dictionary | None = None,
    **more: Unpack[ZstdOptions],
) -> bytes:
    """Compresses a buffer, in parallel, to ordinary zstd data.

    As `compression.zstd.compress`. Data of more than a megabyte becomes several frames, which `decompress` of both modules reads,
    while `ZstdDecompressor` and `zstandard.decompress` stop after the first, without an error: `single_frame=True` is for those,
    and as parallel. Each frame has a checksum unless `options` says `checksum_flag: 0`. Parameters that fastpar
    does not have (the sizes of tables, `target_length`, ...) are left to the standard module.
    """
    if _small.is_small(data) and options is None and zstd_dict is None and not more and is_level(level):
        result = _small.compress(data, level)
        if result is not None:
            return result
    settings = Settings(level, options, zstd_dict, True, **more)
    if not settings.supported:
        return standard.compress(data, level, options, zstd_dict)
    with address(data) as (source, length):
        capacity = _bound(settings, length)
        return fill_bytes(capacity, lambda to: _run(lib.fastpar_compress, settings, source, length, to, capacity))


def compress_into(
    data: Buffer,
    out: Buffer,
    level: int | None = None,
    options: Parameters | None = None,
    zstd_dict: Dictionary | None = None,
    **more: Unpack[ZstdOptions],
) -> int:
    """Compresses a buffer into another, writable one, which it does not overlap; returns how many bytes were written.

    Raises BufferTooSmallError, whose `needed` is a size that is always enough, if it does not fit.
    """
    if _small.is_small_into(data, out) and options is None and zstd_dict is None and not more and is_level(level):
        written = _small.compress_into(data, out, level)
        if written is not None:
            return written
    settings = Settings(level, options, zstd_dict, True, **more)
    if not settings.supported:
        return _copy(standard.compress(data, level, options, zstd_dict), out)
    with address(data) as (source, length), address(out, writable=True) as (to, capacity):
        return _run(lib.fastpar_compress, settings, source, length, to, capacity)


def decompressed_size(data: Buffer, /) -> int | None:
    """How many bytes the frames in a buffer decompress to, by their headers; None: a frame does not tell.

    Data of a few kilobytes may claim gigabytes: compare this with a limit of yours if you do not trust it.
    """
    size, error = ctypes.c_uint64(), n.fastpar_error()
    with address(data) as (source, length):
        status = lib.fastpar_decompressed_size(source, length, ctypes.byref(size), ctypes.byref(error))
    if status == n.FASTPAR_ERR_UNSUPPORTED:
        return None
    check(status, error)
    return size.value


@dataclass(frozen=True, slots=True)
class ZstdInfo:
    """What a frame tells before it is decompressed, in bytes."""

    #: Of the content; None: not told. 0 for a skippable frame.
    size: int | None
    #: Of the frame: the next frame begins so much further on.
    compressed_size: int
    #: Of the latest output, which a decoder has to keep.
    window: int
    #: The dictionary that decompressing needs; 0: none, or not told.
    dict_id: int
    #: Whether it ends with a checksum of its content.
    checksum: bool
    #: Whether it holds data for other programs, without content.
    skippable: bool


def frame_read(data: Buffer, /) -> ZstdInfo:
    """What the first frame in a buffer tells, by its headers. The whole frame must be there; a ZstdError tells what is wrong."""
    info, error = n.fastpar_zstd_info(ctypes.sizeof(n.fastpar_zstd_info)), n.fastpar_error()
    with address(data) as (source, length):
        check(lib.fastpar_frame_read(source, length, ctypes.byref(info), ctypes.byref(error)), error)
    return ZstdInfo(
        None if info.size == 2**64 - 1 else info.size,
        info.compressed_size,
        info.window,
        info.dict_id,
        bool(info.flags & n.FASTPAR_FRAME_CHECKSUM),
        bool(info.flags & n.FASTPAR_FRAME_SKIPPABLE),
    )


def decompress(
    data: Buffer, zstd_dict: Dictionary | None = None, options: Parameters | None = None, **more: Unpack[ZstdOptions]
) -> bytes:
    """Decompresses all the frames in a buffer, in parallel where they tell their sizes.

    As `compression.zstd.decompress`. Checksums that are there are verified. Data that is damaged, incomplete or not zstd is a
    ZstdError that tells where.
    """
    if _small.is_small(data) and options is None and zstd_dict is None and not more:
        result = _small.decompress(data)
        if result is not None:
            return result
    settings = Settings(None, options, zstd_dict, False, **more)
    if not settings.supported:
        return standard.decompress(data, zstd_dict, options)
    with address(data) as (source, length):
        if length == 0:
            raise DataError.of(n.FASTPAR_ERR_TRUNCATED, "Compressed data ended before the end-of-stream marker was reached")
        size = decompressed_size(data)
        limit = more.get("max_output", 0)
        if size is None:
            return _decompress_unknown(settings, source, length, limit)
        if limit and size > limit:
            raise LimitError.of(n.FASTPAR_ERR_LIMIT_EXCEEDED, f"{size} bytes would come out, and max_output is {limit}")
        return fill_bytes(size, lambda to: _run(lib.fastpar_decompress, settings, source, length, to, size))


def _decompress_unknown(settings: Settings, source: int | None, length: int, limit: int) -> bytes:
    """Data that does not tell its size: with more and more room."""
    capacity = max(length * _GUESS, 1 << 16)
    while True:
        # One byte past the limit tells that it is passed.
        capacity = min(capacity, limit + 1) if limit else capacity
        try:
            return fill_bytes(
                capacity, lambda to: _run(lib.fastpar_decompress, settings, source, length, to, capacity)
            )
        except BufferTooSmallError:
            capacity *= 4


def decompress_into(
    data: Buffer, out: Buffer, zstd_dict: Dictionary | None = None, options: Parameters | None = None, **more: Unpack[ZstdOptions]
) -> int:
    """Decompresses a buffer into another, writable one, which it does not overlap; returns how many bytes were written.

    Raises BufferTooSmallError, whose `needed` is the size where the data tells it, else 0, if it does not fit.
    """
    if _small.is_small_into(data, out) and options is None and zstd_dict is None and not more:
        written = _small.decompress_into(data, out)
        if written is not None:
            return written
    settings = Settings(None, options, zstd_dict, False, **more)
    if not settings.supported:
        return _copy(standard.decompress(data, zstd_dict, options), out)
    with address(data) as (source, length), address(out, writable=True) as (to, capacity):
        return _run(lib.fastpar_decompress, settings, source, length, to, capacity)


def _copy(data: bytes, out: Buffer) -> int:
    with memoryview(out).cast("B") as view:
        if len(data) > len(view):
            error = BufferTooSmallError.of(n.FASTPAR_ERR_BUFFER_TOO_SMALL, f"{len(data)} bytes do not fit into {len(view)}")
            error.needed = len(data)
            raise error
        view[: len(data)] = data
    return len(data)
