"""Finds keys that one JSON object holds twice: decoders keep the last value and drop the others without a word."""

import json
from collections import Counter
from typing import Any

import msgspec

from unipref.core.display import shorten
from unipref.core.terminal import show_name
from unipref.sources.reading_notes import note_row

MAX_NAME = 40
_encode = msgspec.json.Encoder().encode


def may_repeat_keys(raw: bytes, value: object) -> bool:
    r"""Whether a text may hold more keys than its decoded value. It is quick, and True is no proof.

    Each key has two quotes. A quote inside a text is encoded as one again, unless it was written as \u0022.
    """
    try:
        return raw.count(b'"') != _count_quotes(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return True


def _count_quotes(value: object) -> int:
    """Counts the quotes of a value as JSON. Only what is nested is encoded: most rows are texts and numbers."""
    if type(value) is not dict:
        return _encode(value).count(b'"')
    count = 2 * len(value) + "".join(value).count('"')
    for inner in value.values():
        kind = type(inner)
        if kind is str:
            count += 2 + (inner.count('"') if '"' in inner else 0)  # `in` is ten times as fast
        elif kind is dict or kind is list:
            count += _encode(inner).count(b'"')
    return count


def note_repeated_keys(raw: bytes, value: object) -> None:
    """Notes the keys that an object in a row holds twice.

    Args:
        raw: the text of the row.
        value: its decoded value.
    """
    if not may_repeat_keys(raw, value):
        return
    repeated: dict[str, None] = {}

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            uses = Counter(name for name, _ in pairs)
            repeated.update(dict.fromkeys(name for name, count in uses.items() if count > 1))
        return fields

    try:
        json.loads(raw.decode("utf-8", "surrogateescape"), object_pairs_hook=collect)
    except (ValueError, RecursionError):
        return
    for name in repeated:
        note_row(f"the key '{show_name(shorten(name, MAX_NAME))}' stands in one object twice; the last value is read")
