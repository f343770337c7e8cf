"""Bodies on the threads of the pool: their names and locals, and that they run in parallel."""

import json
import os
import tempfile
import threading
import time
import unittest

import fastpar
import support
from fastpar import zstd


class Threads(unittest.TestCase):
    def test_thread_locals_last(self):
        local, made = threading.local(), fastpar.AtomicInt()

        def body(begin, end):
            if not hasattr(local, "mine"):
                local.mine = made.add(1)

        for _ in range(50):
            fastpar.for_range(500, body, segments=500)
        self.assertLessEqual(made.load(), fastpar.pool_threads() + 1)

    def test_names(self):
        together, names = threading.Barrier(4), set()

        def body(begin, end):
            names.add((threading.current_thread().name, fastpar.pool_worker()))
            together.wait(60)

        fastpar.for_range(4, body)
        workers = {(name, worker) for name, worker in names if worker is not None}
        self.assertGreaterEqual(len(workers), 3)
        for name, worker in workers:
            self.assertEqual(name, f"fastpar-{worker}")

    def test_pool(self):
        fastpar.for_range(10, lambda begin, end: None)
        before = fastpar.pool_stats()
        fastpar.for_range(10, lambda begin, end: None)
        after = fastpar.pool_stats()
        self.assertEqual(before.threads, fastpar.pool_threads())
        self.assertEqual(after.chunks - before.chunks, 10)
        self.assertGreater(after.callback_ns, before.callback_ns)
        packed = fastpar.zstd.compress(bytes(100_000))
        codec = fastpar.pool_stats()
        self.assertEqual((codec.bytes_in - after.bytes_in, codec.bytes_out - after.bytes_out), (100_000, len(packed)))
        self.assertGreater(codec.codec_ns, after.codec_ns)
        self.assertEqual(codec.contexts_made + codec.contexts_reused, after.contexts_made + after.contexts_reused + 1)
        self.assertTrue(codec.busy_ns >= after.busy_ns and codec.waiting_ns >= after.waiting_ns and codec.late_helpers >= 0)
        self.assertRaises(fastpar.BusyError, fastpar.pool_start, threads=before.threads + 1)
        self.assertRaises(ValueError, fastpar.pool_start, threads=-1)
        fastpar.pool_shutdown()
        self.assertEqual(fastpar.pool_stats().threads, 0)
        fastpar.pool_start()
        self.assertEqual(sum(fastpar.map(int, range(10))), 45)


class Ending(unittest.TestCase):
    def test_in_time(self):
        begun, may_end = threading.Event(), threading.Event()

        def body(begin, end):
            begun.set()
            may_end.wait(60)

        caller = threading.Thread(target=fastpar.for_range, args=(1, body))
        caller.start()
        begun.wait(60)
        self.assertRaises(TimeoutError, fastpar.pool_shutdown, 0.005)
        self.assertRaises(ValueError, fastpar.pool_shutdown, float("nan"))
        may_end.set()
        caller.join()
        fastpar.pool_shutdown(60)
        self.assertEqual(fastpar.pool_stats().threads, 0)

    def test_team_is_cancelled(self):
        flag = fastpar.CancelFlag()

        def body(member):
            if member.index == 0:
                flag.cancel()
            else:
                member.barrier()

        self.assertRaises(fastpar.CancelledError, fastpar.team, body, 2, cancel=flag)
        fastpar.team(lambda member: member.barrier(), 2, cancel=fastpar.CancelFlag())


class Timeline(unittest.TestCase):
    def test_names_of_calls(self):
        data = zstd.compress(bytes(100_000))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace")
            fastpar.trace_start(path)
            try:
                fastpar.group(lambda group: None, name="gruppe")
                fastpar.team(lambda member: None, 1, name="treffen")
                with zstd.open_archive(data) as archive:
                    archive.scan(lambda view: None, name="sucht")
            finally:
                fastpar.trace_stop()
            with open(path, encoding="utf-8") as file:
                names = {event.get("name") for event in json.load(file)}
        self.assertTrue({"gruppe", "treffen", "sucht"} <= names, names)

    def test_spans_and_loops(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace-%p.json")
            fastpar.trace_start(path, categories=fastpar.TraceCategory.USER | fastpar.TraceCategory.LOOPS)
            try:
                self.assertRaises(fastpar.BusyError, fastpar.trace_start, path)
                with fastpar.trace("load"):
                    fastpar.for_range(10, fastpar.trace("bödy")(lambda begin, end: None))
                    fastpar.for_range(10, lambda begin, end: None, name="zählt")
            finally:
                fastpar.trace_stop()
            with open(path.replace("%p", str(os.getpid())), encoding="utf-8") as file:
                events = json.load(file)
            names = {event.get("name") for event in events}
            self.assertTrue({"load", "bödy", "job", "lane", "zählt"} <= names, names)  # on the main thread a loop is a job
            self.assertFalse(names & {"chunk", "chunks"})
            self.assertEqual(sum(event["ph"] == "B" for event in events), sum(event["ph"] == "E" for event in events))
            self.assertRaises(FileExistsError, fastpar.trace_start, path)
            self.assertRaises(FileNotFoundError, fastpar.trace_start, os.path.join(folder, "no", "folder"))
            self.assertRaises(ValueError, fastpar.trace_start, path, max_memory=1)
        fastpar.trace_stop()


class Parallel(unittest.TestCase):
    def test_bodies_run_at_the_same_time(self):
        begun = [False, False]

        def body(begin, end):
            begun[begin] = True
            limit = time.monotonic() + support.LIMIT
            # A loop that runs its bodies one after the other would not come to its end.
            while not all(begun):
                if time.monotonic() > limit:
                    raise TimeoutError("the other body has not begun")

        fastpar.for_range(2, body, segments=2)
        self.assertEqual(begun, [True, True])
