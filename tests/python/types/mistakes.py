"""Mistakes that a checker of types has to find: one in each line that says so, and none in others."""

import fastpar
from fastpar import zstd


def square(number: int) -> int:
    return number * number


def mistakes() -> None:
    fastpar.for_range("10", lambda begin, end: None)  # mistake
    fastpar.for_range(10, lambda begin: None)  # mistake
    fastpar.for_range(10, lambda begin, end: None, segment=3)  # mistake
    fastpar.for_range(10, lambda begin, end: None, errors="all")  # mistake
    fastpar.map(square, ["a"])  # mistake
    words: list[str] = fastpar.map(square, [1])  # mistake
    fastpar.reduce(10, lambda begin, end: end, initial=0, combine=3)  # mistake
    fastpar.ThreadPoolExecutor().submit(square, "a")  # mistake
    word: str = fastpar.ThreadPoolExecutor().submit(square, 1).result()  # mistake
    fastpar.Queue[int](3).push("a")  # mistake
    fastpar.for_slices(lambda part: None, [1, 2])  # mistake
    zstd.compress("text")  # mistake
    zstd.compress(b"data", sync=True)  # mistake
    zstd.compress(b"data", zstd_dict=b"dictionary")  # mistake
    zstd.open("a", "wt").write(b"data")  # mistake
    zstd.compress_file("a", "b", sprase=True)  # mistake
    zstd.compress(b"data", progress=lambda done: None)  # mistake
    zstd.open_archive(b"").scan(lambda a, b: None)  # mistake
    zstd.open_archive(b"").read_at("0", 3)  # mistake
    print(words, word)
