"""Intervals of one model's figures over clusters of units: Wilson for bounded figures, Student for others.

Let V be the variance of a figure over clusters and t the quantile of Student with their degrees of freedom. With the
range of the figure mapped to [0, 1], a value p has the interval of Wilson (1927) for n = p (1 - p) / V trials with t
for z, so the clusters' design effect is in n (Korn and Graubard 1998). It never leaves the range, and it does not have
zero width at its ends. A share of independent answers is the special case n = trials, t = z.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unipref.core.stats.clusters import Grouping

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
WILSON, STUDENT, LOG_STUDENT = "Wilson", "Student", "Student of the logarithm"
CORRELATION = 0.3
"""Assumed correlation within clusters where every answer is the same, so that the data cannot show it."""


@dataclass(frozen=True)
class Estimated:
    """A figure's uncertainty over clusters.

    Attributes:
        error: standard error; low, high: the interval; all None without two clusters or without a value.
        freedom: degrees of freedom of the error.
        method: how the interval was computed; None without one.
    """

    error: float | None = None
    low: float | None = None
    high: float | None = None
    freedom: float = math.inf
    method: str | None = None


def estimate(
    values: Floats,
    of_means: Callable[[Floats], Floats],
    grouping: Grouping,
    bounds: tuple[float, float] | None = None,
    trials: int | None = None,
    level: float = LEVEL,
) -> Estimated:
    """Computes the standard error and the interval of a function of means over units.

    Args:
        values: (n,) or (n, k), one row per unit.
        of_means: (r,) or (r, k) means -> (r,) values.
        grouping: the clusters of the units.
        bounds: the possible range; None: no limits.
        trials: number of yes-or-no answers of which it is the share; None: it is not a share.
        level: of the interval.
    """
    if not len(values):
        return Estimated()
    value = float(of_means(values.mean(axis=0, keepdims=True))[0])
    if not math.isfinite(value):
        return Estimated()
    if trials is not None and grouping.is_trivial and trials == len(values):
        variance, freedom = value * (1 - value) / trials, math.inf
    else:
        terms = find_influence(values, of_means)
        variance, freedom = float(grouping.variance(terms)) if terms is not None else math.nan, grouping.freedom
    if not math.isfinite(variance):
        return Estimated()
    low, high, method = find_interval(
        value,
        variance,
        freedom,
        bounds,
        most=trials,
        least=count_independent(len(values), grouping, trials),
        level=level,
    )
    return Estimated(math.sqrt(variance), low, high, freedom, method)


def find_influence(values: Floats, of_means: Callable[[Floats], Floats]) -> Floats | None:
    """Computes how much each unit moves a function of means: (n,) terms that sum to about 0.

    The jackknife: (n - 1) / n times the difference to the value without the unit. Where that has no value, the
    derivative of the function by the means. None if that has none either, or for fewer than two units.
    """
    n = len(values)
    if n < 2:
        return None
    middle = values.mean(axis=0, keepdims=True)
    whole = of_means(middle)
    without = of_means((middle * n - values) / (n - 1))
    terms = (whole - without) * (n - 1) / n
    if not np.isfinite(terms).all():
        terms = (values - middle).reshape(n, -1) @ _differentiate(middle, of_means) / n
    return terms - terms.mean() if np.isfinite(terms).all() else None


def _differentiate(middle: Floats, of_means: Callable[[Floats], Floats]) -> Floats:
    """Returns (k,) derivatives of a function of means at (1,) or (1, k) means, by central differences."""
    step = 1e-5 * np.maximum(np.abs(middle).reshape(-1), 1e-3)
    moved = np.diag(step)
    ends = [of_means((middle.reshape(1, -1) + sign * moved).reshape(-1, *middle.shape[1:])) for sign in (1, -1)]
    return np.asarray((ends[0] - ends[1]) / (2 * step), dtype=np.float64)


def count_independent(n: int, grouping: Grouping, trials: int | None = None) -> float:
    """Returns the number of independent answers that n units in clusters stand for, by the assumed correlation."""
    answers = n if trials is None else trials
    return answers / (1 + max(grouping.mean_size * answers / n - 1, 0.0) * CORRELATION)


def find_interval(
    value: float,
    variance: float,
    freedom: float = math.inf,
    bounds: tuple[float, float] | None = None,
    *,
    most: float | None = None,
    least: float = math.inf,
    level: float = LEVEL,
) -> tuple[float, float, str]:
    """Computes the interval of a figure from its variance.

    Args:
        value: the figure.
        variance: of the figure.
        freedom: degrees of freedom of the variance.
        bounds: the possible range; None: no limits.
        most: most effective trials, for a share.
        least: effective trials at an end of the range, where the variance says nothing.
        level: of the interval.

    Returns:
        Low, high and the method.
    """
    t = find_quantile(level, freedom)
    half = t * math.sqrt(variance)
    low, high = bounds or (-math.inf, math.inf)
    if math.isfinite(low) and math.isfinite(high):
        span = high - low
        p = min(max((value - low) / span, 0.0), 1.0)
        ends = find_wilson_ends(p, count_trials(p, variance / span**2, most, least), t)
        return low + span * ends[0], low + span * ends[1], WILSON
    if math.isfinite(low) and value > low and half < math.inf:
        factor = math.exp(min(half / (value - low), 700.0))
        return low + (value - low) / factor, low + (value - low) * factor, LOG_STUDENT
    return max(value - half, low), min(value + half, high), STUDENT


def count_trials(p: float, variance: float, most: float | None = None, least: float = math.inf) -> float:
    """Returns the effective trials n for which a share p has the given variance p (1 - p) / n.

    Args:
        p: the share.
        variance: of the share.
        most: most trials; None: no limit.
        least: trials where p is 0 or 1, so that the variance says nothing.
    """
    at_variance = p * (1 - p) / variance if variance > 0 else math.inf
    n = least if min(p, 1 - p) < 1e-12 else at_variance
    return n if most is None else min(n, most)


def find_wilson_ends(p: float, n: float, z: float) -> tuple[float, float]:
    """Computes Wilson's interval of a share p of n (effective) trials with quantile z, in [0, 1]."""
    if n <= 0:
        return 0.0, 1.0
    ratio = z * z / n
    half = math.sqrt(ratio * p * (1 - p) + ratio * ratio / 4)
    low, high = (p + ratio / 2 - half) / (1 + ratio), (p + ratio / 2 + half) / (1 + ratio)
    return max(0.0, min(low, p)), min(1.0, max(high, p))


def find_quantile(level: float, freedom: float = math.inf) -> float:
    """Returns the two-sided quantile of Student, or of the normal distribution for infinite degrees of freedom."""
    from scipy.special import ndtri, stdtrit

    tail = (1 + level) / 2
    return float(ndtri(tail)) if math.isinf(freedom) else float(stdtrit(max(freedom, 0.1), tail))
