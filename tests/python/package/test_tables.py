"""Tables over buffers: columns, masks, groups."""

import array
import itertools
import math
import mmap
import operator
import random
import struct
import threading
import unittest

import fastpar

FORMAT = "<QqIH2xd6s?x"
NAMES = ("id", "ts", "qty", "venue", "price", "sym", "buy")


def made(count, seed=1):
    """Trades, as tuples."""
    source = random.Random(seed)
    symbols = (b"ABC\0\0\0", b"ABCDEF", b"XYZ\0\0\0")
    return [
        (
            2**63 + number,
            number * 700 - 90_000,
            source.randrange(1000),
            source.randrange(5),
            source.choice((1.5, -2.25, 0.0, 7.0, 1e9)),
            source.choice(symbols),
            source.random() < 0.5,
        )
        for number in range(count)
    ]


def packed(rows, format=FORMAT):
    return bytearray(b"".join(struct.pack(format, *row) for row in rows))


def trades(rows):
    return fastpar.table(packed(rows), FORMAT, names=NAMES)


class Rows(unittest.TestCase):
    def test_rows_slices_and_names(self):
        rows = made(50)
        table = trades(rows)
        self.assertEqual((len(table), table.names, table.format), (50, NAMES, FORMAT))
        self.assertEqual(list(table), rows)
        self.assertEqual(table[-1].price, rows[-1][4])
        for cut in (slice(3, 20), slice(None, None, 7), slice(-5, None), slice(20, 3), slice(1, 49, 3)):
            self.assertEqual(list(table[cut]), rows[cut])
            self.assertEqual(table[cut]["id"].sum(), sum(row[0] for row in rows[cut]))
            self.assertEqual(list(table[cut]["sym"]), [row[5] for row in rows[cut]])
        self.assertEqual(list(table[5:30][::4].sorted("price", "id")), sorted(rows[5:30][::4], key=lambda row: (row[4], row[0])))
        with self.assertRaises(IndexError):
            table[50]
        with self.assertRaises(ValueError):
            table[::-1]
        with self.assertRaisesRegex(KeyError, "no column 'x'"):
            table["x"]
        self.assertIn("50 rows: id Q, ts q", repr(table))

    def test_formats(self):
        repeated = fastpar.table(struct.pack("<3HxB", 1, 2, 3, 4) * 2, "<3HxB")
        self.assertEqual(repeated.names, ("f0", "f1", "f2", "f3"))
        self.assertEqual((type(repeated[0]), repeated[0]), (tuple, (1, 2, 3, 4)))
        self.assertEqual(repeated["f2"].sum(), 6)
        native = fastpar.table(struct.pack("bl", -1, -2), "bl", names=("a", "b"))
        self.assertEqual(native.aggregate({"a": ("a", "sum"), "b": ("b", "sum")}), {"a": -1, "b": -2})
        for format, said in ((">Q", "byte order"), ("<e", "half"), ("<5p", "p "), ("<4x", "no values"), ("!h", "byte order")):
            with self.assertRaisesRegex(ValueError, said):
                fastpar.table(b"", format)
        with self.assertRaisesRegex(ValueError, "'price'"):
            fastpar.table(b"", ">4sd", names=("sym", "price"))
        for names in (("a",), ("a", "a"), ("a", "b", "c")):
            with self.assertRaises(ValueError):
                fastpar.table(b"", "<qq", names=names)
        with self.assertRaisesRegex(ValueError, "whole number"):
            fastpar.table(b"123", "<q")
        with self.assertRaises(struct.error):
            fastpar.table(b"", "<k")

    def test_buffers_of_all_kinds(self):
        rows = made(300)
        data = packed(rows)
        expected = sum(row[2] for row in rows)
        with mmap.mmap(-1, len(data)) as mapped:
            mapped[:] = bytes(data)
            for buffer in (data, bytes(data), memoryview(data), mapped, array.array("B", data)):
                self.assertEqual(fastpar.table(buffer, FORMAT, names=NAMES)["qty"].sum(), expected)
        table = fastpar.table(data, FORMAT)
        del data[-100:]
        with self.assertRaisesRegex(ValueError, "shrunk"):
            table["f2"].sum()

    def test_sorting_in_place(self):
        rows = made(2000)
        table = trades(rows)
        table[100:900].sort("sym", "price", descending=(False, True))
        expected = rows[:100] + sorted(rows[100:900], key=lambda row: (row[5], -row[4])) + rows[900:]
        self.assertEqual(list(table), expected)
        with self.assertRaises(ValueError):
            table[::2].sort("id")
        with self.assertRaises((BufferError, TypeError)):
            fastpar.table(bytes(packed(rows)), FORMAT, names=NAMES).sort("id")
        with self.assertRaises(ValueError):
            table.sort()


    def test_one_row_of_many_is_sorted(self):
        table = trades(made(10))
        row = table[9]
        table[9::10].sort("ts")
        self.assertEqual(table[9], row)

    def test_orders(self):
        rows = made(2000)
        table = trades(rows)
        order = sorted(range(2000), key=lambda row: (rows[row][5], -rows[row][4]))
        self.assertEqual(table.argsort("sym", "price", descending=(False, True)).tolist(), order)
        self.assertEqual(table[1:900:3].argsort("id", descending=True).tolist(), list(range(299, -1, -1)))
        merged = table[:700].sorted("qty").merged(table[700:].sorted("qty"), "qty")
        self.assertEqual(list(merged), sorted(rows, key=lambda row: row[2]))
        self.assertEqual(list(table[:0].merged(table[::2], "id")), rows[::2])
        with self.assertRaises(ValueError):
            table.merged(fastpar.table(b"", "<q"), "qty")
        column = fastpar.table(array.array("d", [-1.0, 2.0, 2.0, 7.5]), "d")["f0"]
        self.assertEqual(column.searchsorted([-2, 2, 2.5, 100]).tolist(), [0, 1, 3, 4])
        self.assertEqual(column.searchsorted([-2, 2, 2.5, 100], side="right").tolist(), [0, 3, 3, 4])
        self.assertEqual(column.searchsorted([]).tolist(), [])
        with self.assertRaises(ValueError):
            table["sym"].searchsorted([1])


