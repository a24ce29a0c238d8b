"""Rows inside rows: an object whose values are the rows or the columns, or a list of rows in each object."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unipref.core.records import Row
from unipref.sources import rows_inside
from unipref.sources.likely_layouts import are_alike, are_keyed_rows, find_orient

MAX_OUTER_ROWS = 3
"""Most rows whose lists can be the real rows."""
MAX_DEPTH = 3
WHOLE_ROW = "."


@dataclass(frozen=True)
class InnerRows:
    """The rows inside some rows.

    Attributes:
        settings: of the source: `records` or `orient`.
        rows: the inner rows.
        is_certain: whether the outer rows cannot be the real ones.
        why: the reason.
    """

    settings: dict[str, str]
    rows: list[Row]
    is_certain: bool
    why: str


def find_inner_rows(rows: Sequence[Row]) -> InnerRows | None:
    """Returns the rows inside a few rows; None if these seem to be the real ones."""
    if not 0 < len(rows) <= MAX_OUTER_ROWS:
        return None
    if len(rows) == 1 and (table := _find_table(rows[0])) is not None:
        return table
    if all(are_keyed_rows(row) for row in rows):
        why = "the file is one object whose values are the rows"
        return InnerRows({"records": WHOLE_ROW}, rows_inside(rows, WHOLE_ROW), True, why)
    paths = [path for path, items in _iterate_lists(rows[0], "", 0) if are_alike(items)]
    for path in sorted(paths, key=lambda p: -len(_get(rows[0], p))):
        lists = [_get(row, path) for row in rows]
        if all(isinstance(items, list) and are_alike(items) for items in lists):
            why = f"'{path}' holds a list of rows"
            return InnerRows({"records": path}, rows_inside(rows, path), False, why)
    return None


def _find_table(row: Row) -> InnerRows | None:
    """Recognises a table that is stored by column, as `DataFrame.to_json()` writes it."""
    orient = find_orient(row)
    if orient == "split":
        inner = [dict(zip(map(str, row["columns"]), cells, strict=False)) for cells in row["data"]]
        return InnerRows({"orient": orient}, inner, True, "the file is a table with its columns named once")
    if orient is None:
        return None
    labels = next(iter(row.values()))
    columns = [[value[label] for label in labels] if isinstance(value, dict) else value for value in row.values()]
    inner = [dict(zip(row, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return InnerRows({"orient": orient}, inner, True, "the file is a table that is stored by column")


def _iterate_lists(row: Row, before: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    for key, value in row.items():
        if isinstance(value, list):
            yield f"{before}{key}", value
        elif isinstance(value, dict) and depth < MAX_DEPTH:
            yield from _iterate_lists(value, f"{before}{key}.", depth + 1)


def _get(row: Row, path: str) -> Any:
    value: Any = row
    for part in [path] if path in row else path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
