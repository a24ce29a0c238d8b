"""Records of a benchmark's result: scores with intervals, and the examples from which they are computed."""

from typing import Any

import msgspec


class Score(msgspec.Struct, frozen=True, omit_defaults=True):
    """One result of a benchmark, with its interval and how to read it.

    Attributes:
        metric, value: the name and its value; low, high: its 95 % interval over clusters of units, or None.
        n: number of units; mode, split, slice: how, on which part, on which subgroup.
        stderr: standard error of the value over clusters; unit: what the units are, in the plural.
        direction: 'higher' or 'lower' is better, or 'ideal' when `ideal` is the best value.
        chance: the value of a model that guesses, or None.
        n_clusters: number of independent groups of units; interval: how low and high were computed
            (`core.stats.intervals`), or None.
    """

    metric: str
    value: float
    n: int
    direction: str
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    mode: str = "corrected"
    split: str = "test"
    slice: str = "all"
    unit: str = "examples"
    ideal: float | None = None
    chance: float | None = None
    n_clusters: int | None = None
    interval: str | None = None


Example = dict[str, Any]
"""One row of a benchmark's table: the question, the model's answer and the result."""


class Finding(msgspec.Struct, frozen=True):
    """The result of a benchmark: the scores, and one row per example from which they can be recomputed."""

    scores: list[Score]
    examples: list[Example]
    notes: list[str] = []
