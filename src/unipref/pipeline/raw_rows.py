"""Reads raw rows again by their origin, so that the report can show them beside their preferences."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from unipref.core.display import shorten
from unipref.core.records import Reject, Row
from unipref.sources import Part, read

MAX_TEXT = 400
"""Longest text in a shortened row, in characters."""
MAX_ROW = 2000
"""Longest shortened row, in characters."""
MAX_ITEMS, MAX_FIELDS, MAX_DEPTH = 6, 40, 6
"""Most items of a list, fields of an object and levels in a shortened row."""


def read_rows(parts: Sequence[Part], origins: Collection[str]) -> dict[str, Row | str]:
    """Returns origin -> the raw row there, or a text that says why it cannot be read.

    Reads each part that holds some of them from its beginning to the last one. Joined tables are not looked up.

    Args:
        parts: of one source.
        origins: `file[!member]:row`, as in the column `origin`.
    """
    origins_by_part: dict[Part, dict[str, str]] = {}
    rows: dict[str, Row | str] = {}
    for origin in origins:
        file, _, number = origin.rpartition(":")
        part = _find_part(parts, file, number)
        if part is None:
            rows[origin] = "no file of its source has this name"
        else:
            origins_by_part.setdefault(part, {})[number] = origin
    for part, numbers in origins_by_part.items():
        rows |= _read_part(part, numbers)
    return rows


def _find_part(parts: Sequence[Part], file: str, number: str) -> Part | None:
    """The last part of a file that begins at or before the row."""
    line = int(number.partition(".")[0]) if number.partition(".")[0].isdigit() else 0
    before = [part for part in parts if part.origin == file and part.first_row <= line]
    return max(before, key=lambda part: part.first_row, default=None)


def _read_part(part: Part, numbers: dict[str, str]) -> dict[str, Row | str]:
    """The rows of one part; `numbers` maps their numbers to their origins."""
    rows: dict[str, Row | str] = {}
    try:
        for number, row in read(part):
            origin = numbers.get(str(number))
            if origin is not None:
                rows[origin] = str(row) if isinstance(row, Reject) else row
            if len(rows) == len(numbers):
                break
        problem = "the file no longer has this row"
    except OSError as error:
        problem = f"the file cannot be read: {error.strerror or error}"
    return {**dict.fromkeys(numbers.values(), problem), **rows}


def shorten_row(row: Any) -> tuple[str, bool]:
    """Returns a row as indented JSON with long texts, lists and branches cut, and whether anything was cut."""
    cut: list[bool] = []
    text = json.dumps(_shorten_value(row, 0, cut), ensure_ascii=False, indent=1, default=str)
    text = text.encode("utf-8", "backslashreplace").decode()  # a column that nobody maps need not be UTF-8
    return shorten(text, MAX_ROW), bool(cut) or len(text) > MAX_ROW


def _shorten_value(value: Any, depth: int, cut: list[bool]) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        cut.append(True)
        return f"{value[:MAX_TEXT]}… ({len(value) - MAX_TEXT:,} more characters)"
    if isinstance(value, dict | list) and value and depth >= MAX_DEPTH:
        cut.append(True)
        return f"… ({len(value):,} {'fields' if isinstance(value, dict) else 'items'})"
    if isinstance(value, dict):
        fields = {key: _shorten_value(inner, depth + 1, cut) for key, inner in list(value.items())[:MAX_FIELDS]}
        if len(value) > MAX_FIELDS:
            cut.append(True)
            fields["…"] = f"{len(value) - MAX_FIELDS:,} more fields"
        return fields
    if isinstance(value, list):
        items = [_shorten_value(inner, depth + 1, cut) for inner in value[:MAX_ITEMS]]
        if len(value) > MAX_ITEMS:
            cut.append(True)
            items.append(f"… ({len(value) - MAX_ITEMS:,} more items)")
        return items
    return value
