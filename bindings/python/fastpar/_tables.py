"""Tables: records in a buffer, of which columns are read where they are."""

import array
import contextlib
import ctypes
import operator
from collections.abc import Buffer, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, SupportsIndex, Unpack, overload

from . import _native as n
from ._buffers import address
from ._columns import Column, Control, run
from ._handles import GroupsHandle, Uncopied
from ._layout import Asked, Field, Layout, answers
from ._library import lib
from ._masks import Mask, mask_of

if TYPE_CHECKING:
    from ._table_groups import GroupBy


class bucket(NamedTuple):
    """A key of `Table.group_by`: values of [origin + i * width, origin + (i + 1) * width) are one group, labelled by its begin."""

    column: str
    width: float
    origin: float = 0


class Table(Uncopied):
    """Rows in a buffer, which stays where it is. Made by `table`.

    `t["price"]` is a column, `t[5]` a row (a tuple, or a namedtuple if the table has names), `t[10:20]` a table of those rows over
    the same buffer. `len`, and iteration over the rows.
    """

    __slots__ = ("_buffer", "_count", "_layout", "_offset", "_stride")

    _instead = "send its rows, list(table), or the buffer that it reads"

    def __init__(self, buffer: Buffer, layout: Layout, offset: int, count: int, stride: int) -> None:
        self._buffer, self._layout = buffer, layout
        self._offset, self._count, self._stride = offset, count, stride

    @property
    def buffer(self) -> Buffer:
        """What it reads; of a table that was computed a bytearray of whole rows."""
        return self._buffer

    @property
    def format(self) -> str:
        """What a row looks like, as for struct."""
        return self._layout.struct.format

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return self._layout.names

    def __len__(self) -> int:
        return self._count

    def _bytes(self) -> int:
        return self._count * self._stride

    def _row(self, row: SupportsIndex) -> tuple:
        try:
            at = range(self._count)[row]
        except IndexError:
            raise IndexError(f"row {row} of {self._count}") from None
        return self._layout.struct.unpack_from(self._buffer, self._offset + at * self._stride)

    def _tuples(self) -> Iterator[tuple]:
        unpack = self._layout.struct.unpack_from
        for at in range(self._count):
            yield unpack(self._buffer, self._offset + at * self._stride)

    @overload
    def __getitem__(self, key: str) -> Column: ...
    @overload
    def __getitem__(self, key: slice) -> "Table": ...
    @overload
    def __getitem__(self, key: SupportsIndex) -> tuple: ...
    def __getitem__(self, key):
        if isinstance(key, str):
            return Column(self, key)
        if isinstance(key, slice):
            begin, end, step = key.indices(self._count)
            if step < 0:
                raise ValueError("rows backwards: take(range(len(t))[::-1]) copies them")
            offset = self._offset + begin * self._stride
            return Table(self._buffer, self._layout, offset, len(range(begin, end, step)), self._stride * step)
        row = self._row(key)
        return row if self._layout.row is None else self._layout.row._make(row)

    def __iter__(self) -> Iterator[tuple]:
        return self._tuples() if self._layout.row is None else map(self._layout.row._make, self._tuples())

    def __repr__(self) -> str:
        columns = ", ".join(f"{field.name} {field.letter}" for field in self._layout.fields.values())
        return f"<fastpar.Table of {self._count} rows: {columns}>"

    # ---- calls of the library ----

    @contextlib.contextmanager
    def _columns_of(self, fields: Sequence[Field]) -> Iterator[ctypes.Array]:
        """The columns for C; the buffer can neither move nor go away meanwhile."""
        columns = (n.fastpar_column * len(fields))()
        with address(self._buffer) as (data, size):
            last = self._offset + max(self._count - 1, 0) * self._stride + self._layout.struct.size
            if self._count and last > size:
                raise ValueError(f"the buffer has shrunk to {size} bytes")
            for column, field in zip(columns, fields):
                # Without rows there need not be an address.
                column.base = data + self._offset + field.offset if self._count else None
                column.count, column.stride, column.type = self._count, self._stride, field.type
                column.flags = field.size << 8 if field.type == n.FASTPAR_BYTES else 0
            yield columns

    @contextlib.contextmanager
    def _column_of(self, field: Field) -> Iterator[n.fastpar_column]:
        with self._columns_of([field]) as columns:
            yield columns[0]

    def _take(self, field: Field, rows: Mask | Sequence[int], control: Control) -> bytearray:
        """The values of some rows, one after the other."""
        written = ctypes.byref(ctypes.c_size_t())
        if isinstance(rows, Mask):
            taken = bytearray(rows.count() * field.size)
            picked, take, count = mask_of(rows, self), lib.fastpar_column_take, None
        else:
            numbers = rows if isinstance(rows, array.array) and rows.typecode == "Q" else _numbers(rows, self._count)
            taken = bytearray(len(numbers) * field.size)
            picked, take, count = address(numbers), lib.fastpar_column_take_rows, len(numbers)
        with self._column_of(field) as column, picked as (data, size), address(taken, True) as (to, room):
            # Masks are counted in bytes, numbers of rows by themselves.
            many = size if count is None else min(count, size // 8)

            def work(options: object, error: object) -> int:
                return take(options, ctypes.byref(column), data, many, to, room, written, error)

            run(work, self._bytes(), **control)
        return taken

    def aggregate(
        self, asked: Mapping[str, Asked], *, where: Mask | None = None, **control: Unpack[Control]
    ) -> dict[str, int | float | None]:
        """Several aggregates of the rows, or of those of a mask, in one pass, in parallel.

            t.aggregate({"rows": "count", "volume": ("qty", "sum"), "vwap": (("price", "qty"), "wmean")})

        "count"; "sum", "mean", "min", "max", "first", "last", "var" of a column; "dot" and "wmean" of two. Sums of whole numbers are
        exact, whatever their size. None where there is no value: all but counts and sums of no rows.
        """
        fields: list[Field] = []
        aggregates, whole = self._layout.asked(asked, fields)
        # Rows can only be counted by a column.
        fields = fields or [self._layout.whole()]
        values = (n.fastpar_value * len(aggregates))()
        with self._columns_of(fields) as columns, mask_of(where, self) as mask:

            def work(options: object, error: object) -> int:
                return lib.fastpar_table_aggregate(
                    options, columns, len(columns), *mask, aggregates, len(aggregates), values, error
                )

            run(work, self._bytes(), **control)
        return answers(asked, values, whole, aggregates)

    def take(self, rows: Mask | Sequence[int], **control: Unpack[Control]) -> "Table":
        """The rows of a mask, or those of these numbers in their order, copied to a table over a bytearray."""
        taken = self._take(self._layout.whole(), rows, control)
        size = self._layout.struct.size
        return Table(taken, self._layout, 0, len(taken) // size, size)

    def sorted(
        self, *by: str, descending: bool | Sequence[bool] = False, **control: Unpack[Control]
    ) -> "Table":
        """The rows copied to a table over a bytearray, and sorted by these columns: see `sort`."""
        made = self.take(range(self._count), **control) if self._stride != self._layout.struct.size else self._copied()
        made.sort(*by, descending=descending, **control)
        return made

    def _copied(self) -> "Table":
        with memoryview(self._buffer) as view, view.cast("B") as data:
            rows = bytearray(data[self._offset : self._offset + self._bytes()])
        return Table(rows, self._layout, 0, self._count, self._stride)

    def _keys(self, by: Sequence[str], descending: bool | Sequence[bool]) -> ctypes.Array:
        """The keys of a sort for C."""
        directions = [descending] * len(by) if isinstance(descending, (bool, int)) else list(descending)
        if not by or len(directions) != len(by):
            raise ValueError(f"{len(by)} columns to sort by, and {len(directions)} directions")
        keys = (n.fastpar_sort_key * len(by))()
        for key, name, downwards in zip(keys, by, directions):
            field = self._layout.field(name)
            key.offset, key.type = field.offset, field.type
            key.flags = n.FASTPAR_SORT_DESCENDING if downwards else 0
            key.flags |= field.size << 8 if field.type == n.FASTPAR_BYTES else 0
        return keys

    def argsort(
        self, *by: str, descending: bool | Sequence[bool] = False, **control: Unpack[Control]
    ) -> "array.array[int]":
        """The numbers of the rows in the order that `sorted` would give them: what `take` takes."""
        size = self._layout.struct.size
        whole = self if self._stride == size else self.take(range(self._count), **control)
        keys, rows = self._keys(by, descending), array.array("Q", bytes(8 * self._count))
        with whole._column_of(self._layout.whole()) as records, address(rows, True) as (to, _):

            def work(options: object, error: object) -> int:
                return lib.fastpar_table_argsort(
                    options, records.base, records.count, size, keys, len(keys), to if records.count else None, error
                )

            run(work, self._bytes(), **control)
        return rows

    def merged(
        self, other: "Table", *by: str, descending: bool | Sequence[bool] = False, **control: Unpack[Control]
    ) -> "Table":
        """The rows of this table and of another one of the same format, both sorted by these columns, as one that is sorted. Of
        equal rows those of this table are first."""
        size, keys = self._layout.struct.size, self._keys(by, descending)
        if not isinstance(other, Table):
            raise TypeError(f"merged with a Table, not {type(other).__name__}")
        if other.format != self.format:
            raise ValueError(f"tables of {self.format!r} and of {other.format!r}")
        a, b = (table if table._stride == size else table.take(range(len(table)), **control) for table in (self, other))
        rows = bytearray((len(a) + len(b)) * size)
        written = ctypes.byref(ctypes.c_size_t())
        with a._column_of(self._layout.whole()) as first, b._column_of(self._layout.whole()) as second, address(rows, True) as (to, room):
            lists = first.base, first.count, second.base, second.count, size, keys, len(keys)

            def work(options: object, error: object) -> int:
                return lib.fastpar_table_merge(options, *lists, to if room else None, room, written, error)

            run(work, len(rows), **control)
        return Table(rows, self._layout, 0, len(a) + len(b), size)

    def sort(self, *by: str, descending: bool | Sequence[bool] = False, **control: Unpack[Control]) -> None:
        """Sorts the rows in place, in a writable buffer, by these columns, the most important first: as `fastpar.sort`."""
        size = self._layout.struct.size
        if self._stride != size and self._count > 1:
            raise ValueError("rows with others between them cannot be sorted in place")
        keys = self._keys(by, descending)
        with address(self._buffer, writable=True) as (data, length):
            if self._count and self._offset + self._count * size > length:
                raise ValueError(f"the buffer has shrunk to {length} bytes")

            def work(options: object, error: object) -> int:
                at = data + self._offset if self._count else None
                return lib.fastpar_sort(options, at, self._count, size, keys, len(keys), error)

            run(work, self._bytes(), **control)

    def group_by(self, *keys: "str | bucket") -> "GroupBy[Mask]":
        """Groups of rows whose keys are equal, each a column or a `bucket` of one:

        t.group_by("sym", fastpar.bucket("ts", 60_000)).agg({"open": ("price", "first"), "volume": ("qty", "sum")})
        """
        from ._table_groups import GroupBy

        return GroupBy(self, keys)

    def _groups(
        self,
        fields: Sequence[Field],
        asked: tuple[ctypes.Array, int, ctypes.Array, int, int],
        where: Mask | None,
        control: Control,
    ) -> GroupsHandle:
        """Groups by `asked`: keys, aggregates, and the most memory."""
        groups = GroupsHandle()
        with self._columns_of(fields) as columns, mask_of(where, self) as mask:

            def work(options: object, error: object) -> int:
                return lib.fastpar_table_group(options, columns, len(columns), *mask, *asked, ctypes.byref(groups), error)

            run(work, self._bytes(), **control)
        return groups


def _numbers(rows: Sequence[int], count: int) -> "array.array[int]":
    """Numbers of rows, of which negative ones count from the end."""
    numbers = list(map(operator.index, rows))
    if numbers and min(numbers) < 0:
        if min(numbers) < -count:
            raise IndexError(f"row {min(numbers)} of {count}")
        numbers = [number + count if number < 0 else number for number in numbers]
    if numbers and max(numbers) >= count:
        raise IndexError(f"row {max(numbers)} of {count}")
    return array.array("Q", numbers)


def table(buffer: Buffer, format: str, names: Sequence[str] | None = None) -> Table:
    """A table of the records in a buffer, which is neither copied nor changed.

        trades = fastpar.table(mapped_file, "<QQQIH2xq8x", names=("id", "ts", "order", "qty", "venue", "price"))
        large = trades.take((trades["qty"] >= 100) & trades["ts"].between(begin, end))

    `format`: of a record, as for struct, with repeat counts; in the byte order of this machine (ValueError names a field that is
    not). `names`: of its values, padding has none; without names they are f0, f1, ... The buffer must be contiguous and hold
    whole records, and while a call reads it nothing may write it.
    """
    layout = Layout(format, names)
    with address(buffer) as (_, length):
        count, rest = divmod(length, layout.struct.size)
    if rest:
        raise ValueError(f"{length} bytes are no whole number of records of {layout.struct.size}")
    return Table(buffer, layout, 0, count, layout.struct.size)
