"""Gains towards an ideal: sums of distances from it, each of which is folded there.

A distance |d| is the larger of d and -d. So a weighted sum of nearness, sum of w (-|d|), is the largest over the signs
of the models with negative weights of the smallest over those with positive weights, of sums that are linear in the
signed distances d. The order does not matter: it is also the smallest over the others' signs of the largest. Each
linear sum has a Student interval. The lower end of the gain's interval is the smallest of the largest lower ends. The
upper end is the largest of the smallest upper ends. For two models with distances x and y, the sums are x - y and
x + y: |x| > |y| exactly if both have the same sign. So the interval excludes 0 only if both intervals do, which is an
intersection-union test (Berger 1982): it keeps the level without a correction. No gain in the interval is larger than
the largest |x - y|, or |x + y|, that the intervals of these sums hold.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unipref.core.stats import intervals

Floats = npt.NDArray[np.float64]

NO_VARIANCE = 1e-18
"""A variance below this part of the square of the range is rounding error."""


@dataclass(frozen=True)
class Linear:
    """A sum that is linear in signed distances.

    Attributes:
        value, variance, freedom: its value, the variance of that, and the variance's degrees of freedom.
        most: its greatest possible size; None without limits.
        least: effective number of examples at that size, where the variance says nothing.
    """

    value: float
    variance: float
    freedom: float
    most: float | None = None
    least: float = math.inf

    @property
    def is_at_end(self) -> bool:
        """Whether it has its greatest possible size and no variance, so that the variance says nothing."""
        if self.most is None or self.most <= 0:
            return False
        return abs(self.value) >= self.most * (1 - 1e-12) and self.variance <= NO_VARIANCE * self.most**2

    def interval(self, level: float = intervals.LEVEL) -> tuple[float, float]:
        """Computes Student's interval within the range, or Wilson's at an end of it; NaN without a variance."""
        if not math.isfinite(self.variance) or not math.isfinite(self.value):
            return math.nan, math.nan
        bounds = None if self.most is None else (-self.most, self.most)
        if self.is_at_end:
            low, high, _ = intervals.find_interval(
                self.value, self.variance, self.freedom, bounds, least=self.least, level=level
            )
            return low, high
        low, high, _ = intervals.find_interval(self.value, self.variance, self.freedom, level=level)
        return (low, high) if self.most is None else (max(low, -self.most), min(high, self.most))

    @property
    def p(self) -> float:
        """Two-sided p of 0: 1 minus the level of the interval that ends there."""
        from scipy.special import ndtr, stdtr

        if not math.isfinite(self.variance) or not math.isfinite(self.value):
            return math.nan
        if self.value == 0:
            return 1.0
        if self.is_at_end:
            t = math.sqrt(self.least)
        else:
            t = abs(self.value) / math.sqrt(self.variance) if self.variance > 0 else math.inf
        return float(2 * (ndtr(-t) if math.isinf(self.freedom) else stdtr(max(self.freedom, 0.1), -t)))


Table = tuple[tuple[Linear, ...], ...]
"""Linear sums: one row per signs of the models with negative weights, one column per signs of the others."""


def make_table(difference: Linear, total: Linear) -> Table:
    """Makes the sums for two models from those of x - y and x + y, x: of the first, whose weight is negative."""
    return (difference, total), (_negate(total), _negate(difference))


def find_gain_interval(sums: Table, span: float | None = None, level: float = intervals.LEVEL) -> tuple[float, float]:
    """Computes the interval of the gain, cut to -span and span; NaN if a sum has no interval."""
    ends = np.array([[one.interval(level) for one in row] for row in sums])
    if not np.isfinite(ends).all():
        return math.nan, math.nan
    low, high = float(ends[..., 0].max(axis=0).min()), float(ends[..., 1].min(axis=1).max())
    return (low, high) if span is None else (max(low, -span), min(high, span))


def find_gain_p(sums: Table) -> float:
    """Computes the two-sided p of a gain of 0: 1 minus the level of the gain's interval that ends there."""
    values = np.array([[one.value for one in row] for row in sums])
    tails = np.array([[one.p for one in row] for row in sums])
    if not np.isfinite(tails).all():
        return math.nan
    above = np.where(values > 0, tails, 1.0).min(axis=0).max()
    below = np.where(values < 0, tails, 1.0).min(axis=1).max()
    return float(min(above, below))


def _negate(one: Linear) -> Linear:
    return Linear(-one.value, one.variance, one.freedom, one.most, one.least)
