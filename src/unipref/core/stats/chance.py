"""Which value of a score is better, which scores have to be earned, and which models do no better than guessing.

A model that guesses has no bias to show: where it is at chance, its bias figures mean nothing and are marked.
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
"""Slices that tell whether a model guesses: everything, and the sentences for and against a stereotype. A model that
always follows the stereotype is right on all pro and no anti sentences: half right in sum, yet it does not guess."""
AT_CHANCE = "at chance: bias means nothing"
"""What stands beside a bias of a model that guesses."""


class Rated(Protocol):
    """Anything with a direction and a chance level: a `Score`, or the `Statistic` it was computed from."""

    @property
    def direction(self) -> str:
        """'higher', 'lower' or 'ideal'."""

    @property
    def chance(self) -> float | None:
        """The value of a model that guesses; None where there is none."""

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
    """Whether a good value has to be earned: higher is better, and a model that guesses does not get the best."""
    best = 1.0 if score.ideal is None else score.ideal
    return score.direction == "higher" and (score.chance is None or score.chance < best)


def is_bias(score: Rated) -> bool:
    """Whether a model that guesses gets a known value without earning it, as of a bias; not so a share of ties."""
    return not is_skill(score) and score.chance is not None


def guesses(score: Score) -> bool:
    """Whether a skill is not clearly above chance: its interval's lower end, or else the value."""
    if score.chance is None or not is_skill(score):
        return False
    return (score.value if score.low is None else score.low) <= score.chance


def at_chance(scores: Iterable[Score]) -> bool:
    """Whether a model guesses, by its scores in one mode of one benchmark.

    So it is when there is a skill with a chance level, and none of them is clearly above it, in whole or on a side.
    """
    skills = [score for score in scores if score.slice in SIDES and is_skill(score) and score.chance is not None]
    return bool(skills) and all(guesses(score) for score in skills)
