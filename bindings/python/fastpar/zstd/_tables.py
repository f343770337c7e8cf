"""Tables of what an archive holds: the same as over a buffer, frame by frame, for more than fits into memory."""

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, Self, Unpack

from .. import _native as n
from .._calls import entries, progress_callback
from .._columns import Control
from .._comparisons import Comparisons
from .._errors import CancelFlag, size, uint32
from .._handles import GroupsHandle
from .._layout import Asked, Field, Layout, answers
from .._library import lib
from .._masks import Mask
from .._sort import Steps
from .._table_groups import GroupBy
from .._tables import Table, bucket
from ._interrupts import interruptible
from ._source import Borrowed, check_source

if TYPE_CHECKING:
    from ._archive import Archive

#: Bytes that iterating reads at a time.
_READ = 1 << 20


class Condition:
    """Which rows of an archive's table: `column < 5`. `a & b`, `a | b`, `a ^ b`, `a - b` (rows of a that are not of b), `~a`.

    It is for any table of the same format; what rows it has is found by `filter` and what is asked of that. There is no truth value.
    """

    __slots__ = ("_layout", "_steps")

    def __init__(self, layout: Layout, steps: tuple[tuple[Field, int, bytes, bytes | None] | int, ...]) -> None:
        self._layout, self._steps = layout, steps

    def _with(self, operation: int, other: "Condition") -> "Condition":
        if other._layout.fields != self._layout.fields:
            raise ValueError("conditions of tables of different formats")
        return Condition(self._layout, (*self._steps, *other._steps, operation))

    def __and__(self, other: "Condition") -> "Condition":
        return self._with(n.FASTPAR_MASK_AND, other) if isinstance(other, Condition) else NotImplemented

    def __or__(self, other: "Condition") -> "Condition":
        return self._with(n.FASTPAR_MASK_OR, other) if isinstance(other, Condition) else NotImplemented

    def __xor__(self, other: "Condition") -> "Condition":
        return self._with(n.FASTPAR_MASK_XOR, other) if isinstance(other, Condition) else NotImplemented

    def __sub__(self, other: "Condition") -> "Condition":
        return self._with(n.FASTPAR_MASK_AND_NOT, other) if isinstance(other, Condition) else NotImplemented

    def __invert__(self) -> "Condition":
        return Condition(self._layout, (*self._steps, n.FASTPAR_MASK_NOT))

    def __bool__(self) -> NoReturn:
        raise TypeError("a condition has no truth value: & | ~ instead of and, or, not")

    def _mask(self, table: Table) -> Mask:
        """The rows of a table in memory."""
        made: list[Mask] = []
        for step in self._steps:
            if isinstance(step, int):
                last = made.pop()
                made.append(~last if step == n.FASTPAR_MASK_NOT else made.pop()._with(step, last))
            else:
                field, *comparison = step
                made.append(table[field.name]._compared(*comparison, {}))
        return made[0]

    def _native(self, fields: list[Field]) -> ctypes.Array:
        """The steps for C; their fields are added to `fields`."""
        native = (n.fastpar_condition * len(self._steps))()
        for place, step in zip(native, self._steps):
            if isinstance(step, int):
                place.combine = step
                continue
            field, place.comparison, low, high = step
            if field not in fields:
                fields.append(field)
            place.field = fields.index(field)
            # The steps keep the bytes.
            place.low = ctypes.cast(low, ctypes.c_void_p)
            place.high = ctypes.cast(high, ctypes.c_void_p) if high is not None else None
        return native


class ArchiveColumn(Comparisons[Condition]):
    """A field of an archive's table. Comparisons with a number, or with bytes, give conditions.

    Aggregates are asked of the table, as each call reads the archive: `t.aggregate({"total": ("quantity", "sum"), ...})`.
    """

    __slots__ = ("_field", "_layout", "name")

    def __init__(self, layout: Layout, name: str) -> None:
        self._layout, self.name, self._field = layout, name, layout.field(name)

    def __repr__(self) -> str:
        return f"<fastpar.zstd.ArchiveColumn {self.name!r} ({self._field.letter})>"

    def _none(self) -> Condition:
        nothing = bytes(self._field.size)
        return self._compared(n.FASTPAR_COMPARE_BETWEEN, nothing, nothing, {})

    def _compared(self, comparison: int, low: bytes, high: bytes | None, control: Control) -> Condition:
        return Condition(self._layout, ((self._field, comparison, low, high),))


class _Reading(Steps):
    """A call, and the rows that it gives out."""

    __slots__ = ("rows",)

    def __init__(self, progress: Callable[[int, int], object] | None, cancel: CancelFlag | None) -> None:
        super().__init__(progress, cancel)
        self.rows = bytearray()


def keep_rows(call: _Reading, data: int, length: int) -> int:
    """What the library calls with rows that pass."""
    try:
        with Borrowed(data, length) as view:
            call.rows += view
        return 0
    except BaseException as error:
        call.fail(0, error)
        return 1


_sink = n.fastpar_sink_fn(keep_rows)
entries.add(keep_rows.__code__)


