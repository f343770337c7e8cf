"""What Dask costs: CPU seconds of 1, 2 and 4 workers beside one process that does the same shards, and beside as many processes
without Dask; and what a task costs.

    python3.14t measure.py [--seconds 120] [--tasks 5000]

Needs `dask` and `distributed`, and examples/python on PYTHONPATH beside bindings/python. The bars of trades_dask.py are made over and
over, of a gigabyte of rows, for as many CPU seconds as one process is to take. Counted is the CPU time of all processes from the
moment when all workers are ready to the last result; the work is a list of shards, and every result is compared. Workers together
have the CPUs: FASTPAR_THREADS is the CPUs over the workers, and at least 1. All processes and clusters have short turns, each time in
another order, and wait meanwhile: a machine whose speed changes within seconds changes it for all of them. Writes
benches/results/scale_out.json.
"""

import argparse
import contextlib
import functools
import json
import math
import multiprocessing
import os
import pickle
import platform
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import dask
import distributed
import trades
from distributed import Client, LocalCluster
from trades_dask import FORMAT, QUIET, ROW, Bars, bars_of_shard

import fastpar
from fastpar import zstd

RESULTS = Path(__file__).parents[1] / "results" / "scale_out.json"

WORKERS = (1, 2, 4)

# Rows of a block, which are made by Python; a file repeats it beyond any window, and so compresses like one
# of different rows.
ROWS, BLOCKS, FILES = 250_000, 20, 4
SHARD = 256 << 20

#: What is read of a file at a place in it.
PART = 64 << 20

#: What counts the time of all threads of a process.
cpu = time.process_time


def make_files(folder: Path) -> list[Path]:
    """Four files of a quarter of a gigabyte each."""
    block = trades.make_rows(0, ROWS)
    packed = zstd.compress(block * BLOCKS, frame_size=4 << 20)
    files = [folder / f"trades-{number}.zst" for number in range(FILES)]
    for file in files:
        file.write_bytes(packed)
    return files


def threads_of(count: int) -> str:
    """FASTPAR_THREADS of each of so many processes."""
    return str(max(fastpar.cpus() // count, 1))


def bars_and_cpu(shard: zstd.Shard) -> tuple[Bars, float]:
    """The result, and CPU seconds; for a process that does nothing else."""
    begun = cpu()
    return bars_of_shard(shard), cpu() - begun


def begin(count: int) -> None:
    """What each of so many processes does first."""
    os.environ["FASTPAR_THREADS"] = threads_of(count)
    fastpar.pool_start()


def processes(count: int) -> ProcessPoolExecutor:
    """New processes, as workers are."""
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), begin, (count,))


def with_processes(executor: ProcessPoolExecutor, shards: list[zstd.Shard]) -> tuple[list[Bars], dict[str, float]]:
    """The results, and CPU and wall seconds."""
    clock = time.perf_counter()
    results, took = zip(*executor.map(bars_and_cpu, shards))
    return list(results), {"workers": sum(took), "wall": time.perf_counter() - clock}


def cluster_of(workers: int) -> LocalCluster:
    """Workers of one machine, as the page on scaling out starts those of many."""
    dask.config.set(QUIET)
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        preload=["fastpar"],
        env={"FASTPAR_THREADS": threads_of(workers)},
        dashboard_address=None,
    )


def with_workers(client: Client, shards: list[zstd.Shard]) -> tuple[list[Bars], dict[str, float]]:
    """The results; CPU seconds of the workers, and of this process, which is scheduler and client; wall seconds."""
    before, own, clock = client.run(cpu), cpu(), time.perf_counter()
    results = client.gather(client.map(bars_of_shard, shards, pure=False))
    wall, own, after = time.perf_counter() - clock, cpu() - own, client.run(cpu)
    return results, {"workers": sum(after.values()) - sum(before.values()), "scheduler": own, "wall": wall}


