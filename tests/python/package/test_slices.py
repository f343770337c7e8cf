"""Loops over buffers, with views of each thread's own."""

import array
import ctypes
import mmap
import unittest

import fastpar
from fastpar import _slices


def base_of(view):
    """The object that a memoryview of the whole buffer would be made from."""
    return view.obj


class Slices(unittest.TestCase):
    def test_every_item_once(self):
        for count in (0, 1, 23, 5000):
            for options in ({}, {"segments": 7}, {"schedule": fastpar.Schedule.GRAIN, "grain": 13}, {"max_lanes": 1}):
                source, target = array.array("q", range(count)), array.array("q", bytes(8 * count))

                def body(values, results):
                    self.assertEqual(len(values), len(results))
                    for i, value in enumerate(values):
                        results[i] += value + 1

                fastpar.for_slices(body, source, target, **options)
                self.assertEqual(list(target), list(range(1, count + 1)))

    def test_begin_and_records(self):
        rows, seen = bytearray(48 * 100), []
        fastpar.for_slices(lambda begin, part: seen.append((begin, len(part))), rows, begin=True, record_size=48, segments=7)
        planned = fastpar.plan(100, segments=7)
        self.assertEqual(sorted(seen), [(part.start, 48 * len(part)) for part in planned])
        self.assertRaises(ValueError, fastpar.for_slices, print, bytes(49), record_size=48)
        self.assertRaises(ValueError, fastpar.for_slices, print, bytes(48), record_size=0)

    def test_wrong_buffers(self):
        self.assertRaises(TypeError, fastpar.for_slices, print)
        self.assertRaises(TypeError, fastpar.for_slices, print, [1, 2])
        self.assertRaises(ValueError, fastpar.for_slices, print, bytes(4), bytes(5))
        self.assertRaises(TypeError, fastpar.for_slices, print, memoryview(bytes(4)).cast("B", (2, 2)))

    def test_views_are_not_shared(self):
        values = array.array("Q", range(100))
        for given in (values, memoryview(values), memoryview(values)[10:90], memoryview(values)[10:90][5:7]):
            own = _slices.own_view(given)
            expected = memoryview(given)
            self.assertEqual((own.tolist(), own.format, own.readonly), (expected.tolist(), "Q", False))
            # Of a shared managed buffer a release would be of no use: its own can be released at once.
            self.assertIs(base_of(own), values)
            self.assertIsNot(own, given)
            own[0] = 7
            self.assertEqual(expected[0], 7)

    def test_each_kind_of_exporter(self):
        with mmap.mmap(-1, 4096) as memory:
            kinds = [bytearray(4096), bytes(4096), array.array("d", bytes(4096)), (ctypes.c_int * 9)(), memory]
            for kind in kinds:
                view = memoryview(kind)[1:]
                own = _slices.own_view(view)
                self.assertEqual((own.tobytes(), own.readonly), (view.tobytes(), view.readonly))
                own.release()
                view.release()
        readonly = memoryview(bytearray(10)).toreadonly()
        self.assertTrue(_slices.own_view(readonly).readonly)

    def test_what_cannot_be_made_anew_is_shared(self):
        for view in (memoryview(bytes(10))[::2], memoryview(bytes(4)).cast("B", (2, 2)), memoryview(b"")):
            self.assertIs(_slices.own_view(view), view)

    def test_buffers_are_let_go(self):
        data = bytearray(100)
        fastpar.for_slices(lambda part: None, data)
        data.append(0)

        def fail(part):
            del part
            raise LookupError

        kept = []
        try:
            fastpar.for_slices(fail, data)
        except LookupError as error:
            kept.append(error.args)
        data.append(0)

    def test_chunks(self):
        values = array.array("Q", range(100))
        parts = fastpar.chunks(values, 7)
        self.assertEqual([value for part in parts for value in part], list(range(100)))
        rows = fastpar.chunks(bytearray(48 * 10), 3, record_size=48)
        self.assertEqual([len(part) // 48 for part in rows], [4, 3, 3])
        self.assertRaises(ValueError, fastpar.chunks, bytes(49), 3, record_size=48)
        self.assertEqual(fastpar.chunks("abcdef", 2, record_size=2), ["abcd", "ef"])
