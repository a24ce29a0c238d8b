"""Rounds shares to whole numbers by largest remainders, and shares a total out within limits."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def apportion(exact: "npt.NDArray[np.float64]", total: int, ties: "npt.NDArray[np.int64]") -> "npt.NDArray[np.int64]":
    """Shares `total` out to parts by largest remainders (Hamilton's method).

    Args:
        exact: (k,) each part's exact share, not a whole number.
        total: whole number between the sum of the floors of the exact shares and that sum plus k.
        ties: (k,) of parts with equal remainders, the one with the lower value comes first.
    """
    shares = floor_exactly(exact)
    remainders = np.round(exact, 9) - shares
    more = np.lexsort((ties, -remainders))[: total - int(shares.sum())]
    shares[more] += 1
    return shares


def floor_exactly(exact: "npt.NDArray[np.float64]") -> "npt.NDArray[np.int64]":
    """Returns the whole part of each number, despite rounding errors: 0.29 * 100 is 28.999999999999996."""
    return np.floor(np.round(exact, 9)).astype(np.int64)


def share_within_limits(
    weights: "npt.NDArray[np.float64]", total: float, limits: "npt.NDArray[np.float64]"
) -> "npt.NDArray[np.float64]":
    """Shares `total` out in proportion to the weights; what exceeds a part's limit goes to the others in proportion.

    Args:
        weights: (k,) not negative.
        total: the total; at most the sum of the limits of the parts with weight.
        limits: (k,) the most that each part can take.

    Returns:
        (k,) amounts that sum to `total`, or to the limits of the parts with weight if they sum to less.
    """
    amounts = np.zeros(len(weights))
    open_parts = weights > 0
    left = min(total, float(limits[open_parts].sum()))
    while left > 0 and open_parts.any():
        amounts[open_parts] = left * weights[open_parts] / weights[open_parts].sum()
        full = open_parts & (amounts >= limits)
        if not full.any():
            break
        amounts[full] = limits[full]
        open_parts &= ~full
        left = min(total, float(limits[weights > 0].sum())) - float(amounts[~open_parts].sum())
        amounts[open_parts] = 0.0
    return amounts
