"""Mixed work from Python, and from C and C++ in the same process, for so long: results are verified, and nothing is left behind.

Run by the package's launcher, with SOAK_SECONDS, SOAK_SEED and SOAK_LIBRARY (tests/soak/library.c) in the environment.
"""

import contextlib
import ctypes
import faulthandler
import gc
import io
import math
import os
import random
import tempfile
import threading
import time
import unittest
import warnings

from launcher import FREE_THREADED

if not FREE_THREADED:
    # With a GIL for all of them, most of the time goes by in waiting for it.
    os.environ["FASTPAR_THREADS"] = "6"

import fastpar
from fastpar import zstd

SECONDS = float(os.environ["SOAK_SECONDS"])
SEED = int(os.environ["SOAK_SEED"])
THREADS = 2
# Forks and shutdowns: a slow machine takes more time for them, up to so many times the seconds that were
# asked for.
LEAST = 24
PATIENCE = 4
# What the allocators and the interpreter keep varies by some megabytes.
MEGABYTES = 32

TEXT = b"".join(b"row %d of %d\n" % (i, i * i % 977) for i in range(15000))
PACKED = zstd.compress(TEXT, frame_size=20000)
OPTIONS = {"level": 1, "frame_size": 20000}


def must(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def loops(cancel: fastpar.CancelFlag) -> None:
    done = fastpar.AtomicInt()
    fastpar.for_range(5000, lambda begin, end: done.add(end - begin), cancel=cancel)
    must(done.load() == 5000, "for_range")
    must(fastpar.reduce(1000, lambda begin, end: sum(range(begin, end)), cancel=cancel) == 499500, "reduce")
    must(fastpar.map(str, range(100), cancel=cancel) == [str(i) for i in range(100)], "map")


def exceptions(cancel: fastpar.CancelFlag) -> None:
    def body(begin: int, end: int) -> None:
        fastpar.for_range(10, lambda begin, end: None)
        if begin == 0:
            raise ZeroDivisionError("on purpose")

    try:
        fastpar.for_range(100, body, cancel=cancel)
    except ZeroDivisionError as error:
        must(str(error) == "on purpose", "what was raised")
    else:
        raise AssertionError("nothing was raised")


def jobs(cancel: fastpar.CancelFlag) -> None:
    done = fastpar.AtomicInt()
    job = fastpar.for_start(1000, lambda begin, end: done.add(end - begin))
    dropped = fastpar.for_start(100000, lambda begin, end: None)
    dropped.cancel()
    job.result()
    must(done.load() == 1000, "a job")
    with fastpar.ThreadPoolExecutor(2) as executor:
        must(list(executor.map(abs, range(-20, 0))) == list(range(20, 0, -1)), "an executor")


def shared(cancel: fastpar.CancelFlag) -> None:
    together = fastpar.AtomicInt()

    def member(self: fastpar.TeamMember) -> None:
        together.add()
        self.barrier()
        must(together.load() == 2, "a barrier")

    fastpar.team(member, 2)
    queue = fastpar.Queue(10)
    for i in range(10):
        queue.push(str(i))
    queue.close()
    must(list(queue) == [str(i) for i in range(10)], "a queue")


def codec(cancel: fastpar.CancelFlag) -> None:
    packed = zstd.compress(TEXT, cancel=cancel, **OPTIONS)
    must(zstd.decompress(packed, cancel=cancel) == TEXT, "decompress")
    with zstd.open_archive(packed) as archive:
        part = bytearray(1000)
        must(archive.read_at(54321, part) == 1000 and part == TEXT[54321:55321], "an archive")


def streams(cancel: fastpar.CancelFlag) -> None:
    target = io.BytesIO()
    with zstd.open(target, "wb", cancel=cancel, **OPTIONS) as file:
        for at in range(0, len(TEXT), 50000):
            file.write(TEXT[at : at + 50000])
    target.seek(0)
    with zstd.open(target, "rb", cancel=cancel) as file:
        must(file.read() == TEXT, "a stream")


def batches(cancel: fastpar.CancelFlag) -> None:
    items = [TEXT[at : at + 2000] for at in range(0, 100000, 2000)]
    must(zstd.decompress_batch(zstd.compress_batch(items, cancel=cancel)) == items, "a batch")


def files(cancel: fastpar.CancelFlag) -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("plain", "packed", "back")]
        with open(names[0], "wb") as file:
            file.write(TEXT)
        try:
            zstd.compress_file(names[0], names[1], cancel=cancel)
            zstd.decompress_file(names[1], names[2])
        except fastpar.CancelledError:
            must(os.listdir(folder) == ["plain"], "a target that is not complete")
            raise
        with open(names[2], "rb") as file:
            must(file.read() == TEXT, "a file")