def turns(files: list[Path], seconds: float) -> tuple[dict[str, dict[str, list[float]]], list[zstd.Shard]]:
    """What the turns took, by name: how many workers, with Dask or without; and the shards of a turn."""
    shards = zstd.shards(files, record_size=ROW, size=SHARD)
    rows: list[dict[str, dict[str, float]]] = []
    with contextlib.ExitStack() as stack:
        turn: list[tuple[str, Callable[[], tuple[list[Bars], dict[str, float]]]]] = []
        for workers in WORKERS:
            executor = stack.enter_context(processes(workers))
            turn.append((f"{workers} without", functools.partial(with_processes, executor, shards)))
            cluster = stack.enter_context(cluster_of(workers))
            client = stack.enter_context(Client(cluster, set_as_default=False))
            client.wait_for_workers(workers)
            client.run(fastpar.pool_start)
            turn.append((f"{workers}", functools.partial(with_workers, client, shards)))
        first = [once() for _, once in turn]
        expected, took = first[0]
        for number in range(max(math.ceil(seconds / took["workers"]), 2)):
            row = {}
            for name, once in turn[number % len(turn) :] + turn[: number % len(turn)]:
                results, found = once()
                if results != expected:
                    raise SystemExit(f"{name}: the results differ")
                row[name] = {key: round(value, 4) for key, value in found.items()}
            print(f"turn {number + 1}: {row}", flush=True)
            rows.append(row)
    columns = {name: {key: [row[name][key] for row in rows] for key in found} for name, found in rows[0].items()}
    return columns, shards


def bytes_sent() -> int:
    """Bytes between the processes of this machine so far."""
    return int(Path("/sys/class/net/lo/statistics/tx_bytes").read_text())


def cost_of_tasks(shard: zstd.Shard, tasks: int) -> dict[str, float]:
    """What tasks that do nothing cost: CPU seconds of scheduler and client, bytes between processes, seconds until a result."""
    shards = [shard] * tasks
    with cluster_of(2) as cluster, Client(cluster) as client:
        client.wait_for_workers(2)
        client.gather(client.map(id, shards[:100], pure=False))
        own, sent = cpu(), bytes_sent()
        client.gather(client.map(id, shards, pure=False))
        own, sent = cpu() - own, bytes_sent() - sent
        round_trips = []
        for _ in range(50):
            begun = time.perf_counter()
            client.submit(id, shard, pure=False).result()
            round_trips.append(time.perf_counter() - begun)
    return {
        "task_cpu_s": own / tasks,
        "task_bytes": sent / tasks,
        "shard_bytes": len(pickle.dumps(shard)),
        "round_trip_s": statistics.median(round_trips),
    }


def reads_of(packed: bytes) -> dict[str, int]:
    """What is read of compressed data that lies elsewhere: to open it, and for one shard of it."""
    counts, total = [0, 0], len(packed)

    def read(offset: int, view: memoryview) -> None:
        counts[0] += 1
        counts[1] += len(view)
        view[:] = packed[offset : offset + len(view)]

    with zstd.open_source(read, total) as archive:
        opened = list(counts)
        archive.scan(len, record_size=ROW, offset=0, size=PART // ROW * ROW)
    return {
        "open_reads": opened[0],
        "open_bytes": opened[1],
        "shard_reads": counts[0] - opened[0],
        "shard_bytes": counts[1] - opened[1],
    }


def reads() -> dict[str, object]:
    """With a seek table and without one, and of one frame."""
    block = trades.make_rows(0, ROWS) * BLOCKS
    forms = {"table": {"frame_size": 4 << 20}, "no_table": {"frame_size": 4 << 20, "seek_table": False}}
    return {
        "content": len(block),
        "frames": -(-len(block) // (4 << 20)),
        "shard": PART // ROW * ROW,
        **{name: {**reads_of(packed := zstd.compress(block, **form)), "compressed": len(packed)} for name, form in forms.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="CPU seconds of one process, in all turns")
    parser.add_argument("--tasks", type=int, default=5000, help="tasks that do nothing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = make_files(Path(folder))
        took, shards = turns(files, given.seconds)
        tasks = cost_of_tasks(zstd.shards(files, record_size=ROW, size=SHARD)[0], given.tasks)
        print(tasks, flush=True)
    alone = took["1 without"]["workers"]
    content = sum(shard.size for shard in shards) * len(alone)
    results = {
        "cpus": fastpar.cpus(),
        "python": platform.python_version(),
        "distributed": distributed.__version__,
        "format": FORMAT,
        "content": content,
        "tasks": len(shards) * len(alone),
        "turns": took,
        "bytes_per_cpu_second": content / sum(alone),
        **tasks,
        "reads": reads(),
    }
    # A list of numbers is a line.
    text = re.sub(r"\[[^\[\]]*\]", lambda found: " ".join(found[0].split()), json.dumps(results, indent=1))
    RESULTS.write_text(text + "\n")
    print(f"written: {RESULTS}")


if __name__ == "__main__":
    main()
