"""Length bias: is the chosen answer the longer one, more often than chance and by a margin that matters?"""

import math
from dataclasses import dataclass

from unipref.analysis.audit.findings import LengthBias, Lengths
from unipref.analysis.audit.unified_run import Judged
from unipref.core.records import Messages
from unipref.core.stats.wilson import wilson

HIGH, LOW = 0.6, 0.4
"""Share of pairs in which chosen is longer above or below which a bias is named, if its interval excludes 0.5."""
FEWEST = 20
"""Pairs of different length below which nothing is named."""


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

    def lengths(self) -> Lengths:
        unequal = self.longer + self.shorter
        n = unequal + self.equal
        low, high = wilson(self.longer, unequal)
        share = self.longer / unequal if unequal else None
        ratio = math.exp(self.log_ratio / n) if n else None
        return Lengths(self.longer, self.shorter, self.equal, share, low, high, ratio)


class LengthTally:
    """Compares the two answers of each pair of a source; one-sided preferences have nothing to compare."""

    def __init__(self) -> None:
        self._pairs, self._characters, self._words = 0, _Tally(), _Tally()

    def add(self, judged: Judged) -> None:
        """Takes in one preference."""
        if judged.chosen is None or judged.rejected is None:
            return
        chosen, rejected = _answer(judged.chosen), _answer(judged.rejected)
        self._pairs += 1
        self._characters.add(len(chosen), len(rejected))
        self._words.add(len(chosen.split()), len(rejected.split()))

    def bias(self) -> LengthBias:
        """What was found; the verdict goes by characters, for not every script parts its words."""
        characters = self._characters.lengths()
        return LengthBias(self._pairs, characters, self._words.lengths(), verdict(characters))


def verdict(found: Lengths) -> str:
    """longer, shorter, none or too_few, by the thresholds above."""
    if found.share is None or found.longer + found.shorter < FEWEST:
        return "too_few"
    if found.share > HIGH and found.low > 0.5:
        return "longer"
    return "shorter" if found.share < LOW and found.high < 0.5 else "none"


def _answer(turns: Messages) -> str:
    """What the assistant says on one side; where the sides are whole dialogues, the user's turns do not count."""
    return "\n".join(turn["content"] for turn in turns if turn["role"] == "assistant")
