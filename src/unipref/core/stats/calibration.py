"""How far confidences are from the shares of right answers: the bins of a reliability diagram."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unipref.core.stats.wilson import wilson

BINS = 20
"""Number of equal bins of the confidence from 0 to 1; their edges are multiples of 0.05."""
FEWEST = 50
"""With fewer confidences, the figures say little."""


@dataclass(frozen=True)
class CalibrationBin:
    """The confidences from `start` up to, but without, `end`; the last bin includes 1.

    Attributes:
        count, right: number of confidences, and of those whose answer is right.
        confidence: their mean.
        low, high: 95 % Wilson interval of the share that is right.
    """

    start: float
    end: float
    count: int
    right: int
    confidence: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram.

    Attributes:
        bins: those that are not empty, in ascending order.
        count, right: of all bins.
        confidence: the mean of all confidences.
        error: expected calibration error: the mean distance between a bin's mean confidence and its share of right
            ones, weighted by the number of confidences; None without any.
        by_chance: the expected error of right confidences in the same bins. It is above 0, because a share of few
            differs from its expectation.
    """

    bins: list[CalibrationBin]
    count: int
    right: int
    confidence: float | None
    error: float | None
    by_chance: float | None

    @property
    def has_enough(self) -> bool:
        """Whether there are enough confidences for the figures to say something."""
        return self.count >= FEWEST


def find_bin(confidence: float) -> int:
    """Returns the place of a confidence among `BINS`; each bin has its lower edge, and the last one 1 too."""
    # Values of single precision lie beside the edges: 0.7 is stored as 0.69999999.
    return min(math.floor(round(confidence * BINS, 5)), BINS - 1)


def measure_calibration(confidence: Sequence[float], is_right: Sequence[bool]) -> Calibration:
    """Measures how far confidences are from the shares of right answers.

    Args:
        confidence: probabilities in [0, 1].
        is_right: whether each answer is right.
    """
    members: dict[int, list[tuple[float, bool]]] = {}
    for value, right in zip(confidence, is_right, strict=True):
        members.setdefault(find_bin(value), []).append((value, right))
    bins = []
    for place, values in sorted(members.items()):
        count, right_ones = len(values), sum(right for _, right in values)
        mean = math.fsum(value for value, _ in values) / count
        interval = wilson(right_ones, count)
        bins.append(CalibrationBin(place / BINS, (place + 1) / BINS, count, right_ones, mean, *interval))
    n, right_total = sum(one.count for one in bins), sum(one.right for one in bins)
    if not n:
        return Calibration([], 0, 0, None, None, None)
    error = math.fsum(abs(one.count * one.confidence - one.right) for one in bins) / n
    by_chance = math.fsum(one.count * mean_deviation(one.count, one.confidence) for one in bins) / n
    return Calibration(bins, n, right_total, math.fsum(confidence) / n, error, by_chance)


def mean_deviation(count: int, share: float) -> float:
    """Returns the expected distance between a binomial share and its expectation, by De Moivre's formula.

    Args:
        count: number of trials.
        share: probability of a hit.
    """
    share = min(max(share, 0.0), 1.0)
    if share in (0.0, 1.0):
        return 0.0
    above = min(math.floor(count * share) + 1, count)
    log = math.lgamma(count + 1) - math.lgamma(above + 1) - math.lgamma(count - above + 1)
    log += above * math.log(share) + (count - above + 1) * math.log1p(-share)
    return 2 * above * math.exp(log) / count
