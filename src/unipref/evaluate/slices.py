"""The parts of a benchmark that its figures are given for: everything, and each value of some columns."""

from collections.abc import Sequence
from typing import Any

from unipref.core.scores import Example
from unipref.core.stats.chance import WHOLE


def sliced(examples: Sequence[Example], *columns: str) -> dict[str, list[Example]]:
    """Slice name -> its rows: `all` first, then `column:value` in order of the columns and of their values' names.

    A column with a single value says nothing that `all` does not, and gives no slice.
    """
    found = {WHOLE: list(examples)} if examples else {}
    for column in columns:
        for name, places in by_value([row[column] for row in examples], column).items():
            found[name] = [examples[at] for at in places]
    return found


def by_value(values: Sequence[Any], name: str) -> dict[str, list[int]]:
    """`name:value` -> the places of a value, in order of the values' names; empty where all are one."""
    told = [str(value) for value in values]
    different = sorted(set(told))
    if len(different) < 2:
        return {}
    return {f"{name}:{value}": [at for at, other in enumerate(told) if other == value] for value in different}
