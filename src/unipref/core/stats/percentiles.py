"""Midrank percentiles, which make numbers of any unit comparable and preserve ties."""

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
