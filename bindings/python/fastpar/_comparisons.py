"""Comparisons of the values of a field with numbers or with bytes, whatever is made of them."""

import ctypes
import math
import struct
from typing import TYPE_CHECKING, Literal, Protocol, Self, Unpack

from . import _native as n

if TYPE_CHECKING:
    from ._columns import Control
    from ._tables import Field

#: By FASTPAR_ type: the letter of struct and array.
LETTERS = {
    n.FASTPAR_U8: "B",
    n.FASTPAR_U16: "H",
    n.FASTPAR_U32: "I",
    n.FASTPAR_U64: "Q",
    n.FASTPAR_I8: "b",
    n.FASTPAR_I16: "h",
    n.FASTPAR_I32: "i",
    n.FASTPAR_I64: "q",
    n.FASTPAR_F32: "f",
    n.FASTPAR_F64: "d",
}
FLOATS = (n.FASTPAR_F32, n.FASTPAR_F64)


def _next_float(value: float, upwards: bool) -> float:
    """The next float of 32 bits."""
    if value == 0.0:
        return struct.unpack("<f", struct.pack("<i", 1))[0] * (1 if upwards else -1)
    (bits,) = struct.unpack("<i", struct.pack("<f", value))
    return struct.unpack("<f", struct.pack("<i", bits + (1 if (value > 0) == upwards else -1)))[0]


def _float_bound(kind: int, value: float, upwards: bool, strict: bool) -> float | None:
    """The float of the column that is nearest to a bound, on its inner side; None: there is none."""
    outer = math.inf if upwards else -math.inf
    try:
        nearest = float(value)
        if kind == n.FASTPAR_F32:
            nearest = ctypes.c_float(nearest).value
    except OverflowError:
        nearest = math.inf if value > 0 else -math.inf
    outside = nearest < value if upwards else nearest > value
    if outside or (strict and nearest == value):
        if nearest == outer:
            return None
        if kind == n.FASTPAR_F64:
            return math.nextafter(nearest, outer)
        if math.isinf(nearest):
            # From the other infinity inwards: the greatest number of 32 bits.
            return math.copysign(struct.unpack("<f", b"\xff\xff\x7f\x7f")[0], nearest)
        return _next_float(nearest, upwards)
    return nearest


class Rows(Protocol):
    """Some rows of many."""

    def __sub__(self, other: Self) -> Self: ...
    def __invert__(self) -> Self: ...


class Comparisons[R: Rows]:
    """What compares a field: with its name, and rows of what it gives."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    name: str
    _field: "Field"

    def _none(self) -> R:
        """No row."""
        raise NotImplementedError

    def _compared(self, comparison: int, low: bytes, high: bytes | None, control: "Control") -> R:
        """The rows that FASTPAR_COMPARE_ tells."""
        raise NotImplementedError

    def _compare(self, low: object, high: object, strict: tuple[bool, bool], control: "Control") -> R:
        """The rows of the values in a range; an end that is None is none, and one that is strict is not in it."""
        kind = self._field.type
        if kind == n.FASTPAR_BYTES:
            return self._compare_bytes(low, high, strict, control)
        for value in (low, high):
            if value is not None and not isinstance(value, (int, float)):
                raise TypeError(f"column {self.name!r} is compared with numbers, not {type(value).__name__}")
        if low != low or high != high:
            return self._none()  # NaN
        if kind in FLOATS:
            low = -math.inf if low is None else _float_bound(kind, low, True, strict[0])
            high = math.inf if high is None else _float_bound(kind, high, False, strict[1])
        else:
            low, high = self._whole_bounds(low, high, strict)
        if low is None or high is None or low > high:
            return self._none()
        pack = struct.Struct("=" + LETTERS[kind]).pack
        return self._compared(n.FASTPAR_COMPARE_BETWEEN_CLOSED, pack(low), pack(high), control)

    def _refuse_none(self, value: object) -> None:
        if value is None:  # which would be no end
            raise TypeError(f"column {self.name!r} is compared with a value, not None")

    def _whole_bounds(self, low: object, high: object, strict: tuple[bool, bool]) -> tuple[int | None, int | None]:
        bits = 8 * self._field.size
        signed = LETTERS[self._field.type].islower()
        least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if low == math.inf or high == -math.inf:
            return None, None
        if low is None or low == -math.inf:
            low = least
        else:
            low = max(least, math.floor(low) + 1 if strict[0] else math.ceil(low))
        if high is None or high == math.inf:
            high = most
        else:
            high = min(most, math.ceil(high) - 1 if strict[1] else math.floor(high))
        return low, high

    def _compare_bytes(self, low: object, high: object, strict: tuple[bool, bool], control: "Control") -> R:
        ends = []
        for value in (low, high):
            if value is not None:
                if not isinstance(value, (bytes, bytearray, memoryview)):
                    raise TypeError(f"column {self.name!r} is compared with bytes, not {type(value).__name__}")
                value = bytes(value)
                if len(value) > self._field.size:
                    raise ValueError(f"{len(value)} bytes, but those of {self.name!r} have {self._field.size}")
                value = value.ljust(self._field.size, b"\0")
            ends.append(value)
        low, high = ends
        if low is None or high is None:
            name = ("LESS" if low is None else "GREATER") + ("" if strict[low is None] else "_EQUAL")
            return self._compared(getattr(n, f"FASTPAR_COMPARE_{name}"), high if low is None else low, None, control)
        made = self._compared(n.FASTPAR_COMPARE_BETWEEN if strict[1] else n.FASTPAR_COMPARE_BETWEEN_CLOSED, low, high, control)
        return made - self._compared(n.FASTPAR_COMPARE_EQUAL, low, None, control) if strict[0] else made

    def between(
        self,
        low: float | bytes,
        high: float | bytes,
        closed: Literal["left", "right", "both", "neither"] = "left",
        **control: "Unpack[Control]",
    ) -> R:
        """The rows whose values lie in [low, high), or with the ends that `closed` tells. NaN lies in no range."""
        if closed not in ("left", "right", "both", "neither"):
            raise ValueError(f'closed is {closed!r}, expected "left", "right", "both" or "neither"')
        return self._compare(low, high, (closed not in ("left", "both"), closed not in ("right", "both")), control)

    def __lt__(self, value: float | bytes) -> R:
        self._refuse_none(value)
        return self._compare(None, value, (False, True), {})

    def __le__(self, value: float | bytes) -> R:
        self._refuse_none(value)
        return self._compare(None, value, (False, False), {})

    def __gt__(self, value: float | bytes) -> R:
        self._refuse_none(value)
        return self._compare(value, None, (True, False), {})

    def __ge__(self, value: float | bytes) -> R:
        self._refuse_none(value)
        return self._compare(value, None, (False, False), {})

    def __eq__(self, value: float | bytes) -> R:  # type: ignore[override]
        self._refuse_none(value)
        return self._compare(value, value, (False, False), {})

    def __ne__(self, value: float | bytes) -> R:  # type: ignore[override]
        self._refuse_none(value)
        return ~self._compare(value, value, (False, False), {})
