"""One-minute bars of the trades in several compressed files, and the large trades of a few minutes.

    python3.14t trades.py FOLDER [FILES [ROWS]]

It is done three times: by loops of Python on fastpar's threads, where every file is decompressed and folded; by fastpar's tables,
which need no loop of Python; and by the standard library, a task a file. The files are made first if they are not there:
`trades-0.zst` and so on, each of ROWS rows of 48 bytes, compressed with a seek table, which is their index.
"""

import bisect
import functools
import struct
import sys
import time
from compression import zstd as standard
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fastpar
from fastpar import zstd

# trade id, price, quantity, count, flags, two bytes of padding, microseconds, eight bytes that are reserved
ROW = struct.Struct("<QQQIH2xq8x")
MINUTE = 60_000_000
BEGIN, END = 2 * MINUTE, 5 * MINUTE
LARGE, HIGH = 49, 10500

NAMES = ("id", "price", "quantity", "count", "flags", "time")

type Bars = dict[int, list[int]]


def bars_of(rows: memoryview | bytes) -> Bars:
    """The bars of rows: open, high, low, close and volume for each minute."""
    bars: Bars = {}
    for _, price, quantity, _, _, microseconds in ROW.iter_unpack(rows):
        bar = bars.get(microseconds // MINUTE)
        if bar is None:
            bars[microseconds // MINUTE] = [price, price, price, price, quantity]
            continue
        if price > bar[1]:
            bar[1] = price
        elif price < bar[2]:
            bar[2] = price
        bar[3] = price
        bar[4] += quantity
    return bars


def join(bars: Bars, later: Bars) -> Bars:
    """Bars, and those of rows that came later."""
    for minute, bar in later.items():
        if minute in bars:
            opened, high, low, _, volume = bars[minute]
            bars[minute] = [opened, max(high, bar[1]), min(low, bar[2]), bar[3], volume + bar[4]]
        else:
            bars[minute] = bar
    return bars


def count_large(rows: memoryview | bytes) -> int:
    """The large trades above HIGH from BEGIN to END."""
    return sum(row[2] > LARGE and row[1] > HIGH and BEGIN <= row[5] < END for row in ROW.iter_unpack(rows))


# ---- by the library ----


def row_at(archive: zstd.Archive, microseconds: int) -> int:
    """The first row that is not before that time: a search by reads of single rows."""
    rows = range(len(archive) // ROW.size)
    return bisect.bisect_left(rows, microseconds, key=lambda row: ROW.unpack(archive.read_at(row * ROW.size, ROW.size))[5])


def with_fastpar(files: list[Path]) -> tuple[Bars, int]:
    bars, large = {}, 0
    for file in files:
        with zstd.open_archive(file) as archive:
            bars = archive.reduce(bars_of, join, bars, record_size=ROW.size)
            begin, end = (row_at(archive, when) * ROW.size for when in (BEGIN, END))
            if begin < end:
                large += archive.reduce(count_large, record_size=ROW.size, offset=begin, size=end - begin)
    return bars, large


# ---- by the library's tables ----


def with_tables(files: list[Path]) -> tuple[Bars, int]:
    bars, large = {}, 0
    asked = {
        "open": ("price", "first"),
        "high": ("price", "max"),
        "low": ("price", "min"),
        "close": ("price", "last"),
        "volume": ("quantity", "sum"),
    }
    for file in files:
        with zstd.open_archive(file) as archive:
            trades = archive.table(ROW.format, NAMES)
            found = trades.group_by(fastpar.bucket("time", MINUTE)).agg(asked)
            bars = join(bars, {bar[0] // MINUTE: list(bar[1:]) for bar in found})
            passes = (trades["quantity"] > LARGE) & (trades["price"] > HIGH) & trades["time"].between(BEGIN, END)
            large += trades.filter(passes).count()
    return bars, large


# ---- by the standard library ----


def read_file(file: Path) -> tuple[Bars, int]:
    rows = standard.decompress(file.read_bytes())
    return bars_of(rows), count_large(rows)


def with_standard_library(files: list[Path]) -> tuple[Bars, int]:
    with ThreadPoolExecutor(24) as executor:
        parts = list(executor.map(read_file, files))
    return functools.reduce(join, (bars for bars, _ in parts), {}), sum(large for _, large in parts)


# ---- the files ----


def make_rows(first: int, last: int) -> bytes:
    """The rows of trades `first` to `last - 1`: always the same ones, one a millisecond."""
    out = bytearray((last - first) * ROW.size)
    for i in range(first, last):
        noise = i * 6364136223846793005 >> 33 & 0xFFFF
        ROW.pack_into(out, (i - first) * ROW.size, i, 10_000 + noise % 997, 1 + noise % 50, 1 + noise % 7, noise & 1, i * 1_000)
    return bytes(out)


def make_file(file: Path, first: int, rows: int) -> None:
    content = fastpar.reduce(rows, lambda begin, end: make_rows(first + begin, first + end), initial=b"")
    file.write_bytes(zstd.compress(content))


def main() -> None:
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    rows = int(sys.argv[3]) if len(sys.argv) > 3 else 500_000
    files = [folder / f"trades-{i}.zst" for i in range(count)]
    for i, file in enumerate(files):
        if not file.exists():
            make_file(file, i * rows, rows)
    results, times = [], []
    for function in (with_fastpar, with_tables, with_standard_library):
        begun = time.perf_counter()
        results.append(function(files))
        times.append(f"{function.__name__}: {time.perf_counter() - begun:.3f} s")
    if any(result != results[0] for result in results):
        sys.exit("the results differ")
    bars, large = results[0]
    for minute in range(3):
        opened, high, low, close, volume = bars.get(minute, [0] * 5)
        print(f"minute {minute}: open {opened}, high {high}, low {low}, close {close}, volume {volume}")
    print(f"{large} large trades", *times, sep="; ")


if __name__ == "__main__":
    main()
