"""Bodies run in the caller's context, and what they set there ends with the call."""

import contextvars
import decimal
import threading
import unittest
import warnings

import fastpar

name = contextvars.ContextVar("name", default="nothing")


def kinds():
    """Every kind of call, as a function that calls `body()` at least twice, on several threads."""
    yield "for_range", lambda body: fastpar.for_range(48, lambda begin, end: body(), segments=48)
    yield "lane", lambda body: fastpar.for_range(48, lambda begin, end, lane: body(), segments=48, lane=True)
    yield "for_slices", lambda body: fastpar.for_slices(lambda part: body(), bytearray(48))
    yield "map", lambda body: fastpar.map(lambda _: body(), range(48))
    yield "starmap", lambda body: fastpar.starmap(lambda _: body(), [(i,) for i in range(48)])
    yield "reduce", lambda body: fastpar.reduce(48, lambda begin, end: (body(),))
    yield "for_start", lambda body: fastpar.for_start(48, lambda begin, end: body(), segments=48).result()
    yield "team", lambda body: fastpar.team(lambda member: body(), 4)
    yield "progress", lambda body: fastpar.for_range(48, lambda begin, end: None, progress=lambda done, total: body())


class Contexts(unittest.TestCase):
    def in_each(self, check):
        for kind, call in kinds():
            with self.subTest(kind):
                contextvars.copy_context().run(check, call)

    def test_the_callers_values(self):
        def check(call):
            name.set("caller")
            seen = []
            call(lambda: seen.append(name.get()))
            self.assertEqual(set(seen), {"caller"})

        self.in_each(check)

    def test_what_a_body_sets_ends_with_the_call(self):
        def check(call):
            name.set("caller")
            call(lambda: name.set("body"))
            self.assertEqual(name.get(), "caller")
            seen = []
            call(lambda: seen.append(name.get()))
            self.assertEqual(set(seen), {"caller"})
            # Nor does another caller, with nothing set, see what was set on the threads.
            seen.clear()
            thread = threading.Thread(target=contextvars.Context().run, args=(call, lambda: seen.append(name.get())))
            thread.start()
            thread.join()
            self.assertEqual(set(seen), {"nothing"})

        self.in_each(check)

    def test_decimal_and_warnings(self):
        def check(call):
            decimal.getcontext().prec = 5
            results = []
            call(lambda: results.append(decimal.Decimal(1) / 3))
            self.assertEqual({str(result) for result in results}, {"0.33333"})

        self.in_each(check)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fastpar.for_range(48, lambda begin, end: warnings.warn("here"), segments=48)
        self.assertEqual(len(caught), 48)

    def test_nested(self):
        def outer(begin, end):
            name.set(begin)
            seen = set(fastpar.map(lambda _: name.get(), range(10)))
            self.assertEqual((seen, name.get()), ({begin}, begin))

        fastpar.for_range(24, outer)

    def test_many_threads_each_with_its_own(self):
        wrong = []

        def work(i):
            name.set(i)
            for _ in range(20):
                seen = set(fastpar.map(lambda _: name.get(), range(48), segments=48))
                if seen != {i}:
                    wrong.append(seen)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
