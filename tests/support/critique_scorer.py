"""A user's function that scores the critiques of a simulated rater."""

from typing import Any


def utility_of(row: dict[str, Any]) -> float:
    """Returns the number at the end of the note."""
    return float(row["note"].split()[-1])
