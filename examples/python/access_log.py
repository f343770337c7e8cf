"""Converts the compressed access log of a web server into JSON lines, compressed too.

    python3.14t access_log.py LOG.zst FOLDER

It is done twice: by fastpar, where a pipeline reads and writes in order and converts on all threads, and by the standard library
on one. FOLDER gets `with_fastpar.zst` and `with_standard_library.zst`, whose content is the same.
"""

import json
import re
import sys
import time
from collections.abc import Iterator
from compression import zstd as standard
from pathlib import Path
from typing import BinaryIO

import fastpar
from fastpar import zstd

# The Common Log Format, and what may follow it.
LINE = re.compile(
    rb'(?P<host>\S+) \S+ (?P<user>\S+) \[(?P<day>\d\d)/(?P<month>\w{3})/(?P<year>\d{4}):(?P<clock>[\d:]{8}) (?P<zone>[+-]\d{4})\]'
    rb' "(?P<request>[^"]*)" (?P<status>\d{3}) (?P<bytes>\d+|-)'
)
MONTHS = {b"Jan": 1, b"Feb": 2, b"Mar": 3, b"Apr": 4, b"May": 5, b"Jun": 6}
MONTHS |= {b"Jul": 7, b"Aug": 8, b"Sep": 9, b"Oct": 10, b"Nov": 11, b"Dec": 12}
BATCH = 1 << 18

type Batch = tuple[int, list[bytes]]


def batches(log: BinaryIO) -> Iterator[Batch]:
    """The lines, some at a time, and the number of the first of them."""
    number = 1
    while lines := log.readlines(BATCH):
        yield number, lines
        number += len(lines)


def convert(batch: Batch) -> bytes:
    """A JSON object a line, with its number; of a line that is none of such a log its text."""
    return b"".join(json.dumps({"line": number, **fields(line)}).encode() + b"\n" for number, line in enumerate(batch[1], batch[0]))


def fields(line: bytes) -> dict[str, str | int | None]:
    match = LINE.match(line)
    if match is None or match["month"] not in MONTHS:
        return {"text": line.rstrip(b"\n").decode(errors="replace")}
    text = {name: value.decode(errors="replace") for name, value in match.groupdict().items()}
    when = f"{text['year']}-{MONTHS[match['month']]:02}-{text['day']}T{text['clock']}{text['zone'][:3]}:{text['zone'][3:]}"
    return {
        "time": when,
        "host": text["host"],
        "user": None if text["user"] == "-" else text["user"],
        "request": text["request"],
        "status": int(text["status"]),
        "bytes": 0 if text["bytes"] == "-" else int(text["bytes"]),
    }


# ---- by the library ----


def with_fastpar(source: Path, target: Path) -> None:
    with zstd.open(source) as log, zstd.open(target, "w") as out, fastpar.pipeline(batches(log), convert) as converted:
        for lines in converted:
            out.write(lines)


# ---- by the standard library ----


def with_standard_library(source: Path, target: Path) -> None:
    with standard.open(source) as log, standard.open(target, "w") as out:
        for lines in map(convert, batches(log)):
            out.write(lines)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    contents = set()
    for function in (with_fastpar, with_standard_library):
        target = folder / f"{function.__name__}.zst"
        begun = time.perf_counter()
        function(source, target)
        print(f"{function.__name__}: {time.perf_counter() - begun:.3f} s, {target.stat().st_size} bytes")
        contents.add(zstd.decompress(target.read_bytes()))
    if len(contents) != 1:
        sys.exit("the results differ")


if __name__ == "__main__":
    main()
