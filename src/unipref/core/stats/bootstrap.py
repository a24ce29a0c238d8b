"""Bootstrap intervals of a mean, or of a function of means, over units and over seeds."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
OfMeans = Callable[[Floats], Floats]

RESAMPLES = 2000
LEVEL = 0.95
DRAWS_AT_ONCE = 2**22
"""Most unit indices drawn at a time; limits memory to 32 MiB per column."""


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


def _percentile_interval(draws: Floats) -> tuple[float | None, float | None]:
    """Returns the 95 % percentile interval of the draws that have a value."""
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return None, None
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


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
