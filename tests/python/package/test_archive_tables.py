"""Tables of what archives hold: as of the same records in memory."""

import os
import random
import struct
import tempfile
import threading
import unittest

import fastpar
from fastpar import zstd

FORMAT = "<QqIH2xd6s?x"
NAMES = ("id", "ts", "qty", "venue", "price", "sym", "buy")
SIZE = struct.calcsize(FORMAT)


def made(count, seed=1):
    source = random.Random(seed)
    rows = [
        (
            number,
            number * 700 - 90_000,
            source.randrange(1000),
            source.randrange(5),
            source.choice((1.5, -2.25, 0.0, 7.0, 1e9)),
            source.choice((b"ABC\0\0\0", b"ABCDEF", b"XYZ\0\0\0")),
            source.random() < 0.5,
        )
        for number in range(count)
    ]
    return rows, b"".join(struct.pack(FORMAT, *row) for row in rows)


ROWS, DATA = made(20_000)
#: Frames that cut rows.
PACKED = zstd.compress(DATA, frame_size=30_001)

ASKED = {
    "rows": "count",
    "volume": ("qty", "sum"),
    "low": ("price", "min"),
    "open": ("price", "first"),
    "close": ("ts", "last"),
    "vwap": (("price", "qty"), "wmean"),
}


def tables():
    return zstd.open_archive(PACKED).table(FORMAT, names=NAMES), fastpar.table(DATA, FORMAT, names=NAMES)


