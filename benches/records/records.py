"""Records of 48 bytes, by fastpar's functions for tables, by NumPy, by Polars and by the standard library, in turn.

    records.py LIBRARY FILE ROWS ROUNDS STANDARD

All are called from one Python, fastpar by ctypes: what is measured is native code, a call of which takes milliseconds. FILE is made
first if it is not there: ROWS trades in zstd frames. Prints one object: for each task and contestant the seconds of each round.
FASTPAR_LANES: the lanes of fastpar; POLARS_MAX_THREADS: the threads of Polars. NumPy has one. The standard library takes STANDARD
times fewer rows, and its time is multiplied.
"""

import ctypes
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy
import polars

ROW = struct.Struct("<QQQIH2xq8x")
TYPE = numpy.dtype(
    {
        "names": ["id", "price", "quantity", "count", "flags", "time"],
        "formats": ["<u8", "<u8", "<u8", "<u4", "<u2", "<i8"],
        "offsets": [0, 8, 16, 24, 28, 32],
        "itemsize": ROW.size,
    }
)
MINUTE, LARGE = 60_000_000, 45
U64, I64, BYTES = 4, 8, 11
SUM, MIN, MAX, FIRST, LAST = 1, 3, 4, 5, 6
GREATER = 5
#: Integers are passed as int without it.
N = ctypes.c_size_t


def trades(rows: int) -> numpy.ndarray:
    """Ten a millisecond, always the same."""
    made = numpy.zeros(rows, TYPE)
    made["id"] = numpy.arange(rows)
    noise = (made["id"] * numpy.uint64(6364136223846793005)) >> numpy.uint64(33) & numpy.uint64(0xFFFF)
    made["price"], made["quantity"] = 10_000 + noise % 997, 1 + noise % 50
    made["time"] = numpy.arange(rows) * 100
    return made


# ---- fastpar ----


class Column(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("count", ctypes.c_size_t), ("stride", ctypes.c_size_t), ("type", ctypes.c_uint32), ("flags", ctypes.c_uint32)]


class Field(ctypes.Structure):
    _fields_ = [("offset", ctypes.c_size_t), ("type", ctypes.c_uint32), ("flags", ctypes.c_uint32)]


class Aggregate(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_uint32), ("reserved", ctypes.c_uint32), ("column", ctypes.c_size_t), ("weights", ctypes.c_size_t)]


class Value(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_int64), ("number", ctypes.c_double), ("rows", ctypes.c_uint64)]


class Key(ctypes.Structure):
    _fields_ = [("column", ctypes.c_size_t), ("width", ctypes.c_uint64), ("origin", ctypes.c_int64), ("float_width", ctypes.c_double), ("float_origin", ctypes.c_double)]


class Table(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("fields", ctypes.c_void_p), ("fields_count", ctypes.c_size_t), ("conditions", ctypes.c_void_p), ("conditions_count", ctypes.c_size_t)]


FIELDS = (Field * 3)(Field(8, U64), Field(16, U64), Field(32, I64))
PRICE, QUANTITY, TIME = range(3)
BARS = (Aggregate * 5)(*(Aggregate(what, 0, PRICE, 0) for what in (FIRST, MAX, MIN, LAST)), Aggregate(SUM, 0, QUANTITY, 0))
MINUTES = Key(TIME, MINUTE)
VOLUME, LEAST = Aggregate(SUM, 0, 0, 0), Aggregate(MIN, 0, 0, 0)


