"""Bodies on the threads of the pool: their names and locals, and that they run in parallel."""

import os
import threading
import time
import unittest

import fastpar
import support


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


class Parallel(unittest.TestCase):
    @support.free_threaded_only
    def test_python_code_runs_on_several_cpus(self):
        if os.process_cpu_count() < 2:
            self.skipTest("one CPU only, which a free-threaded Python cannot change")

        def body(begin, end):
            total = 0
            for i in range(begin, end):
                total += i * i % 7

        def seconds(function):
            start = time.perf_counter()
            function()
            return time.perf_counter() - start

        body(0, 1000)
        best = max(
            seconds(lambda: body(0, 2_000_000)) / seconds(lambda: fastpar.for_range(2_000_000, body)) for _ in range(5)
        )
        self.assertGreater(best, 1.3)
