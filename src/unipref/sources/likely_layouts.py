"""Recognises one JSON object that may be a whole table; it is read as a single row unless a setting says otherwise."""

from collections.abc import Sequence
from typing import Any, Literal

from unipref.core.records import Row

MIN_ROWS, MIN_KEYED_ROWS = 2, 3
"""Least number of rows in a table, and of alike objects whose keys do not number them."""
MIN_FIELDS = 2
"""Least number of columns of a table."""
MAX_SHORT = 20
"""Longest text beside a list of rows that is no prompt, in characters."""
MIN_SHARED = 0.6
"""Least share of the fields of some objects that one of them has on average."""


def likely_setting(row: Row) -> str | None:
    """Returns the setting that reads the rows in one object, such as `records: .`; None if it is no table."""
    if orient := find_orient(row):
        return f"orient: {orient}"
    lists = [name for name, value in row.items() if isinstance(value, list) and are_alike(value)]
    if len(lists) == 1 and all(_is_short(value) for name, value in row.items() if name != lists[0]):
        return f"records: {lists[0]}"
    return "records: ." if are_keyed_rows(row) else None


def find_orient(row: Row) -> Literal["split", "columns"] | None:
    """Returns how an object stores a table by column, as `DataFrame.to_json()` writes it; None if it does not."""
    if isinstance(row.get("columns"), list) and _are(list, row.get("data")):
        return "split"
    values = list(row.values())
    if len(values) < MIN_FIELDS:
        return None
    if all(isinstance(value, dict) and len(value) >= MIN_ROWS for value in values):
        is_table = _are_labels(values[0]) and all(value.keys() == values[0].keys() for value in values)
        return "columns" if is_table else None
    are_lists = all(isinstance(value, list) and len(value) >= MIN_ROWS for value in values)
    if are_lists and len({len(value) for value in values}) == 1 and not any(_are(dict, value) for value in values):
        return "columns"
    return None


def are_keyed_rows(row: Row) -> bool:
    """Whether the values of an object are rows: objects with mostly the same fields, under keys that number them, or
    enough of them.
    """
    values = list(row.values())
    if not are_alike(values) or all(map(_are_labels, values)):
        return False
    stems = {key.rstrip("0123456789") for key in row}
    return len(values) >= MIN_KEYED_ROWS or (len(stems) == 1 and all(key[-1:].isdigit() for key in row))


def are_alike(values: Sequence[Any]) -> bool:
    """Whether some values are objects with mostly the same fields, and not the turns of a dialogue."""
    if len(values) < MIN_ROWS or not all(isinstance(value, dict) and value for value in values):
        return False
    union: set[str] = set().union(*values)
    mean = sum(map(len, values)) / len(values)
    are_turns = all({"role", "content"} <= value.keys() or {"from", "value"} <= value.keys() for value in values)
    return MIN_FIELDS <= len(union) <= mean / MIN_SHARED and not are_turns


def _are(kind: type, values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, kind) for value in values)


def _are_labels(column: dict[str, Any]) -> bool:
    """Whether the keys of an object number rows."""
    return all(label.isdigit() for label in column)


def _is_short(value: Any) -> bool:
    """Whether a value may describe a table: no long text, no list and no object."""
    return (
        value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= MAX_SHORT)
    )