class Aggregates(unittest.TestCase):
    def test_columns(self):
        rows = made(3000)
        table = trades(rows)
        ids, quantities, prices = ([row[at] for row in rows] for at in (0, 2, 4))
        self.assertEqual(table["id"].sum(), sum(ids))
        self.assertEqual(table["id"].max(), max(ids))
        self.assertEqual(table["ts"].min(), rows[0][1])
        self.assertEqual(table["price"].sum(), math.fsum(prices))
        self.assertEqual(table["id"].dot(table["qty"]), sum(map(int.__mul__, ids, quantities)))
        self.assertEqual(table["buy"].sum(), sum(row[6] for row in rows))
        mean = sum(quantities) / len(rows)
        self.assertAlmostEqual(table["qty"].mean(), mean)
        self.assertAlmostEqual(table["qty"].var(), sum((value - mean) ** 2 for value in quantities) / len(rows), places=4)
        self.assertAlmostEqual(table["qty"].var(ddof=1), table["qty"].var() * len(rows) / (len(rows) - 1), places=4)
        weighted = math.fsum(map(float.__mul__, prices, map(float, quantities))) / sum(quantities)
        self.assertAlmostEqual(table["price"].mean(table["qty"]), weighted, places=3)

    def test_several_at_once_are_equal_on_any_number_of_threads(self):
        # Several chunks of rows.
        table = fastpar.table(packed(made(1000)) * 140, FORMAT, names=NAMES)
        asked = {
            "rows": "count",
            "open": ("price", "first"),
            "close": ("price", "last"),
            "vwap": (("price", "qty"), "wmean"),
            "turnover": (("price", "qty"), "dot"),
            "spread": ("price", "var"),
        }
        alone = table.aggregate(asked, max_lanes=1)
        self.assertEqual(alone["rows"], 140_000)
        self.assertEqual(alone, table.aggregate(asked, max_lanes=3))
        self.assertEqual(alone, table.aggregate(asked))

    def test_no_rows(self):
        table = fastpar.table(b"", "<qd", names=("a", "b"))
        self.assertEqual((table["a"].sum(), table["b"].sum(), table.aggregate({"n": "count"})), (0, 0.0, {"n": 0}))
        self.assertEqual(table.aggregate({"least": ("a", "min"), "mean": ("b", "mean")}), {"least": None, "mean": None})
        for operation in (table["a"].min, table["b"].mean, table["a"].var):
            with self.assertRaisesRegex(ValueError, "no rows|0 rows"):
                operation()
        self.assertEqual(len(table["a"].take(table["a"] < 5)), 0)
        self.assertEqual(len(table.group_by("a").agg({"n": "count"})), 0)
        self.assertEqual(len(table.sorted("a")), 0)

    def test_what_is_wrong_is_named(self):
        table = trades(made(5))
        for asked in ({"x": "most"}, {"x": ("qty", "dot")}, {"x": (("qty", "id"), "sum")}, {"x": ("sym", "sum")}):
            with self.assertRaisesRegex(ValueError, "'x'"):
                table.aggregate(asked)
        with self.assertRaises(ValueError):
            table["qty"].dot(trades(made(5))["qty"])
        with self.assertRaises(ValueError):
            table["qty"].sum(where=fastpar.Mask(4))
        large = fastpar.table(struct.pack("<2Q", 2**64 - 1, 2**64 - 1) * 3, "<2Q")
        with self.assertRaises(fastpar.LimitError):
            large["f0"].dot(large["f1"])
        self.assertEqual(large["f0"].sum(), 3 * (2**64 - 1))

    def test_histogram(self):
        values = array.array("f", [-1.0, 0.0, 0.25, 0.5, 0.999, 1.0, math.nan])
        column = fastpar.table(values, "f")["f0"]
        self.assertEqual(column.histogram(4, 0, 1).tolist(), [1, 1, 1, 1])
        with self.assertRaises(fastpar.InvalidArgumentError):
            column.histogram(4, 1, 1)


