"""Rows inside rows: one object that holds a list of rows, or a list in each row.

The rule: each item of the list at `records` is a row of its own. An item that is an object keeps its fields, any other
is the field `value`. `parent` holds the row around it without the list (unless the item has a `parent` itself), and
where the rows are the values of an object, `key` is their key. Row 7's second item is called `7.2`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from unipref.core.display import name_kind
from unipref.core.records import Reason, Reject, Row
from unipref.core.row_paths import take_key
from unipref.sources.json_rows import Numbered

WHOLE_ROW = "."
"""The path of the row itself, which then is an object of rows."""


def nested_rows(outer: Iterator[Numbered], path: str) -> Iterator[Numbered]:
    """Yields the rows inside each row; a row without such a list is a reject.

    Args:
        outer: numbered rows.
        path: of the list or object of rows, with dots between fields; `.` for the row itself.
    """
    for number, row in outer:
        if isinstance(row, Reject):
            yield number, row
            continue
        try:
            items, parent = _extract_items(row, path)
        except Reject as reject:
            yield number, reject
            continue
        for place, (key, item) in enumerate(items, 1):
            yield f"{number}.{place}", _row(key, item, parent)


def rows_inside(rows: Iterable[Row], path: str | None) -> list[Row]:
    """Returns the rows inside some rows, without those that have no such list; the rows themselves without a path."""
    if not path:
        return list(rows)
    return [row for _, row in nested_rows(iter(enumerate(rows, 1)), path) if not isinstance(row, Reject)]


def _extract_items(row: Row, path: str) -> tuple[list[tuple[str | None, Any]], Row]:
    """Returns the items at a path with their keys, and the row without them."""
    if path == WHOLE_ROW:
        return list(row.items()), {}
    parent = place = dict(row)
    parts: Sequence[str] = [path] if path in row else path.split(".")
    while key_and_rest := take_key(place, parts):
        key, parts = key_and_rest
        if not parts:
            break
        if not isinstance(place[key], dict):
            raise _missing(row, path)
        place[key] = dict(place[key])
        place = place[key]
    else:
        raise _missing(row, path)
    items = place.pop(key)
    if isinstance(items, dict):
        return list(items.items()), parent
    if not isinstance(items, list):
        raise Reject(Reason.WRONG_TYPE, f"'records' needs a list of rows here, found {name_kind(items)}", path)
    if not items:
        detail = "the list is empty: the row holds nothing to read there, such as a label or a judgement"
        raise Reject(Reason.UNSCORED, detail, path)
    return [(None, item) for item in items], parent


def _row(key: str | None, item: Any, parent: Row) -> Row:
    own: Row = item if isinstance(item, dict) else {"value": item}
    around = {} if key is None else {"key": key}
    return {"parent": parent, **around, **own}


def _missing(row: Row, path: str) -> Reject:
    fields = ", ".join(str(field) for field in list(row)[:12]) or "none"
    return Reject(Reason.MISSING_FIELD, f"'records' is not a field of the row, which has {fields}", path)
