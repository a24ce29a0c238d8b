"""Counts the fields of turns that are not read."""

import contextlib
import contextvars
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from unipref.core.terminal import show_name

MAX_NAME, MAX_NAMES, OTHER_FIELDS = 40, 200, "(other fields)"
"""Most characters of a field's name and most names that are counted, and the name under which the rest is counted."""
MAX_FIELDS = 12
"""Most unread fields that one message lists."""
WEIGHT, WEIGHT_ZERO = "weight", "weight 0"
"""Field of a turn that says how much to learn from it, and the name under which turns not to learn from are counted."""
_UNREAD: contextvars.ContextVar[Counter[str] | None] = contextvars.ContextVar("unread", default=None)


@contextlib.contextmanager
def count_unread_fields() -> Iterator[Counter[str]]:
    """Counts the turns read within the context by the fields that they hold besides role and content."""
    counts: Counter[str] = Counter()
    token = _UNREAD.set(counts)
    try:
        yield counts
    finally:
        _UNREAD.reset(token)


def note_unread_fields(turn: Mapping[str, Any], read: Iterable[str]) -> None:
    """Counts a turn's fields that are not read and not empty.

    Args:
        turn: the raw turn.
        read: the fields that are read.
    """
    counts = _UNREAD.get()
    if counts is None:
        return
    read = set(read)
    for name, value in turn.items():
        if name not in read and value not in (None, "", [], {}):
            counts[WEIGHT_ZERO if name == WEIGHT and is_zero(value) else show_name(str(name)[:MAX_NAME])] += 1


def add_unread_fields(total: Counter[str], counts: Mapping[str, int]) -> None:
    """Adds counts of unread fields to a total, whose number of names is bounded."""
    for name, count in counts.items():
        total[name if name in total or len(total) < MAX_NAMES else OTHER_FIELDS] += count


def describe_unread_fields(counts: Mapping[str, int]) -> str:
    """Lists the fields that turns hold and that are not read, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda field: (-field[1], field[0]))
    fields = [f"{name} ({count} {'turn' if count == 1 else 'turns'})" for name, count in ordered[:MAX_FIELDS]]
    more = [f"{len(ordered) - MAX_FIELDS} more fields"] if len(ordered) > MAX_FIELDS else []
    return ", ".join([*fields, *more])


def is_zero(weight: Any) -> bool:
    """Whether a weight says not to learn the turn."""
    return weight in ("0", "0.0") or (isinstance(weight, int | float) and weight == 0)
