"""Midrank percentiles and z-scores, which make numbers of any unit comparable and preserve ties."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def percentiles(values: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
    """Computes the midrank percentile of each value among all: (smaller + half of the equal ones) / n.

    Args:
        values: (n,) numbers, none of them NaN. Values that agree to nine digits are equal.
    """
    import numpy as np

    # (scipy.stats.rankdata - 0.5) / n is the same to the last bit, but importing scipy.stats takes more than a second.
    rounded = np.round(values, 9)
    ordered = np.sort(rounded)
    below = np.searchsorted(ordered, rounded, side="left")
    up_to = np.searchsorted(ordered, rounded, side="right")
    return (below + up_to) / 2 / max(len(values), 1)


def percentiles_within(values: "npt.NDArray[np.float64]", groups: "npt.NDArray[np.int64]") -> "npt.NDArray[np.float64]":
    """Computes the midrank percentile of each value within its group.

    Args:
        values: (n,) numbers; NaN stays NaN and is not counted.
        groups: (n,) codes from 0.
    """
    import numpy as np

    ranks = np.full(len(values), np.nan)
    scored = np.flatnonzero(~np.isnan(values))
    order = scored[np.argsort(groups[scored], kind="stable")]
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        ranks[rows] = percentiles(values[rows])
    return ranks


def standardise_within(values: "npt.NDArray[np.float64]", groups: "npt.NDArray[np.int64]") -> "npt.NDArray[np.float64]":
    """Computes (value - mean) / standard deviation of each value within its group; 0 if the group's values are equal.

    Args:
        values: (n,) numbers; NaN stays NaN and is not counted.
        groups: (n,) codes from 0.
    """
    import numpy as np

    scores = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    for group in np.unique(groups[known]):
        rows = known & (groups == group)
        centred = values[rows] - values[rows].mean()
        deviation = float(np.sqrt(np.mean(centred**2)))
        # Equal values have a deviation of about 1e-17 times their size, from rounding.
        is_constant = deviation <= 1e-9 * max(1.0, float(np.abs(values[rows]).max()))
        scores[rows] = 0.0 if is_constant else centred / deviation
    return scores
