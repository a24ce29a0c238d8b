"""Clusters of units: the variance of a sum of correlated terms, and its degrees of freedom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grouping:
    """The clusters of n units, which may belong to one or to two of them.

    Attributes:
        members: codes of (n,) units' clusters, one array per grouping: one, or two that are crossed.
        count: number of clusters; is_trivial: each unit is its own cluster.
    """

    members: tuple[Ints, ...]
    count: int
    is_trivial: bool

    @classmethod
    def of(
        cls, units: Sequence[str], clusters: Sequence[str] | None = None, crossed: Sequence[str] | None = None
    ) -> "Grouping":
        """Makes the grouping of units; a name that occurs in both groupings is one cluster.

        Raises:
            ValueError: the groupings do not have one name per unit.
        """
        groupings = [labels for labels in (clusters, crossed) if labels is not None]
        if any(len(labels) != len(units) for labels in groupings):
            raise ValueError(f"{len(units)} units, but clusters of {[len(labels) for labels in groupings]}")
        if not groupings:
            return cls((np.arange(len(units)),), len(units), is_trivial=True)
        names = np.concatenate([np.asarray(labels, dtype=np.str_) for labels in groupings])
        distinct, codes = np.unique(names, return_inverse=True)
        members = tuple(codes.astype(np.int64).reshape(len(groupings), len(units)))
        return cls(members, len(distinct), is_trivial=len(groupings) == 1 and len(distinct) == len(units))

    def take(self, rows: Ints) -> "Grouping":
        """Returns the grouping of some of the units."""
        members = np.stack([codes[rows] for codes in self.members])
        distinct, codes = np.unique(members, return_inverse=True)
        kept = tuple(codes.astype(np.int64).reshape(members.shape))
        return Grouping(kept, len(distinct), is_trivial=len(kept) == 1 and len(distinct) == len(rows))

    def variance(self, terms: Floats) -> Floats:
        """Estimates the variance of a sum of terms that are independent between clusters only.

        One grouping: G / (G - 1) times the sum of squares of the clusters' sums. Two crossed groupings: units are
        correlated if they share a cluster of either (Cameron, Gelbach and Miller 2011; a name in both groupings makes
        it the dyadic estimate of Aronow, Samii and Assenova 2015), and at least the variance by either grouping alone.

        Args:
            terms: (n,) or (n, r) deviations from the mean, each sums to 0 over units.

        Returns:
            () or (r,) variances; NaN for fewer than two clusters.
        """
        if self.count < 2 or any(_count(codes) < 2 for codes in self.members):
            return np.full(terms.shape[1:], np.nan)
        alone = [_sum_squares(codes, terms) * _correct(_count(codes)) for codes in self.members]
        if len(self.members) == 1:
            return alone[0]
        first, second = self.members
        is_one = first == second
        # Each unit adds its term to both of its clusters, once if they are the same.
        both = np.concatenate([first, second[~is_one]])
        whole = _sum_squares(both, np.concatenate([terms, terms[~is_one]]))
        pair = np.minimum(first, second) * self.count + np.maximum(first, second)
        _, pair = np.unique(pair[~is_one], return_inverse=True)
        shared = _sum_squares(pair, terms[~is_one])
        least = min(_count(codes) for codes in self.members)
        return np.asarray(np.maximum.reduce([(whole - shared) * _correct(least), *alone]), dtype=np.float64)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance: the effective number of clusters less one, the least over groupings.

        Clusters of unequal sizes m count as (sum of m^2)^2 / sum of m^4: the variances are then proportional to m^2
        (Satterthwaite 1946).
        """
        return min(_effective_count(codes) for codes in self.members) - 1

    @property
    def mean_size(self) -> float:
        """Mean number of units in the cluster of a unit, of the grouping with the largest clusters."""
        sizes = [np.bincount(codes).astype(np.float64) for codes in self.members]
        return max(float((size**2).sum() / max(size.sum(), 1)) for size in sizes)


def _count(codes: Ints) -> int:
    return len(np.unique(codes))


def _correct(count: int) -> float:
    """The factor for estimated means: G / (G - 1)."""
    return count / (count - 1)


def _effective_count(codes: Ints) -> float:
    squares = np.bincount(codes).astype(np.float64) ** 2
    return float(squares.sum() ** 2 / (squares**2).sum()) if len(squares) else 0.0


def sum_by_cluster(codes: Ints, terms: Floats) -> Floats:
    """Returns (G,) or (G, r) sums of (n,) or (n, r) terms over clusters."""
    if terms.ndim == 1:
        return np.bincount(codes, weights=terms).astype(np.float64)
    return np.stack([np.bincount(codes, weights=column) for column in terms.T], axis=1).astype(np.float64)


def _sum_squares(codes: Ints, terms: Floats) -> Floats:
    if not len(codes):
        return np.zeros(terms.shape[1:])
    return np.asarray((sum_by_cluster(codes, terms) ** 2).sum(axis=0), dtype=np.float64)
