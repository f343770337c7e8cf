"""What Dask costs: CPU seconds of 1, 2 and 4 workers beside one process that does the same shards, and what a task costs.

    python3.14t measure.py [--seconds 120] [--turns 6] [--tasks 5000]

Needs `dask` and `distributed`, and examples/python on PYTHONPATH beside bindings/python. The bars of trades_dask.py are made over and
over, of a gigabyte of rows, for as many CPU seconds as one process is to take. Counted is the CPU time of all processes from the
moment when all workers are ready to the last result; the work is a list of shards, and every result is compared. Workers together
have the CPUs: FASTPAR_THREADS is the CPUs over the workers, and at least 1. The process and the clusters have turns, each time in
another order, so that a machine whose speed changes within minutes changes it for all of them. Writes
benches/results/scale_out.json.
"""

import argparse
import json
import math
import multiprocessing
import os
import pickle
import platform
import statistics
import tempfile
import time
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
SHARD = 64 << 20

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


def in_one_process(shards: list[zstd.Shard]) -> tuple[list[Bars], float, float]:
    """The results, and CPU and wall seconds; to be called in a new process."""
    fastpar.pool_start()
    begun, clock = cpu(), time.perf_counter()
    results = list(map(bars_of_shard, shards))
    return results, cpu() - begun, time.perf_counter() - clock


def one_process(shards: list[zstd.Shard]) -> tuple[list[Bars], float, float]:
    """The same in a new process, as a worker is one."""
    os.environ["FASTPAR_THREADS"] = "auto"
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        return executor.submit(in_one_process, shards).result()


def cluster_of(workers: int) -> LocalCluster:
    """Workers of one machine, as the page on scaling out starts those of many."""
    dask.config.set(QUIET)
    threads = str(max(fastpar.cpus() // workers, 1))
    return LocalCluster(
        n_workers=workers, threads_per_worker=1, preload=["fastpar"], env={"FASTPAR_THREADS": threads}, dashboard_address=None
    )


def with_workers(workers: int, shards: list[zstd.Shard]) -> tuple[list[Bars], dict[str, float]]:
    """The results; CPU seconds of the workers, and of this process, which is scheduler and client; wall seconds."""
    with cluster_of(workers) as cluster, Client(cluster) as client:
        client.wait_for_workers(workers)
        client.run(fastpar.pool_start)
        before, own, clock = client.run(cpu), cpu(), time.perf_counter()
        results = client.gather(client.map(bars_of_shard, shards, pure=False))
        wall, own, after = time.perf_counter() - clock, cpu() - own, client.run(cpu)
        return results, {"workers": sum(after.values()) - sum(before.values()), "scheduler": own, "wall": wall}


def turns(files: list[Path], seconds: float, count: int) -> tuple[list[dict[str, object]], int, int]:
    """What each turn took, of one process and of the clusters; shards and bytes of all turns."""
    once = zstd.shards(files, record_size=ROW, size=SHARD)
    _, took, _ = one_process(once)
    shards = once * max(math.ceil(seconds / count / took), 1)
    expected, _, _ = one_process(shards)
    rows: list[dict[str, object]] = []
    for number in range(count):
        row: dict[str, object] = {"workers": {}}
        order = (0, *WORKERS)
        for workers in order[number % len(order) :] + order[: number % len(order)]:
            if workers:
                results, row["workers"][str(workers)] = with_workers(workers, shards)
            else:
                results, row["one"], row["one_wall"] = one_process(shards)
            if results != expected:
                raise SystemExit(f"{workers} workers: the results differ")
        print(f"turn {number + 1}: {row}", flush=True)
        rows.append(row)
    return rows, len(shards) * count, sum(shard.size for shard in shards) * count


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
        archive.scan(len, record_size=ROW, offset=0, size=SHARD // ROW * ROW)
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
        "shard": SHARD // ROW * ROW,
        **{name: {**reads_of(packed := zstd.compress(block, **form)), "compressed": len(packed)} for name, form in forms.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="CPU seconds of one process, in all turns")
    parser.add_argument("--turns", type=int, default=6, help="turns that each of them has")
    parser.add_argument("--tasks", type=int, default=5000, help="tasks that do nothing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = make_files(Path(folder))
        rows, shards, content = turns(files, given.seconds, given.turns)
        tasks = cost_of_tasks(zstd.shards(files, record_size=ROW, size=SHARD)[0], given.tasks)
        print(tasks, flush=True)
    results = {
        "cpus": fastpar.cpus(),
        "python": platform.python_version(),
        "distributed": distributed.__version__,
        "format": FORMAT,
        "content": content,
        "tasks": shards,
        "turns": rows,
        "bytes_per_cpu_second": content / sum(row["one"] for row in rows),
        **tasks,
        "reads": reads(),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(f"written: {RESULTS}")


if __name__ == "__main__":
    main()
