"""Statistics of a benchmark: functions of means over units, with bootstrap intervals, alone and paired.

A unit is what was sampled when the data were made, and so what is resampled: a pair of sentences, a template, a prompt.
Every statistic here is a function of the means of one or more columns over units. So one resampling serves them all,
and two models can be compared unit by unit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.core.scores import Score
from unipref.core.stats.chance import goodness

Floats = npt.NDArray[np.float64]
OfMeans = Callable[[Floats], Floats]

RESAMPLES = 2000
LEVEL = 0.95
DRAWS_AT_ONCE = 2**22
"""Most unit indices drawn at a time; limits memory to 32 MiB per column."""


@dataclass(frozen=True, eq=False)
class Statistic:
    """A number computed from the means of columns over units of a benchmark.

    Attributes:
        metric: its name.
        units: (n,) unique names; two models are paired by them.
        values: (n,) or (n, k), one row per unit.
        of_means: (r,) or (r, k) means -> (r,) values; None: the mean itself.
        unit: what a unit is, in the plural: 'pairs', 'templates', 'prompts'.
        direction, mode, split, slice, ideal, chance: as in `scores.Score`.
    """

    metric: str
    units: Sequence[str]
    values: Floats
    of_means: OfMeans | None = None
    unit: str = "examples"
    direction: str = "higher"
    mode: str = "corrected"
    split: str = "test"
    slice: str = "all"
    ideal: float | None = None
    chance: float | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Mode, split, slice and metric."""
        return self.mode, self.split, self.slice, self.metric

    def at(self, means: Floats) -> Floats:
        """Returns (r,) values at (r,) or (r, k) means."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return means if self.of_means is None else self.of_means(means)

    def score(self, seed: int = 0) -> Score:
        """Computes value, 95 % percentile bootstrap interval and the standard error of the same resamples."""
        value = float(self.at(self.values.mean(axis=0, keepdims=True))[0])
        low, high, error = bootstrap_interval(self.values, self.at, seed)
        return Score(
            metric=self.metric,
            value=value,
            n=len(self.values),
            direction=self.direction,
            low=low,
            high=high,
            stderr=error,
            mode=self.mode,
            split=self.split,
            slice=self.slice,
            unit=self.unit,
            ideal=self.ideal,
            chance=self.chance,
        )


def mean(metric: str, units: Sequence[str], values: npt.ArrayLike, **fields: Any) -> Statistic:
    """Returns the mean of one value per unit, or (`of_means`) a function of it.

    Args:
        metric: its name.
        units: (n,) unique names.
        values: (n,) numbers or booleans.
        fields: the other fields of `Statistic`.
    """
    return Statistic(metric, units, np.asarray(values, dtype=np.float64), **fields)


def pool_clusters(
    metric: str,
    clusters: Sequence[str],
    parts: npt.ArrayLike,
    wholes: npt.ArrayLike | None = None,
    of_ratio: OfMeans | None = None,
    **fields: Any,
) -> Statistic:
    """Returns sum(parts) / sum(wholes) over examples; the units are clusters of examples.

    Args:
        metric: its name.
        clusters: (m,) the unit each example belongs to.
        parts: (m,) numerators.
        wholes: (m,) denominators; None: 1 each, which gives the mean over examples.
        of_ratio: elementwise function of the ratio, such as `lambda share: 2 * share - 1`.
        fields: the other fields of `Statistic`.

    Returns:
        A statistic of two columns, in order of the clusters' names; NaN where the denominators sum to 0.
    """
    above = np.asarray(parts, dtype=np.float64)
    below = np.ones_like(above) if wholes is None else np.asarray(wholes, dtype=np.float64)

    def of_means(means: Floats) -> Floats:
        ratio = means[:, 0] / means[:, 1]
        return ratio if of_ratio is None else of_ratio(ratio)

    return sum_clusters(metric, clusters, np.stack([above, below], axis=1), of_means, **fields)


def sum_clusters(
    metric: str, clusters: Sequence[str], columns: npt.ArrayLike, of_means: OfMeans, **fields: Any
) -> Statistic:
    """Returns a function of sums of columns over examples; the units are clusters of examples.

    Args:
        metric: its name.
        clusters: (m,) the unit each example belongs to.
        columns: (m, k) values of each example.
        of_means: (r, k) sums, all divided by the same number -> (r,) values; must not depend on that number.
        fields: the other fields of `Statistic`.

    Returns:
        A statistic of k columns, in order of the clusters' names.
    """
    names, codes = np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)
    table = np.asarray(columns, dtype=np.float64)
    sums = [np.bincount(codes, weights=column, minlength=len(names)) for column in table.T]
    return Statistic(metric, names.tolist(), np.stack(sums, axis=1), of_means, **fields)


def resample(values: Floats, of_means: OfMeans, seed: int = 0) -> Floats:
    """Returns (RESAMPLES,) values of a function of means, over units drawn with replacement.

    Args:
        values: (n,) or (n, k), n at least 1.
        of_means: (r,) or (r, k) means -> (r,) values.
        seed: the same units and seed give the same draws.
    """
    n = len(values)
    rng = np.random.default_rng(seed)
    step = max(1, DRAWS_AT_ONCE // n)
    sizes = [min(step, RESAMPLES - done) for done in range(0, RESAMPLES, step)]
    means = np.concatenate([values[rng.integers(0, n, size=(size, n))].mean(axis=1) for size in sizes])
    return of_means(means)


def bootstrap_interval(
    units: npt.ArrayLike, of_means: OfMeans | None = None, seed: int = 0
) -> tuple[float | None, float | None, float | None]:
    """Computes the 95 % percentile bootstrap interval of a mean, or of a function of means, over resampled units.

    Args:
        units: (n,) or (n, k) values, one row per unit.
        of_means: (r,) or (r, k) means -> (r,) values; None: the means themselves.
        seed: the same units and seed give the same interval.

    Returns:
        Low, high and the standard error; all None for fewer than two units, or if no resample has a value.
    """
    values = np.asarray(units, dtype=np.float64)
    if len(values) < 2:
        return None, None, None
    draws = resample(values, of_means or (lambda means: means), seed)
    low, high = _percentile_interval(draws)
    return low, high, None if low is None else float(draws[np.isfinite(draws)].std())


@dataclass(frozen=True)
class Difference:
    """The difference of two models on one statistic, unit by unit.

    Attributes:
        first, second: the statistic of each model over the units both have.
        low, high: 95 % interval of second - first, from the paired bootstrap: both at the same resampled units.
        gain: how much nearer the second is to the best value: second - first if higher is better, first - second if
            lower is, and else the decrease of the distance from the ideal.
        gain_low, gain_high: its interval, from the same resamples.
        n: units that both have; alone: units that only one has, which are left out.
        p: McNemar's exact two-sided p of equal shares; None if units are not all 0 or 1.
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

    @property
    def verdict(self) -> str:
        """'better' or 'worse' if the interval of the gain excludes 0, 'unchanged' if nothing differs.

        Two models on opposite sides of an ideal may clearly differ, although neither is clearly nearer to it.
        """
        if self.gain_low is None or self.gain_high is None or self.gain != self.gain:
            return "no interval"
        if self.low == self.high == 0.0:
            return "unchanged"
        if self.gain_low <= 0.0 <= self.gain_high:
            apart = self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high
            return "different, neither nearer to the ideal" if apart else "no clear difference"
        return "better" if self.gain > 0 else "worse"