class Tables(unittest.TestCase):
    def close(self, found, expected):
        self.assertEqual(found.keys(), expected.keys())
        for name, value in found.items():
            self.assertAlmostEqual(value, expected[name], delta=abs(expected[name]) * 1e-12)

    def test_aggregates_and_conditions(self):
        archive, memory = tables()
        self.close(archive.aggregate(ASKED), memory.aggregate(ASKED))
        self.assertEqual(archive.count(), len(ROWS))

        def conditions(t):
            yield t["qty"] >= 100
            yield (t["price"].between(-1, 7.0, closed="both") & (t["venue"] != 3)) | ~(t["ts"] < 0.5)
            yield (t["sym"] == b"ABC") ^ t["sym"].between(b"ABCA", b"XYZ", closed="neither")
            yield (t["buy"] == 1) - (t["qty"] > 2**70) - (t["price"] == float("nan"))
            yield t["qty"] < -1

        for condition, mask in zip(conditions(archive), conditions(memory), strict=True):
            some = archive.filter(condition)
            asked = {"rows": "count", "volume": ("qty", "sum")}
            expected = memory.aggregate(asked, where=mask)
            self.assertEqual(some.aggregate(asked), expected)
            self.assertEqual(archive.aggregate(asked, where=condition), expected)
            self.assertEqual(some.take().buffer, memory.take(mask).buffer)
            self.assertEqual(some.count(max_lanes=1), mask.count())
        twice = archive.filter(archive["qty"] >= 100).filter(archive["buy"] == 0)
        self.assertEqual(list(twice), list(memory.take((memory["qty"] >= 100) & (memory["buy"] == 0))))
        self.assertEqual([row.id for row in twice.take()], [row.id for row in twice])

    def test_groups(self):
        archive, memory = tables()
        keys = "sym", fastpar.bucket("ts", 60_000)
        found = archive.group_by(*keys).agg(ASKED)
        expected = memory.group_by(*keys).agg(ASKED)
        self.assertEqual((found.names, found.format, len(found)), (expected.names, expected.format, len(expected)))
        for row, other in zip(found, expected):
            self.close(row._asdict() | {"sym": 0}, other._asdict() | {"sym": 0})
            self.assertEqual(row.sym, other.sym)
        of_some = archive.filter(archive["venue"] == 2).group_by("buy").agg({"rows": "count"}, where=archive["qty"] < 500)
        mask = (memory["venue"] == 2) & (memory["qty"] < 500)
        self.assertEqual(list(of_some), list(memory.group_by("buy").agg({"rows": "count"}, where=mask)))
        with self.assertRaises(fastpar.LimitError):
            archive.group_by("id").agg({}, max_memory=1000)

    def test_names_are_looked_at_before_the_work(self):
        archive, memory = tables()
        for table in (archive, memory):
            reports = []
            with self.assertRaisesRegex(ValueError, "differ"):
                table.group_by("sym").agg({"sym": "count"}, progress=lambda *report: reports.append(report))
            self.assertEqual(reports, [])

    def test_the_same_to_the_bit(self):
        archive, _ = tables()
        keys = "sym", fastpar.bucket("ts", 50_000)
        alone = archive.aggregate(ASKED, max_lanes=1), archive.group_by(*keys).agg(ASKED, max_lanes=1).buffer
        for lanes in (2, 7, 24):
            many = archive.aggregate(ASKED, max_lanes=lanes), archive.group_by(*keys).agg(ASKED, max_lanes=lanes).buffer
            self.assertEqual(alone, many)

    def test_parts_and_rows(self):
        opened = zstd.open_archive(PACKED)
        part = opened.table(FORMAT, NAMES, offset=100 * SIZE, size=50 * SIZE)
        self.assertEqual(list(part), ROWS[100:150])
        self.assertEqual(part.aggregate({"first": ("id", "first"), "rows": "count"}), {"first": 100, "rows": 50})
        self.assertEqual(list(opened.table(FORMAT)), ROWS)
        self.assertIs(type(next(iter(opened.table(FORMAT)))), tuple)
        self.assertIn("of some rows: id Q", repr(part.filter(part["id"] == 1)))
        for wrong in (opened.table(FORMAT, offset=1), opened.table("<7s")):
            with self.assertRaises(ValueError):
                wrong.count()
            with self.assertRaises(ValueError):
                list(wrong)
        empty = zstd.open_archive(zstd.compress(b"")).table("<q")
        self.assertEqual((list(empty), empty.aggregate({"n": "count", "x": ("f0", "max")})), ([], {"n": 0, "x": None}))

    def test_misuse(self):
        archive, _ = tables()
        other = zstd.open_archive(PACKED).table(f"<{SIZE}s", names=("all",))
        with self.assertRaisesRegex(TypeError, "truth"):
            bool(archive["qty"] > 1)
        for misuse in (
            lambda: archive.filter(other["all"] == b""),
            lambda: (archive["qty"] > 1) & (other["all"] == b""),
            lambda: archive.aggregate({"x": ("sym", "sum")}),
            lambda: archive.group_by(),
            lambda: archive.group_by(fastpar.bucket("ts", 0)),
        ):
            with self.assertRaises(ValueError):
                misuse()
        with self.assertRaises(KeyError):
            archive["x"]
        with self.assertRaises(TypeError):
            archive["qty"] == None  # noqa: E711
        closed = zstd.open_archive(PACKED)
        table = closed.table(FORMAT)
        closed.close()
        with self.assertRaises(ValueError):
            table.count()
        damaged = bytearray(PACKED)
        damaged[len(damaged) // 2] ^= 1
        with self.assertRaises(zstd.DataError):
            zstd.open_archive(damaged).table(FORMAT).take()
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "damaged.zst")
            with open(name, "wb") as file:
                file.write(damaged)
            with zstd.open_archive(name) as archive:
                table = archive.table(FORMAT, names=NAMES)
                for call in (
                    table.take,
                    lambda: table.aggregate({"volume": ("qty", "sum")}),
                    lambda: table.group_by("venue").agg({"n": "count"}),
                ):
                    with self.assertRaises(zstd.DataError) as caught:
                        call()
                    self.assertEqual(caught.exception.filename, name)

    def test_cancel_progress_and_sources(self):
        archive, _ = tables()
        reports = []
        archive.aggregate(ASKED, progress=lambda *report: reports.append(report))
        self.assertEqual(reports[-1], (len(DATA), len(DATA)))
        flag = fastpar.CancelFlag()
        flag.cancel()
        for call in (archive.take, archive.count, lambda **how: archive.group_by("sym").agg({}, **how)):
            with self.assertRaises(fastpar.CancelledError):
                call(cancel=flag)

        def fail(done, total):
            raise ZeroDivisionError

        for call in (archive.take, archive.count, lambda **how: archive.group_by("sym").agg({}, **how)):
            with self.assertRaises(ZeroDivisionError):
                call(progress=fail)
            with self.assertRaises(TypeError):
                call(cancel=5)

        state = {"fails": False}

        def sometimes(offset, view):
            if state["fails"]:
                raise KeyError("expected by the test")
            view[:] = PACKED[offset : offset + len(view)]

        remote = zstd.open_source(sometimes, len(PACKED)).table(FORMAT, NAMES)
        self.assertEqual(remote.count(), len(ROWS))
        state["fails"] = True
        with self.assertRaises(KeyError):
            remote.take()

    def test_from_many_threads(self):
        archive, memory = tables()
        expected = memory.aggregate({"rows": "count", "volume": ("qty", "sum")})
        found = []

        def body():
            found.append(archive.aggregate({"rows": "count", "volume": ("qty", "sum")}))

        threads = [threading.Thread(target=body) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [expected] * 8)


if __name__ == "__main__":
    unittest.main()
