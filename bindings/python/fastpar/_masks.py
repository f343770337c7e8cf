"""Masks: which rows of a table."""

import ctypes
from collections.abc import Sized
from typing import NoReturn

from . import _native as n
from ._buffers import address
from ._errors import call
from ._library import lib


class Mask:
    """A bit for each row of a table, the lowest bit of a byte first (as in Arrow), in the bytearray `buffer`.

    `a & b`, `a | b`, `a ^ b`, `a - b` (rows of a that are not of b), `~a`; `len(a)` is the number of rows, `a.count()` that of
    the rows whose bit is set. There is no truth value: `and`, `or` and `not` raise TypeError.
    """

    __slots__ = ("_rows", "buffer")

    def __init__(self, rows: int, buffer: bytearray | None = None) -> None:
        needed = (rows + 7) // 8
        self._rows, self.buffer = rows, bytearray(needed) if buffer is None else buffer
        if len(self.buffer) < needed:
            raise ValueError(f"a mask of {rows} rows has {needed} bytes, not {len(self.buffer)}")

    def __len__(self) -> int:
        return self._rows

    def __bool__(self) -> NoReturn:
        raise TypeError("a mask has no truth value: & | ~ instead of and, or, not; count() tells how many rows it has")

    def __getitem__(self, row: int) -> bool:
        at = range(self._rows)[row]
        return bool(self.buffer[at // 8] >> at % 8 & 1)

    def count(self) -> int:
        """How many rows it has."""
        count = ctypes.c_size_t()
        with address(self.buffer) as (data, size):
            call(lib.fastpar_mask_count, self._rows, data, size, ctypes.byref(count))
        return count.value

    def _with(self, operation: int, other: "Mask | None") -> "Mask":
        if other is not None and len(other) != len(self):
            raise ValueError(f"masks of {len(self)} and {len(other)} rows")
        made = Mask(self._rows)
        second = self if other is None else other
        size = len(made.buffer)
        with address(self.buffer) as (a, first), address(second.buffer) as (b, last), address(made.buffer, True) as (to, _):
            if min(first, last) < size:
                raise ValueError(f"the buffer of a mask has shrunk to {min(first, last)} bytes")
            call(lib.fastpar_mask_combine, operation, self._rows, a, None if other is None else b, size, to)
        return made

    def __and__(self, other: "Mask") -> "Mask":
        return self._with(n.FASTPAR_MASK_AND, other) if isinstance(other, Mask) else NotImplemented

    def __or__(self, other: "Mask") -> "Mask":
        return self._with(n.FASTPAR_MASK_OR, other) if isinstance(other, Mask) else NotImplemented

    def __xor__(self, other: "Mask") -> "Mask":
        return self._with(n.FASTPAR_MASK_XOR, other) if isinstance(other, Mask) else NotImplemented

    def __sub__(self, other: "Mask") -> "Mask":
        return self._with(n.FASTPAR_MASK_AND_NOT, other) if isinstance(other, Mask) else NotImplemented

    def __invert__(self) -> "Mask":
        return self._with(n.FASTPAR_MASK_NOT, None)

    def __repr__(self) -> str:
        return f"<fastpar.Mask of {self._rows} rows, {self.count()} set>"


class mask_of:
    """Used like a function. While it is entered: address and size of a mask, for a table or column of as many rows."""

    __slots__ = ("_address",)

    def __init__(self, mask: Mask | None, rows: Sized) -> None:
        if mask is not None and len(mask) != len(rows):
            raise ValueError(f"a mask of {len(mask)} rows for {len(rows)}")
        self._address = None if mask is None else address(mask.buffer)

    def __enter__(self) -> tuple[int | None, int]:
        return (None, 0) if self._address is None else self._address.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._address is not None:
            self._address.__exit__()
