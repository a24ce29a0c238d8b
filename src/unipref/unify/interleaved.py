"""Gathers rows that come one by one and in whole tables into one Arrow table, in the order in which they came."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from unipref.core.arrow_arrays import from_numbers

if TYPE_CHECKING:
    import pyarrow as pa

Item = TypeVar("Item")


class InterleavedRows(Generic[Item]):
    """Rows of both kinds. Single rows are converted together: to make a table of each takes longer than its rows.

    Args:
        to_table: makes a table of single rows.
    """

    def __init__(self, to_table: Callable[[list[Item]], "pa.Table"]) -> None:
        self._to_table = to_table
        self._tables: list[pa.Table] = []
        self._rows: list[Item] = []
        self._runs: list[tuple[bool, int]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add_rows(self, rows: Sequence[Item]) -> None:
        """Adds single rows."""
        self._rows += rows
        self._add_run(True, len(rows))

    def add_table(self, table: "pa.Table") -> None:
        """Adds the rows of a table."""
        self._tables.append(table)
        self._add_run(False, len(table))

    def _add_run(self, is_single: bool, count: int) -> None:
        self._count += count
        if count:
            self._runs.append((is_single, count))

    def take(self) -> "pa.Table":
        """Returns all rows, at least one, in order, and forgets them."""
        import pyarrow as pa

        single = [self._to_table(self._rows)] if self._rows else []
        joined = pa.concat_tables([*self._tables, *single])
        if self._rows and self._tables:
            is_single, counts = (np.array(column) for column in zip(*self._runs, strict=True))
            of_single = np.repeat(is_single, counts)
            places = np.empty(len(joined), dtype=np.int64)
            n_single = int(of_single.sum())
            places[of_single] = len(joined) - n_single + np.arange(n_single)
            places[~of_single] = np.arange(len(joined) - n_single)
            joined = joined.take(from_numbers(places))
        self._tables, self._rows, self._runs, self._count = [], [], [], 0
        return joined
