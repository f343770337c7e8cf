"""Columns of tables: aggregates, comparisons and selection."""

import array
import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from . import _native as n
from ._buffers import address
from ._calls import progress_callback
from ._comparisons import LETTERS, Comparisons
from ._errors import CancelFlag, error_of, uint32
from ._library import lib
from ._masks import Mask, mask_of
from ._sort import Steps
from .zstd._interrupts import interruptible

if TYPE_CHECKING:
    from ._tables import Table

OPERATIONS = {
    "count": n.FASTPAR_AGGREGATE_COUNT,
    "sum": n.FASTPAR_AGGREGATE_SUM,
    "mean": n.FASTPAR_AGGREGATE_MEAN,
    "min": n.FASTPAR_AGGREGATE_MIN,
    "max": n.FASTPAR_AGGREGATE_MAX,
    "first": n.FASTPAR_AGGREGATE_FIRST,
    "last": n.FASTPAR_AGGREGATE_LAST,
    "var": n.FASTPAR_AGGREGATE_VARIANCE,
    "dot": n.FASTPAR_AGGREGATE_DOT,
    "wmean": n.FASTPAR_AGGREGATE_WEIGHTED_MEAN,
}
#: Those that give a float whatever the columns are.
ALWAYS_FLOAT = ("mean", "var", "wmean")


class Control(TypedDict, total=False):
    """How a call on a table is bounded, stopped and watched; `progress` gets rows done and rows in all."""

    max_lanes: int
    cancel: CancelFlag | None
    progress: Callable[[int, int], object] | None


