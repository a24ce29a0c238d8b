"""Whole numbers shared out to parts: largest remainders, and targets that no part can exceed."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def apportion(owed: "npt.NDArray[np.float64]", total: int, ties: "npt.NDArray[np.int64]") -> "npt.NDArray[np.int64]":
    """Shares `total` out to parts by largest remainders (Hamilton's method).

    Args:
        owed: (k,) what each part is owed, not a whole number.
        total: whole number between the sum of the floors of what is owed and that sum plus k.
        ties: (k,) of parts with equal remainders, the one with the lower value comes first.
    """
    shares = floors(owed)
    remainders = np.round(owed, 9) - shares
    more = np.lexsort((ties, -remainders))[: total - int(shares.sum())]
    shares[more] += 1
    return shares


def floors(owed: "npt.NDArray[np.float64]") -> "npt.NDArray[np.int64]":
    """The whole part of each: 0.1 * 30 is 3.0000000000000004, and 0.29 * 100 is 28.999999999999996."""
    return np.floor(np.round(owed, 9)).astype(np.int64)


def within_limits(
    weights: "npt.NDArray[np.float64]", total: float, limits: "npt.NDArray[np.float64]"
) -> "npt.NDArray[np.float64]":
    """`total` in proportion of the weights; what a part cannot take goes to the others, in proportion again.

    Args:
        weights: (k,) not negative.
        total: what is shared out; at most the sum of the limits of the parts with weight.
        limits: (k,) the most that each part can take.

    Returns:
        (k,) amounts that sum to `total`, or to what the parts with weight can take where that is less.
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