class Masks(unittest.TestCase):
    def test_comparisons_with_any_number(self):
        edges = {
            "b": (-128, -1, 0, 1, 127),
            "B": (0, 1, 255),
            "q": (-(2**63), -1, 0, 2**53, 2**53 + 1, 2**63 - 1),
            "Q": (0, 2**63, 2**64 - 1),
            "f": (-math.inf, -0.0, 0.0, 1e-45, 0.5, 1.0, 3.4028234663852886e38, math.inf, math.nan),
            "d": (-math.inf, -1.5, -0.0, 0.0, 5e-324, 1.7976931348623157e308, math.inf, math.nan),
        }
        others = (0, 0.1, 0.5, -0.5, 1e300, -1e300, 2**53 + 1, 2**64, -(2**64), 10**400, -(10**400), math.inf, -math.inf, math.nan)
        operations = ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")
        for letter, values in edges.items():
            numbers = array.array(letter, values)
            column, values = fastpar.table(numbers, letter)["f0"], numbers.tolist()
            for other, name in itertools.product((*others, *values), operations):
                expected = [_compare(name, value, other) for value in values]
                found = list(getattr(column, name)(other))
                self.assertEqual(found, expected, (letter, name, other))

    def test_between(self):
        values = [3, 5, 7, 9]
        column = fastpar.table(array.array("i", values), "i")["f0"]
        for closed, expected in (("left", [5, 7]), ("right", [7, 9]), ("both", [5, 7, 9]), ("neither", [7])):
            self.assertEqual(column.take(column.between(5, 9, closed=closed)).tolist(), expected)
        self.assertEqual(column.between(9, 5).count(), 0)
        with self.assertRaises(ValueError):
            column.between(1, 2, closed="no")
        with self.assertRaises(TypeError):
            column < "5"

    def test_bytes(self):
        rows = made(500)
        table = trades(rows)
        symbols = [row[5] for row in rows]
        self.assertEqual((table["sym"] == b"ABC").count(), symbols.count(b"ABC\0\0\0"))
        self.assertEqual((table["sym"] != b"ABC").count(), 500 - symbols.count(b"ABC\0\0\0"))
        self.assertEqual((table["sym"] > b"ABC").count(), sum(symbol > b"ABC\0\0\0" for symbol in symbols))
        self.assertEqual(table["sym"].between(b"ABD", b"Z").count(), symbols.count(b"XYZ\0\0\0"))
        self.assertEqual([row[0] for row in table["sym"].unique()], sorted(set(symbols)))
        with self.assertRaises(ValueError):
            table["sym"] == b"seven by"

    def test_logic_and_selection(self):
        rows = made(9_001)
        table = trades(rows)
        a, b = table["qty"] >= 500, table["price"].between(0, 5)
        for mask, expected in (
            (a & b, lambda row: row[2] >= 500 and 0 <= row[4] < 5),
            (a | b, lambda row: row[2] >= 500 or 0 <= row[4] < 5),
            (a ^ b, lambda row: (row[2] >= 500) != (0 <= row[4] < 5)),
            (a - b, lambda row: row[2] >= 500 and not 0 <= row[4] < 5),
            (~a, lambda row: row[2] < 500),
        ):
            wanted = [row for row in rows if expected(row)]
            self.assertEqual(mask.count(), len(wanted))
            self.assertEqual(list(table.take(mask)), wanted)
            self.assertEqual(table["id"].take(mask).tolist(), [row[0] for row in wanted])
            self.assertEqual(table["qty"].sum(where=mask), sum(row[2] for row in wanted))
        with self.assertRaisesRegex(TypeError, "truth value"):
            bool(a)
        with self.assertRaises(TypeError):
            a and b
        with self.assertRaises(ValueError):
            a & fastpar.Mask(3)
        self.assertEqual(len(a), len(rows))
        self.assertEqual((a[0], a[-1]), (rows[0][2] >= 500, rows[-1][2] >= 500))

    def test_rows_by_numbers(self):
        rows = made(100)
        table = trades(rows)
        for numbers in ([5, 0, 99, 5], array.array("Q", [7, 8]), range(10, 0, -3), [-1, 2]):
            self.assertEqual(list(table.take(numbers)), [rows[number] for number in numbers])
        for numbers in ([100], [-101], array.array("Q", [3, 100])):
            with self.assertRaises((IndexError, fastpar.InvalidArgumentError)):
                table.take(numbers)


