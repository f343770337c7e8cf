"""The same in Python."""

import array

import fastpar
from fastpar import zstd

values = array.array("Q", bytes(800_000))


def fill(begin, end):
    for i in range(begin, end):
        values[i] = i


fastpar.for_range(len(values), fill)
total = fastpar.reduce(len(values), lambda begin, end: sum(values[begin:end]))
assert total == 4_999_950_000, total
assert zstd.decompress(zstd.compress(values)) == bytes(values)
print(f"fastpar {fastpar.version()} works")