def difference(first: Statistic, second: Statistic, seed: int = 0) -> Difference:
    """Compares two models on the same statistic over the units they share."""
    place = {unit: at for at, unit in enumerate(second.units)}
    both = [(at, place[unit]) for at, unit in enumerate(first.units) if unit in place]
    alone = len(first.units) + len(second.units) - 2 * len(both)
    if not both:
        nan = float("nan")
        return Difference(nan, nan, None, None, nan, None, None, 0, alone, None)
    first_rows, second_rows = (np.array(side) for side in zip(*both, strict=True))
    one, two = first.values[first_rows], second.values[second_rows]
    width = 1 if one.ndim == 1 else one.shape[1]
    columns = np.concatenate([one.reshape(-1, width), two.reshape(-1, width)], axis=1)

    def sides(means: Floats) -> Floats:
        """Returns (r, 2) values of both models at (r, 2 width) means."""
        parts = means[:, :width], means[:, width:]
        return np.stack([first.at(part if one.ndim > 1 else part[:, 0]) for part in parts], axis=1)

    def separations(means: Floats) -> Floats:
        """Returns (r, 2): second - first, and the gain."""
        values = sides(means)
        return np.stack([np.diff(values)[:, 0], np.diff(goodness(first, values))[:, 0]], axis=1)

    whole = columns.mean(axis=0, keepdims=True)
    value, gain = sides(whole)[0], float(separations(whole)[0, 1])
    ends: tuple[tuple[float | None, float | None], ...] = ((None, None), (None, None))
    if len(columns) > 1:
        draws = resample(columns, separations, seed)
        ends = tuple(_percentile_interval(draws[:, column]) for column in (0, 1))
    p = _mcnemar_p(first, one, two)
    return Difference(float(value[0]), float(value[1]), *ends[0], gain, *ends[1], len(both), alone, p)


