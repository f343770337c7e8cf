"""Compresses every file of a folder into another folder, with a progress bar.

    python3.14t compress_tree.py SOURCE TARGET

It is done twice: by fastpar, where large files are compressed on all CPUs each, and by the standard library, a task a file.
"""

import os
import sys
import time
from collections.abc import Iterator
from compression import zstd as standard
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import fastpar
from fastpar import zstd

LEVEL = 3


def files_of(source: Path, target: Path) -> Iterator[tuple[Path, Path, int]]:
    """Every file, what becomes of it, and its size; the largest first, as they take longest."""
    found = []
    for folder, _, names in os.walk(source):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                copy = target / path.relative_to(source)
                found.append((path, copy.with_name(copy.name + ".zst"), path.stat().st_size))
    return iter(sorted(found, key=lambda entry: -entry[2]))


class Bar:
    """A progress bar, told from any thread."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._shown = total, fastpar.AtomicInt(), -1

    def add(self, size: int) -> None:
        percent = 100 * (self._done.add(size) + size) // max(self._total, 1)
        if percent > self._shown and sys.stderr.isatty():
            self._shown = percent
            print(f"\r[{'#' * (percent // 2):<50}] {percent:3} %", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._shown >= 0:
            print(file=sys.stderr)


def with_fastpar(source: Path, target: Path) -> int:
    files = list(files_of(source, target))
    bar = Bar(sum(size for _, _, size in files))
    total = fastpar.AtomicInt()

    def body(begin: int, end: int) -> None:
        for path, copy, size in files[begin:end]:
            copy.parent.mkdir(parents=True, exist_ok=True)
            total.add(zstd.compress_file(path, copy, LEVEL).bytes_out)
            bar.add(size)

    fastpar.for_range(len(files), body, schedule=fastpar.Schedule.GRAIN, grain=1)
    bar.close()
    return total.load()


def with_standard_library(source: Path, target: Path) -> int:
    files = list(files_of(source, target))
    bar = Bar(sum(size for _, _, size in files))

    def task(path: Path, copy: Path, size: int) -> tuple[int, int]:
        copy.parent.mkdir(parents=True, exist_ok=True)
        packed = standard.compress(path.read_bytes(), LEVEL)
        copy.write_bytes(packed)
        return size, len(packed)

    total = 0
    with ThreadPoolExecutor(24) as executor:
        for future in as_completed([executor.submit(task, *entry) for entry in files]):
            size, packed = future.result()
            total += packed
            bar.add(size)
    bar.close()
    return total


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    if not source.is_dir():
        sys.exit(f"{source} is not a folder")
    before = sum(size for _, _, size in files_of(source, target))
    for function in (with_fastpar, with_standard_library):
        start = time.perf_counter()
        after = function(source, target / function.__name__)
        print(f"{function.__name__}: {before} bytes became {after} in {time.perf_counter() - start:.3f} s")


if __name__ == "__main__":
    main()
