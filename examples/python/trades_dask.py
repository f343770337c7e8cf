"""Compressed trades on many machines, by Dask: each machine runs one process with fastpar's pool, and takes shards of the files.

    python3.14t trades_dask.py bars FOLDER             # one-minute bars of FOLDER/trades-*.zst, which trades.py makes
    python3.14t trades_dask.py large FOLDER TARGET     # the large trades of each of these files, to a file in the folder TARGET
    python3.14t trades_dask.py pack FOLDER TARGET      # any files, compressed into the one file TARGET, in the order of their names

Dask runs on this machine, with --workers N processes (default: 1; 0: none, all in this process; of several let FASTPAR_THREADS say
how many threads each has). On many machines, which see the folders at the same paths:

    dask scheduler --preload fastpar                                                  # on one of them
    FASTPAR_THREADS=auto dask worker HOST:8786 --nthreads 1 --preload fastpar         # on each of the others
    python3.14t trades_dask.py --scheduler HOST:8786 bars FOLDER

docs/scale-out.md says why, and what else a worker's environment should have.

One process a machine, as its pool has all the CPUs: with two Dask would run two tasks at a time, each with a thread for each CPU.
--preload fastpar: a worker that cannot load the library ends at once, and says why; the scheduler needs it to read the list of tasks.
"""

import argparse
import functools
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import fastpar
from fastpar import zstd

# trade id, price, quantity, count, flags, two bytes of padding, microseconds, eight bytes that are reserved
FORMAT = "<QQQIH2xq8x"
ROW = struct.calcsize(FORMAT)
NAMES = ("id", "price", "quantity", "count", "flags", "time")
MINUTE = 60_000_000
LARGE = 49

# Bytes of a table, of a frame, and of a part: parts begin at frames, so that joined they are what one machine
# would write.
PIECE, FRAME, PART = 4 << 20, 4 << 20, 1 << 30

# No `type` statements: what workers get of this file is pickled, and aliases cannot be.
Bars = dict[int, list[int]]

#: The results of a function for some items, in their order.
Each = Callable[[Callable, Iterable], list]


# ---- bars: the result is small, and comes back ----