def run(
    work: Callable[[object, object], int],
    amount: int,
    *,
    max_lanes: int = 0,
    cancel: CancelFlag | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> None:
    """Calls `work(options, error)`, a function of the library that works on about so many bytes, and raises what it reports."""
    options = n.fastpar_loop_options(ctypes.sizeof(n.fastpar_loop_options), 0, uint32(max_lanes, "max_lanes"))
    steps, error = Steps(progress, cancel), n.fastpar_error()
    options.cancel = steps.address
    if progress is not None:
        options.progress, options.progress_data = progress_callback, steps
    if interruptible(steps, lambda: work(ctypes.byref(options), ctypes.byref(error)), amount) != n.FASTPAR_OK:
        raise error_of(error)


def integer(value: n.fastpar_int128) -> int:
    """A number of 128 bits."""
    return value.high << 64 | value.low


class Column(Comparisons[Mask]):
    """A field of a table's rows. Nothing is copied: it reads the bytes of the table.

    Comparisons with a number, or with bytes, give masks: `column < 5`. All calls take `max_lanes`, `cancel` and `progress`;
    results are the same to the bit on any number of threads.
    """

    __slots__ = ("_field", "_table", "name")

    def __init__(self, table: "Table", name: str) -> None:
        self._table, self.name = table, name
        self._field = table._layout.field(name)

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, row: int) -> int | float | bytes:
        return self._table._row(row)[self._field.number]

    def __iter__(self) -> Iterator[int | float | bytes]:
        number = self._field.number
        return (row[number] for row in self._table._tuples())

    def __repr__(self) -> str:
        return f"<fastpar.Column {self.name!r} ({self._field.letter}) of {len(self)} rows>"

    # ---- aggregates ----

    def _one(self, operation: str, weights: "Column | None", where: Mask | None, control: Control) -> int | float:
        if weights is not None and not isinstance(weights, Column):
            raise TypeError(f"{operation} with a column, not {type(weights).__name__}")
        columns = self.name if weights is None else (self.name, weights.name)
        if weights is not None and weights._table is not self._table:
            raise ValueError("the columns are of different tables")
        found = self._table.aggregate({"x": (columns, operation)}, where=where, **control)["x"]
        if found is None:
            raise ValueError(f"{operation} of no rows")
        return found

    def sum(self, *, where: Mask | None = None, **control: Unpack[Control]) -> int | float:
        """Exact for whole numbers; of floats with compensation of what rounding loses. 0 of no rows."""
        return self._one("sum", None, where, control)

    def dot(self, other: "Column", *, where: Mask | None = None, **control: Unpack[Control]) -> int | float:
        """The sum of the products with another column of the table; exact for whole numbers. LimitError: more than 128 bits."""
        return self._one("dot", other, where, control)

    def mean(
        self, weights: "Column | None" = None, *, where: Mask | None = None, **control: Unpack[Control]
    ) -> float:
        """The mean, or the mean weighted by another column. ValueError if there are no rows."""
        return self._one("mean" if weights is None else "wmean", weights, where, control)

    def var(self, ddof: int = 0, *, where: Mask | None = None, **control: Unpack[Control]) -> float:
        """The squared distances from the mean, summed and divided by the number of rows minus `ddof`.

        0: the variance of these values; 1: what a sample tells of more. A mean that is large beside the distances costs no digits.
        NaN where a value is infinite or NaN; ValueError of no more than `ddof` rows.
        """
        asked = {"var": (self.name, "var"), "rows": "count"}
        found = self._table.aggregate(asked, where=where, **control)
        if found["rows"] <= ddof:
            raise ValueError(f"var of {found['rows']} rows with ddof {ddof}")
        return found["var"] * (found["rows"] / (found["rows"] - ddof))

    def min(self, *, where: Mask | None = None, **control: Unpack[Control]) -> int | float:
        """The least value; NaN only if there is nothing else. ValueError if there are no rows."""
        return self._one("min", None, where, control)

    def max(self, *, where: Mask | None = None, **control: Unpack[Control]) -> int | float:
        """The greatest value; as `min`."""
        return self._one("max", None, where, control)

    def histogram(
        self, bins: int, low: float, high: float, *, where: Mask | None = None, **control: Unpack[Control]
    ) -> "array.array[int]":
        """How many values lie in each of `bins` ranges of equal width from `low` up to `high`, which is not in the last."""
        counts = array.array("Q", bytes(8 * bins))
        with self._table._column_of(self._field) as column, mask_of(where, self) as mask, address(counts, True) as (to, _):

            def work(options: object, error: object) -> int:
                return lib.fastpar_column_histogram(
                    options, ctypes.byref(column), *mask, low, high, to, bins, error
                )

            run(work, self._table._bytes(), **control)
        return counts

    def unique(self, **control: Unpack[Control]) -> "array.array | Table":
        """The values that there are, sorted, each once; floats by their bits. Bytes give a table."""
        found = self._table.group_by(self.name).agg({}, **control)
        if self._field.type == n.FASTPAR_BYTES:
            return found
        return array.array(LETTERS[self._field.type], list(found[self.name]))

    def searchsorted(
        self, values: Sequence[float], side: Literal["left", "right"] = "left", **control: Unpack[Control]
    ) -> "array.array[int]":
        """For each value how many rows of this column, which is sorted, are less; "right": or equal to it. Values are of its type."""
        if side not in ("left", "right"):
            raise ValueError(f'side is {side!r}, expected "left" or "right"')
        letter = LETTERS.get(self._field.type)
        if letter is None:
            raise ValueError(f"column {self.name!r} has no numbers")
        wanted = array.array(letter, values)
        rows = array.array("Q", bytes(8 * len(wanted)))
        asked = n.fastpar_column(None, len(wanted), 0, self._field.type, 0)
        after = n.FASTPAR_SEARCH_RIGHT if side == "right" else n.FASTPAR_SEARCH_LEFT
        with self._table._column_of(self._field) as column, address(wanted) as (data, _), address(rows, True) as (to, size):
            if size:
                asked.base = data

            def work(options: object, error: object) -> int:
                return lib.fastpar_column_search(
                    options, ctypes.byref(column), ctypes.byref(asked), after, to if size else None, error
                )

            run(work, size, **control)
        return rows

    # ---- selection ----

    def take(self, rows: "Mask | Sequence[int]", **control: Unpack[Control]) -> "array.array | Table":
        """The values of the rows of a mask, or of these numbers, as an array; bytes as a table."""
        taken = self._table._take(self._field, rows, control)
        if self._field.type == n.FASTPAR_BYTES:
            from ._tables import table

            return table(taken, f"{self._field.size}s", names=(self.name,))
        values = array.array(LETTERS[self._field.type])
        values.frombytes(taken)
        return values

    # ---- comparisons ----

    def _none(self) -> Mask:
        return Mask(len(self))

    def _compared(self, comparison: int, low: bytes, high: bytes | None, control: Control) -> Mask:
        made = Mask(len(self))
        with self._table._column_of(self._field) as column, address(made.buffer, True) as (to, size):

            def work(options: object, error: object) -> int:
                return lib.fastpar_column_compare(
                    options, ctypes.byref(column), comparison, low, high, to, size, error
                )

            run(work, self._table._bytes(), **control)
        return made
