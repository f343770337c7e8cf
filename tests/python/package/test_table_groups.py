"""Groups of tables over buffers."""

import math
import struct
import unittest

import fastpar

from test_tables import made, trades


class Groups(unittest.TestCase):
    def bars(self, rows, width, origin=0):
        expected = {}
        for row in rows:
            key = (row[5], (row[1] - origin) // width * width + origin)
            expected.setdefault(key, []).append(row)
        return dict(sorted(expected.items()))

    def test_bars(self):
        asked = {
            "open": ("price", "first"),
            "high": ("price", "max"),
            "low": ("price", "min"),
            "close": ("price", "last"),
            "volume": ("qty", "sum"),
            "vwap": (("price", "qty"), "wmean"),
            "ids": ("id", "max"),
            "n": "count",
        }
        for count, origin in ((70_000, 0), (500, 17), (500, -5)):
            rows = made(count)
            table = trades(rows)
            found = table.group_by("sym", fastpar.bucket("ts", 60_000, origin)).agg(asked)
            expected = self.bars(rows, 60_000, origin)
            self.assertEqual(found.names, ("sym", "ts", *asked))
            self.assertEqual([(row.sym, row.ts) for row in found], list(expected))
            for bar, group in zip(found, expected.values()):
                prices = [row[4] for row in group]
                self.assertEqual((bar.open, bar.high, bar.low, bar.close), (prices[0], max(prices), min(prices), prices[-1]))
                self.assertEqual((bar.volume, bar.ids, bar.n), (sum(row[2] for row in group), group[-1][0], len(group)))
                if bar.volume:
                    weighted = math.fsum(row[2] * row[4] for row in group) / bar.volume
                    self.assertAlmostEqual(bar.vwap, weighted, delta=1e-9 * max(map(abs, prices)))
            # What comes of it is a table like any other.
            self.assertEqual(found["n"].sum(), len(rows))
            alone = table.group_by("sym", fastpar.bucket("ts", 60_000, origin)).agg(asked, max_lanes=1)
            self.assertEqual(bytes(found.buffer), bytes(alone.buffer))

    def test_keys_of_all_types(self):
        rows = made(3000)
        table = trades(rows)
        self.assertEqual(table["id"].unique().tolist(), [row[0] for row in rows])
        self.assertEqual(table["price"].unique().tolist(), sorted({row[4] for row in rows}))
        self.assertEqual(table["buy"].unique().tolist(), [0, 1])
        found = table.group_by(fastpar.bucket("price", 2.5, 0.5)).agg({"n": "count"}, where=table["price"] < 100)
        self.assertEqual([row[0] for row in found], [-4.5, -2.0, 0.5, 5.5])
        for key, error in ((fastpar.bucket("qty", 2.5), TypeError), (fastpar.bucket("qty", -1), ValueError), (fastpar.bucket("sym", 5), ValueError)):
            with self.assertRaises(error):
                table.group_by(key).agg({})
        for keys in ((), (fastpar.bucket("ts", 0),), ("sym", fastpar.bucket("ts", 0, 5)), (fastpar.bucket("price", 0.0),)):
            with self.assertRaisesRegex(ValueError, "no keys|width of 0"):
                table.group_by(*keys)

    def test_buckets_at_the_ends_of_their_types(self):
        least, most = -(2**63), 2**63 - 1
        rows = [least, least + 1, -1, 0, 1, most - 1, most] + list(range(most - 3000, most, 3))
        table = fastpar.table(struct.pack(f"<{len(rows)}q", *rows), "<q", names=("t",))
        for width in (2, 1000, 2**62, 2**64 - 1):
            for origin in (0, 7, least, most, 10**30, -(10**30)):
                expected = {}
                for value in rows:
                    begin = (value - origin) // width * width + origin
                    expected[begin] = expected.get(begin, 0) + 1
                with self.subTest(width=width, origin=origin):
                    group = table.group_by(fastpar.bucket("t", width, origin))
                    if min(expected) < least:
                        with self.assertRaisesRegex(OverflowError, "'t'"):
                            group.agg({"n": "count"})
                    else:
                        self.assertEqual([tuple(row) for row in group.agg({"n": "count"})], sorted(expected.items()))

    def test_limits(self):
        table = trades(made(5000))
        with self.assertRaises(fastpar.LimitError):
            table.group_by("id").agg({"n": "count"}, max_memory=1000)
        large = fastpar.table(struct.pack("<Q", 2**64 - 1) * 3, "<Q", names=("a",))
        with self.assertRaisesRegex(OverflowError, "'s'"):
            large.group_by("a").agg({"s": ("a", "sum")})
        self.assertEqual(large.group_by("a").agg({"s": ("a", "max")})[0].s, 2**64 - 1)
