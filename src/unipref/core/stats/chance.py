"""Which value of a score is better, which scores measure a skill or a bias, and which models are at chance.

A model that guesses cannot show a bias: if a model is at chance, its bias scores are meaningless and are marked.
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
"""Slices that show whether a model guesses: all sentences, and those for and against a stereotype. A model that always
follows the stereotype is right on all pro and no anti sentences: half right in total, but it does not guess."""
AT_CHANCE = "at chance: bias means nothing"
"""The remark on a bias score of a model at chance."""


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
    """Maps a value, or an array of them, to a scale on which higher is better.

    The result is the value itself, its negative, or minus its distance from the ideal (0 if none is given).
    """
    if score.direction == "ideal":
        return -abs(value - (score.ideal or 0.0))
    return value if score.direction == "higher" else -value


def is_skill(score: Rated) -> bool:
    """Returns whether a score measures a skill: higher is better, and guessing does not reach the best value."""
    best = 1.0 if score.ideal is None else score.ideal
    return score.direction == "higher" and (score.chance is None or score.chance < best)


def is_bias(score: Rated) -> bool:
    """Returns whether a score measures a bias: not a skill, but with a chance level (unlike a share of ties)."""
    return not is_skill(score) and score.chance is not None


def is_at_chance(score: Score) -> bool:
    """Returns whether a skill is not clearly above chance, by its interval's lower end or else its value."""
    if score.chance is None or not is_skill(score):
        return False
    return (score.value if score.low is None else score.low) <= score.chance


def is_guessing(scores: Iterable[Score]) -> bool:
    """Returns whether a model guesses, by its scores in one mode of one benchmark.

    True if at least one skill has a chance level and none is clearly above it, over all examples or on a side.
    """
    skills = [score for score in scores if score.slice in SIDES and is_skill(score) and score.chance is not None]
    return bool(skills) and all(is_at_chance(score) for score in skills)
