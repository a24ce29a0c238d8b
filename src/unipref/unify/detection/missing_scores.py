"""What in a column of scores says that nobody judged."""

from collections.abc import Iterable
from typing import Any

from unipref.core.terminal import show_name
from unipref.unify.detection.column import Column
from unipref.unify.detection.verdict_words import is_blank

STARS = {"stars", "star", "csat"}
"""Names of the usual scale from 1 to 5; likes and upvotes are counts, and 5 of them need not be many."""


def guess_missing_codes(column: Column) -> tuple[dict[str, Any], list[str]]:
    """Returns the setting `codes` for texts that say that there is no score (N/A), and the doubts about all others."""
    blank = [text for text in column.odd if is_blank(text)]
    others = [text for text in column.odd if text not in blank]
    name = show_name(column.path)
    doubts = [f"that {_quote(blank)} in '{name}' mean that nobody judged: these answers have no score"] * bool(blank)
    doubts += [f"rows with {_quote(others)} in '{name}' are rejected: they have no number"] * bool(others)
    return ({"codes": dict.fromkeys(blank)} if blank else {}), doubts


def _quote(texts: Iterable[str]) -> str:
    return ", ".join(f"'{show_name(text)}'" for text in texts)
