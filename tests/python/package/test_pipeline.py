"""Pipelines: order, bounds, failures, and what an early end leaves behind."""

import asyncio
import contextvars
import gc
import sys
import threading
import time
import unittest
import weakref

import fastpar


def blocked_source(begin, go, ended, fails=False):
    """Two items, between which the source tells that it has begun, and blocks until `go` is set."""
    try:
        yield 1
        begin()
        go.wait(60)
        if fails:
            raise OSError("nobody asks for it any more")
        yield 2
    finally:
        ended.append(True)


async def consume(source):
    async for _ in fastpar.pipeline(source, str, in_flight=1):
        pass


class Pipelines(unittest.TestCase):
    def test_results_are_in_order(self):
        for lanes in (0, 1, 3):
            with fastpar.pipeline(range(1000), lambda item: item * item, max_lanes=lanes) as results:
                self.assertEqual(list(results), [item * item for item in range(1000)])
        self.assertEqual(list(fastpar.pipeline([], str)), [])
        self.assertEqual(next(iter(fastpar.pipeline("abc", str.upper))), "A")

    def test_the_source_is_not_asked_for_more_than_is_in_flight(self):
        asked, given = [], 0

        def source():
            for item in range(200):
                asked.append(item)
                yield item

        for result in fastpar.pipeline(source(), lambda item: item, in_flight=5):
            self.assertEqual(result, given)
            self.assertLessEqual(len(asked), given + 6)
            given += 1
        self.assertEqual(given, 200)

    def test_a_result_that_is_there_is_given_out_before_the_source_is_asked_again(self):
        given, most = 0, 100_000
        asked = 0

        def source():
            nonlocal asked
            while given == 0 and asked < most:
                asked += 1
                yield asked
                time.sleep(0)

        for result in fastpar.pipeline(source(), lambda item: item, in_flight=most):
            given += 1
            self.assertEqual(result, given)
        self.assertEqual(given, asked)
        self.assertLess(asked, most)

    def test_items_are_worked_on_at_the_same_time(self):
        barrier = threading.Barrier(3)
        results = fastpar.pipeline(range(3), lambda item: barrier.wait(60) >= 0, max_lanes=3)
        self.assertEqual(list(results), [True] * 3)

    def test_what_work_raises_stands_at_the_place_of_its_item(self):
        def work(item):
            if item in (7, 9):
                raise KeyError(item)
            return item

        seen = []
        with self.assertRaises(KeyError) as caught:
            for result in fastpar.pipeline(range(100), work):
                seen.append(result)
        self.assertEqual((seen, caught.exception.args), (list(range(7)), (7,)))

    def test_what_the_source_raises_comes_after_the_results_before(self):
        def source():
            yield from range(5)
            raise OSError("it is gone")

        seen = []
        results = fastpar.pipeline(source(), lambda item: item)
        with self.assertRaisesRegex(OSError, "it is gone"):
            seen.extend(iter(results.__next__, None))
        self.assertEqual(seen, list(range(5)))
        self.assertRaises(StopIteration, next, results)

    def test_an_early_end_leaves_nothing_behind(self):
        class Item:
            pass

        begun, items, closed = fastpar.AtomicInt(), [], []

        def source():
            try:
                while True:
                    item = Item()
                    items.append(weakref.ref(item))
                    yield item
                    del item
            finally:
                closed.append(True)

        def work(item):
            begun.add(1)

        results = fastpar.pipeline(source(), work, in_flight=4)
        next(results)
        results.close()
        results.close()
        ended = begun.load()
        del results
        gc.collect()
        self.assertEqual([item() for item in items], [None] * len(items))
        self.assertEqual((begun.load(), closed), (ended, [True]))
        left = fastpar.pipeline(range(100), work)
        next(left)
        del left
        gc.collect()

    def test_the_end_on_a_thread_that_works_for_it(self):
        told, ended = [], threading.Event()

        def source(second):
            yield 0
            second.set()
            yield from range(1, 100)

        def work(item):
            if item == 0:
                second.wait(60)  # so the next item is under way, too
            else:
                given.wait(60)
                results.close()
                ended.set()
            return item

        given, second = threading.Event(), threading.Event()
        hook, sys.unraisablehook = sys.unraisablehook, told.append
        try:
            results = fastpar.pipeline(source(second), work, in_flight=2)
            next(results)
            given.set()
            self.assertTrue(ended.wait(60))
            self.assertRaises(StopIteration, next, results)
            # The same by the collector.
            begun, go, collected = threading.Event(), threading.Event(), threading.Event()
            second = threading.Event()

            def collect(item):
                if item == 0:
                    second.wait(60)
                else:
                    begun.set()
                    go.wait(60)
                    gc.collect()
                    collected.set()
                return item

            cycle = [fastpar.pipeline(source(second), collect, in_flight=2)]
            cycle.append(cycle)
            next(cycle[0])
            self.assertTrue(begun.wait(60))
            del cycle
            go.set()
            self.assertTrue(collected.wait(60))
        finally:
            sys.unraisablehook = hook
        self.assertEqual(told, [])

    def test_the_context_is_that_of_the_call(self):
        user = contextvars.ContextVar("user")
        user.set("alice")

        def work(item):
            before = user.get()
            user.set(f"of {item}")
            return before

        results = fastpar.pipeline(range(50), work)
        user.set("bob")
        self.assertEqual(set(results), {"alice"})
        self.assertEqual(user.get(), "bob")

    def test_what_is_refused(self):
        self.assertRaises(TypeError, fastpar.pipeline, 5, str)
        self.assertRaises(TypeError, fastpar.pipeline, [], 5)
        self.assertRaises(ValueError, fastpar.pipeline, [], str, max_lanes=-1)
        self.assertRaises(ValueError, fastpar.pipeline, [], str, in_flight=-1)

    def test_within_a_body(self):
        def body(begin, end):
            for part in range(begin, end):
                self.assertEqual(list(fastpar.pipeline(range(part), str)), list(map(str, range(part))))

        fastpar.for_range(12, body)


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_results_are_in_order(self):
        results = [result async for result in fastpar.pipeline(range(300), str)]
        self.assertEqual(results, list(map(str, range(300))))

    async def test_failures(self):
        def work(item):
            return 6 // (3 - item)

        seen = []
        with self.assertRaises(ZeroDivisionError):
            async for result in fastpar.pipeline(range(10), work):
                seen.append(result)
        self.assertEqual(seen, [2, 3, 6])

    async def test_a_task_that_is_cancelled_leaves_nothing_at_work(self):
        told = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        for times, fails in ((1, False), (3, False), (3, True)):
            begun, go, ended = asyncio.Event(), threading.Event(), []
            source = blocked_source(lambda: loop.call_soon_threadsafe(begun.set), go, ended, fails)
            task = asyncio.create_task(consume(source))
            await begun.wait()
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0)
            self.assertFalse(task.done())
            go.set()
            with self.assertRaises(asyncio.CancelledError):
                await task
            del task, source
            gc.collect()
            await asyncio.sleep(0)
            self.assertEqual((ended, told), ([True], []))

    def test_an_event_loop_that_ends(self):
        begun, go, ended, failures = threading.Event(), threading.Event(), [], []

        async def consume_and_tell():
            try:
                await consume(blocked_source(begun.set, go, ended))
            except BaseException as error:
                failures.append(type(error))
                raise

        async def go_on():
            try:
                await asyncio.sleep(60)
            finally:
                go.set()

        async def main():
            tasks = [asyncio.create_task(consume_and_tell()), asyncio.create_task(go_on())]
            await asyncio.to_thread(begun.wait, 60)
            return tasks  # when the loop ends all its tasks are cancelled

        thread = threading.Thread(target=asyncio.run, args=(main(),))
        thread.start()
        thread.join(60)
        gc.collect()
        self.assertEqual((ended, failures), ([True], [asyncio.CancelledError]))


if __name__ == "__main__":
    unittest.main()
