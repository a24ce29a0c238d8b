"""Means over groups that count the same, whatever their size: over the subsets of a benchmark."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.core.stats.statistic import Statistic, mean

Floats = npt.NDArray[np.float64]


def average_groups(
    metric: str, units: Sequence[str], values: npt.ArrayLike, groups: Sequence[tuple[str, ...]], **fields: Any
) -> Statistic:
    """Returns the mean over groups of the mean over their units; with nested groups, level by level.

    Args:
        metric: its name.
        units: (n,) unique names.
        values: (n,) one value per unit.
        groups: (n,) the groups of each unit, the outermost first: ('safety', 'safety-refuse').
        fields: the other fields of `Statistic`.
    """
    numbers = np.asarray(values, dtype=np.float64)
    leaves = sorted(set(groups))
    if len(leaves) < 2:
        return mean(metric, units, numbers, **fields)
    weights = np.array([_weigh(leaf, leaves) for leaf in leaves])
    inside = np.array([[group == leaf for leaf in leaves] for group in groups], dtype=np.float64)
    columns = np.concatenate([inside * numbers[:, None], inside], axis=1)

    def of_means(means: Floats) -> Floats:
        sums, shares = means[:, : len(leaves)], means[:, len(leaves) :]
        return np.asarray((sums / shares) @ weights, dtype=np.float64)

    return Statistic(metric, units, columns, of_means, **fields)


def _weigh(leaf: tuple[str, ...], leaves: Sequence[tuple[str, ...]]) -> float:
    """The weight of a group: one divided by the number of groups beside it, on each level."""
    weight = 1.0
    for depth in range(len(leaf)):
        weight /= len({other[: depth + 1] for other in leaves if other[:depth] == leaf[:depth]})
    return weight
