"""How operations on shared objects scale with threads, on a free-threaded Python; and what a chunk costs.

    python_contention.py ROUNDS

All threads do the same on the one object, or each on an object of its own ("own"). Prints one line of JSON: nanoseconds of wall time
an operation, whoever does it, by the number of threads: what scales has half of it with two CPUs, and what does not has the
same or more. Medians over the rounds; operations take turns, so that what else the machine does meets all of them.
"""

import array
import contextvars
import json
import os
import queue
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bindings", "python"))

import fastpar
from fastpar import zstd

THREADS = (1, 2, 4, 8, 24)
CHUNKS = 24_000
ITEMS = 4096
ROW = 48


def store(place, count):
    for i in range(count):
        place[i % ITEMS] = i


def load(place, count):
    for i in range(count):
        place[i % ITEMS]


def numbers():
    return array.array("Q", bytes(8 * ITEMS))


def count_in_lock(shared, count):
    lock, counts = shared
    for i in range(count):
        with lock:
            counts[i % 64] = counts.get(i % 64, 0) + 1


def count_in_dict(counts, count):
    for i in range(count):
        counts[i % 64] = counts.get(i % 64, 0) + 1


def add(number, count):
    for _ in range(count):
        number.add()


def through_standard_queue(items, count):
    for i in range(count):
        items.put(i)
        items.get()


def through_queue(items, count):
    for i in range(count):
        items.push(i)
        items.pop()


def look(flag, count):
    for _ in range(count):
        flag.cancelled


def submit(executor, count):
    for future in [executor.submit(int) for _ in range(count)]:
        future.result()


def make_archive():
    data = b"".join(b"%047d\n" % i for i in range(20_000))
    return zstd.open_archive(zstd.compress(data, frame_size=len(data) // 4))


def read_at(archive, count):
    for i in range(count):
        archive.read_at(i % 1000 * ROW, ROW)


def make_table():
    return fastpar.table(bytes(ROW * 1000), "<Q40x", names=("id",))


def aggregate(table, count):
    for _ in range(count):
        table.aggregate({"rows": "count"})


def make_message():
    return b"a message of some bytes, as programs send them " * 20


def compress(message, count):
    for _ in range(count):
        zstd.compress(message)


# What is done, what makes the object, whether each thread has its own, and how often it is done.
OPERATIONS = [
    ("elements of an array stored", store, numbers, False, 100_000),
    ("elements of an array stored", store, numbers, True, 100_000),
    ("elements of a memoryview loaded", load, lambda: memoryview(numbers()), False, 100_000),
    ("elements of a memoryview loaded", load, lambda: memoryview(numbers()), True, 100_000),
    ("a dict counted in, under a Lock", count_in_lock, lambda: (threading.Lock(), {}), False, 20_000),
    ("a dict counted in", count_in_dict, dict, True, 50_000),
    ("AtomicInt.add", add, fastpar.AtomicInt, False, 10_000),
    ("AtomicInt.add", add, fastpar.AtomicInt, True, 10_000),
    ("queue.Queue: put, get", through_standard_queue, queue.Queue, False, 2_000),
    ("Queue: push, pop", through_queue, lambda: fastpar.Queue(ITEMS), False, 2_000),
    ("CancelFlag.cancelled", look, fastpar.CancelFlag, False, 50_000),
    ("ThreadPoolExecutor.submit, Future.result", submit, fastpar.ThreadPoolExecutor, False, 500),
    ("Archive.read_at of 48 bytes", read_at, make_archive, False, 2_000),
    ("Archive.read_at of 48 bytes", read_at, make_archive, True, 2_000),
    ("Table.aggregate of 1,000 rows", aggregate, make_table, False, 500),
    ("zstd.compress of 1,000 bytes", compress, make_message, False, 500),
]


def together(work, objects, count):
    """The nanoseconds of wall time that an operation takes, when as many threads as there are objects do it."""
    barrier = threading.Barrier(len(objects) + 1)

    def run(shared):
        barrier.wait()
        work(shared, count)

    threads = [threading.Thread(target=run, args=(shared,)) for shared in objects]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun = time.perf_counter_ns()
    for thread in threads:
        thread.join()
    return (time.perf_counter_ns() - begun) / (count * len(objects))


def operations(rounds):
    times = {}
    for turn in range(rounds):
        for threads in THREADS:
            for name, work, make, own, count in OPERATIONS:
                objects = [make() for _ in range(threads)] if own else [make()] * threads
                # All threads together do as much as one alone.
                taken = together(work, objects, max(count // threads, 1))
                times.setdefault((name, own), {}).setdefault(threads, []).append(taken)
    return [
        {"operation": name, "own": own, "ns": {str(n): statistics.median(taken) for n, taken in by.items()}}
        for (name, own), by in times.items()
    ]


def nothing(begin, end):
    pass


def chunks(rounds):
    """What a chunk of `for_range` costs with a body that does nothing, by lanes, and by what the caller's context holds."""
    variables = [contextvars.ContextVar(f"variable {i}") for i in range(16)]
    holding = contextvars.Context()
    for variable in variables:
        holding.run(variable.set, 1)
    times = {}
    for turn in range(rounds):
        for lanes in THREADS:
            options = {"schedule": fastpar.Schedule.GRAIN, "grain": 1, "max_lanes": lanes}
            for held, context in ((0, contextvars.Context()), (len(variables), holding)):
                begun = time.perf_counter_ns()
                context.run(fastpar.for_range, CHUNKS, nothing, **options)
                taken = (time.perf_counter_ns() - begun) / CHUNKS
                times.setdefault(held, {}).setdefault(lanes, []).append(taken)
    return [
        {"variables": held, "ns": {str(n): statistics.median(taken) for n, taken in by.items()}}
        for held, by in times.items()
    ]


def main():
    rounds = max(3, int(sys.argv[1]))
    operations(1)  # whatever is imported, started and cached at first
    print(json.dumps({"contention": operations(rounds), "chunks": chunks(rounds)}))


if __name__ == "__main__":
    main()
