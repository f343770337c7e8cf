"""Jobs, teams, and state that threads share."""

import concurrent.futures
import sys
import threading
import time
import unittest

import fastpar
from fastpar import Schedule, _jobs


class Jobs(unittest.TestCase):
    def test_runs_by_itself(self):
        total = fastpar.AtomicInt()
        job = fastpar.for_start(1000, lambda begin, end: total.add(end - begin))
        self.assertIsInstance(job, concurrent.futures.Future)
        done, _ = concurrent.futures.wait([job], timeout=60)
        self.assertEqual(done, {job})
        self.assertIsNone(job.result())
        self.assertEqual(total.load(), 1000)

    def test_exception(self):
        job = fastpar.for_start(10, lambda begin, end: 1 / (begin - 5))
        self.assertIsInstance(job.exception(), ZeroDivisionError)
        self.assertRaises(ZeroDivisionError, job.result)

    def test_cancel(self):
        started = threading.Event()

        def body(begin, end):
            started.set()
            time.sleep(0.001)

        job = fastpar.for_start(10**6, body, schedule=Schedule.GRAIN, grain=1)
        self.assertTrue(started.wait(60))
        self.assertTrue(job.cancel())
        self.assertRaises(concurrent.futures.CancelledError, job.result)
        self.assertTrue(job.cancelled())
        self.assertFalse(job.cancel())

    def test_flag(self):
        flag = fastpar.CancelFlag()
        flag.cancel()
        job = fastpar.for_start(10, lambda begin, end: None, cancel=flag)
        self.assertRaises(concurrent.futures.CancelledError, job.result)

    def test_death_before_the_first_line(self):
        # What an asynchronous exception does that strikes as soon as the callback begins.
        tool = sys.monitoring.PROFILER_ID
        code = _jobs.run_task.__code__
        struck = threading.Event()

        def strike(code, offset):
            # The next task, of any test, is to run again.
            sys.monitoring.set_local_events(tool, code, 0)
            struck.set()
            raise KeyboardInterrupt

        before = sys.unraisablehook
        for hook, expected in ((before, KeyboardInterrupt), (lambda unraisable: None, RuntimeError)):
            struck.clear()
            sys.monitoring.use_tool_id(tool, "fastpar's tests")
            sys.monitoring.register_callback(tool, sys.monitoring.events.PY_START, strike)
            sys.monitoring.set_local_events(tool, code, sys.monitoring.events.PY_START)
            sys.unraisablehook = hook
            try:
                calls = []
                job = fastpar.for_start(1, lambda begin, end: calls.append(begin))
                done, _ = concurrent.futures.wait([job], timeout=60)
            finally:
                sys.unraisablehook = before
                sys.monitoring.set_local_events(tool, code, 0)
                sys.monitoring.register_callback(tool, sys.monitoring.events.PY_START, None)
                sys.monitoring.free_tool_id(tool)
            self.assertTrue(struck.is_set())
            self.assertEqual(done, {job})
            self.assertIsInstance(job.exception(), expected)
            self.assertEqual(calls, [])

    def test_waiting_never_needs_a_free_thread(self):
        def outer(begin, end):
            fastpar.for_start(10, lambda begin, end: None).result()

        for _ in range(20):
            fastpar.for_range(100, outer, segments=100)

    def test_timeout(self):
        gate = threading.Event()
        job = fastpar.for_start(1, lambda begin, end: gate.wait(60))
        self.assertRaises(TimeoutError, job.result, 0.01)
        gate.set()
        job.result()

    def test_callback(self):
        called = threading.Event()
        job = fastpar.for_start(10, lambda begin, end: None)
        job.add_done_callback(lambda future: called.set())
        self.assertTrue(called.wait(60))

    def test_wrong_options(self):
        self.assertRaises(ValueError, fastpar.for_start, 1, print, segments=-1)
        # At once, not from a result that nobody may ask for.
        self.assertRaises(ValueError, fastpar.for_start, -1, print)
        self.assertRaises(TypeError, fastpar.for_start, 1.5, print)


