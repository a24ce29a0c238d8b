"""The beginning of a table that is stored in one large JSON object, without making objects of all of it.

For `peek` alone: a run reads the whole file. msgspec passes over the parts that are not decoded.
"""

import re
from typing import Any

import msgspec

from unipref.core.records import Row
from unipref.sources.compressed import Broken, chunks
from unipref.sources.likely_layouts import likely_setting
from unipref.sources.part import Part

LEAST_BYTES = 2 << 20
"""Smaller files are read whole."""
MOST_COLUMNS = 64
"""Most keys of an object whose values are columns, or lists of rows; the values of more keys are rows."""
_OBJECT = re.compile(rb"\s*\{")
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode


def sample_table(part: Part, n: int) -> Row | None:
    """Returns the object of a JSON file with the first `n` rows of the table that it holds.

    Returns None if the file is small, or is not one valid object, if the object is no table, or if its columns have
    different lengths. Then the file has to be read.
    """
    if part.shape != "json" or part.packing or part.member is not None or part.orient or part.records:
        return None
    if not LEAST_BYTES <= part.size <= part.limits.outer_row_bytes:
        return None
    blocks = chunks(part)
    try:
        head = next(blocks, b"")
        if not _OBJECT.match(head):
            return None
        fields = _decode_fields(b"".join([head, *blocks]))
        row = _take_rows(fields, n) if len(fields) > MOST_COLUMNS else _cut_columns(fields, n)
    except (Broken, ValueError, RecursionError):
        return None
    return row if row is not None and likely_setting(row) else None


def _take_rows(fields: dict[str, msgspec.Raw], n: int) -> Row:
    """Returns the first values of an object."""
    return {key: _decode(fields[key]) for key in [*fields][:n]}


def _cut_columns(fields: dict[str, msgspec.Raw], n: int) -> Row | None:
    """Returns an object whose lists and objects have at most `n` items; None if longer ones differ in length."""
    row: Row = {}
    lengths: set[int] = set()
    for key, raw in fields.items():
        first = bytes(memoryview(raw)[:1])
        value: Any
        if first == b"{":
            inner = _decode_fields(raw)
            lengths |= {len(inner)} if len(inner) > n else set()
            value = _take_rows(inner, n)
        elif first == b"[":
            items = _decode_items(raw)
            lengths |= {len(items)} if len(items) > n else set()
            value = [_decode(item) for item in items[:n]]
        else:
            value = _decode(raw)
        row[key] = value
    return row if len(lengths) <= 1 else None
