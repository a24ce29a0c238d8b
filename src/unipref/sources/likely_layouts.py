"""Recognises one JSON object that may be a whole table; it is read as a single row unless a setting says otherwise."""

from typing import Any

from unipref.core.records import Row

MIN_ROWS, MIN_KEYED_ROWS = 2, 3
"""Least number of rows in a table, and of alike objects whose keys do not number them."""
MAX_SHORT = 20
"""Longest text beside a list of rows that is no prompt, in characters."""
MIN_SHARED = 0.6
"""Least share of the fields of some objects that one of them has on average."""


def likely_setting(row: Row) -> str | None:
    """Returns the setting that reads the rows in one object, such as `records: .`; None if it is no table."""
    values = list(row.values())
    if isinstance(row.get("columns"), list) and _are(list, row.get("data")):
        return "orient: split"
    lists = [name for name, value in row.items() if _are(dict, value) and len(value) >= MIN_ROWS]
    if len(lists) == 1 and _are_alike(row[lists[0]]) and all(map(_is_short, (v for v in values if v != row[lists[0]]))):
        return f"records: {lists[0]}"
    if len(values) < MIN_ROWS:
        return None
    if all(isinstance(value, dict) for value in values):
        if len(values[0]) >= MIN_ROWS and all(label.isdigit() for label in values[0]):
            return "orient: columns" if all(value.keys() == values[0].keys() for value in values) else None
        is_numbered = all(key[-1:].isdigit() for key in row)
        return "records: ." if (len(values) >= MIN_KEYED_ROWS or is_numbered) and _are_alike(values) else None
    if all(isinstance(value, list) and len(value) >= MIN_ROWS for value in values):
        is_table = len({len(value) for value in values}) == 1 and not any(_are(dict, value) for value in values)
        return "orient: columns" if is_table else None
    return None


def _are(kind: type, values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, kind) for value in values)


def _is_short(value: Any) -> bool:
    """Whether a value may describe a table: no long text, no list and no object."""
    return (
        value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= MAX_SHORT)
    )


def _are_alike(objects: list[dict[str, Any]]) -> bool:
    """Whether some objects have mostly the same fields and are not the turns of a dialogue."""
    union: set[str] = set().union(*objects)
    mean = sum(map(len, objects)) / len(objects)
    return 1 < len(union) <= mean / MIN_SHARED and not {"role", "content"} <= union
