"""The axes on which the preferences of a file were decided, and which end of each is the better one."""

from collections import Counter
from pathlib import Path

from unipref.core import parquet


def find_deciding_axes(preferences: Path) -> dict[str, float]:
    """Finds the axes that decided pairs, by name.

    Returns:
        axis -> 1.0, or -1.0 if most of its preferred answers have the lower score. An axis whose scores do not say it
        is left out.
    """
    signs: Counter[str] = Counter()
    columns = ["axis", "chosen_score", "rejected_score"]
    for row in parquet.read_rows(preferences, columns, 4096):
        axis, chosen, rejected = (row[name] for name in columns)
        if axis is not None and chosen is not None and rejected is not None:
            signs[axis] += (chosen > rejected) - (chosen < rejected)
    return {axis: 1.0 if signs[axis] > 0 else -1.0 for axis in sorted(signs) if signs[axis]}
