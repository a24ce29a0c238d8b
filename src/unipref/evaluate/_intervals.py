"""Seeded 95 % percentile bootstrap intervals of means over units, and of what is computed from such means."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.records import Score

Floats = npt.NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95
DRAWS_AT_ONCE = 2**22
"""Most unit indices drawn at a time: bounds the memory at 32 MiB per column."""


def interval(
    units: npt.ArrayLike, of_means: Callable[[Floats], Floats] | None = None, seed: int = 0
) -> tuple[float | None, float | None]:
    """The 95 % percentile bootstrap interval of a mean, or of a function of means, over resampled units.

    Args:
        units: (n,) or (n, k) values, one row per unit (a pair, a sentence, a prompt).
        of_means: (resamples,) or (resamples, k) means -> (resamples,) values; None: the means themselves.
        seed: of the resampling; same units and seed, same interval.

    Returns:
        Low and high; both None for fewer than two units, which say nothing about their spread.
    """
    values = np.asarray(units, dtype=np.float64)
    n = len(values)
    if n < 2:
        return None, None
    rng = np.random.default_rng(seed)
    step = max(1, DRAWS_AT_ONCE // n)
    sizes = [min(step, RESAMPLES - done) for done in range(0, RESAMPLES, step)]
    means = np.concatenate([values[rng.integers(0, n, size=(size, n))].mean(axis=1) for size in sizes])
    statistics = means if of_means is None else of_means(means)
    low, high = np.quantile(statistics, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def mean_score(
    metric: str,
    units: npt.ArrayLike,
    *,
    direction: str = "higher",
    of_mean: Callable[[Floats], Floats] | None = None,
    **fields: Any,
) -> Score:
    """The `Score` of a mean over units, or of a function of that mean, with its interval.

    Args:
        metric: its name.
        units: (n,) values, n at least 1.
        direction: as in `Score`.
        of_mean: elementwise function of the mean, such as `lambda mean: 1 - mean`.
        fields: the other fields of `Score` (mode, split, slice, ideal, chance).
    """
    values = np.asarray(units, dtype=np.float64)
    mean = values.mean(keepdims=True)
    value = float((mean if of_mean is None else of_mean(mean))[0])
    low, high = interval(values, of_mean)
    return Score(metric=metric, value=value, n=len(values), direction=direction, low=low, high=high, **fields)