class Fastpar:
    """The functions of the library, on rows in memory and in a file."""

    def __init__(self, library: str, rows: numpy.ndarray, file: Path) -> None:
        self.lib = ctypes.CDLL(library)
        self.lib.fastpar_groups_count.restype = ctypes.c_size_t
        self.lib.fastpar_groups_free.restype = None
        self.lib.fastpar_archive_free.restype = None
        lanes = int(os.environ.get("FASTPAR_LANES", "0"))
        # struct_size, schedule, max_lanes; and struct_size, record_size, piece_size, flags, max_lanes;
        # then zeros.
        self.loop = (ctypes.c_uint32 * 32)(128, 0, 0, lanes)
        self.scan = (ctypes.c_uint32 * 24)(96, 0, ROW.size, 0, 0, 0, 0, lanes)
        self.rows, self.file = rows, str(file).encode()
        at = rows.ctypes.data
        self.columns = (Column * 3)(*(Column(at + field.offset, len(rows), ROW.size, field.type, 0) for field in FIELDS))
        self.whole = Column(at, len(rows), 0, BYTES, ROW.size << 8)
        self.mask = numpy.zeros((len(rows) + 7) // 8, numpy.uint8)

    def _check(self, status: int) -> None:
        if status != 0:
            raise RuntimeError(f"status {status}")

    def _one(self, column: Column, what: Aggregate) -> int:
        value = Value()
        self._check(self.lib.fastpar_table_aggregate(self.loop, ctypes.byref(column), N(1), None, N(0), ctypes.byref(what), N(1), ctypes.byref(value), None))
        return value.low

    def sum(self) -> int:
        return self._one(self.columns[QUANTITY], VOLUME)

    def least(self) -> int:
        return self._one(self.columns[PRICE], LEAST)

    def filter(self) -> int:
        least, written, count = ctypes.c_uint64(LARGE), ctypes.c_size_t(), ctypes.c_size_t()
        mask = ctypes.c_void_p(self.mask.ctypes.data), N(len(self.mask))
        column = ctypes.byref(self.columns[QUANTITY])
        self._check(self.lib.fastpar_column_compare(self.loop, column, GREATER, ctypes.byref(least), None, *mask, None))
        self._check(self.lib.fastpar_mask_count(N(len(self.rows)), *mask, ctypes.byref(count), None))
        taken = numpy.empty(count.value, TYPE)
        place = ctypes.c_void_p(taken.ctypes.data), N(taken.nbytes)
        self._check(self.lib.fastpar_column_take(self.loop, ctypes.byref(self.whole), *mask, *place, ctypes.byref(written), None))
        return len(taken)

    def _bars(self, groups: ctypes.c_void_p) -> list[tuple]:
        count = self.lib.fastpar_groups_count(groups)
        found = []
        for function, index in ((self.lib.fastpar_groups_keys, 0), *((self.lib.fastpar_groups_values, index) for index in range(5))):
            values = (Value * count)()
            self._check(function(groups, N(index), values, N(count), None))
            found.append([value.low for value in values])
        self.lib.fastpar_groups_free(groups)
        return list(zip(*found))

    def bars(self) -> list[tuple]:
        groups = ctypes.c_void_p()
        self._check(self.lib.fastpar_table_group(self.loop, self.columns, N(3), None, N(0), ctypes.byref(MINUTES), N(1), BARS, N(5), ctypes.c_uint64(0), ctypes.byref(groups), None))
        return self._bars(groups)

    def bars_of_file(self) -> list[tuple]:
        archive, groups = ctypes.c_void_p(), ctypes.c_void_p()
        table = Table(ctypes.sizeof(Table), ctypes.addressof(FIELDS), 3)
        self._check(self.lib.fastpar_archive_open_file(None, self.file, ctypes.byref(archive), None))
        self._check(self.lib.fastpar_archive_group(self.scan, archive, ctypes.byref(table), ctypes.byref(MINUTES), N(1), BARS, N(5), ctypes.c_uint64(0), ctypes.byref(groups), None))
        self.lib.fastpar_archive_free(archive)
        return self._bars(groups)


# ---- the others ----


def unpacked(file: Path) -> bytes:
    """By the program `zstd`, as the Python that has NumPy may be without zstd."""
    return subprocess.run(["zstd", "-dqc", file], check=True, stdout=subprocess.PIPE).stdout


class NumPy:
    def __init__(self, rows: numpy.ndarray, file: Path) -> None:
        self.rows, self.file = rows, file

    def sum(self) -> int:
        return int(self.rows["quantity"].sum())

    def least(self) -> int:
        return int(self.rows["price"].min())

    def filter(self) -> int:
        return len(self.rows[self.rows["quantity"] > LARGE])

    def _bars(self, rows: numpy.ndarray) -> list[tuple]:
        minutes = rows["time"] // MINUTE
        begins = numpy.concatenate(([0], numpy.flatnonzero(minutes[1:] != minutes[:-1]) + 1))
        ends = numpy.append(begins[1:], len(rows)) - 1
        price = rows["price"]
        high, low = numpy.maximum.reduceat(price, begins), numpy.minimum.reduceat(price, begins)
        volume = numpy.add.reduceat(rows["quantity"], begins)
        return list(zip(*(column.tolist() for column in (minutes[begins] * MINUTE, price[begins], high, low, price[ends], volume))))

    def bars(self) -> list[tuple]:
        return self._bars(self.rows)

    def bars_of_file(self) -> list[tuple]:
        return self._bars(numpy.frombuffer(unpacked(self.file), TYPE))


class Polars:
    """On columns of its own: making them is measured where there is a file."""

    def __init__(self, rows: numpy.ndarray, file: Path) -> None:
        self.frame, self.file = self._frame(rows), file

    def _frame(self, rows: numpy.ndarray) -> polars.DataFrame:
        return polars.DataFrame({name: rows[name] for name in TYPE.names})

    def sum(self) -> int:
        return self.frame["quantity"].sum()

    def least(self) -> int:
        return self.frame["price"].min()

    def filter(self) -> int:
        return len(self.frame.filter(polars.col("quantity") > LARGE))

    def _bars(self, frame: polars.DataFrame) -> list[tuple]:
        price = polars.col("price")
        asked = price.first().alias("open"), price.max().alias("high"), price.min().alias("low"), price.last().alias("close"), polars.col("quantity").sum()
        minute = (polars.col("time") // MINUTE * MINUTE).alias("minute")
        return frame.lazy().group_by(minute).agg(*asked).sort("minute").collect().rows()

    def bars(self) -> list[tuple]:
        return self._bars(self.frame)

    def bars_of_file(self) -> list[tuple]:
        return self._bars(self._frame(numpy.frombuffer(unpacked(self.file), TYPE)))


class Standard:
    """Loops over tuples and over views of every sixth number, of some of the rows."""

    def __init__(self, rows: numpy.ndarray, file: Path) -> None:
        self.data, self.file = rows.tobytes(), file

    def sum(self) -> int:
        return sum(memoryview(self.data).cast("Q")[2::6])

    def least(self) -> int:
        return min(memoryview(self.data).cast("Q")[1::6])

    def filter(self) -> int:
        size, data = ROW.size, self.data
        return len(b"".join([data[at * size : at * size + size] for at, quantity in enumerate(memoryview(data).cast("Q")[2::6]) if quantity > LARGE])) // size

    def _bars(self, data: bytes) -> list[tuple]:
        words = memoryview(data).cast("Q")
        bars: dict[int, list[int]] = {}
        for when, price, quantity in zip(words[4::6], words[1::6], words[2::6]):
            bar = bars.get(when // MINUTE)
            if bar is None:
                bars[when // MINUTE] = [price, price, price, price, quantity]
                continue
            if price > bar[1]:
                bar[1] = price
            elif price < bar[2]:
                bar[2] = price
            bar[3] = price
            bar[4] += quantity
        return [(minute * MINUTE, *bar) for minute, bar in bars.items()]

    def bars(self) -> list[tuple]:
        return self._bars(self.data)

    def bars_of_file(self) -> list[tuple]:
        return self._bars(unpacked(self.file)[: len(self.data)])


def main() -> None:
    library, file, rows, rounds, fewer = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
    made = trades(rows)
    if not file.exists():
        lib = ctypes.CDLL(library)
        bound, written = ctypes.c_size_t(), ctypes.c_size_t()
        lib.fastpar_compress_bound(None, ctypes.c_size_t(made.nbytes), ctypes.byref(bound), None)
        packed = numpy.empty(bound.value, numpy.uint8)
        source, target = (ctypes.c_void_p(made.ctypes.data), ctypes.c_size_t(made.nbytes)), (ctypes.c_void_p(packed.ctypes.data), bound)
        if lib.fastpar_compress(None, *source, *target, ctypes.byref(written), None) != 0:
            sys.exit("fastpar_compress has failed")
        file.write_bytes(packed[: written.value])
        del packed
    contestants = {"fastpar": Fastpar(library, made, file), "NumPy": NumPy(made, file), "Polars": Polars(made, file)}
    few = Standard(made[: rows // fewer], file)
    tasks = {}
    for task in ("sum", "least", "filter", "bars", "bars_of_file"):
        expected = getattr(contestants["NumPy"], task)()
        times: dict[str, list[float]] = {name: [] for name in (*contestants, "standard library")}
        for _ in range(rounds):
            for name, contestant in contestants.items():
                begun = time.perf_counter()
                found = getattr(contestant, task)()
                times[name].append(time.perf_counter() - begun)
                if found != expected:
                    sys.exit(f"{task} by {name} gives something else: {str(found)[:200]}")
        # What it unpacks it unpacks whole.
        begun = time.perf_counter()
        if task == "bars_of_file":
            unpacked(file)
        whole = time.perf_counter() - begun
        begun = time.perf_counter()
        getattr(few, task)()
        times["standard library"].append((time.perf_counter() - begun - whole) * fewer + whole)
        tasks[task] = times
    versions = f"CPython {sys.version.split()[0]}, NumPy {numpy.__version__}, Polars {polars.__version__}"
    print(json.dumps({"rows": rows, "bytes": made.nbytes, "packed": file.stat().st_size, "tasks": tasks, "with": versions}))


if __name__ == "__main__":
    main()
