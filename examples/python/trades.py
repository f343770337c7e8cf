"""Reads trades from a compressed file and sums them up, row by row, on all threads.

    python3.14t trades.py [ROWS] [FOLDER]

The file is made first if it is not there: 48-byte rows in concatenated zstd frames, and beside it an index of the
frames. Then all rows are read, decompressed and reduced twice: by fastpar, and by the standard library's ThreadPoolExecutor and
compression.zstd.
"""

import os
import struct
import sys
import tempfile
import time
from collections import namedtuple
from compression import zstd as standard
from concurrent.futures import ThreadPoolExecutor

import fastpar
from fastpar import zstd

# trade id, price, quantity, count, flags, two bytes of padding, timestamp, eight bytes that are reserved
ROW = struct.Struct("<QQQIH2xq8x")
ROWS_PER_FRAME = 50_000
INDEX_ROW = struct.Struct("<QQ")

Totals = namedtuple("Totals", "rows volume turnover buys last")


def make_rows(first: int, last: int) -> bytes:
    """The rows of trades `first` to `last - 1`: always the same ones."""
    out = bytearray((last - first) * ROW.size)
    for i in range(first, last):
        noise = i * 6364136223846793005 >> 33 & 0xFFFF
        ROW.pack_into(out, (i - first) * ROW.size, i, 10_000 + noise % 997, 1 + noise % 50, 1 + noise % 7, noise & 1, i * 1_000)
    return bytes(out)


def make_file(path: str, rows: int) -> None:
    """Writes the compressed rows, and the index: where each frame begins, and its size."""
    starts = range(0, rows, ROWS_PER_FRAME)
    frames = fastpar.map(
        lambda start: zstd.compress(make_rows(start, min(start + ROWS_PER_FRAME, rows)), single_frame=True),
        starts,
        segments=len(starts),
    )
    offset = 0
    with open(path, "wb") as data, open(path + ".index", "wb") as index:
        for frame in frames:
            index.write(INDEX_ROW.pack(offset, len(frame)))
            data.write(frame)
            offset += len(frame)


def read_file(path: str) -> tuple[bytes, list[tuple[int, int]]]:
    """The compressed rows, and the index."""
    with open(path, "rb") as data, open(path + ".index", "rb") as index:
        return data.read(), list(INDEX_ROW.iter_unpack(index.read()))


def sum_up(rows: memoryview) -> Totals:
    """The loop over the rows."""
    volume = turnover = buys = last = count = 0
    for _, price, quantity, _, flags, timestamp in ROW.iter_unpack(rows):
        volume += quantity
        turnover += price * quantity
        buys += flags & 1
        last = max(last, timestamp)
        count += 1
    return Totals(count, volume, turnover, buys, last)


def add(a: Totals, b: Totals) -> Totals:
    return Totals(a.rows + b.rows, a.volume + b.volume, a.turnover + b.turnover, a.buys + b.buys, max(a.last, b.last))


NOTHING = Totals(0, 0, 0, 0, 0)


def with_fastpar(path: str) -> Totals:
    """All frames at once into one buffer; then 24 pieces of it."""
    data, _ = read_file(path)
    rows = bytearray(zstd.decompressed_size(data))
    zstd.decompress_into(data, rows)
    total = NOTHING
    for part in fastpar.map(sum_up, fastpar.chunks(rows, record_size=ROW.size), segments=24):
        total = add(total, part)
    return total


def with_standard_library(path: str) -> Totals:
    """A task for every frame of the index."""
    data, index = read_file(path)
    view = memoryview(data)

    def task(place: tuple[int, int]) -> Totals:
        offset, size = place
        return sum_up(memoryview(standard.decompress(view[offset : offset + size])))

    total = NOTHING
    with ThreadPoolExecutor(24) as executor:
        for part in executor.map(task, index):
            total = add(total, part)
    return total


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    folder = sys.argv[2] if len(sys.argv) > 2 else tempfile.gettempdir()
    path = os.path.join(folder, f"trades-{rows}.zst")
    if not os.path.exists(path + ".index"):
        make_file(path, rows)
    print(f"{rows} rows of {ROW.size} bytes, {os.path.getsize(path)} bytes compressed")
    results = set()
    for function in (with_fastpar, with_standard_library):
        start = time.perf_counter()
        totals = function(path)
        print(f"{function.__name__}: {time.perf_counter() - start:.3f} s")
        results.add(totals)
    if len(results) != 1:
        sys.exit(f"the results differ: {results}")
    print(totals)


if __name__ == "__main__":
    main()
