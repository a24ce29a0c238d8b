"""Questions of the built-in world, and what a rater makes of them."""

import random
from dataclasses import dataclass
from typing import Any

from unipref.demo.raters import Rater, relative_lengths

Row = dict[str, Any]
"""One row of a feedback file."""


@dataclass(frozen=True)
class Question:
    """A prompt and answers of known quality, the right one first.

    Attributes:
        copy_of: the prompt that it paraphrases; None for an original prompt.
    """

    prompt: str
    answers: tuple[str, ...]
    qualities: tuple[float, ...]
    copy_of: str | None = None

    @property
    def lengths(self) -> list[float]:
        """Relative length of each answer, between the shortest and the longest."""
        return relative_lengths(self.answers)

    def shuffled(self, rng: random.Random) -> list[tuple[str, float, float]]:
        """(answer, quality, length) of each answer, in random order."""
        answers = list(zip(self.answers, self.qualities, self.lengths, strict=True))
        rng.shuffle(answers)
        return answers

    def chooses_right(self, rater: Rater) -> bool:
        """Whether a rater chooses the right one of two answers."""
        first, second = zip(self.qualities, self.lengths, strict=True)
        return rater.prefers(first, second)


@dataclass(frozen=True)
class JudgedQuestion:
    """A question with its rater, the rows that hold its label, and whether the label ranks the right answer first."""

    question: Question
    rater: Rater
    rows: list[Row]
    right: bool
