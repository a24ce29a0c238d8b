"""A benchmark measured on a part of its items: which, and the note that says so."""

from collections.abc import Sequence
from typing import TypeVar

from unipref.core.stats.sampling import evenly_spaced

T = TypeVar("T")


def limited(items: Sequence[T], limit: int | None, what: str) -> tuple[list[T], list[str]]:
    """The items that a limit keeps, evenly spread, and the note where it left some out.

    Args:
        items: all of them.
        limit: as many are kept; None: all.
        what: they are, in the plural.
    """
    kept = [items[at] for at in evenly_spaced(len(items), limit)]
    return kept, sampled_note(len(kept), len(items), what, limit)


def sampled_note(n: int, total: int, what: str, limit: int | None, how: str = "") -> list[str]:
    """The note that only n of all items were asked; none where all were. `how`: they were drawn."""
    return [f"only {n} of {total} {what} were sampled (limit: {limit}){how}."] if n < total else []
