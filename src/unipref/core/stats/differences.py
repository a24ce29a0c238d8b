"""The difference of two models on one statistic, unit by unit, with its interval over clusters of units."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unipref.core.stats import ideals, intervals
from unipref.core.stats.chance import goodness
from unipref.core.stats.ideals import Linear
from unipref.core.stats.intervals import LEVEL
from unipref.core.stats.statistic import Statistic

Floats = npt.NDArray[np.float64]

EFFECT = 0.05
"""The default smallest effect of interest, as a share of one: five points in a hundred."""
BETTER, WORSE, EQUIVALENT, INCONCLUSIVE = "better", "worse", "equivalent", "inconclusive"
UNCHANGED, APART, NO_INTERVAL = "unchanged", "different, which is nearer to the ideal is not known", "no interval"


@dataclass(frozen=True)
class Difference:
    """The difference of two models on one statistic, unit by unit.

    Attributes:
        first, second: the statistic of each model over the units both have.
        low, high: 95 % interval of second - first, over the clusters of the units.
        gain: how much nearer the second is to the best value: second - first if higher is better, first - second if
            lower is, and else the decrease of the distance from the ideal.
        gain_low, gain_high: its interval.
        n: units that both have; alone: units that only one has, which are left out.
        p: two-sided p of a gain of 0, of the same interval; None without one.
        n_clusters: independent clusters of the units.
        is_same: whether no unit differs; effect: the smallest gain that matters, None without a natural unit.
    """

    first: float
    second: float
    low: float | None
    high: float | None
    gain: float
    gain_low: float | None
    gain_high: float | None
    n: int
    alone: int
    p: float | None
    n_clusters: int
    is_same: bool
    effect: float | None

    @property
    def verdict(self) -> str:
        """What the interval of the gain says; see `classify`.

        Two models on opposite sides of an ideal may clearly differ, although it is not clear which is nearer to it.
        """
        if self.is_same:
            return UNCHANGED
        if self.gain_low is None or self.gain_high is None or self.gain != self.gain:
            return NO_INTERVAL
        verdict = classify(self.gain_low, self.gain_high, self.effect)
        if verdict == INCONCLUSIVE and self.low is not None and self.high is not None:
            return verdict if self.low <= 0.0 <= self.high else APART
        return verdict


def classify(low: float, high: float, effect: float | None = EFFECT) -> str:
    """Classifies a gain by its interval.

    'equivalent' if the interval lies between -effect and effect; else 'better' or 'worse' if it excludes 0; else
    'inconclusive'.
    """
    if effect is not None and -effect < low and high < effect:
        return EQUIVALENT
    return BETTER if low > 0 else WORSE if high < 0 else INCONCLUSIVE


def find_span(statistic: Statistic) -> float | None:
    """Returns the width of a statistic's possible range; None without limits."""
    low, high = statistic.bounds or (-math.inf, math.inf)
    return high - low if math.isfinite(high - low) else None


def find_gain_span(statistic: Statistic) -> float | None:
    """Returns the greatest possible gain: the range, or the greatest distance from the ideal; None without limits."""
    span = find_span(statistic)
    if span is None or statistic.direction != "ideal" or statistic.bounds is None:
        return span
    ideal = statistic.ideal or 0.0
    return max(abs(end - ideal) for end in statistic.bounds)


def find_unit(statistic: Statistic) -> float | None:
    """Returns the value that counts as one: 100 for a percentage, 1 for another bounded figure, None for others."""
    if find_span(statistic) is None or statistic.bounds is None:
        return None
    return 100.0 if statistic.bounds[1] == 100.0 else 1.0


def find_discordance(first: Statistic, second: Statistic) -> float:
    """Returns the variance that two more units add to the difference of two shares, one for each model.

    So answers that happen to agree on all units do not give an interval of zero width (Bonett and Price 2012).
    0 for other statistics.
    """
    if first.trials is None or second.trials is None:
        return 0.0
    return 2.0 / (min(first.trials, second.trials) + 2.0) ** 2


