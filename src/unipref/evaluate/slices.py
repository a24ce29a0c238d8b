"""The slices of a benchmark that metrics are computed on: all examples, and each value of some columns."""

from collections.abc import Sequence
from typing import Any

from unipref.core.scores import Example
from unipref.core.stats.chance import WHOLE


def slice_examples(examples: Sequence[Example], *columns: str) -> dict[str, list[Example]]:
    """Slice name -> its rows: `all` first, then `column:value` in order of the columns and of their values' names.

    A column with a single value gives no slice, because that would equal `all`.
    """
    slices = {WHOLE: list(examples)} if examples else {}
    for column in columns:
        for name, positions in group_by_value([row[column] for row in examples], column).items():
            slices[name] = [examples[at] for at in positions]
    return slices


def group_by_value(values: Sequence[Any], name: str) -> dict[str, list[int]]:
    """`name:value` -> the positions of a value, in order of the values' names; empty if all values are equal."""
    texts = [str(value) for value in values]
    distinct = sorted(set(texts))
    if len(distinct) < 2:
        return {}
    return {f"{name}:{value}": [at for at, other in enumerate(texts) if other == value] for value in distinct}
