"""1 to 1,000 machines that are not here: Dask's scheduler, and nodes that scan shards, simulated with constants measured here.

    python3 scale_out.py        # writes the tables of docs/scale-out.md

The constants are those of benches/results/scale_out.json (benches/scale_out/measure.py). What one machine cannot tell is assumed, and
stands below. The same constants always give the same tables.
"""

import heapq
import json
import random
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benches" / "results" / "scale_out.json"
PAGE = ROOT / "docs" / "scale-out.md"

NODES = (1, 3, 10, 30, 70, 100, 300, 1000)
SHARDS = (64 << 20, 256 << 20, 1 << 30, 4 << 30)

#: The content of all files: 16 shards of the largest kind for each node of the most.
CONTENT = 64 << 40

# Assumptions. CPUs of a node, of which each is as fast as here; how long a message takes between machines;
# and by how much tasks of equal size differ in time, as files do and as machines do that others use too.
CPUS, MESSAGE, SPREAD = 24, 0.0005, 0.1

#: Tasks that a node is given at a time: one runs, and the next is there already.
AT_A_NODE = 2


def with_scheduler(nodes: int, times: list[float], cpu: float) -> float:
    """Seconds until the last result is at the scheduler, which does one thing at a time: `cpu` for each task, half of it to send it
    out, half of it when it is done."""
    waiting = list(range(nodes)) * AT_A_NODE
    free_at = [0.0] * nodes
    events: list[tuple[float, int]] = []
    clock = 0.0
    for time in times:
        if waiting:
            node = waiting.pop()
        else:
            came, node = heapq.heappop(events)
            clock = max(clock, came) + cpu / 2
        clock += cpu / 2
        free_at[node] = max(free_at[node], clock + MESSAGE) + time
        heapq.heappush(events, (free_at[node] + MESSAGE, node))
    while events:
        came, _ = heapq.heappop(events)
        clock = max(clock, came) + cpu / 2
    return clock


def in_equal_shares(nodes: int, times: list[float]) -> float:
    """The same where node i has the i-th part of the tasks, as ranks of MPI have, and nothing is handed out."""
    return max(sum(times[len(times) * node // nodes : len(times) * (node + 1) // nodes]) for node in range(nodes))


def table(constants: dict) -> str:
    """Shares of the ideal."""
    rate, cpu = constants["bytes_per_cpu_second"] * CPUS, constants["task_cpu_s"]
    titles = [f"{size >> 20} MiB" if size < 1 << 30 else f"{size >> 30} GiB" for size in SHARDS]
    lines = [
        f"**Simulated**, not measured: nodes of {CPUS} CPUs, each of which scans {rate / CPUS / 1e6:.0f} MB of content a second (measured "
        f"here); {cpu * 1e3:.2f} ms of the scheduler's CPU a task (measured here); messages of {MESSAGE * 1e3:.1f} ms and times that differ "
        f"by {SPREAD * 100:.0f} % (assumed). {CONTENT >> 40} TiB of content; the time that all CPUs would need over the time that it takes.",
        "",
        "| nodes | " + " | ".join(f"shards of {title}" for title in titles) + " | equal shares, shards of 1 GiB |",
        "| ---: |" + " ---: |" * (len(SHARDS) + 1),
    ]
    tasks = {}
    for size in SHARDS:
        chance = random.Random(size)
        tasks[size] = [size / rate * chance.uniform(1 - SPREAD, 1 + SPREAD) for _ in range(CONTENT // size)]
    for nodes in NODES:
        took = [with_scheduler(nodes, tasks[size], cpu) for size in SHARDS] + [in_equal_shares(nodes, tasks[1 << 30])]
        ideals = [sum(tasks[size]) / nodes for size in (*SHARDS, 1 << 30)]
        shares = [f"{ideal / time:.0%}".replace("%", " %") for ideal, time in zip(ideals, took)]
        lines.append(f"| {nodes:,} | " + " | ".join(shares) + " |")
    most = ", ".join(f"{size / rate / cpu:,.0f} with shards of {title}" for size, title in zip(SHARDS, titles))
    lines += ["", f"Nodes that one scheduler keeps busy, by these constants: {most}."]
    return "\n".join(lines)


def measured(constants: dict) -> str:
    """CPU seconds of workers beside one process."""
    took = constants["turns"]
    alone = took["1 without"]["workers"]

    def ratio(seconds: list[float]) -> str:
        low, _, high = statistics.quantiles((own / other for own, other in zip(seconds, alone)), n=4)
        return f"{sum(seconds) / sum(alone):.3f} ({low:.3f} to {high:.3f})"

    lines = [
        f"{constants['cpus']} CPUs, Python {constants['python']}, distributed {constants['distributed']}: {constants['tasks']} shards, "
        f"{constants['content'] / 1e9:.0f} GB of content for each, in {len(alone)} turns. One process takes {sum(alone):.1f} CPU seconds. The "
        "ratios are those of the sums, with the quartiles of the turns' ratios.",
        "",
        "| processes | without Dask, over one | Dask's workers, over one | with scheduler and client |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for workers in sorted(int(name) for name in took if name.isdigit()):
        own = took[f"{workers}"]["workers"]
        both = [sum(pair) for pair in zip(own, took[f"{workers}"]["scheduler"])]
        plain = ratio(took[f"{workers} without"]["workers"]) if workers > 1 else "1"
        lines.append(f"| {workers} | {plain} | {ratio(own)} | {ratio(both)} |")
    return "\n".join(lines)


def reads(constants: dict) -> str:
    """What is read to open a file, and for a shard of it."""
    found = constants["reads"]
    lines = [
        f"A file of {found['content'] / 1e6:.0f} MB of content in {found['frames']} frames, read by a function that counts; then a shard of "
        f"{found['shard'] / 1e6:.0f} MB of it.",
        "",
        "| | reads to open it | bytes | reads for the shard | bytes |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, title in (("table", "with a seek table"), ("no_table", "without")):
        row = found[name]
        numbers = (row[key] for key in ("open_reads", "open_bytes", "shard_reads", "shard_bytes"))
        lines.append(f"| {title} | " + " | ".join(f"{number:,}" for number in numbers) + " |")
    return "\n".join(lines)


def main() -> None:
    constants = json.loads(RESULTS.read_text())
    page = PAGE.read_text()
    for name, text in (("reads", reads), ("measured", measured), ("simulated", table)):
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, found, rest = page.partition(begin)
        old, ended, after = rest.partition(end)
        if not found or not ended:
            raise SystemExit(f"{PAGE} has no place for {name}")
        page = before + begin + text(constants) + "\n" + end + after
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