def bars_of(rows: memoryview) -> Bars:
    """The bars of rows: open, high, low, close and volume for each minute."""
    trades = fastpar.table(rows, FORMAT, NAMES)
    asked = {name: ("price", what) for name, what in zip(("open", "high", "low", "close"), ("first", "max", "min", "last"))}
    found = trades.group_by(fastpar.bucket("time", MINUTE)).agg({**asked, "volume": ("quantity", "sum")}, max_lanes=1)
    return {bar[0] // MINUTE: list(bar[1:]) for bar in found}


def join(bars: Bars, later: Bars) -> Bars:
    """Bars, and those of rows that came later."""
    for minute, bar in later.items():
        if minute in bars:
            opened, high, low, _, volume = bars[minute]
            bars[minute] = [opened, max(high, bar[1]), min(low, bar[2]), bar[3], volume + bar[4]]
        else:
            bars[minute] = bar
    return bars


def bars_of_shard(shard: zstd.Shard) -> Bars:
    """One task: in parallel on the CPUs of its machine."""
    with zstd.open_archive(shard.path) as archive:
        return archive.reduce(
            bars_of, join, {}, record_size=ROW, piece_size=PIECE, offset=shard.offset, size=shard.size
        )


def bars(each: Each, folder: Path, size: int) -> Bars:
    """The bars of all files: shards in the order of the files, and so of the trades."""
    shards = zstd.shards(sorted(folder.glob("trades-*.zst")), record_size=ROW, size=size)
    return functools.reduce(join, each(bars_of_shard, shards), {})


# ---- from file to file: a target appears when it is complete, so a task may run twice ----


def large_rows(rows: memoryview) -> bytearray:
    """The large trades of some."""
    trades = fastpar.table(rows, FORMAT, NAMES)
    return trades.take(trades["quantity"] > LARGE, max_lanes=1).buffer


def large_of_file(names: tuple[Path, Path]) -> zstd.FileStats:
    """One task."""
    source, target = names
    with zstd.open_archive(source) as archive:
        return zstd.transform_file(archive, target, large_rows, record_size=ROW, piece_size=PIECE)


def large(each: Each, folder: Path, target: Path) -> int:
    """The large trades of each file, in files of the same names."""
    target.mkdir(exist_ok=True)
    files = sorted(folder.glob("trades-*.zst"))
    return sum(stats.bytes_out for stats in each(large_of_file, [(file, target / file.name) for file in files]))


# ---- a folder to one file: parts, which are joined without being decompressed ----


def pack_part(part: tuple[Path, int, int, Path]) -> zstd.FileStats:
    """One task: a part of a file."""
    source, offset, size, target = part
    return zstd.compress_file(source, target, src_offset=offset, src_size=size, frame_size=FRAME)


def pack(each: Each, folder: Path, target: Path) -> int:
    """Compresses the files of a folder, one after the other, into one."""
    parts_folder = target.with_name(target.name + ".parts")
    parts_folder.mkdir(exist_ok=True)
    parts = []
    for file in sorted(file for file in folder.iterdir() if file.is_file()):
        for offset in range(0, file.stat().st_size, PART):
            size = min(PART, file.stat().st_size - offset)
            parts.append((file, offset, size, parts_folder / f"{len(parts)}.zst"))
    each(pack_part, parts)
    stats = zstd.concat_files([part[3] for part in parts], target)
    for part in parts:
        part[3].unlink()
    parts_folder.rmdir()
    return stats.bytes_out


# ---- on many machines ----

from distributed import Client, WorkerPlugin, progress


class Setup(WorkerPlugin):
    """Sets a worker up, as the flags of its command do: with the library, and a thread for each CPU. A worker without the library is
    refused, one that comes later too."""

    def setup(self, worker: object) -> None:
        os.environ.setdefault("FASTPAR_THREADS", str(fastpar.cpus()))


def with_dask[R](job: Callable[[Each], R], **where: object) -> R:
    with Client(**where) as client:
        client.register_plugin(Setup())
        client.run_on_scheduler(fastpar.version)  # it reads the list of tasks, and so needs the package

        def each(function: Callable, items: Iterable) -> list:
            progress(futures := client.map(function, items, pure=False))
            return client.gather(futures)

        return job(each)


# ---- the command ----

import dask

# Dask looks at its workers' Python code every 10 ms, and each wakes every 20 ms. Of native code that tells
# nothing, and it costs some per cent of a CPU. And it has glibc give memory back at once, which is then
# cleared by the system for the next shard.
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scheduler", metavar="ADDRESS")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--size", type=int, default=1 << 30, help="bytes of a shard of bars")
    parser.add_argument("job", choices=("bars", "large", "pack"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path, nargs="?")
    given = parser.parse_args()
    if (given.target is None) != (given.job == "bars"):
        parser.error("large and pack have a TARGET, bars has none")
    # Workers have other current folders.
    folder, target = given.folder.absolute(), given.target and given.target.absolute()

    def job(each: Each) -> Bars | int:
        match given.job:
            case "bars":
                return bars(each, folder, given.size)
            case "large":
                return large(each, folder, target)
            case _:
                return pack(each, folder, target)

    if given.scheduler:
        result = with_dask(job, address=given.scheduler)
    elif given.workers:
        dask.config.set(QUIET)
        result = with_dask(job, n_workers=given.workers, threads_per_worker=1)
    else:
        result = job(lambda function, items: list(map(function, items)))
    if given.job != "bars":
        print(f"{result} bytes are written")
        return
    for minute in sorted(result)[:3]:
        opened, high, low, close, volume = result[minute]
        print(f"minute {minute}: open {opened}, high {high}, low {low}, close {close}, volume {volume}")


if __name__ == "__main__":
    main()
