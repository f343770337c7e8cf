"""Groups of a table's rows."""

import array
import ctypes
from collections.abc import Mapping, Sequence
from typing import Unpack

from . import _native as n
from ._buffers import address
from ._columns import FLOATS, Control, run
from ._errors import call, uint64
from ._handles import Handle
from ._library import lib
from ._masks import Mask, mask_of
from ._tables import Asked, Field, Layout, Table, bucket

#: Words of 64 bits of a fastpar_value, and which of them are what.
_WORDS, _LOW, _HIGH, _NUMBER = 4, 0, 1, 2
_MINUS_ONE, _SIGN = 2**64 - 1, 2**63


class _GroupsHandle(Handle):
    __slots__ = ()
    free = lib.fastpar_groups_free


class GroupBy:
    """Rows that are grouped by keys; `agg` computes."""

    __slots__ = ("_keys", "_table")

    def __init__(self, table: Table, keys: Sequence[bucket]) -> None:
        self._table, self._keys = table, keys

    def agg(
        self,
        asked: Mapping[str, Asked],
        *,
        where: Mask | None = None,
        max_memory: int = 0,
        **control: Unpack[Control],
    ) -> Table:
        """Aggregates of each group, as `Table.aggregate` has them: a table over a bytearray, sorted by the keys.

        Its first columns are the keys (of buckets where they begin), then what was asked: whole numbers as "q", or "Q" where they are
        not negative and need it (OverflowError: a number has more than 64 bits), others as "d". Groups of more than `max_memory` bytes
        are a LimitError; 0: there is no limit.
        """
        names = [key.column for key in self._keys] + list(asked)
        fields: list[Field] = []
        keys = self._native_keys(fields)
        aggregates, whole = self._table._asked(asked, fields)
        handle = ctypes.c_void_p()
        limit = uint64(max_memory, "max_memory")
        with self._table._columns_of(fields) as columns, mask_of(where, self._table) as mask:
            found = len(columns), *mask, keys, len(keys), aggregates, len(aggregates), limit, ctypes.byref(handle)

            def work(options: object, error: object) -> int:
                return lib.fastpar_table_group(options, columns, *found, error)

            try:
                run(work, self._table._bytes(), **control)
            except BaseException:
                lib.fastpar_groups_free(handle)  # it may have come to its end all the same
                raise
        groups = _GroupsHandle(handle.value)
        count = lib.fastpar_groups_count(groups)
        letters, columns = [], []
        for index, key in enumerate(self._keys):
            field = self._table._layout.field(key.column)
            if field.type == n.FASTPAR_BYTES:
                letters.append(f"{field.size}s{-field.size % 8}x")
                columns.append(self._bytes(groups, count, field))
            else:
                values = self._values(lib.fastpar_groups_keys, groups, index, count)
                _append(letters, columns, values, field.type not in FLOATS, key.column)
        for index, name in enumerate(asked):
            values = self._values(lib.fastpar_groups_values, groups, index, count)
            _append(letters, columns, values, whole[index], name)
        return _table_of(letters, columns, names, count)

    def _native_keys(self, fields: list[Field]) -> ctypes.Array:
        if not self._keys:
            raise ValueError("group_by of no keys")
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

    def _bytes(self, groups: Handle, count: int, field: Field) -> "list[array.array[int]]":
        """A key of bytes, as words."""
        rows = array.array("Q", bytes(8 * count))
        with address(rows, True) as (to, _):
            call(lib.fastpar_groups_rows, groups, to, count)
        taken = self._table._take(field, rows, {})
        size, padding = field.size, bytes(-field.size % 8)
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
