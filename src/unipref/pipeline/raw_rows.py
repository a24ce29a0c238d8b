"""Raw rows read back by their origin, to be shown beside what was made of them."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from unipref.core.display import shorten
from unipref.core.records import Reject, Row
from unipref.sources import Part, read

LONGEST_TEXT = 400
"""Characters of one text of a shortened row."""
LONGEST_ROW = 2000
"""Characters of a whole one."""
MOST_ITEMS, MOST_FIELDS, DEEPEST = 6, 40, 6
"""Items of a list, fields of an object and levels of a shortened row."""


def rows_at(parts: Sequence[Part], origins: Collection[str]) -> dict[str, Row | str]:
    """Origin -> the raw row there, or in words why it cannot be had.

    A part that holds some of them is read from its beginning to the last one. Tables joined to the rows are not looked
    up.

    Args:
        parts: of one source.
        origins: `file[!member]:row`, as in the column `origin`.
    """
    wanted: dict[Part, dict[str, str]] = {}
    found: dict[str, Row | str] = {}
    for origin in origins:
        file, _, number = origin.rpartition(":")
        part = _holding(parts, file, number)
        if part is None:
            found[origin] = "no file of its source has this name"
        else:
            wanted.setdefault(part, {})[number] = origin
    for part, numbers in wanted.items():
        found |= _rows_of(part, numbers)
    return found


def _holding(parts: Sequence[Part], file: str, number: str) -> Part | None:
    """The part of a file that begins last of those that begin no later than the row."""
    line = int(number.partition(".")[0]) if number.partition(".")[0].isdigit() else 0
    before = [part for part in parts if part.origin == file and part.first_row <= line]
    return max(before, key=lambda part: part.first_row, default=None)


def _rows_of(part: Part, numbers: dict[str, str]) -> dict[str, Row | str]:
    found: dict[str, Row | str] = {}
    try:
        for number, row in read(part):
            origin = numbers.get(str(number))
            if origin is not None:
                found[origin] = str(row) if isinstance(row, Reject) else row
            if len(found) == len(numbers):
                break
        why = "the file has no such row any more"
    except OSError as error:
        why = f"the file cannot be read: {error.strerror or error}"
    return {**dict.fromkeys(numbers.values(), why), **found}


def shortened(row: Any) -> tuple[str, bool]:
    """A row as indented JSON with long texts, lists and branches cut, and whether anything was."""
    cut: list[bool] = []
    text = json.dumps(_short(row, 0, cut), ensure_ascii=False, indent=1, default=str)
    return shorten(text, LONGEST_ROW), bool(cut) or len(text) > LONGEST_ROW


def _short(value: Any, depth: int, cut: list[bool]) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        cut.append(True)
        return f"{value[:LONGEST_TEXT]}… ({len(value) - LONGEST_TEXT:,} more characters)"
    if isinstance(value, dict | list) and value and depth >= DEEPEST:
        cut.append(True)
        return f"… ({len(value):,} {'fields' if isinstance(value, dict) else 'items'})"
    if isinstance(value, dict):
        shown = {key: _short(inner, depth + 1, cut) for key, inner in list(value.items())[:MOST_FIELDS]}
        if len(value) > MOST_FIELDS:
            cut.append(True)
            shown["…"] = f"{len(value) - MOST_FIELDS:,} more fields"
        return shown
    if isinstance(value, list):
        items = [_short(inner, depth + 1, cut) for inner in value[:MOST_ITEMS]]
        if len(value) > MOST_ITEMS:
            cut.append(True)
            items.append(f"… ({len(value) - MOST_ITEMS:,} more items)")
        return items
    return value
