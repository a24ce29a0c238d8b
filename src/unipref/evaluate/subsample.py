"""Measuring a benchmark on a sample of its items: chooses them, and writes the note about it."""

from collections.abc import Sequence
from typing import TypeVar

from unipref.core.stats.sampling import sample_evenly

T = TypeVar("T")


def apply_limit(items: Sequence[T], limit: int | None, what: str) -> tuple[list[T], list[str]]:
    """Keeps at most `limit` items, evenly spread; with a note if some were left out.

    Args:
        items: all items.
        limit: maximum number to keep; None: all.
        what: name of the items in the note, in the plural.
    """
    kept = [items[at] for at in sample_evenly(len(items), limit)]
    return kept, sampling_notes(len(kept), len(items), what, limit)


def sampling_notes(n: int, total: int, what: str, limit: int | None, how: str = "") -> list[str]:
    """The note that only n of `total` items were measured; empty if all were. `how`: how they were drawn."""
    return [f"only {n} of {total} {what} were sampled (limit: {limit}){how}."] if n < total else []