def _compare(name, value, other):
    # int has no answer for a float: Python asks the float then.
    found = getattr(value, name)(other)
    if found is NotImplemented:
        found = getattr(other, {"__lt__": "__gt__", "__gt__": "__lt__", "__le__": "__ge__", "__ge__": "__le__"}.get(name, name))(value)
    return found


    def test_what_is_no_value_is_refused(self):
        table = trades(made(20))
        operators = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)
        for column, value in itertools.product(("qty", "price", "sym"), (None, [], object())):
            for compare in operators:
                with self.subTest(column, value=value, compare=compare), self.assertRaises(TypeError):
                    compare(table[column], value)
        for value in (5, 10**12):
            self.assertRaises(TypeError, operator.eq, table["sym"], value)

    def test_buffers_that_shrink(self):
        mask = fastpar.Mask(1000)
        del mask.buffer[10:]
        for use in (lambda: ~mask, lambda: mask & fastpar.Mask(1000), lambda: fastpar.Mask(1000) | mask):
            self.assertRaises(ValueError, use)


class Calls(unittest.TestCase):
    def test_cancelled_and_watched(self):
        table = trades(made(1000))
        flag = fastpar.CancelFlag()
        flag.cancel()
        group = table.group_by("sym")
        for call in (
            lambda: table["qty"].sum(cancel=flag),
            lambda: table["qty"].between(1, 2, cancel=flag),
            lambda: table.take([1, 2], cancel=flag),
            lambda: group.agg({"n": "count"}, cancel=flag),
        ):
            with self.assertRaises(fastpar.CancelledError):
                call()
        seen = []
        table["qty"].sum(progress=lambda done, total: seen.append((done, total)))
        self.assertEqual(seen[-1], (1000, 1000))

        def fail(done, total):
            raise KeyError("told")

        with self.assertRaisesRegex(KeyError, "told"):
            table["qty"].sum(progress=fail)
        for wrong in ({"cancel": 5}, {"cancel": True}, {"progress": 5}, {"max_lanes": "2"}):
            for call in (table["qty"].sum, table["price"].unique, lambda **control: table.take([1], **control)):
                with self.subTest(wrong), self.assertRaises(TypeError):
                    call(**wrong)

    def test_others_that_are_no_columns_and_no_tables(self):
        table = trades(made(10))
        for call in (lambda: table["qty"].dot("price"), lambda: table["price"].mean("qty"), lambda: table.merged([], "id")):
            with self.assertRaisesRegex(TypeError, "column|Table"):
                call()

    def test_many_threads_use_one_table(self):
        table = trades(made(20_000))
        expected = table["qty"].sum(where=table["price"] > 1)
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(table["qty"].sum(where=table["price"] > 1))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [expected] * 6)
