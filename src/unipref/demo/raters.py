"""The raters of the built-in world, under three noise models (`docs/world.md` explains the choice).

A rater perceives an answer as

    s = centre + attention * (quality - 1/2) + |attention| * length_bias * length + jitter * N(0, 1)

with the answer's true quality in [0, 1] and its length in [-1/2, 1/2]: relative to the shortest and the longest answer
to the same prompt, in words. A rating is s, clipped to [0, 1]; of two answers the one with the higher s is chosen; a
thumb is up if s > 1/2. Choices and thumbs are flipped with a small probability.

The panel (`unipref.demo.panel`) has the same raters and some lazy ones, who choose the answer that is shown first.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Noise = Literal["careless", "gaussian", "adversarial"]

COUNT = 20
"""Number of raters in a world."""
CARELESS = 0.4
"""Share of careless raters if the noise is `careless`."""
ADVERSARIAL = 0.2
"""Share of raters who invert the scale if the noise is `adversarial`."""
LAZY = 2
"""Number of lazy raters, who judge for the panel only."""


@dataclass(frozen=True)
class Manner:
    """How a rater judges.

    Attributes:
        kind: its name.
        attention: weight of an answer's quality: 1 spans the whole scale, -1 inverts it.
        shift: maximum distance of a rater's own centre from the middle.
        jitter: standard deviation of the random noise.
        slip: probability that a choice or a thumb is flipped.
        takes_first: choose the answer that is shown first, whatever the answers are.
    """

    kind: str
    attention: float
    shift: float
    jitter: float
    slip: float
    takes_first: bool = False


CAREFUL_MANNER = Manner("careful", attention=1.0, shift=0.0, jitter=0.1, slip=0.05)
CARELESS_MANNER = Manner("careless", attention=0.05, shift=0.25, jitter=0.05, slip=0.0)
NOISY_MANNER = Manner("noisy", attention=1.0, shift=0.0, jitter=0.35, slip=0.0)
ADVERSARIAL_MANNER = Manner("adversarial", attention=-1.0, shift=0.0, jitter=0.1, slip=0.05)
LAZY_MANNER = Manner("lazy", attention=0.0, shift=0.0, jitter=0.0, slip=0.05, takes_first=True)


@dataclass
class Rater:
    """A rater of answers; lengths are as in the module's formula."""

    name: str
    manner: Manner
    centre: float
    length_bias: float
    rng: random.Random

    def perceive(self, quality: float, length: float = 0.0) -> float:
        """Draws the perceived quality of an answer, about 0 to 1, not clipped."""
        attention = self.manner.attention
        signal = attention * (quality - 0.5) + abs(attention) * self.length_bias * length
        return self.centre + signal + self.manner.jitter * self.rng.gauss()

    def rating(self, quality: float, length: float = 0.0) -> float:
        """Draws the rating of an answer, between 0 and 1."""
        return min(1.0, max(0.0, self.perceive(quality, length)))

    def prefers(self, answer: tuple[float, float], other: tuple[float, float]) -> bool:
        """Draws whether the first of two answers, each as (quality, length), is chosen."""
        return (self.perceive(*answer) > self.perceive(*other)) != self._slips()

    def chooses_first(self, first: tuple[float, float], second: tuple[float, float]) -> bool:
        """Draws whether the answer that is shown first is chosen; answers are (quality, length)."""
        return not self._slips() if self.manner.takes_first else self.prefers(first, second)

    def likes(self, quality: float, length: float) -> bool:
        """Draws whether the thumb is up."""
        return (self.perceive(quality, length) > 0.5) != self._slips()

    def _slips(self) -> bool:
        return self.rng.random() < self.manner.slip


class Raters:
    """The raters of a world."""

    def __init__(self, seed: int, noise: Noise, length_bias: float) -> None:
        self._rng = random.Random(f"{seed}/raters")
        self._length_bias = length_bias
        self._all = []
        for i, manner in enumerate(_manners(noise), start=1):
            centre = 0.5 + self._rng.uniform(-manner.shift, manner.shift)
            self._all.append(Rater(f"r{i:02}", manner, centre, length_bias, self._rng))

    def any(self) -> Rater:
        """Draws one of the raters."""
        return self._rng.choice(self._all)

    def with_lazy(self, rng: random.Random) -> list[Rater]:
        """Returns the same raters and the lazy ones, who draw from another source of chance."""
        lazy = [Rater(f"r{COUNT + i:02}", LAZY_MANNER, 0.5, self._length_bias, rng) for i in range(1, LAZY + 1)]
        return [replace(rater, rng=rng) for rater in self._all] + lazy


def _manners(noise: Noise) -> Sequence[Manner]:
    if noise == "gaussian":
        return [NOISY_MANNER] * COUNT
    odd, share = (CARELESS_MANNER, CARELESS) if noise == "careless" else (ADVERSARIAL_MANNER, ADVERSARIAL)
    count = round(share * COUNT)
    return [odd] * count + [CAREFUL_MANNER] * (COUNT - count)


def relative_lengths(answers: Sequence[str]) -> list[float]:
    """Length of each answer in words, between the shortest (-1/2) and the longest (1/2); 0 if all are equal."""
    words = [len(answer.split()) for answer in answers]
    low, high = min(words), max(words)
    return [(n - low) / (high - low) - 0.5 if high > low else 0.0 for n in words]
