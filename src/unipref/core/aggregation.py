"""What an aggregate returns: the utilities of answers, and what is estimated of annotators and sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from unipref.core.judge_reports import AnnotatorReport, Convergence, SourceReport
from unipref.core.judgements import Floats, Ints

__all__ = ["MOST_TOGETHER", "Aggregation", "AnnotatorReport", "Convergence", "SourceReport"]

MOST_TOGETHER = 64
"""Most answers to a prompt for which covariances are kept; of more answers, only variances."""


@dataclass(frozen=True, eq=False)
class Aggregation:
    """The utilities of all answers. Answers have the codes of `Judgements.judged`.

    Attributes:
        mean: (m,) posterior mean of each answer's utility; NaN where nothing is known of it.
        variance: (m,) posterior variances; None if the aggregate has none.
        covariance: posterior covariances of each block of at most MOST_TOGETHER answers, row by row, one block after
            the other; None if the aggregate has none. The answers of larger blocks are taken to be independent.
        part: (m,) two answers of a block with the same number can be compared; -1: with no other answer.
        pair_keys: (p,) `first * m + second` of the judged pairs, with first < second, ascending.
        pair_probability: (p,) probability that the first of them is the better one; NaN where it cannot be known.
        block_starts: (b + 1,) first answer of each block, as in `Judgements`.
        annotators, sources: what is known of them, sorted by name.
        convergence: how the fit ended; None for an aggregate that does not iterate.
        notes: what a reader of the result should know.
        counts: name -> number, for the audit: judgements whose reliability cannot be known, and so on.
    """

    mean: Floats
    part: Ints
    pair_keys: Ints
    pair_probability: Floats
    block_starts: Ints
    variance: Floats | None = None
    covariance: Floats | None = None
    annotators: tuple[AnnotatorReport, ...] = ()
    sources: tuple[SourceReport, ...] = ()
    convergence: Convergence | None = None
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    def compare(self, first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Compares pairs of answers, each of one block.

        Args:
            first: (k,) answer codes.
            second: (k,) answer codes.

        Returns:
            (k,) probabilities that the first is the better one, and (k,) differences of the posterior means of the
            utilities. NaN where it cannot be known.
        """
        one, two = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
        difference = self._difference(one, two)
        probability = _probability_above_zero(difference, self._variance_of_difference(one, two))
        keys = np.minimum(one, two) * len(self.mean) + np.maximum(one, two)
        at = np.minimum(np.searchsorted(self.pair_keys, keys), max(len(self.pair_keys) - 1, 0))
        if len(self.pair_keys):
            judged = (self.pair_keys[at] == keys) & np.isfinite(self.pair_probability[at])
            own = self.pair_probability[at]
            probability = np.where(judged, np.where(one < two, own, 1.0 - own), probability)
        if self.covariance is not None:
            probability[np.isnan(difference)] = np.nan
        return probability, difference

    def compare_weighted(self, parts: Sequence[tuple[float, npt.ArrayLike, npt.ArrayLike]]) -> tuple[Floats, Floats]:
        """Compares pairs of answers by a weighted mean of their utilities on several axes.

        The utilities of the axes are taken to be independent given the judgements.

        Args:
            parts: per axis its weight, and (k,) codes of the first and second answers on this axis.

        Returns:
            As `compare`. NaN where the pair is unknown on one of the axes, or the aggregate has no variances.
        """
        total = sum(abs(weight) for weight, _, _ in parts)
        if not total:
            count = len(np.asarray(parts[0][1])) if parts else 0
            return np.full(count, np.nan), np.full(count, np.nan)
        difference, variance = np.zeros(1), np.zeros(1)
        for weight, first, second in parts:
            one, two = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
            difference = difference + weight / total * self._difference(one, two)
            variance = variance + (weight / total) ** 2 * self._variance_of_difference(one, two)
        return _probability_above_zero(difference, variance), difference

    def _difference(self, one: Ints, two: Ints) -> Floats:
        """Returns the differences of the means; NaN for answers that cannot be compared."""
        difference = self.mean[one] - self.mean[two]
        difference[(self.part[one] != self.part[two]) | (self.part[one] < 0)] = np.nan
        return difference

    def _variance_of_difference(self, one: Ints, two: Ints) -> Floats:
        """Returns the variances of the differences of utilities; NaN without covariances."""
        if self.covariance is None or self.variance is None:
            return np.full(len(one), np.nan)
        sizes = np.diff(self.block_starts)
        kept = np.where(sizes <= MOST_TOGETHER, sizes, 0)
        block = np.searchsorted(self.block_starts, one, side="right") - 1
        size, base = kept[block], np.concatenate([[0], np.cumsum(kept**2)])[block]
        at = base + (one - self.block_starts[block]) * size + (two - self.block_starts[block])
        together = np.zeros(len(one))
        together[size > 0] = self.covariance[at[size > 0]]
        return self.variance[one] + self.variance[two] - 2 * together


def _probability_above_zero(mean: Floats, variance: Floats) -> Floats:
    """Returns the probability that normally distributed values are above 0."""
    from scipy.special import ndtr

    return np.asarray(ndtr(mean / np.sqrt(np.maximum(variance, 1e-12))), dtype=np.float64)
