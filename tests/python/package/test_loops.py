"""Loops over ranges and sequences."""

import array
import collections.abc
import functools
import itertools
import mmap
import operator
import sys
import threading
import time
import traceback
import unittest

import fastpar
from fastpar import Schedule, _calls


def schedules():
    yield {}
    for segments in (1, 7, 24, 1000):
        yield {"segments": segments}
    for grain in (0, 1, 13):
        yield {"schedule": Schedule.GRAIN, "grain": grain}
        yield {"schedule": Schedule.GUIDED, "grain": grain}
    yield {"schedule": Schedule.CACHE, "item_size": 1 << 20}
    yield {"max_lanes": 1}
    yield {"max_lanes": 2, "segments": 100}


class ForRange(unittest.TestCase):
    def test_every_item_once(self):
        for count in (0, 1, 5, 24, 25, 3000):
            for options in schedules():
                with self.subTest(count=count, **options):
                    seen = []
                    self.assertIsNone(fastpar.for_range(count, lambda begin, end: seen.append((begin, end)), **options))
                    planned = [(chunk.start, chunk.stop) for chunk in fastpar.plan(count, **options)]
                    self.assertEqual(sorted(seen), planned)
                    self.assertEqual([i for begin, end in planned for i in range(begin, end)], list(range(count)))

    def test_default_is_24_segments(self):
        self.assertEqual(len(fastpar.plan(1000)), 24)

    def test_options_name_their_schedule(self):
        self.assertEqual(len(fastpar.plan(1000, grain=10)), 100)
        self.assertGreater(len(fastpar.plan(100000, item_size=1 << 20)), 1000)
        self.assertGreaterEqual(len(fastpar.plan(100000, cache_detect=True)), 1)
        for options in ({"grain": 1, "segments": 2}, {"schedule": Schedule.CACHE, "grain": 1}):
            self.assertRaises(fastpar.InvalidArgumentError, fastpar.plan, 10, **options)

    def test_the_limit_caps_every_loop(self):
        self.assertGreaterEqual(fastpar.cpus(), 1)
        fastpar.pool_limit(1)
        self.addCleanup(fastpar.pool_limit, 0)
        self.assertEqual(fastpar.pool_limit_get(), 1)
        busy = threading.Lock()

        def body(begin, end):
            self.assertTrue(busy.acquire(blocking=False))
            sum(range(1000))
            busy.release()

        fastpar.for_range(1000, body, segments=100)

    def test_bodies_ask(self):
        self.assertFalse(fastpar.is_cancelled())
        flag = fastpar.CancelFlag()
        told = fastpar.AtomicInt()

        def body(begin, end):
            flag.cancel()
            told.add(fastpar.is_cancelled())

        self.assertRaises(fastpar.CancelledError, fastpar.for_range, 100, body, cancel=flag)
        self.assertGreater(told.load(), 0)

    def test_lanes_are_exclusive(self):
        busy = [threading.Lock() for _ in range(fastpar.pool_threads())]

        def body(begin, end, lane):
            self.assertTrue(busy[lane].acquire(blocking=False))
            sum(range(100))
            busy[lane].release()

        fastpar.for_range(5000, body, lane=True, schedule=Schedule.GRAIN, grain=1)

    def test_workers_run_at_the_same_time(self):
        together = threading.Barrier(8)
        fastpar.for_range(8, lambda begin, end: together.wait(60))

    def test_nested(self):
        total = fastpar.AtomicInt()
        fastpar.for_range(24, lambda b, e: fastpar.for_range(100, lambda begin, end: total.add(end - begin)))
        self.assertEqual(total.load(), 2400)

    def test_from_many_threads(self):
        total = fastpar.AtomicInt()
        threads = [
            threading.Thread(target=fastpar.for_range, args=(1000, lambda begin, end: total.add(end - begin))) for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(total.load(), 16000)

    def test_wrong_arguments(self):
        def body(begin, end):
            self.fail("it was called")

        for error, call in (
            (ValueError, lambda: fastpar.for_range(-1, body)),
            (ValueError, lambda: fastpar.for_range(2**64, body)),
            (TypeError, lambda: fastpar.for_range(1.5, body)),
            (ValueError, lambda: fastpar.for_range(1, body, segments=-1)),
            (ValueError, lambda: fastpar.for_range(1, body, max_lanes=2**32)),
            (fastpar.InvalidArgumentError, lambda: fastpar.for_range(1, body, schedule=77)),
            (TypeError, lambda: fastpar.for_range(1, body, nonsense=1)),
            (TypeError, lambda: fastpar.plan(1.5)),
        ):
            self.assertRaises(error, call)
        with self.assertRaisesRegex(TypeError, "^schedule must be an integer, not str$"):
            fastpar.for_range(1, body, schedule="grain")
        for wrong, message in (
            ({"cancel": True}, "^cancel must be a CancelFlag or None, not bool$"),
            ({"progress": 3}, "^progress must be callable or None, not int$"),
            ({"name": b"loop"}, "^name must be a str, not bytes$"),
        ):
            for call in (fastpar.for_range, fastpar.for_start, fastpar.reduce, lambda n, _, **options: fastpar.plan(n, **options)):
                with self.assertRaisesRegex(TypeError, message):
                    call(1, body, **wrong)
        with self.assertRaisesRegex(TypeError, "no option 'segmets': did you mean 'segments'"):
            fastpar.for_range(1, body, segmets=3)
        with self.assertRaisesRegex(TypeError, "no option 'xyz': the options are schedule, "):
            fastpar.plan(1, xyz=3)

    def test_progress(self):
        told = []
        fastpar.for_range(1000, lambda begin, end: None, progress=lambda done, total: told.append((done, total)))
        self.assertEqual(told[-1], (1000, 1000))
        self.assertEqual(told, sorted(told))

    def test_progress_that_raises(self):
        def progress(done, total):
            raise KeyError("progress")

        with self.assertRaises(KeyError):
            fastpar.for_range(1000, lambda begin, end: None, progress=progress)

    def test_cancel(self):
        flag, calls = fastpar.CancelFlag(), []

        def body(begin, end):
            calls.append(begin)
            flag.cancel()

        with self.assertRaises(fastpar.CancelledError) as caught:
            fastpar.for_range(10000, body, schedule=Schedule.GRAIN, grain=1, cancel=flag)
        self.assertEqual(fastpar.status_name(caught.exception.status), "FASTPAR_ERR_CANCELLED")
        self.assertLess(len(calls), 10000)
        self.assertTrue(flag.cancelled)
        calls.clear()
        self.assertRaises(fastpar.CancelledError, fastpar.for_range, 10, body, cancel=flag)
        self.assertEqual(calls, [])


class Exceptions(unittest.TestCase):
    def test_one_keeps_its_traceback(self):
        def body(begin, end):
            if begin <= 500 < end:
                raise LookupError(500)

        try:
            fastpar.for_range(1000, body)
        except LookupError as error:
            frames = traceback.extract_tb(error.__traceback__)
        self.assertEqual(frames[-1].name, "body")
        self.assertNotIn("run_range", [frame.name for frame in frames])

    def test_several_are_a_group_in_order(self):
        together = threading.Barrier(4)

        def body(begin, end):
            together.wait(60)
            raise ValueError(begin)

        with self.assertRaises(ExceptionGroup) as caught:
            fastpar.for_range(4, body, errors="group")
        self.assertEqual([error.args[0] for error in caught.exception.exceptions], [0, 1, 2, 3])

    def test_one_rule(self):
        """What is raised does not depend on how many bodies fail before the loop stops."""

        def fail(begin, end=None):
            raise ValueError(begin)

        def later(begin, end):
            together.wait(60)
            raise ValueError(begin)

        for failing in (1, 2, 8):
            together = threading.Barrier(failing)
            with self.assertRaises(ValueError) as caught:
                fastpar.for_range(failing, later)
            self.assertEqual(caught.exception.args, (0,))
        for call in (
            lambda **more: fastpar.for_range(1, fail, **more),
            lambda **more: fastpar.for_slices(fail, b"a", **more),
            lambda **more: fastpar.for_start(1, fail, **more).result(),
            lambda **more: fastpar.map(fail, [1], **more),
            lambda **more: fastpar.starmap(fail, [(1, 2)], **more),
            lambda **more: fastpar.reduce(1, fail, **more),
            lambda **more: fastpar.team(fail, 1, **more),
        ):
            self.assertRaises(ValueError, call)
            self.assertRaises(ValueError, call, errors="first")
            with self.assertRaises(ExceptionGroup) as caught:
                call(errors="group")
            self.assertEqual(len(caught.exception.exceptions), 1)
            with self.assertRaisesRegex(ValueError, 'errors must be "first" or "group"'):
                call(errors="some")

    def test_no_new_chunk_starts(self):
        calls = []

        def body(begin, end):
            calls.append(begin)
            raise ValueError

        with self.assertRaises(ValueError):
            fastpar.for_range(100000, body, schedule=Schedule.GRAIN, grain=1)
        self.assertLess(len(calls), 1000)

    def test_for_the_whole_program(self):
        together = threading.Barrier(2)

        def body(begin, end):
            together.wait(60)
            if begin:
                raise SystemExit(7)
            raise ValueError

        with self.assertRaises(SystemExit) as caught:
            fastpar.for_range(2, body)
        self.assertEqual(caught.exception.code, 7)

    def test_deep_recursion(self):
        def body(begin, end):
            body(begin, end)

        with self.assertRaises(RecursionError):
            fastpar.for_range(4, body)

    def test_the_pool_goes_on(self):
        with self.assertRaises(ZeroDivisionError):
            fastpar.for_range(1, lambda begin, end: 1 / 0)
        self.assertEqual(fastpar.map(abs, [-1, 2]), [1, 2])

    def test_death_before_the_first_line(self):
        # What a signal handler does that raises as soon as the callback begins.
        def strike(frame, event, argument):
            if frame.f_code is _calls.run_range.__code__:
                raise KeyboardInterrupt

        def work():
            # On a thread of its own, where a loop with one lane runs on that thread.
            sys.settrace(strike)
            try:
                fastpar.for_range(1, lambda begin, end: calls.append(begin), max_lanes=1)
            except BaseException as error:
                raised.append(type(error))
            finally:
                sys.settrace(None)

        for hook, expected in ((sys.unraisablehook, KeyboardInterrupt), (lambda unraisable: None, RuntimeError)):
            before, sys.unraisablehook = sys.unraisablehook, hook
            calls, raised = [], []
            try:
                thread = threading.Thread(target=work)
                thread.start()
                thread.join()
            finally:
                sys.unraisablehook = before
            self.assertEqual((calls, raised), ([], [expected]))


class Sequences(unittest.TestCase):
    def test_map(self):
        for items in ([], [3], list(range(1000)), tuple("abc"), range(77), iter(range(50)), {1: 2}, b"bytes"):
            copy = list(items)
            items = iter(copy) if not hasattr(items, "__len__") else items
            self.assertEqual(fastpar.map(lambda x: (x, x), items), [(x, x) for x in copy])

    def test_sequences_without_slices(self):
        class Squares(collections.abc.Sequence):
            def __len__(self):
                return 50

            def __getitem__(self, index):
                if not 0 <= index < 50:
                    raise IndexError
                return index * index

        for items in (collections.deque(range(50)), Squares()):
            self.assertEqual(fastpar.map(str, items), [str(item) for item in items])
            self.assertEqual(fastpar.accumulate(items), list(itertools.accumulate(items)))
        self.assertEqual(fastpar.starmap(pow, collections.deque([(2, 3), (3, 2)])), [8, 9])

    def test_starmap(self):
        pairs = [(i, i + 1) for i in range(100)]
        self.assertEqual(fastpar.starmap(operator.mul, pairs, segments=7), [a * b for a, b in pairs])

    def test_map_raises(self):
        with self.assertRaises(ZeroDivisionError):
            fastpar.map(lambda x: 1 / (x - 50), range(100))

    def test_reduce(self):
        self.assertEqual(fastpar.reduce(1000, lambda begin, end: sum(range(begin, end))), 499500)
        self.assertEqual(fastpar.reduce(0, lambda begin, end: 1, initial=5), 5)
        letters = [chr(97 + i % 26) for i in range(1000)]
        self.assertEqual(fastpar.reduce(1000, lambda b, e: "".join(letters[b:e]), initial=""), "".join(letters))

    def test_reduce_without_initial(self):
        smallest = lambda begin, end: min(range(begin + 5, end + 5))
        self.assertEqual(fastpar.reduce(10, smallest, min), 5)
        self.assertEqual(fastpar.reduce(10, lambda begin, end: [begin], lambda a, b: a + b, segments=2), [0, 5])
        self.assertRaises(TypeError, fastpar.reduce, 0, smallest)
        self.assertRaises(TypeError, fastpar.reduce, 0, smallest, min)
        self.assertIsNone(fastpar.reduce(0, smallest, min, None))

    def test_reduce_with_a_fresh_initial(self):
        for _ in range(2):
            self.assertEqual(
                fastpar.reduce(2, lambda begin, end: [begin], lambda a, b: a.extend(b) or a, initial_factory=list), [0, 1]
            )
        self.assertEqual(fastpar.reduce(0, print, initial_factory=list), [])
        given = []
        fastpar.reduce(2, lambda begin, end: [begin], lambda a, b: a.extend(b) or a, given)
        self.assertEqual(given, [0, 1])
        self.assertRaises(TypeError, fastpar.reduce, 1, print, initial=3, initial_factory=list)

    def test_map_stops_between_items(self):
        failed, calls = threading.Event(), fastpar.AtomicInt()

        def work(i):
            if i == 0:
                both.wait(60)
                failed.set()
                raise LookupError
            if calls.add() == 0:
                both.wait(60)
            # Every other item waits for the failure, and the loop is stopped soon after it.
            failed.wait(60)
            time.sleep(0.001)

        both = threading.Barrier(2)
        self.assertRaises(LookupError, fastpar.map, work, range(20_000), segments=2)
        self.assertLess(calls.load(), 10_000)

    def test_reduce_is_the_same_on_any_number_of_threads(self):
        fold = functools.partial(lambda begin, end: sum(1 / (i + 1) for i in range(begin, end)))
        results = {fastpar.reduce(10000, fold, initial=0.0, max_lanes=lanes) for lanes in (1, 2, 3, 0)}
        self.assertEqual(len(results), 1)

    def test_chunks_of_buffers_are_views(self):
        data = bytearray(range(100))
        parts = fastpar.chunks(data, 7)
        self.assertEqual([type(part) for part in parts], [memoryview] * 7)
        self.assertEqual(b"".join(parts), data)
        parts[0][0] = 255
        self.assertEqual(data[0], 255)
        numbers = array.array("q", range(50))
        self.assertEqual([list(part) for part in fastpar.chunks(numbers, 2)], [list(range(25)), list(range(25, 50))])
        with mmap.mmap(-1, 1000) as memory:
            parts = fastpar.chunks(memory)
            self.assertEqual(sum(len(part) for part in parts), 1000)
            del parts

    def test_chunks_of_others(self):
        self.assertEqual(fastpar.chunks([1, 2, 3, 4, 5], 2), [[1, 2, 3], [4, 5]])
        self.assertEqual(fastpar.chunks("abc", 24), ["a", "b", "c"])
        self.assertEqual(fastpar.chunks([]), [])
        self.assertRaises(ValueError, fastpar.chunks, [1], 0)
