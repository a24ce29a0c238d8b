"""Measures length bias: whether the chosen answer is the longer one clearly more, or less, often than chance."""

import math
from dataclasses import dataclass

from unipref.analysis.audit.findings import LengthBias, Lengths
from unipref.analysis.audit.unified_run import AuditedPreference
from unipref.core.messages import message_text
from unipref.core.records import Messages
from unipref.core.stats.wilson import wilson

HIGH, LOW = 0.6, 0.4
"""A bias is named if chosen is longer in a share of pairs above or below these, and the interval excludes 0.5."""
FEWEST = 20
"""Minimum number of pairs of different length for naming a bias."""


@dataclass
class _Tally:
    longer: int = 0
    shorter: int = 0
    equal: int = 0
    log_ratio: float = 0.0

    def add(self, chosen: int, rejected: int) -> None:
        self.longer += chosen > rejected
        self.shorter += chosen < rejected
        self.equal += chosen == rejected
        self.log_ratio += math.log(max(chosen, 1) / max(rejected, 1))

    def merge(self, other: "_Tally") -> None:
        self.longer += other.longer
        self.shorter += other.shorter
        self.equal += other.equal
        self.log_ratio += other.log_ratio

    def summarise(self) -> Lengths:
        unequal = self.longer + self.shorter
        n = unequal + self.equal
        low, high = wilson(self.longer, unequal)
        share = self.longer / unequal if unequal else None
        ratio = math.exp(self.log_ratio / n) if n else None
        return Lengths(self.longer, self.shorter, self.equal, share, low, high, ratio)


class LengthTally:
    """Compares the two answers of each pair of a source; it ignores one-sided preferences."""

    def __init__(self) -> None:
        self._pairs, self._characters, self._words = 0, _Tally(), _Tally()

    def add(self, preference: AuditedPreference) -> None:
        """Adds one preference."""
        if preference.chosen is None or preference.rejected is None:
            return
        chosen, rejected = _answer(preference.chosen), _answer(preference.rejected)
        self._pairs += 1
        self._characters.add(len(chosen), len(rejected))
        self._words.add(len(chosen.split()), len(rejected.split()))

    def merge(self, other: "LengthTally") -> None:
        """Adds later preferences."""
        self._pairs += other._pairs
        self._characters.merge(other._characters)
        self._words.merge(other._words)

    def compute_bias(self) -> LengthBias:
        """Computes the bias. The verdict is based on characters, because not every script separates words."""
        characters = self._characters.summarise()
        return LengthBias(self._pairs, characters, self._words.summarise(), name_bias(characters))


def name_bias(lengths: Lengths) -> str:
    """Names the bias by the thresholds above: longer, shorter, none or too_few."""
    if lengths.share is None or lengths.longer + lengths.shorter < FEWEST:
        return "too_few"
    if lengths.share > HIGH and lengths.low > 0.5:
        return "longer"
    return "shorter" if lengths.share < LOW and lengths.high < 0.5 else "none"


def _answer(turns: Messages) -> str:
    """The assistant's text on one side; in a whole dialogue, the user's turns do not count."""
    return "\n".join(message_text(turn) for turn in turns if turn["role"] == "assistant")
