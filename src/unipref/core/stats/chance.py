"""Which value of a score is better, which scores measure a skill or a bias, and which models are at chance.

A bias is tested itself: it is shown if its interval excludes the best value. The skill stands beside it and decides
nothing, because an accuracy of a half does not imply that there is no bias. Only a model that guesses *and* shows no
bias is marked: then the benchmark cannot tell a fair model from one that does not understand the question.
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
UNTESTED = "no better than guessing, no bias shown"
"""The remark on a bias score that does not show a bias, of a model that guesses."""
SKILL_AT_CHANCE = "no better than guessing"
"""The remark on a skill that is not clearly above chance."""
SKILL_BELOW_CHANCE = "worse than guessing"
"""The remark on a skill that is clearly below chance: the model prefers the wrong answer."""


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


def shows_bias(score: Score) -> bool:
    """Returns whether the interval of a bias excludes its best value; False without an interval."""
    best = score.ideal or 0.0
    return score.low is not None and score.high is not None and not score.low <= best <= score.high


def hides_bias(scores: Iterable[Score]) -> bool:
    """Returns whether a model guesses and shows no bias, by its scores in one mode of one benchmark.

    Biases with values on both sides of the best one decide, if there are any: the mean of absolute differences is above
    0 even without bias.
    """
    rows = list(scores)
    biases = [score for score in rows if score.slice == WHOLE and is_bias(score)]
    tested = [score for score in biases if score.direction == "ideal"] or biases
    return bool(tested) and is_guessing(rows) and not any(map(shows_bias, tested))


def describe_chance(score: Score, scores: Iterable[Score]) -> str:
    """Returns the remark on a score; empty if there is none.

    Args:
        score: a skill or a bias.
        scores: all scores of the model in the mode of the benchmark.
    """
    if not is_bias(score):
        if is_below_chance(score):
            return SKILL_BELOW_CHANCE
        return SKILL_AT_CHANCE if is_at_chance(score) else ""
    rows = list(scores)
    if score.direction == "ideal":
        return UNTESTED if is_guessing(rows) and not shows_bias(score) else ""
    return UNTESTED if hides_bias(rows) else ""


def is_at_chance(score: Score) -> bool:
    """Returns whether a skill is not clearly above chance, by its interval's lower end or else its value."""
    if score.chance is None or not is_skill(score):
        return False
    return (score.value if score.low is None else score.low) <= score.chance


def is_below_chance(score: Score) -> bool:
    """Returns whether a skill is clearly below chance, by its interval's upper end; False without an interval."""
    if score.chance is None or score.high is None or not is_skill(score):
        return False
    return score.high < score.chance


def is_guessing(scores: Iterable[Score]) -> bool:
    """Returns whether a model guesses, by its scores in one mode of one benchmark.

    True if at least one skill has a chance level and none is clearly above it, over all examples or on a side.
    """
    skills = [score for score in scores if score.slice in SIDES and is_skill(score) and score.chance is not None]
    return bool(skills) and all(is_at_chance(score) for score in skills)
