"""Formats texts, sizes and durations for a reader."""

from unipref.core.hashing import json_hash

MOST_OF_NAME = 80
"""Most characters of a name from data that are shown."""


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
