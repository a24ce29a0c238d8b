"""Formats texts, values, sizes and durations for a reader."""

import json
import numbers
from typing import Any

from unipref.core.hashing import json_hash

MOST_OF_NAME = 80
"""Most characters of a name from data that are shown."""
MOST_OF_VALUE = 60
"""Most characters of a value in an error message."""


def shorten(text: str, most: int, *, one_line: bool = False, keep_end: bool = False) -> str:
    """Shortens a text to at most `most` characters; an ellipsis marks what is left out.

    Args:
        text: of any length.
        most: characters of the result, the ellipsis included.
        one_line: whether to replace each run of white space by one space.
        keep_end: whether to leave out the middle rather than the end.
    """
    if one_line:
        text = " ".join(text.split())
    if len(text) <= most:
        return text
    if not keep_end:
        return f"{text[: most - 1]}…"
    half = (most - 3) // 2
    return f"{text[:half]} … {text[-half:]}"


def shorten_name(name: str) -> str:
    """Shortens a name to at most `MOST_OF_NAME` characters; a hash of the whole name keeps long names apart."""
    if len(name) <= MOST_OF_NAME:
        return name
    mark = f"… #{json_hash(name)[:16]}"
    return name[: MOST_OF_NAME - len(mark)] + mark


def format_bytes(count: float) -> str:
    """Formats a number of bytes in GB, MB or kB (powers of 1000)."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def format_seconds(seconds: float) -> str:
    """Formats a duration in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def quote_yaml(text: str) -> str:
    """Quotes a text for a setting to copy from a message: a YAML scalar in one line."""
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else json.dumps(text)


def name_kind(value: Any) -> str:
    """Names what a value is for an error message, in the words of people rather than Python's."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return "no value (null or an empty cell)"
    kinds = {str: "a text", dict: "an object", list: "a list", bool: "a boolean", bytes: "bytes"}
    if kind := kinds.get(type(value)):
        return kind
    return "a number" if isinstance(value, numbers.Number) else f"a {type(value).__name__}"


def describe_value(value: Any) -> str:
    """Describes a value for an error message: what it is and how it begins."""
    kind = name_kind(value)
    if kind.startswith("no value"):
        return kind
    if kind in ("a number", "a boolean"):
        return f"the {kind[2:]} {json.dumps(value) if isinstance(value, bool) else str(value)[:MOST_OF_VALUE]}"
    return f"the text {str(value)[:MOST_OF_VALUE]!r}" if kind == "a text" else f"{kind}: {str(value)[:MOST_OF_VALUE]!r}"
