"""A scorer of critiques of the user's own, named in a mapping by its dotted path."""

from typing import Any


def praise(row: dict[str, Any]) -> float | None:
    """How often a critique says 'good' more than 'bad'; nothing for one that says neither."""
    words = row["feedback"].lower().split()
    return float(words.count("good") - words.count("bad")) if {"good", "bad"} & set(words) else None
