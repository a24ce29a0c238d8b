"""Which value of a score is better, which scores have to be earned, and which models do no better than guessing.

A model that guesses cannot show a bias: for a model at chance, bias scores are meaningless and are marked.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from unipref.core.scores import Score

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Values = TypeVar("Values", float, "npt.NDArray[np.float64]")

WHOLE = "all"
SIDES = (WHOLE, "pro", "anti")
"""Slices that show whether a model guesses: everything, and the sentences for and against a stereotype. A model that
always follows the stereotype is right on all pro and no anti sentences: half right in total, yet it does not guess."""
AT_CHANCE = "at chance: bias means nothing"
"""The remark beside a bias of a model at chance."""


class Rated(Protocol):
    """Anything with a direction and a chance level: a `Score`, or the `Statistic` it was computed from."""

    @property
    def direction(self) -> str:
        """'higher', 'lower' or 'ideal'."""

    @property
    def chance(self) -> float | None:
        """The value of a model that guesses, or None."""

    @property
    def ideal(self) -> float | None:
        """The best value; None stands for 1."""


def goodness(score: Rated, value: Values) -> Values:
    """A value, or an array of them, on a scale on which higher is better.

    It is the value itself, its negative, or minus its distance from the ideal, which is 0 where none is named.
    """
    if score.direction == "ideal":
        return -abs(value - (score.ideal or 0.0))
    return value if score.direction == "higher" else -value


def is_skill(score: Rated) -> bool:
    """Whether a score measures a skill: higher is better, and guessing does not reach the best value."""
    best = 1.0 if score.ideal is None else score.ideal
    return score.direction == "higher" and (score.chance is None or score.chance < best)


def is_bias(score: Rated) -> bool:
    """Whether a score measures a bias: not a skill, and with a known value for guessing (unlike a share of ties)."""
    return not is_skill(score) and score.chance is not None


def is_at_chance(score: Score) -> bool:
    """Whether a skill is not clearly above chance: its interval's lower end, or else the value."""
    if score.chance is None or not is_skill(score):
        return False
    return (score.value if score.low is None else score.low) <= score.chance


def is_guessing(scores: Iterable[Score]) -> bool:
    """Whether a model guesses, by its scores in one mode of one benchmark.

    True if at least one skill has a chance level and no skill is clearly above it, on the whole or on a side.
    """
    skills = [score for score in scores if score.slice in SIDES and is_skill(score) and score.chance is not None]
    return bool(skills) and all(is_at_chance(score) for score in skills)
