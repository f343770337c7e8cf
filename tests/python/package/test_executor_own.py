"""What ThreadPoolExecutor promises beyond the standard one."""

import concurrent.futures
import gc
import itertools
import threading
import unittest
import weakref
from unittest import mock

import fastpar
import support
from fastpar import _executor


class Own(unittest.TestCase):
    def test_calls_wait_for_calls_of_their_own_executor(self):
        """However few workers it has."""

        def work(depth):
            return 1 + executor.submit(work, depth - 1).result() if depth else 0

        for workers in (1, 2, 5):
            with fastpar.ThreadPoolExecutor(workers, initializer=int) as executor:
                self.assertEqual(executor.submit(work, 20).result(60), 20)

    def test_what_such_a_call_was_given_goes_with_it(self):
        """Not when a worker is free, which may be never."""
        gone = threading.Semaphore(0)

        class Thing:
            def method(self):
                return 1

        def work():
            for _ in range(10):
                thing = Thing()
                weakref.finalize(thing, gone.release)
                future = executor.submit(thing.method)
                del thing
                self.assertEqual(future.result(), 1)
                gc.collect()
                self.assertTrue(gone.acquire(timeout=60))

        with fastpar.ThreadPoolExecutor(1) as executor:
            executor.submit(work).result()

    def test_it_is_an_executor(self):
        self.assertTrue(issubclass(fastpar.ThreadPoolExecutor, concurrent.futures.ThreadPoolExecutor))
        self.assertIs(fastpar.BrokenThreadPool, concurrent.futures.thread.BrokenThreadPool)

    def test_a_pool_of_one_thread(self):
        """Calls that wait for each other find workers nevertheless, as many as in the standard executor."""
        code, output, errors = support.run(
            "import asyncio, fastpar, threading\n"
            "meet = threading.Barrier(5).wait\n"
            "with fastpar.ThreadPoolExecutor() as executor:\n"
            "    print(sorted(executor.map(lambda _: meet(60), range(5))))\n"
            "    print(executor.submit(lambda: executor.submit(pow, 2, 3).result()).result())\n"
            "async def main():\n"
            "    return sorted(await asyncio.gather(*(fastpar.to_thread(meet, 60) for _ in range(5))))\n"
            "print(asyncio.run(main()), fastpar.pool_threads())\n",
            env={"FASTPAR_THREADS": "1"},
        )
        self.assertEqual((code, output), (0, "[0, 1, 2, 3, 4]\n8\n[0, 1, 2, 3, 4] 1\n"), errors)

    def test_an_initializer_that_fails_beside_calls_that_are_cancelled(self):
        gate = threading.Event()

        def initialize():
            gate.wait(60)
            raise OSError

        with self.assertLogs("concurrent.futures", "CRITICAL"):
            with fastpar.ThreadPoolExecutor(1, initializer=initialize) as executor:
                futures = [executor.submit(int) for _ in range(4)]
                self.assertTrue(futures[1].cancel())
                gate.set()
        self.assertEqual(len(concurrent.futures.wait(futures, 0).done), 4)
        self.assertIsInstance(futures[3].exception(), fastpar.BrokenThreadPool)
        self.assertIsNot(futures[2].exception(), futures[3].exception())

    def test_a_worker_beside_which_no_other_can_start(self):
        start, starts = _executor.Start.start, itertools.count()

        def first_only(self, pool_threads):
            if next(starts) > 0:
                raise RuntimeError("can't start new thread")
            start(self, pool_threads)

        with mock.patch.object(_executor.Start, "start", first_only), fastpar.ThreadPoolExecutor(4) as executor:
            self.assertEqual(list(executor.map(abs, range(100), timeout=60)), list(range(100)))
        self.assertGreater(next(starts), 1)

    def test_short_bursts(self):
        # Runners come and go all the time, and take the last items from each other.
        with self.assertNoLogs("concurrent.futures"), fastpar.ThreadPoolExecutor() as executor:
            for _ in range(2000):
                for future in [executor.submit(int) for _ in range(24)]:
                    future.result(timeout=60)

    def test_map_makes_no_future_for_an_item(self):
        made = []
        future = concurrent.futures.Future
        begin = future.__init__

        def counted(self):
            made.append(self)
            begin(self)

        with mock.patch.object(future, "__init__", counted), fastpar.ThreadPoolExecutor() as executor:
            self.assertEqual(list(executor.map(int, range(1000))), list(range(1000)))
            self.assertEqual(made, [])
            executor.submit(int).result()
            self.assertEqual(len(made), 1)
