"""What a benchmark finds: scores with intervals, and the table of examples they are computed from."""

from typing import Any

import msgspec


class Score(msgspec.Struct, frozen=True, omit_defaults=True):
    """One number a benchmark found, with its interval and how to read it.

    Attributes:
        metric, value: the name and its value; low, high: its 95 % bootstrap interval, None where there is none.
        n: units it is taken over; mode, split, slice: how, on which part, on which subgroup.
        stderr: standard error of the value by the bootstrap; unit: what the units are, in the plural.
        direction: 'higher' or 'lower' is better, or 'ideal' when `ideal` is the best value.
        chance: the value of a model that guesses; None when there is none.
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


Example = dict[str, Any]
"""One row of a benchmark's table: what was asked, what the model said and what was found."""


class Finding(msgspec.Struct, frozen=True):
    """What a benchmark gives back: the scores, and one row per example from which they can be recomputed."""

    scores: list[Score]
    examples: list[Example]
    notes: list[str] = []