class Teams(unittest.TestCase):
    def test_barrier(self):
        phases, members = 20, 6
        counts = [fastpar.AtomicInt() for _ in range(phases)]
        wrong = []

        def body(member):
            for count in counts:
                count.add(1)
                member.barrier()
                if count.load() != members:
                    wrong.append(member.index)

        fastpar.team(body, members)
        self.assertEqual(wrong, [])

    def test_all_threads(self):
        seen = []
        fastpar.team(lambda member: seen.append((member.index, member.count)))
        threads = fastpar.pool_threads()
        self.assertEqual(sorted(seen), [(i, threads) for i in range(threads)])

    def test_failure_releases_the_others(self):
        broken = fastpar.AtomicInt()

        def body(member):
            if member.index == 2:
                raise LookupError
            try:
                member.barrier()
            except threading.BrokenBarrierError:
                broken.add(1)
                raise

        self.assertRaises(LookupError, fastpar.team, body, 5)
        self.assertEqual(broken.load(), 4)

    def test_too_many(self):
        self.assertRaises(fastpar.ThreadsError, fastpar.team, lambda member: None, fastpar.pool_threads() + 1)
        self.assertRaises(ValueError, fastpar.team, lambda member: None, -1)


class Atomics(unittest.TestCase):
    def test_many_threads(self):
        number, most, least = fastpar.AtomicInt(), fastpar.AtomicInt(-5), fastpar.AtomicInt(5)

        def body(begin, end):
            for i in range(begin, end):
                number.add()
                most.max(i)
                least.min(-i)

        fastpar.for_range(20000, body)
        self.assertEqual((number.load(), int(most), least.load()), (20000, 19999, -19999))

    def test_steps(self):
        number = fastpar.AtomicInt(5)
        self.assertEqual(number.add(3), 5)
        self.assertEqual(number.compare_exchange(7, 1), (False, 8))
        self.assertEqual(number.compare_exchange(8, 1), (True, 8))
        number.store(-(2**63))
        self.assertEqual(number.add(-1), -(2**63))
        self.assertEqual(repr(number), f"AtomicInt({2**63 - 1})")
        self.assertRaises(OverflowError, number.store, 2**63)
        self.assertRaises(OverflowError, fastpar.AtomicInt, -(2**63) - 1)


class Queues(unittest.TestCase):
    def test_many_threads(self):
        queue, taken = fastpar.Queue(16), []

        def body(member):
            if member.index < 3:
                for i in range(500):
                    queue.push((member.index, i))
            else:
                taken.extend(queue)

        closer = threading.Thread(target=lambda: (done.wait(60), queue.close()))
        done = threading.Event()
        closer.start()

        def watched(member):
            if member.index == 0:
                try:
                    body(member)
                    while len(queue) or finished.load() < 2:
                        time.sleep(0.001)
                finally:
                    done.set()
            else:
                body(member)
                if member.index < 3:
                    finished.add()

        finished = fastpar.AtomicInt()
        fastpar.team(watched, 6)
        closer.join()
        self.assertEqual(sorted(taken), [(producer, i) for producer in range(3) for i in range(500)])

    def test_order_and_timeouts(self):
        queue = fastpar.Queue(2)
        self.assertRaises(TimeoutError, queue.pop, 0)
        queue.push("a")
        queue.push(None)
        self.assertRaises(fastpar.TimeoutError, queue.push, "c", timeout=0.01)
        self.assertEqual(len(queue), 2)
        self.assertEqual([queue.pop(), queue.pop()], ["a", None])
        queue.push("d")
        queue.close()
        self.assertRaises(fastpar.ClosedError, queue.push, "e")
        self.assertEqual(list(queue), ["d"])
        self.assertRaises(fastpar.ClosedError, queue.pop)
        self.assertRaises(fastpar.InvalidArgumentError, fastpar.Queue, 0)
        self.assertRaises(ValueError, fastpar.Queue, -1)

    def test_timeouts_without_end(self):
        for timeout in (1e300, float("inf")):
            queue, taken = fastpar.Queue(1), []
            consumer = threading.Thread(target=lambda: taken.append(queue.pop(timeout)))
            consumer.start()
            consumer.join(0.05)
            self.assertTrue(consumer.is_alive())
            queue.push("a", timeout)
            consumer.join(60)
            self.assertEqual(taken, ["a"])

    def test_wrong_timeouts(self):
        queue = fastpar.Queue(1)
        for error, timeout in ((ValueError, float("nan")), (TypeError, "1")):
            self.assertRaises(error, queue.push, "a", timeout)
            self.assertRaises(error, queue.pop, timeout)
        self.assertEqual(len(queue), 0)