class ArchiveTable:
    """The records of an archive. Made by `Archive.table`.

    `t["price"]` is a column to compare, `t.filter(condition)` a table of the rows that pass. Each call decompresses what it needs, in
    parallel, and looks at it while it is in the caches; `progress` gets bytes of the content. Results are the same to the bit on any
    number of threads. Iteration goes over the rows, on one thread.
    """

    __slots__ = ("_archive", "_condition", "_layout", "_part")

    def __init__(
        self, archive: "Archive", layout: Layout, part: tuple[int, int], condition: Condition | None = None
    ) -> None:
        self._archive, self._layout, self._condition = archive, layout, condition
        self._part = size(part[0], "offset"), size(part[1], "size")

    @property
    def format(self) -> str:
        """What a row looks like, as for struct."""
        return self._layout.struct.format

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return self._layout.names

    def __getitem__(self, name: str) -> ArchiveColumn:
        return ArchiveColumn(self._layout, name)

    def __repr__(self) -> str:
        columns = ", ".join(f"{field.name} {field.letter}" for field in self._layout.fields.values())
        return f"<fastpar.zstd.ArchiveTable{'' if self._condition is None else ' of some rows'}: {columns}>"

    def filter(self, condition: Condition) -> Self:
        """The rows that pass, of those that this table has. Nothing is read."""
        return type(self)(self._archive, self._layout, self._part, self._also(condition))

    def _also(self, condition: Condition | None) -> Condition | None:
        if condition is not None and condition._layout.fields != self._layout.fields:
            raise ValueError("a condition of a table of another format")
        if condition is None or self._condition is None:
            return condition if self._condition is None else self._condition
        return self._condition & condition

    def count(self, **control: Unpack[Control]) -> int:
        """How many rows it has."""
        return self.aggregate({"rows": "count"}, **control)["rows"]

    def aggregate(
        self, asked: Mapping[str, Asked], *, where: Condition | None = None, **control: Unpack[Control]
    ) -> dict[str, int | float | None]:
        """Several aggregates in one pass, as `Table.aggregate`."""
        fields: list[Field] = []
        aggregates, whole = self._layout.asked(asked, fields)
        values = (n.fastpar_value * len(aggregates))()

        def work(call: _Reading, table: tuple, error: object) -> int:
            return lib.fastpar_archive_aggregate(*table, aggregates, len(aggregates), values, error)

        self._run(work, fields, where, **control)
        return answers(asked, values, whole, aggregates)

    def group_by(self, *keys: str | bucket) -> GroupBy[Condition]:
        """Groups of rows whose keys are equal, as `Table.group_by`; `agg` reads them."""
        return GroupBy(self, keys)

    def _groups(
        self,
        fields: Sequence[Field],
        asked: tuple[ctypes.Array, int, ctypes.Array, int, int],
        where: Condition | None,
        control: Control,
    ) -> GroupsHandle:
        groups = GroupsHandle()

        def work(call: _Reading, table: tuple, error: object) -> int:
            return lib.fastpar_archive_group(*table, *asked, ctypes.byref(groups), error)

        self._run(work, list(fields), where, **control)
        return groups

    def take(self, *, where: Condition | None = None, **control: Unpack[Control]) -> Table:
        """The rows, copied to a table over a bytearray."""

        def work(call: _Reading, table: tuple, error: object) -> int:
            return lib.fastpar_archive_take(*table, _sink, call, error)

        rows, record = self._run(work, [], where, **control).rows, self._layout.struct.size
        return Table(rows, self._layout, 0, len(rows) // record, record)

    def _run(
        self,
        work: Callable[[_Reading, tuple, object], int],
        fields: list[Field],
        where: Condition | None,
        *,
        max_lanes: int = 0,
        cancel: CancelFlag | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> _Reading:
        """Calls `work(call, (options, archive, table), error)`, and raises what it reports."""
        handle, condition = self._archive._opened(), self._also(where)
        conditions = None if condition is None else condition._native(fields)
        native = (n.fastpar_field * len(fields))()
        for place, field in zip(native, fields):
            place.offset, place.type = field.offset, field.type
            place.flags = field.size << 8 if field.type == n.FASTPAR_BYTES else 0
        table = n.fastpar_table(ctypes.sizeof(n.fastpar_table))
        table.fields, table.fields_count = ctypes.addressof(native), len(native)
        if conditions is not None:
            table.conditions, table.conditions_count = ctypes.addressof(conditions), len(conditions)
        offset, length = self._part
        options = n.fastpar_scan_options(ctypes.sizeof(n.fastpar_scan_options), self._layout.struct.size)
        options.max_lanes, options.offset, options.size = uint32(max_lanes, "max_lanes"), offset, length
        call, error = _Reading(progress, cancel), n.fastpar_error()
        options.cancel = call.address
        if progress is not None:
            options.progress, options.progress_data = progress_callback, call
        described = ctypes.byref(options), handle, ctypes.byref(table)
        status = interruptible(call, lambda: work(call, described, ctypes.byref(error)))
        check_source(status, error)
        self._archive._check(status, error)
        return call

    def __iter__(self) -> Iterator[tuple]:
        record = self._layout.struct.size
        at, length = self._part
        end = at + length if length else len(self._archive)
        step = max(_READ // record, 1) * record
        while at < end:
            block = self._archive.read_at(at, min(step, end - at))
            if len(block) % record or not block:
                raise ValueError(f"{end} bytes of content are no whole number of records of {record}")
            table = Table(block, self._layout, 0, len(block) // record, record)
            yield from table if self._condition is None else table.take(self._condition._mask(table))
            at += len(block)


def archive_table(archive: "Archive", format: str, names: Sequence[str] | None, part: tuple[int, int]) -> ArchiveTable:
    """All records of a part of an archive."""
    return ArchiveTable(archive, Layout(format, names), part)
