"""Groups of a table's rows."""

import array
import ctypes
from collections.abc import Mapping, Sequence
from typing import Protocol, Unpack

from . import _native as n
from ._buffers import address
from ._columns import Control
from ._comparisons import FLOATS
from ._errors import call, uint64
from ._handles import GroupsHandle, Handle
from ._layout import Asked, Field, Layout
from ._library import lib
from ._tables import Table, bucket

#: Words of 64 bits of a fastpar_value, and which of them are what.
_WORDS, _LOW, _HIGH, _NUMBER = 4, 0, 1, 2
_MINUS_ONE, _SIGN = 2**64 - 1, 2**63


class Grouped[W](Protocol):
    """What has rows that can be grouped; W picks some of them."""

    _layout: Layout

    def _groups(
        self,
        fields: Sequence[Field],
        asked: tuple[ctypes.Array, int, ctypes.Array, int, int],
        where: W | None,
        control: Control,
    ) -> GroupsHandle: ...


class GroupBy[W]:
    """Rows that are grouped by keys; `agg` computes."""

    __slots__ = ("_keys", "_table")

    def __init__(self, table: Grouped[W], keys: Sequence[str | bucket]) -> None:
        if not keys:
            raise ValueError("group_by of no keys")
        for key in keys:
            # A width of 0 stands for the values themselves.
            if isinstance(key, bucket) and key.width == 0:
                raise ValueError(f"buckets of {key.column!r} with a width of 0")
        self._table = table
        self._keys = [key if isinstance(key, bucket) else bucket(key, 0) for key in keys]

    def agg(
        self,
        asked: Mapping[str, Asked],
        *,
        where: W | None = None,
        max_memory: int = 0,
        **control: Unpack[Control],
    ) -> Table:
        """Aggregates of each group, as `Table.aggregate` has them: a table over a bytearray, sorted by the keys.

        Its first columns are the keys (of buckets where they begin), then what was asked: whole numbers as "q", or "Q" where they are
        not negative and need it (OverflowError: a number has more than 64 bits), others as "d". Groups of more than `max_memory` bytes
        are a LimitError; 0: there is no limit.
        """
        names = [key.column for key in self._keys] + list(asked)
        if len(set(names)) != len(names):
            raise ValueError(f"names must differ from each other: {', '.join(names)}")
        layout = self._table._layout
        fields: list[Field] = []
        keys = self._native_keys(fields)
        aggregates, whole = layout.asked(asked, fields)
        limit = uint64(max_memory, "max_memory")
        groups = self._table._groups(fields, (keys, len(keys), aggregates, len(aggregates), limit), where, control)
        count = lib.fastpar_groups_count(groups)
        letters, columns = [], []
        for index, key in enumerate(self._keys):
            field = layout.field(key.column)
            if field.type == n.FASTPAR_BYTES:
                letters.append(f"{field.size}s{-field.size % 8}x")
                columns.append(self._bytes(groups, index, count, field.size))
            else:
                values = self._values(lib.fastpar_groups_keys, groups, index, count)
                _append(letters, columns, values, field.type not in FLOATS, key.column)
        for index, name in enumerate(asked):
            values = self._values(lib.fastpar_groups_values, groups, index, count)
            _append(letters, columns, values, whole[index], name)
        return _table_of(letters, columns, names, count)

    def _native_keys(self, fields: list[Field]) -> ctypes.Array:
        keys = (n.fastpar_group_key * len(self._keys))()
        for place, key in zip(keys, self._keys):
            field = self._table._layout.field(key.column)
            if field not in fields:
                fields.append(field)
            place.column = fields.index(field)
            if key.width == 0:
                continue
            if field.type in FLOATS:
                place.float_width, place.float_origin = key.width, key.origin
                continue
            if not isinstance(key.width, int) or not isinstance(key.origin, int):
                raise TypeError(f"buckets of {key.column!r} have whole widths and origins")
            if not 0 < key.width < 2**64:
                raise ValueError(f"buckets of {key.column!r} with a width of {key.width}")
            # Any other begin of a bucket tells the same buckets.
            origin = key.origin % key.width
            place.width, place.origin = key.width, origin if origin < _SIGN else origin - key.width
        return keys

    @staticmethod
    def _values(function: ctypes._NamedFuncPointer, groups: Handle, index: int, count: int) -> "array.array[int]":
        """The values of a key or an aggregate, as words."""
        values = array.array("Q", bytes(8 * _WORDS * count))
        with address(values, True) as (to, _):
            call(function, groups, index, to, count)
        return values

    @staticmethod
    def _bytes(groups: Handle, index: int, count: int, size: int) -> "list[array.array[int]]":
        """A key of bytes, as words."""
        taken, written = bytearray(count * size), ctypes.c_size_t()
        with address(taken, True) as (to, room):
            call(lib.fastpar_groups_key_bytes, groups, index, to, room, ctypes.byref(written))
        padding = bytes(-size % 8)
        if padding:
            taken = b"".join(taken[at : at + size] + padding for at in range(0, len(taken), size))
        words, wide = memoryview(taken).cast("Q"), (size + len(padding)) // 8
        return [array.array("Q", words[at::wide].tolist()) for at in range(wide)]


def _append(
    letters: list[str], columns: list, values: "array.array[int]", whole: bool, name: str
) -> None:
    """Adds a column of numbers."""
    if not whole:
        letters.append("d")
        columns.append([values[_NUMBER::_WORDS]])
        return
    low, high = values[_LOW::_WORDS], values[_HIGH::_WORDS]
    signs = set(high)
    pairs = signs and zip(low, high)
    if signs <= {0} and (not low or max(low) < _SIGN):
        letters.append("q")
    elif signs <= {0}:
        letters.append("Q")
    elif signs <= {0, _MINUS_ONE} and all((word >= _SIGN) == (sign != 0) for word, sign in pairs):
        letters.append("q")
    else:
        raise OverflowError(f"a value of {name!r} has more than 64 bits")
    columns.append([low])


def _table_of(letters: Sequence[str], columns: Sequence[list], names: Sequence[str], count: int) -> Table:
    """A table of columns of words."""
    layout = Layout("=" + "".join(letters), names)
    words = [word for column in columns for word in column]
    rows = bytearray(layout.struct.size * count)
    if count:
        with memoryview(rows) as view, view.cast("Q") as places:
            for at, column in enumerate(words):
                places[at :: len(words)] = memoryview(column)
    return Table(rows, layout, 0, count, layout.struct.size)