def difference(first: Statistic, second: Statistic, level: float = LEVEL) -> Difference:
    """Compares two models on the same statistic over the units they share."""
    place = {unit: at for at, unit in enumerate(second.units)}
    both = [(at, place[unit]) for at, unit in enumerate(first.units) if unit in place]
    alone = len(first.units) + len(second.units) - 2 * len(both)
    unit = find_unit(first)
    effect = None if unit is None else EFFECT * unit
    if not both:
        nan = float("nan")
        return Difference(nan, nan, None, None, nan, None, None, 0, alone, None, 0, False, effect)
    first_rows, second_rows = (np.array(side) for side in zip(*both, strict=True))
    one, two = first.values[first_rows], second.values[second_rows]
    grouping = first.grouping.take(first_rows)
    width = 1 if one.ndim == 1 else one.shape[1]
    columns = np.concatenate([one.reshape(-1, width), two.reshape(-1, width)], axis=1)

    def sides(means: Floats) -> Floats:
        """Returns (r, 2) values of both models at (r, 2 width) means."""
        parts = means[:, :width], means[:, width:]
        return np.stack([first.at(part if one.ndim > 1 else part[:, 0]) for part in parts], axis=1)

    def find_gains(means: Floats) -> Floats:
        """Returns (r,) gains at (r, 2 width) means."""
        return np.diff(goodness(first, sides(means)))[:, 0]

    whole = columns.mean(axis=0, keepdims=True)
    value, gain = sides(whole)[0], float(find_gains(whole)[0])
    shared = [first.units[at] for at in first_rows]
    one_part, other_part = first.take(shared), second.take(shared)
    extra = find_discordance(one_part, other_part)
    least = intervals.count_independent(len(both), grouping, one_part.trials)

    def find_variance(of_means: Callable[[Floats], Floats]) -> float:
        """Returns the variance of a function of the means; NaN without one."""
        terms = intervals.find_influence(columns, of_means)
        return math.nan if terms is None else float(grouping.variance(terms)) + extra

    apart = value[1] - value[0], find_variance(lambda means: np.diff(sides(means))[:, 0])
    if first.direction == "ideal":
        ideal = first.ideal or 0.0
        total = value.sum() - 2 * ideal, find_variance(lambda means: sides(means).sum(axis=1) - 2 * ideal)
        ends, p = _find_ends_towards_ideal(first, grouping.freedom, apart, total, least, level)
    else:
        towards = gain, find_variance(find_gains)
        ends, p = _find_ends(first, grouping.freedom, apart, towards, least, level)
    return Difference(
        float(value[0]),
        float(value[1]),
        *ends[0],
        gain,
        *ends[1],
        len(both),
        alone,
        p,
        grouping.count,
        bool(np.array_equal(one, two)),
        effect,
    )


Ends = tuple[float | None, float | None]
Uncertain = tuple[float, float]
"""A value and its variance."""


def _find_ends(
    first: Statistic, freedom: float, apart: Uncertain, towards: Uncertain, least: float, level: float
) -> tuple[list[Ends], float | None]:
    """Computes the intervals of second - first and of the gain, and the p of the gain, if higher or lower is better."""
    ends: list[Ends] = []
    p, span = None, find_span(first)
    bounds = None if span is None else (-span, span)
    for middle, variance in (apart, towards):
        if not math.isfinite(variance):
            ends.append((None, None))
            continue
        low, high, _ = intervals.find_interval(float(middle), variance, freedom, bounds, least=least, level=level)
        ends.append((low, high))
        p = find_p(float(middle), variance, freedom, span, least)
    return ends, p


def _find_ends_towards_ideal(
    first: Statistic, freedom: float, apart: Uncertain, total: Uncertain, least: float, level: float
) -> tuple[list[Ends], float | None]:
    """Computes the same for a gain towards an ideal; total: the sum of both signed distances from it."""
    span, farthest = find_span(first), find_gain_span(first)
    difference = Linear(-float(apart[0]), apart[1], freedom, span, least)
    both = Linear(float(total[0]), total[1], freedom, None if farthest is None else 2 * farthest, least)
    low, high = difference.interval(level)
    sums = ideals.make_table(difference, both)
    gain_low, gain_high = ideals.find_gain_interval(sums, farthest, level)
    p = ideals.find_gain_p(sums)
    ends = [_drop_nan(-high, -low), _drop_nan(gain_low, gain_high)]
    return ends, None if math.isnan(p) else p


def _drop_nan(low: float, high: float) -> Ends:
    return (None, None) if math.isnan(low) or math.isnan(high) else (low, high)


def find_p(gain: float, variance: float, freedom: float, span: float | None, least: float) -> float:
    """Computes the two-sided p of a gain of 0: 1 minus the level of the interval that ends at 0.

    Args:
        gain: the gain.
        variance: of the gain.
        freedom: degrees of freedom of the variance.
        span: width of the range of the models' figures, so a gain lies between -span and span; None: no limits.
        least: as in `intervals.find_interval`.
    """
    from scipy.special import ndtr, stdtr

    if gain == 0:
        return 1.0
    if span is None:
        t = abs(gain) / math.sqrt(variance) if variance > 0 else math.inf
    else:
        share = min(abs(gain) / span, 1.0)
        n = intervals.count_trials((1 + share) / 2, variance / (2 * span) ** 2, least=least)
        t = share * math.sqrt(n)
    tail = ndtr(-t) if math.isinf(freedom) else stdtr(max(freedom, 0.1), -t)
    return float(2 * tail)
