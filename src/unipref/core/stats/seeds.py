"""Figures over seeds and clusters of units, both random and crossed: value, variance, degrees of freedom, interval.

A figure y of seed s is mu + seed effect + the mean over clusters of (cluster effect + interaction). Its mean over S
seeds has the variance

    V = V_C + V_S - V_SC,

    V_C: the variance over clusters of the units' terms, averaged over seeds,
    V_S: the variance between the seeds' figures, divided by S,
    V_SC: the variance over clusters of the deviations of the seeds' terms from their average, which is in both.

V is at least V_C and at least V_S. The variance between seeds is pooled over figures of the same kind (`SeedVariance`).
The degrees of freedom are V^2 / (V_C^2 / f_C + V_S^2 / f_S) (Satterthwaite 1946).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unipref.core.stats import intervals
from unipref.core.stats.clusters import Grouping

Floats = npt.NDArray[np.float64]

FEWEST_ARMS = 4
"""With fewer figures, their variances are taken to be equal."""
PRIOR_FREEDOMS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 48.0)
"""Degrees of freedom of the pooled variance that are tried, besides infinitely many."""
LEAST_VARIANCE = 1e-4
"""A variance between seeds counts as at least this part of the mean one when the prior is fitted."""


@dataclass(frozen=True)
class SeedVariance:
    """The variance between seeds, pooled over the figures of one kind (Smyth 2004, with the marginal likelihood).

    Attributes:
        pooled: the common variance; weight: the degrees of freedom that it stands for in the variance of one figure,
            infinite if the figures' variances do not differ by more than chance.
        freedom: degrees of freedom of all figures together.
    """

    pooled: float
    weight: float
    freedom: float

    @classmethod
    def fit(cls, variances: Sequence[float], freedoms: Sequence[float], freedom: float | None = None) -> "SeedVariance":
        """Fits it to figures' variances between seeds.

        Args:
            variances: one per figure.
            freedoms: their degrees of freedom: seeds less one; figures of one seed are left out.
            freedom: of all together, if the figures are not independent; None: the sum.
        """
        own, free = np.asarray(variances, dtype=np.float64), np.asarray(freedoms, dtype=np.float64)
        use = (free > 0) & np.isfinite(own)
        own, free = own[use], free[use]
        if not len(own):
            return cls(math.nan, 0.0, 0.0)
        whole = float(free.sum()) if freedom is None else min(freedom, float(free.sum()))
        mean = float((own * free).sum() / free.sum())
        if len(own) < FEWEST_ARMS or mean <= 0:
            return cls(mean, math.inf, whole)
        center, weight = _fit_prior(own, free, mean)
        return cls(mean if math.isinf(weight) else center, weight, whole)

    def of(self, own: float, freedom: float) -> tuple[float, float]:
        """Returns the variance of one figure and its degrees of freedom.

        Args:
            own: its own variance between seeds.
            freedom: degrees of freedom of that; 0 for one seed.
        """
        if math.isinf(self.weight):
            return self.pooled, self.freedom
        if self.freedom <= 0:
            return own, freedom
        own = own if freedom > 0 else 0.0
        variance = (self.weight * self.pooled + freedom * own) / (self.weight + freedom)
        return variance, min(self.weight + freedom, max(self.freedom, freedom))


def _fit_prior(variances: Floats, freedoms: Floats, mean: float) -> tuple[float, float]:
    """Finds the scaled inverse chi-squared distribution of variances under which the estimates are likeliest.

    An estimate with d degrees of freedom is then the center times a variable of the F distribution with d and
    `weight` degrees of freedom.

    Returns:
        Its center, and its degrees of freedom; infinite if all variances are equal.
    """
    from scipy.special import gammaln

    x, d = np.maximum(variances / mean, LEAST_VARIANCE), freedoms
    logs = np.log(x)
    same = float((d / 2 * np.log(d / 2) - gammaln(d / 2) + (d / 2 - 1) * logs - d / 2 * x).sum())
    centers = np.exp(np.linspace(math.log(0.02), math.log(2.0), 48))[:, None]
    best, found = same, (1.0, math.inf)
    for weight in PRIOR_FREEDOMS:
        scaled = x / centers
        terms = (
            gammaln((d + weight) / 2) - gammaln(d / 2) - gammaln(weight / 2)
            + d / 2 * np.log(d / weight) + (d / 2 - 1) * np.log(scaled)
            - (d + weight) / 2 * np.log1p(d * scaled / weight) - np.log(centers)
        )  # fmt: skip
        likelihoods = terms.sum(axis=1)
        at = int(likelihoods.argmax())
        if likelihoods[at] > best:
            best, found = float(likelihoods[at]), (float(centers[at, 0]), weight)
    return found[0] * mean, found[1]


@dataclass(frozen=True)
class Combined:
    """A figure over seeds and clusters.

    Attributes:
        value: its mean over seeds.
        variance: of the mean; over_units, over_seeds: its parts V_C and V_S.
        freedom: degrees of freedom of the variance.
        seeds: number of seeds; has_seed_variance: whether the variance between seeds is part of it.
    """

    value: float
    variance: float
    over_units: float
    over_seeds: float
    freedom: float
    seeds: int
    has_seed_variance: bool

    def interval(
        self, bounds: tuple[float, float] | None = None, *, least: float = math.inf, level: float = intervals.LEVEL
    ) -> tuple[float, float]:
        """Computes its interval; NaN without a variance. Arguments as for `intervals.find_interval`."""
        if not math.isfinite(self.variance) or not math.isfinite(self.value):
            return math.nan, math.nan
        low, high, _ = intervals.find_interval(
            self.value, self.variance, self.freedom, bounds, least=least, level=level
        )
        return low, high


def variance_between(figures: Floats) -> tuple[float, float]:
    """Returns the variance of (S,) seeds' figures and its degrees of freedom; NaN and 0 for one seed."""
    return (float(figures.var(ddof=1)), len(figures) - 1.0) if len(figures) > 1 else (math.nan, 0.0)


def combine(
    figures: Floats, terms: Floats, grouping: Grouping, between: SeedVariance | None, extra: float = 0.0
) -> Combined:
    """Computes the mean over seeds of a figure, and its variance over seeds and clusters.

    Args:
        figures: (S,) the figure of each seed.
        terms: (S, n) how much each unit moves it, from `intervals.find_influence`.
        grouping: the clusters of the n units.
        between: the pooled variance between seeds; None: the figure has no seeds, as the base model's.
        extra: a variance to add to that over clusters.
    """
    count = len(figures)
    over_units = float(grouping.variance(terms.mean(axis=0))) + extra
    if between is None:
        return Combined(float(figures.mean()), over_units, over_units, 0.0, grouping.freedom, count, False)
    own, free = variance_between(figures)
    between_seeds, freedom = between.of(own, free)
    if freedom <= 0 or not math.isfinite(between_seeds) or not math.isfinite(over_units):
        return Combined(float(figures.mean()), over_units, over_units, 0.0, grouping.freedom, count, False)
    over_seeds = between_seeds / count
    both = 0.0
    if count > 1:
        deviations = terms - terms.mean(axis=0)
        both = float(grouping.variance(deviations.T).sum()) / (count * (count - 1))
    variance = max(over_units + over_seeds - both, over_units, over_seeds)
    parts = over_units**2 / max(grouping.freedom, 0.1) + over_seeds**2 / freedom
    total = variance**2 / parts if parts > 0 else math.inf
    return Combined(float(figures.mean()), variance, over_units, over_seeds, total, count, True)
