"""A program as users write it: checkers of types have nothing to say about it, and know each type exactly. It runs, too."""

import array
import asyncio
import concurrent.futures
import io
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import fastpar
from fastpar import zstd


def square(number: int) -> int:
    return number * number


def total(begin: int, end: int) -> float:
    return float(end - begin)


def add(so_far: list[float], part: float) -> list[float]:
    so_far.append(part)
    return so_far


def halves(part: memoryview) -> bytes:
    return bytes(part[: len(part) // 2])


def loops() -> None:
    assert_type(fastpar.map(square, range(10)), list[int])
    assert_type(fastpar.map(str, [1.5, 2.5], segments=2, errors="group"), list[str])
    assert_type(fastpar.starmap(total, [(7, 2), (9, 4)]), list[float])
    assert_type(fastpar.reduce(100, total), float)
    assert_type(fastpar.reduce(100, total, max), float)
    assert_type(fastpar.reduce(100, total, add, initial_factory=list[float]), list[float])
    assert_type(fastpar.reduce(100, total, initial=0.0, schedule=fastpar.Schedule.GRAIN, grain=10), float)
    values = array.array("Q", range(100))
    fastpar.for_slices(lambda part: None, values, record_size=2)
    assert_type(fastpar.chunks(b"abc"), list[memoryview])
    assert_type(fastpar.chunks([1, 2, 3], 2), list[list[int]])
    fastpar.for_range(100, lambda begin, end: None, progress=lambda done, all: print(end=""))
    fastpar.for_range(100, lambda begin, end, lane: None, lane=True, max_lanes=2)
    assert_type(fastpar.plan(100, segments=3), list[range])
    options: fastpar.LoopOptions = {"segments": 3, "cancel": fastpar.CancelFlag()}
    job = fastpar.for_start(10, lambda begin, end: None, **options)
    assert_type(job, fastpar.Job)
    job.result(60)
    fastpar.team(lambda member: member.barrier(), 2)
    assert_type(fastpar.pool_worker(), int | None)
    assert_type(fastpar.pool_stats().busy_ns, int)


def shared() -> None:
    count = fastpar.AtomicInt(3)
    assert_type(count.compare_exchange(3, 4), tuple[bool, int])
    queue: fastpar.Queue[str] = fastpar.Queue(3)
    queue.push("one", timeout=1.0)
    queue.close()
    for item in queue:
        assert_type(item, str)


def executors() -> None:
    with fastpar.ThreadPoolExecutor(max_workers=3, initializer=print, initargs=("",)) as executor:
        future = executor.submit(square, 3)
        assert_type(future, concurrent.futures.Future[int])
        assert_type(future.result(), int)
        results = executor.map(square, [1, 2, 3], timeout=60, chunksize=2)
        assert_type(results, Iterator[int])
        standard: concurrent.futures.ThreadPoolExecutor = executor
        standard.submit(print, end="")


def errors() -> int | None:
    try:
        zstd.decompress(b"nothing of zstd")
    except zstd.DataError as error:
        assert_type(error.position, int | None)
        assert_type(error.filename, str | None)
        assert_type(error.status, int)
    except fastpar.Error as error:
        return error.code
    return None


def codec(folder: Path) -> None:
    data = bytes(100_000)
    packed = zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}, max_lanes=2, progress=report)
    assert_type(packed, bytes)
    assert_type(zstd.decompress(packed, max_output=200_000), bytes)
    assert_type(zstd.compress_batch([data, memoryview(data)], errors="group"), list[bytes])
    assert_type(zstd.decompressed_size(packed), int | None)
    out = bytearray(zstd.compress_bound(len(data)))
    assert_type(zstd.compress_into(data, out), int)
    with zstd.open(folder / "binary.zst", "wb", level=3, frame_size=1 << 16) as binary:
        assert_type(binary, zstd.ZstdFile)
        binary.write(data)
    with zstd.open(folder / "text.zst", "wt", encoding="utf-8") as text:
        assert_type(text, io.TextIOWrapper)
        text.write("ä\n")
    with zstd.open(folder / "binary.zst") as read:
        assert_type(read.read(), bytes)
    stats = zstd.compress_file(folder / "binary.zst", folder / "twice.zst", keep=True, src_offset=1, src_size=2)
    assert_type(stats, zstd.FileStats)
    files: zstd.FileOptions = {"sync": True, "max_lanes": 1}
    zstd.decompress_file(folder / "twice.zst", folder / "once.zst", **files)
    with zstd.open_archive(folder / "binary.zst") as archive:
        assert_type(archive, zstd.Archive)
        assert_type(archive.read_at(10, 20), bytes)
        assert_type(archive.read_at(10, bytearray(20)), int)
        assert_type(archive.reduce(lambda view: sum(view)), int)
        assert_type(archive.reduce(lambda view: float(view[0]), add, list[float](), record_size=8), list[float])
        archive.scan(lambda view: None, record_size=struct.calcsize("d"), errors="first")
        zstd.transform_file(archive, folder / "half.zst", halves, level=1)
    assert_type(zstd.shards([folder / "binary.zst"], size=1 << 20), list[zstd.Shard])


def report(done: int, all: int | None) -> None:
    pass


async def waits(folder: Path) -> None:
    assert_type(await fastpar.to_thread(square, 3), int)
    packed = await zstd.compress_async(b"data", level=1)
    assert_type(packed, bytes)
    await fastpar.for_start(10, lambda begin, end: None)
    assert_type(await zstd.compress_file_async(folder / "half.zst", folder / "more.zst", sync=True), zstd.FileStats)
    with zstd.open_archive(packed) as archive:
        assert_type(await archive.read_at_async(0, 4), bytes)
        assert_type(await archive.reduce_async(bytes), bytes)


if __name__ == "__main__":
    loops()
    shared()
    executors()
    errors()
    with tempfile.TemporaryDirectory() as name:
        codec(Path(name))
        asyncio.run(waits(Path(name)))
