"""What the Python layer costs, and what it gains, beside the standard library's ways and the C function by ctypes.

    python_overhead.py FILE ROUNDS

FILE is what is compressed. Whatever is compared takes turns, so that what else the machine does meets all of it. Prints one line of
JSON: times are medians; a ratio is the median over the rounds of how a call compares with the C function in the same round
("again": the C function a second time, which is the noise).
"""

import concurrent.futures
import ctypes
import json
import os
import random
import statistics
import sys
import time
from compression import zstd as standard

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bindings", "python"))

import fastpar
from fastpar import _native, zstd
from fastpar._library import lib

SAME = {standard.CompressionParameter.compression_level: 3, standard.CompressionParameter.checksum_flag: 1}
CALLBACKS = 10_000
CHUNKS = 24
STEPS = 240_000
ROW, PIECE = 48, 64 << 10
ORDERS = random.Random(1)


def take_turns(rounds, repeat, *ways):
    """The nanoseconds of each, by round, each round in another order: what one leaves in caches meets all others."""
    times, order = [[] for _ in ways], list(range(len(ways)))
    for turn in range(-1, rounds):
        ORDERS.shuffle(order)
        for way in order:
            start = time.perf_counter_ns()
            for _ in range(repeat):
                ways[way]()
            if turn >= 0:
                times[way].append((time.perf_counter_ns() - start) / repeat)
    return times


def ratio(some, others):
    return statistics.median(a / b for a, b in zip(some, others))


def nothing(begin, end):
    pass


def work(begin, end):
    x = 0
    for i in range(begin, end):
        x = (x * 31 + i) & 0xFFFF


def loops(rounds):
    each = STEPS // CHUNKS
    bounds = [(i * each, i * each + each) for i in range(CHUNKS)]
    one = {"schedule": fastpar.Schedule.GRAIN, "grain": 1, "max_lanes": 1}
    with (
        concurrent.futures.ThreadPoolExecutor(CHUNKS) as standard,
        concurrent.futures.ThreadPoolExecutor(1) as alone,
        fastpar.ThreadPoolExecutor() as same,
    ):

        def of(executor, body, ranges):
            for future in [executor.submit(body, *each) for each in ranges]:
                future.result()

        few = [(i, i + 1) for i in range(CALLBACKS // 20)]
        callback = take_turns(
            rounds,
            1,
            lambda: fastpar.for_range(CALLBACKS, nothing, **one),
            lambda: of(alone, nothing, few),
        )
        loop = take_turns(
            rounds,
            20,
            lambda: fastpar.for_range(CHUNKS, nothing),
            lambda: of(standard, nothing, bounds),
            lambda: of(same, nothing, bounds),
        )
        busy = take_turns(
            rounds,
            1,
            lambda: work(0, STEPS),
            lambda: fastpar.for_range(STEPS, work),
            lambda: of(standard, work, bounds),
            lambda: of(same, work, bounds),
        )
    names = ["for_range", "ThreadPoolExecutor of the standard library", "fastpar.ThreadPoolExecutor"]
    rows = []
    for i, way in enumerate(names):
        row = {"language": "Python", "way": way}
        if i < len(callback):
            row["callback_ns"] = statistics.median(callback[i]) / (CALLBACKS if i == 0 else len(few))
        row["loop_ns"] = statistics.median(loop[i])
        row["speed_up"] = 1 / ratio(busy[i + 1], busy[0])
        rows.append(row)
    return rows


def calls(path, rounds):
    with open(path, "rb") as file:
        data = file.read(16_000_000)
    written, error, size_t = ctypes.c_size_t(), _native.fastpar_error(), ctypes.c_size_t
    result = []
    for size in (1_000, 100_000, 1_000_000, 16_000_000):
        if size > len(data):
            break
        source, packed, back = data[:size], bytearray(zstd.compress_bound(size)), bytearray(size)
        frames = zstd.compress(source)

        def direct(function, source, to):
            """The C function, with everything that can be prepared prepared."""
            target = ctypes.addressof(ctypes.c_char.from_buffer(to))
            address = ctypes.cast(ctypes.c_char_p(source), ctypes.c_void_p)
            arguments = (None, address, size_t(len(source)), target, size_t(len(to)), ctypes.byref(written), ctypes.byref(error))

            def run():
                if function(*arguments):
                    raise RuntimeError(error.message)

            return run

        compress = direct(lib.fastpar_compress, source, packed)
        decompress = direct(lib.fastpar_decompress, frames, back)
        times = take_turns(
            rounds if size < 10_000_000 else max(9, rounds // 4),
            max(1, 1_000_000 // size),
            compress,
            compress,
            lambda: zstd.compress_into(source, packed),
            lambda: zstd.compress(source),
            lambda: standard.compress(source, options=SAME),
            decompress,
            decompress,
            lambda: zstd.decompress_into(frames, back),
            lambda: zstd.decompress(frames),
            lambda: standard.decompress(frames),
        )
        if back != source:
            raise RuntimeError("the data differ")
        for first, call in ((0, "compress"), (5, "decompress")):
            c, again, wrapper, new, own = times[first : first + 5]
            row = {"language": "Python", "call": call, "bytes": size, "c_ns": statistics.median(c)}
            row |= {"ratio": ratio(wrapper, c), "again": ratio(again, c)}
            row |= {"new_ns": statistics.median(new), "own_ns": statistics.median(own), "new_over_own": ratio(new, own)}
            result.append(row)
    return [*result, scan(data[: len(data) // ROW * ROW], rounds)]


def scan(rows, rounds):
    """Rows in frames, by pieces of 64 KiB; the C function calls another one back, which returns 0."""
    archive, error = zstd.open_archive(zstd.compress(rows)), _native.fastpar_error()
    options = _native.fastpar_scan_options(ctypes.sizeof(_native.fastpar_scan_options), ROW, PIECE)
    nothing = ctypes.cast(ctypes.CDLL(None).sched_yield, _native.fastpar_piece_fn)

    def direct():
        if lib.fastpar_archive_for(ctypes.byref(options), archive._opened(), nothing, None, ctypes.byref(error)):
            raise RuntimeError(error.message)

    same = {"record_size": ROW, "piece_size": PIECE}
    c, again, wrapper = take_turns(rounds, 1, direct, direct, lambda: archive.scan(lambda view: None, **same))
    row = {"language": "Python", "call": "scan", "bytes": len(rows), "c_ns": statistics.median(c)}
    return row | {"ratio": ratio(wrapper, c), "again": ratio(again, c)}


def main():
    path, rounds = sys.argv[1], max(3, int(sys.argv[2]))
    print(json.dumps({"runtime": sys.version.split(" (")[0], "rows": loops(rounds), "calls": calls(path, rounds)}))


if __name__ == "__main__":
    main()
