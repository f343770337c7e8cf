"""ThreadPoolExecutor behaves like the standard one: every test runs on both."""

import asyncio
import concurrent.futures
import contextvars
import gc
import itertools
import queue
import sys
import threading
import time
import unittest
import weakref

import fastpar
import support


class Behaviour:
    """What both have to do."""

    Executor: type[concurrent.futures.Executor]

    def test_submit(self):
        with self.Executor() as executor:
            self.assertEqual(executor.submit(pow, 2, 8).result(), 256)
            self.assertEqual(executor.submit(dict, a=1).result(), {"a": 1})
            self.assertEqual(executor.submit(lambda **given: given, self=1, fn=2).result(), {"self": 1, "fn": 2})

    def test_exceptions(self):
        with self.Executor() as executor:
            future = executor.submit(lambda: 1 / 0)
            self.assertIsInstance(future.exception(), ZeroDivisionError)
            self.assertRaises(SystemExit, executor.submit(exit, 3).result)
            self.assertEqual(executor.submit(int).result(), 0)

    def test_map(self):
        with self.Executor() as executor:
            self.assertEqual(list(executor.map(pow, range(100), range(100))), [i**i for i in range(100)])
            self.assertEqual(list(executor.map(int, [])), [])
            self.assertEqual(list(executor.map(pow, itertools.count(), [1, 2, 3])), [0, 1, 8])

    def test_map_exception(self):
        with self.Executor() as executor:
            results = executor.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
            self.assertEqual([next(results), next(results)], [(0, 1), (0, 1)])
            self.assertRaises(ZeroDivisionError, next, results)
            self.assertRaises(StopIteration, next, results)

    def test_map_timeout(self):
        gate = threading.Event()
        with self.Executor(4) as executor:
            results = executor.map(lambda x: x or gate.wait(60), [1, 0], timeout=0.1)
            self.assertEqual(next(results), 1)
            self.assertRaises(TimeoutError, next, results)
            gate.set()

    def test_map_starts_at_once(self):
        called = threading.Event()
        with self.Executor() as executor:
            executor.map(lambda _: called.set(), [1])
            self.assertTrue(called.wait(60))

    def test_map_runs_neighbours_at_the_same_time(self):
        together = threading.Barrier(4)
        with self.Executor(4) as executor:
            list(executor.map(lambda _: together.wait(60), range(400)))

    @support.since_3_14
    def test_map_buffersize(self):
        with self.Executor(2) as executor:
            taken = []
            source = (taken.append(i) or i for i in itertools.count())
            results = executor.map(str, source, buffersize=3)
            self.assertEqual([next(results) for _ in range(10)], [str(i) for i in range(10)])
            self.assertLessEqual(len(taken), 14)
            self.assertRaises(ValueError, executor.map, str, [1], buffersize=0)
            self.assertRaises(TypeError, executor.map, str, [1], buffersize="1")

    def test_map_frees_results(self):
        class Thing:
            pass

        with self.Executor(2) as executor:
            for thing in executor.map(lambda _: Thing(), range(10)):
                gone = threading.Event()
                weakref.finalize(thing, gone.set)
                del thing
                # The thread that made it may not have let it go yet, but nothing keeps it.
                gc.collect()
                self.assertTrue(gone.wait(60))

    def test_tasks_wait_for_each_other(self):
        together = threading.Barrier(8)
        with self.Executor(8) as executor:
            futures = [executor.submit(together.wait, 60) for _ in range(8)]
            self.assertEqual(sorted(future.result() for future in futures), list(range(8)))

    def test_something_waits_behind_a_long_call(self):
        gate = threading.Event()
        with self.Executor(2) as executor:
            for _ in range(100):
                gate.clear()
                long = executor.submit(gate.wait, 60)
                short = [executor.submit(int) for _ in range(3)]
                for future in short:
                    future.result(60)
                gate.set()
                long.result()

    def test_max_workers(self):
        running, most = fastpar.AtomicInt(), fastpar.AtomicInt()

        def work(_):
            most.max(running.add(1) + 1)
            time.sleep(0.002)
            running.add(-1)

        with self.Executor(3) as executor:
            list(executor.map(work, range(30)))
            for future in [executor.submit(work, 0) for _ in range(30)]:
                future.result()
        self.assertLessEqual(most.load(), 3)
        for wrong in (0, -1):
            self.assertRaises(ValueError, self.Executor, wrong)

    def test_shutdown(self):
        executor = self.Executor(2)
        futures = [executor.submit(time.sleep, 0.005) for _ in range(10)]
        executor.shutdown()
        self.assertTrue(all(future.done() for future in futures))
        self.assertRaises(RuntimeError, executor.submit, int)
        self.assertRaises(RuntimeError, executor.map, int, [1])

    def test_shutdown_without_waiting(self):
        gate = threading.Event()
        executor = self.Executor(1)
        futures = [executor.submit(gate.wait, 60) for _ in range(3)]
        executor.shutdown(wait=False)
        gate.set()
        self.assertEqual([future.result() for future in futures], [True] * 3)

    def test_a_call_does_not_wait_for_its_own_executor(self):
        executor = self.Executor(2)
        self.assertRaises(RuntimeError, executor.submit(executor.shutdown).result, 60)
        self.assertRaises(RuntimeError, executor.submit, int)
        executor.shutdown()

    def test_cancel_futures(self):
        gate, started = threading.Event(), threading.Event()
        executor = self.Executor(1)
        first = executor.submit(lambda: (started.set(), gate.wait(60)))
        others = [executor.submit(int) for _ in range(10)]
        results = executor.map(int, range(5))
        self.assertTrue(started.wait(60))
        executor.shutdown(wait=False, cancel_futures=True)
        gate.set()
        self.assertTrue(all(future.cancelled() for future in others))
        self.assertRaises(concurrent.futures.CancelledError, next, results)
        first.result()

    def test_cancel(self):
        gate, started = threading.Event(), threading.Event()
        with self.Executor(1) as executor:
            first = executor.submit(lambda: (started.set(), gate.wait(60)))
            second = executor.submit(int)
            self.assertTrue(started.wait(60))
            self.assertFalse(first.cancel())
            self.assertTrue(second.cancel())
            gate.set()

    def test_initializer(self):
        local = threading.local()

        def initialize(value):
            local.value = value

        with self.Executor(3, initializer=initialize, initargs=(7,)) as executor:
            self.assertEqual(set(executor.map(lambda _: local.value, range(50))), {7})
        self.assertRaises(TypeError, self.Executor, initializer=3)

    def test_initializer_that_fails(self):
        with self.assertLogs("concurrent.futures", "CRITICAL"):
            executor = self.Executor(2, initializer=lambda: 1 / 0)
            future = executor.submit(int)
            self.assertRaises(concurrent.futures.BrokenExecutor, future.result)
            self.assertRaises(concurrent.futures.thread.BrokenThreadPool, executor.submit, int)
            executor.shutdown()

    def test_names(self):
        with self.Executor(2, "mine") as executor:
            self.assertRegex(executor.submit(lambda: threading.current_thread().name).result(), r"^mine_\d+$")

    def test_as_completed_and_wait(self):
        with self.Executor(4) as executor:
            futures = [executor.submit(pow, i, 2) for i in range(20)]
            self.assertEqual({future.result() for future in concurrent.futures.as_completed(futures)}, {i**2 for i in range(20)})
            self.assertEqual(len(concurrent.futures.wait(futures).done), 20)

    def test_arguments_are_freed(self):
        class Thing:
            def method(self):
                pass

        with self.Executor(2) as executor:
            thing = Thing()
            reference, gone = weakref.ref(thing), threading.Event()
            weakref.finalize(thing, gone.set)
            executor.submit(thing.method).result()
            del thing
            self.assertTrue(gone.wait(60))
            self.assertIsNone(reference())

    def test_many_submitters(self):
        total = fastpar.AtomicInt()
        with self.Executor() as executor:

            def submit():
                for future in [executor.submit(total.add, 1) for _ in range(500)]:
                    future.result()

            threads = [threading.Thread(target=submit) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(total.load(), 4000)


    def test_two_executors(self):
        with self.Executor() as outer, self.Executor() as inner:

            def work(i):
                both = inner.submit(pow, i, 2)
                return both.result() if i % 2 else both.result(60)

            self.assertEqual(list(outer.map(work, range(100))), [i**2 for i in range(100)])
            self.assertEqual([future.result() for future in [outer.submit(work, i) for i in range(100)]][-1], 99**2)

    def test_a_private_executor_in_each_task(self):
        def work(i):
            with self.Executor(2) as private:
                return sum(private.map(int, range(i)))

        with self.Executor(30) as executor:
            self.assertEqual(list(executor.map(work, range(60))), [i * (i - 1) // 2 for i in range(60)])

    def test_consumers_that_block_on_a_queue(self):
        items, results = queue.Queue(), queue.Queue()

        def consume():
            while (item := items.get()) is not None:
                results.put(item)

        with self.Executor(40) as consumers, self.Executor(2) as producers:
            running = [consumers.submit(consume) for _ in range(40)]
            for done in [producers.submit(items.put, i) for i in range(200)]:
                done.result(60)
            self.assertEqual(sorted(results.get(timeout=60) for _ in range(200)), list(range(200)))
            for _ in running:
                items.put(None)

    def test_more_workers_than_threads(self):
        together = threading.Barrier(200)
        with self.Executor(200) as executor:
            self.assertEqual(len(list(executor.map(lambda _: together.wait(60), range(200)))), 200)
            futures = [executor.submit(together.wait, 60) for _ in range(200)]
            self.assertEqual(sorted(future.result() for future in futures), list(range(200)))

    def test_one_worker_runs_one_call_at_a_time(self):
        """Waiting workers of another executor do not run its calls beside it."""
        running, most = fastpar.AtomicInt(), fastpar.AtomicInt()

        def work():
            most.max(running.add(1) + 1)
            time.sleep(0.001)
            running.add(-1)

        with self.Executor(8) as outer, self.Executor(1) as serial:
            list(outer.map(lambda _: serial.submit(work).result(), range(60)))
        self.assertEqual(most.load(), 1)

    def test_a_waiting_worker_runs_no_call_but_that_one(self):
        """Another's might want a lock that is held."""
        lock = threading.Lock()

        def other():
            with lock:
                return 1

        def work(_):
            others = [inner.submit(other) for _ in range(4)]
            with lock:
                mine = inner.submit(int).result()
            return mine + sum(future.result() for future in others)

        with self.Executor(30) as outer, self.Executor(300) as inner:
            self.assertEqual(sum(outer.map(work, range(60))), 240)

    def test_workers_share_a_context(self):
        name = contextvars.ContextVar("name", default="nothing")

        def work(_):
            before = name.get()
            name.set(f"{before}+")
            return before

        def initialize():
            seen.append(name.get())
            name.set("initializer")

        seen = []
        name.set("caller")
        with self.Executor(1, initializer=initialize) as executor:
            self.assertEqual(list(executor.map(work, range(3))), ["initializer" + "+" * i for i in range(3)])
        self.assertEqual((seen, name.get()), (["caller"], "caller"))

    def test_an_event_loop_takes_it(self):
        async def main():
            asyncio.get_running_loop().set_default_executor(self.Executor(3))
            return await asyncio.gather(*(asyncio.to_thread(pow, i, 2) for i in range(20)))

        self.assertEqual(asyncio.run(main()), [i**2 for i in range(20)])


class Standard(Behaviour, unittest.TestCase):
    Executor = concurrent.futures.ThreadPoolExecutor

    @unittest.skipUnless(getattr(sys.flags, "thread_inherit_context", 0), "needs a free-threaded Python, whose threads inherit the context")
    def test_workers_share_a_context(self):
        super().test_workers_share_a_context()


class Fastpar(Behaviour, unittest.TestCase):
    Executor = fastpar.ThreadPoolExecutor
