"""Sorting of buffers, and running sums."""

import array
import itertools
import math
import operator
import random
import struct
import unittest

import fastpar


def records(format, rows):
    return bytearray(b"".join(struct.pack(format, *row) for row in rows))


class Sorting(unittest.TestCase):
    def test_numbers_of_every_type(self):
        source = random.Random(1)
        for letter in "bBhHiIlLqQ":
            bits = 8 * struct.calcsize(letter)
            low = -(2 ** (bits - 1)) if letter.islower() else 0
            for count in (0, 1, 2, 1000, 30000):
                values = array.array(letter, [source.randrange(low, low + 2**bits) for _ in range(count)])
                expected = sorted(values)
                fastpar.sort(values)
                self.assertEqual(values.tolist(), expected)
                fastpar.sort(values, descending=True)
                self.assertEqual(values.tolist(), expected[::-1])

    def test_floats_have_a_total_order(self):
        for letter in "fd":
            values = array.array(letter, [1.5, math.nan, -0.0, 0.0, -math.inf, math.inf, -2.5])
            fastpar.sort(values)
            self.assertEqual([str(value) for value in values], ["-inf", "-2.5", "-0.0", "0.0", "1.5", "inf", "nan"])

    def test_records(self):
        source = random.Random(2)
        symbols = [b"ABC", b"ABCD", b"XYZ"]
        for format in ("<q d 8s", "q d 8s", "=B 2x q 3H d 8s", "@b q 2h d 8s", "<qd8s"):
            make = {
                "q": lambda: source.randrange(-50, 50),
                "d": lambda: source.randrange(10) / 4,
                "s": lambda: source.choice(symbols),
            }
            letters = [letter for letter in format if letter.isalpha() and letter != "x"]
            rows = []
            for number in range(3000):
                row = []
                for letter in letters:
                    repeats = {"H": 3, "h": 2}.get(letter, 1)
                    row += [make.get(letter, lambda: number % 100)() for _ in range(repeats)]
                rows.append(tuple(row))
            rows = [struct.unpack(format, struct.pack(format, *row)) for row in rows]
            last = len(rows[0]) - 1
            data = records(format, rows)
            fastpar.sort(data, format, last)
            self.assertEqual(list(struct.iter_unpack(format, data)), sorted(rows, key=lambda row: row[last]))
            data = records(format, rows)
            fastpar.sort(data, format, (-1, 0), descending=(True, False))
            expected = sorted(sorted(rows, key=lambda row: row[0]), key=lambda row: row[last], reverse=True)
            self.assertEqual(list(struct.iter_unpack(format, data)), expected)

    def test_the_other_byte_order(self):
        rows = [(number * 7919 % 65536, number) for number in range(5000)]
        data = records(">HI", rows)
        fastpar.sort(data, ">HI", 0)
        self.assertEqual(list(struct.iter_unpack(">HI", data)), sorted(rows))
        self.assertRaises(ValueError, fastpar.sort, data, ">hI", 0)
        self.assertRaises(ValueError, fastpar.sort, array.array("H", [1, 2]), "<e")

    def test_wrong_arguments(self):
        rows = bytearray(48)
        self.assertRaises(ValueError, fastpar.sort, bytearray(49), "<6q")
        self.assertRaises(struct.error, fastpar.sort, rows, "nonsense")
        self.assertRaises(IndexError, fastpar.sort, rows, "<6q", 6)
        self.assertRaises(ValueError, fastpar.sort, rows, "<6q", (0, 1), descending=(True,))
        self.assertRaises(fastpar.InvalidArgumentError, fastpar.sort, rows, "<6q", ())
        self.assertRaises(fastpar.InvalidArgumentError, fastpar.sort, rows, "<6q", [0] * 17)
        self.assertRaises(BufferError, fastpar.sort, bytes(48), "<6q")
        self.assertRaises(TypeError, fastpar.sort, [3, 2, 1])
        self.assertEqual(rows, bytes(48))

    def test_cancel_and_progress(self):
        values = array.array("Q", [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(100_000)])
        before, seen = values[:], []
        flag = fastpar.CancelFlag()
        flag.cancel()
        self.assertRaises(fastpar.CancelledError, fastpar.sort, values, cancel=flag)
        self.assertEqual(values, before)
        fastpar.sort(values, progress=lambda done, total: seen.append((done, total)), max_lanes=2)
        self.assertEqual(seen[-1], (100_000, 100_000))
        self.assertEqual(values.tolist(), sorted(before))

        def fail(done, total):
            raise LookupError("expected")

        self.assertRaises(LookupError, fastpar.sort, values, descending=True, progress=fail)
        self.assertEqual(sorted(values), sorted(before))


class Accumulating(unittest.TestCase):
    def test_as_itertools(self):
        for count in (0, 1, 2, 23, 25, 3000):
            for options in ({}, {"segments": 7}, {"grain": 13}, {"max_lanes": 1}):
                values = array.array("q", range(count))
                self.assertEqual(fastpar.accumulate(values, **options), list(itertools.accumulate(values)))
                expected = list(itertools.accumulate(values, initial=5))
                self.assertEqual(fastpar.accumulate(iter(values), initial=5, **options), expected)
        words = [chr(97 + number % 26) for number in range(1000)]
        self.assertEqual(fastpar.accumulate(words, operator.add), list(itertools.accumulate(words)))
        self.assertEqual(fastpar.accumulate(words, max, initial="b"), list(itertools.accumulate(words, max, initial="b")))

    def test_the_same_to_the_bit(self):
        values = [math.sin(number) for number in range(5000)]
        one = fastpar.accumulate(values, max_lanes=1)
        self.assertTrue(all(fastpar.accumulate(values, max_lanes=lanes) == one for lanes in (2, 7, 24)))

    def test_none_is_the_default(self):
        for items in ([], [5], list(range(100))):
            for function in (None, max):
                for initial in (None, 7):
                    expected = list(itertools.accumulate(items, function, initial=initial))
                    self.assertEqual(fastpar.accumulate(items, function, initial=initial), expected)

    def test_a_pool_that_becomes_another_between_the_passes(self):
        items = list(range(3000))
        for threads in (1, 7):
            for initial in (None, 5):
                guided = {"schedule": fastpar.Schedule.GUIDED, "grain": 3}
                calls, first = fastpar.AtomicInt(), len(items) - len(fastpar.plan(len(items), **guided))

                def add(a, b):
                    if calls.add(1) == first:  # what the chunks came to is added by the calling thread
                        fastpar.pool_shutdown()
                        fastpar.pool_start(threads=threads)
                    return a + b

                try:
                    sums = fastpar.accumulate(items, add, initial=initial, **guided)
                finally:
                    fastpar.pool_shutdown()
                self.assertEqual(sums, list(itertools.accumulate(items, initial=initial)))

    def test_failures(self):
        self.assertRaises(TypeError, fastpar.accumulate, [1, "2"] * 100)
        flag = fastpar.CancelFlag()
        flag.cancel()
        self.assertRaises(fastpar.CancelledError, fastpar.accumulate, range(100), cancel=flag)