def _percentile_interval(draws: Floats) -> tuple[float | None, float | None]:
    """Returns the 95 % percentile interval of the draws that have a value."""
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return None, None
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _mcnemar_p(statistic: Statistic, one: Floats, two: Floats) -> float | None:
    """Computes the p of the exact binomial test on the units where the two disagree (McNemar 1947)."""
    if (
        one.ndim > 1
        or statistic.of_means is not None
        or not (np.isin(one, (0, 1)).all() and np.isin(two, (0, 1)).all())
    ):
        return None
    from scipy.stats import binomtest

    gained, lost = int(np.sum(two > one)), int(np.sum(one > two))
    return 1.0 if gained + lost == 0 else float(binomtest(gained, gained + lost).pvalue)


def paired_interval(
    table: npt.ArrayLike,
    of_means: OfMeans | None = None,
    *,
    level: float = LEVEL,
    resamples: int = 2 * RESAMPLES,
    seed: int = 0,
    student: bool = False,
) -> tuple[float, float]:
    """Computes the percentile bootstrap interval of a mean over seeds and examples, both resampled.

    Few seeds understate the spread: a resample of S seeds has (S - 1) / S of the variance. So the deviations of the
    seeds' values are multiplied by the root of S / (S - 1). With `student` they are also multiplied by the ratio of
    Student's t with S - 1 degrees of freedom to the normal quantile, as the variance is estimated from S values.

    Args:
        table: (seeds, examples) or (seeds, examples, k) values, of one model or of two in adjacent columns.
        of_means: (r,) or (r, k) means over examples -> (r,) values; None: the means themselves.
        level: share of the resamples in the interval.
        resamples: how many.
        seed: of the resampling.
        student: whether to account for the uncertain variance of few seeds.

    Returns:
        Low and high; NaN if no resample has a value.
    """
    values = np.asarray(table, dtype=np.float64)
    rng = np.random.default_rng(seed)
    count, n = values.shape[:2]
    apply = of_means or (lambda means: means)
    columns = values.swapaxes(0, 1).reshape(n, -1)
    step = max(1, DRAWS_AT_ONCE // n)
    sizes = [min(step, resamples - done) for done in range(0, resamples, step)]
    drawn = [rng.multinomial(n, np.full(n, 1 / n), size=size) / n @ columns for size in sizes]
    means = np.concatenate(drawn).reshape(-1, *values.shape[2:])
    statistics = apply(means).reshape(resamples, count)
    if count > 1:
        own = apply(values.mean(axis=1))
        statistics = statistics + (own - own.mean()) * (_stretch(count, level, student) - 1)
    seeds = rng.multinomial(count, np.full(count, 1 / count), size=resamples) / count
    draws = np.einsum("bs,bs->b", statistics, seeds)
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return float("nan"), float("nan")
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _stretch(count: int, level: float, student: bool) -> float:
    """Returns the factor for the deviations of `count` seeds' values."""
    stretch = float(np.sqrt(count / (count - 1)))
    if not student:
        return stretch
    from scipy.stats import norm, t

    return stretch * float(t.ppf((1 + level) / 2, count - 1) / norm.ppf((1 + level) / 2))