def damaged(cancel: fastpar.CancelFlag) -> None:
    wrong = bytearray(PACKED)
    wrong[len(wrong) // 2] ^= 0x40
    with contextlib.suppress(zstd.ZstdError):
        must(zstd.decompress(wrong) == TEXT, "damage that changes nothing")
    try:
        zstd.decompress(PACKED[: len(PACKED) // 2])
    except zstd.ZstdError:
        return
    raise AssertionError("half of the data was enough")


KINDS = (loops, exceptions, jobs, shared, codec, streams, batches, files, damaged)


class Worker(threading.Thread):
    """Calls of every kind, some of them cancelled from outside."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.flag = fastpar.CancelFlag()
        self.over = False
        self.done = dict.fromkeys(KINDS, 0)
        self.cancelled = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.over:
                kind = self.random.choice(KINDS)
                self.flag = flag = fastpar.CancelFlag()
                try:
                    kind(flag)
                except fastpar.CancelledError:
                    must(flag.cancelled, "nobody has cancelled")
                    self.cancelled += 1
                self.done[kind] += 1
        except BaseException as error:
            self.failure = error


def fork(choices: random.Random) -> None:
    """A child with calls of its own."""
    kinds = choices.sample(KINDS, 3)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            faulthandler.dump_traceback_later(100, exit=True)
            for kind in kinds:
                kind(fastpar.CancelFlag())
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    must(status == 0, f"a child with {[kind.__name__ for kind in kinds]} came to {status}")


def entries(folder: str) -> int:
    return len(os.listdir(folder))


def resident() -> float:
    """Megabytes."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)


def disturb(choices: random.Random, workers: list[Worker]) -> tuple[int, int, float, float]:
    """Cancels, forks and shutdowns for so long: how many forks and shutdowns, and the memory early and late."""
    forks = shutdowns = 0
    end = time.monotonic() + SECONDS * PATIENCE
    while True:
        least = {1: math.inf, 3: math.inf}
        begun, forks_before, shutdowns_before = time.monotonic(), forks, shutdowns

        def done() -> float:
            """How much of the work is done: by time, and by forks and shutdowns, for which a slow machine takes more time."""
            return min(
                (time.monotonic() - begun) / SECONDS,
                (forks - forks_before) / LEAST,
                (shutdowns - shutdowns_before) / LEAST,
            )

        while not (whole := done() >= 1) and time.monotonic() < end and not any(worker.failure for worker in workers):
            time.sleep(choices.random() * 0.01)
            choices.choice(workers).flag.cancel()
            what = choices.randrange(4)
            if what == 0:
                fork(choices)
                forks += 1
            elif what == 1:
                fastpar.pool_shutdown()
                shutdowns += 1
            else:
                continue
            quarter = int(done() * 4)
            if quarter in least:
                least[quarter] = min(least[quarter], resident())
        # The work under way comes and goes by some ten megabytes: what stays is the least that there is in
        # the second quarter, and in the last. What is kept for later is bounded, and may not be complete yet:
        # then once more. What is lost is lost again.
        if not whole or least[3] < least[1] + MEGABYTES:
            return forks, shutdowns, least[1], least[3]
        print(f"  {least[3]:.0f} MB after {least[1]:.0f} MB, once more", flush=True)


class Soak(unittest.TestCase):
    def test_mixed_work(self) -> None:
        # The child runs no Python code of the threads that it does not have.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        library = ctypes.CDLL(os.environ["SOAK_LIBRARY"])
        fastpar.pool_shutdown()
        fastpar.pool_start(threads=7)
        self.assertEqual(library.soak_pool_threads(), 7, "C uses another library")
        fastpar.pool_shutdown()
        # It looks for its folder once, under a lock that a child would find locked for ever if the fork came
        # in the middle.
        with tempfile.TemporaryDirectory():
            pass
        threads, handles = entries("/proc/self/task"), entries("/proc/self/fd")
        choices = random.Random(SEED)
        library.soak_begin(ctypes.c_uint64(SEED))
        workers = [Worker(SEED + i) for i in range(THREADS)]
        for worker in workers:
            worker.start()
        try:
            forks, shutdowns, before, after = disturb(choices, workers)
        finally:
            # Whatever happened: threads that go on would keep the process from ending.
            for worker in workers:
                worker.over = True
            for worker in workers:
                worker.join()
            failed = library.soak_end()
        for worker in workers:
            if worker.failure:
                raise worker.failure
        self.assertEqual(failed, 0, "checks of C and C++")
        fastpar.pool_shutdown()
        done = sum(sum(worker.done.values()) for worker in workers)
        cancelled = sum(worker.cancelled for worker in workers)
        print(
            f"\n  {done} calls in Python, {cancelled} cancelled, {shutdowns} shutdowns, {forks} forks;"
            f" {after:.0f} MB, before {before:.0f} MB",
            flush=True,
        )
        for kind in KINDS:
            self.assertGreater(sum(worker.done[kind] for worker in workers), 0, kind.__name__)
        self.assertGreater(cancelled, 0)
        for count in (forks, shutdowns):
            self.assertGreaterEqual(count, LEAST)
        self.assertLess(max(before, after), math.inf, "no memory seen")
        self.assertLess(after, before + MEGABYTES)
        # A thread is listed for a moment after it was joined.
        deadline = time.monotonic() + 120
        while entries("/proc/self/task") != threads and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(entries("/proc/self/task"), threads, "threads")
        self.assertEqual(entries("/proc/self/fd"), handles, "open files")
        print("test mixed_work ... ok", flush=True)
