"""What rows look like, and what is asked of them."""

import ctypes
import re
import struct
from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import _native as n
from ._columns import ALWAYS_FLOAT, OPERATIONS, integer
from ._comparisons import FLOATS, LETTERS
from ._sort import fields_of

#: What is asked: the name of a column, or of two, and the name of what is wanted of it; or "count".
type Asked = str | tuple[str | tuple[str, str], str]


class Field(NamedTuple):
    """A field of a row."""

    name: str
    #: Its place among the values of a row.
    number: int
    offset: int
    #: FASTPAR_U8 to FASTPAR_BYTES.
    type: int
    size: int

    @property
    def letter(self) -> str:
        """As in struct."""
        return LETTERS.get(self.type, f"{self.size}s")


class Layout:
    """What rows look like."""

    __slots__ = ("fields", "names", "row", "struct")

    def __init__(self, format: str, names: Sequence[str] | None) -> None:
        self.struct = struct.Struct(format)
        found, _ = fields_of(format)
        if self.struct.size == 0 or not found:
            raise ValueError(f"rows of {format!r} have no values")
        if self.struct.size >= 1 << 24:
            raise ValueError(f"rows of {self.struct.size} bytes: at most {(1 << 24) - 1} are possible")
        text = re.sub(r"\s", "", format)
        if "p" in text:
            raise ValueError(f"format {format!r}: p (bytes with their length) has no column")
        self.names = tuple(f"f{at}" for at in range(len(found))) if names is None else tuple(names)
        if len(self.names) != len(found):
            raise ValueError(f"{len(self.names)} names, but rows of {format!r} have {len(found)} values")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"names must differ from each other: {', '.join(self.names)}")
        self.fields = {}
        for number, (name, (offset, kind, size)) in enumerate(zip(self.names, found)):
            # Bytes stand for numbers of another byte order that they compare as.
            letter_is_bytes = kind == n.FASTPAR_BYTES and not self._is_bytes(text, number)
            if kind == 0 or letter_is_bytes:
                raise ValueError(
                    f"field {name!r} of {format!r}: half precision, or another byte order than this machine's"
                )
            self.fields[name] = Field(name, number, offset, kind, size)
        self.row = None if names is None else namedtuple("Row", self.names, rename=True)

    @staticmethod
    def _is_bytes(text: str, number: int) -> bool:
        letters = []
        for count, letter in re.findall(r"(\d*)([a-zA-Z?])", text):
            letters += [] if letter == "x" else [letter] * (1 if letter in "sp" else int(count or 1))
        return letters[number] in "sc"

    def field(self, name: str) -> Field:
        """The field of this name."""
        try:
            return self.fields[name]
        except KeyError:
            raise KeyError(f"there is no column {name!r}, but {', '.join(self.names)}") from None

    def whole(self) -> Field:
        """The rows themselves, as a field."""
        return Field("row", 0, 0, n.FASTPAR_BYTES, self.struct.size)

    def asked(self, asked: Mapping[str, Asked], fields: list[Field]) -> tuple[ctypes.Array, list[bool]]:
        """The aggregates for C, and which of them are whole numbers; their columns are added to `fields`."""
        aggregates = (n.fastpar_aggregate * len(asked))()
        whole = []
        for aggregate, (name, what) in zip(aggregates, asked.items()):
            columns, operation = ((), what) if isinstance(what, str) else what
            columns = (columns,) if isinstance(columns, str) else tuple(columns)
            if operation not in OPERATIONS:
                raise ValueError(f"{name!r} is {operation!r}, expected one of {', '.join(OPERATIONS)}")
            needed = 0 if operation == "count" else 2 if operation in ("dot", "wmean") else 1
            if len(columns) != needed:
                raise ValueError(f"{name!r}: {operation} is of {needed} columns, not {len(columns)}")
            found = [self.field(column) for column in columns]
            for field in found:
                if field.type == n.FASTPAR_BYTES:
                    raise ValueError(f"{name!r}: column {field.name!r} has no numbers")
                if field not in fields:
                    fields.append(field)
            places = [fields.index(field) for field in found] + [0, 0]
            aggregate.operation, aggregate.column, aggregate.weights = OPERATIONS[operation], places[0], places[1]
            whole.append(operation not in ALWAYS_FLOAT and not any(field.type in FLOATS for field in found))
        return aggregates, whole


def answers(
    asked: Mapping[str, Asked], values: ctypes.Array, whole: Sequence[bool], aggregates: ctypes.Array
) -> dict[str, int | float | None]:
    """What aggregates of all rows give, by the names that they were asked by."""
    found = {}
    for name, value, exact, aggregate in zip(asked, values, whole, aggregates):
        sums = aggregate.operation in (OPERATIONS["count"], OPERATIONS["sum"], OPERATIONS["dot"])
        number = integer(value.integer) if exact else value.number
        found[name] = number if value.rows or sums else None
    return found
