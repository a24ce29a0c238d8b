"""Rows inside rows: an object whose values are the rows or the columns, or a list of rows in each object."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unipref.core.records import Row
from unipref.sources import rows_inside

MIN_ROWS = 2
MIN_KEYED_ROWS = 3
"""Least number of mappings in an object that are taken for rows whatever their keys are."""
MIN_SHARED = 0.6
"""Least share of the fields that some mappings have in common to be rows."""
MAX_OUTER_ROWS = 3
"""Most rows whose lists can be the real rows."""
MIN_FIELDS = 2
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
    if all(_are_keyed_rows(row) for row in rows):
        why = "the file is one object whose values are the rows"
        return InnerRows({"records": WHOLE_ROW}, rows_inside(rows, WHOLE_ROW), True, why)
    paths = [path for path, items in _iterate_lists(rows[0], "", 0) if _are_alike(items)]
    for path in sorted(paths, key=lambda p: -len(_get(rows[0], p))):
        lists = [_get(row, path) for row in rows]
        if all(isinstance(items, list) and _are_alike(items) for items in lists):
            why = f"'{path}' holds a list of rows"
            return InnerRows({"records": path}, rows_inside(rows, path), False, why)
    return None


def _find_table(row: Row) -> InnerRows | None:
    """Recognises a table that is stored by column, as `DataFrame.to_json()` writes it."""
    header, data = row.get("columns"), row.get("data")
    if isinstance(header, list) and isinstance(data, list) and data and all(isinstance(cells, list) for cells in data):
        inner = [dict(zip(map(str, header), cells, strict=False)) for cells in data]
        return InnerRows({"orient": "split"}, inner, True, "the file is a table with its columns named once")
    values = list(row.values())
    if len(values) < MIN_FIELDS:
        return None
    why = "the file is a table that is stored by column"
    if all(isinstance(value, dict) and len(value) >= MIN_ROWS for value in values):
        labels = {tuple(value) for value in values}
        if len(labels) == 1 and all(label.isdigit() for label in values[0]):
            inner = [{name: column[label] for name, column in row.items()} for label in values[0]]
            return InnerRows({"orient": "columns"}, inner, True, why)
    are_lists = all(isinstance(value, list) and len(value) >= MIN_ROWS for value in values)
    if are_lists and len({len(value) for value in values}) == 1 and not any(map(_are_alike, values)):
        inner = [dict(zip(row, cells, strict=True)) for cells in zip(*values, strict=True)]
        return InnerRows({"orient": "columns"}, inner, True, why)
    return None


def _are_keyed_rows(row: Row) -> bool:
    """Whether the values of an object are rows: mappings with mostly the same fields, under keys that number them."""
    values = list(row.values())
    if not _are_alike(values):
        return False
    stems = {key.rstrip("0123456789") for key in row}
    return len(values) >= MIN_KEYED_ROWS or (len(stems) == 1 and all(key[-1:].isdigit() for key in row))


def _are_alike(values: Sequence[Any]) -> bool:
    """Whether some values are mappings with mostly the same fields, and not turns of a dialogue."""
    if len(values) < MIN_ROWS or not all(isinstance(value, dict) and value for value in values):
        return False
    union: set[str] = set().union(*values)
    mean = sum(len(value) for value in values) / len(values)
    are_turns = all({"role", "content"} <= value.keys() or {"from", "value"} <= value.keys() for value in values)
    return MIN_FIELDS <= len(union) <= mean / MIN_SHARED and not are_turns


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
