"""The normal approximations of the utilities of all blocks, updated together."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from unipref.core.aggregation import MOST_TOGETHER
from unipref.core.judgements import Floats, Ints


@dataclass
class Gaussians:
    """The posterior means and covariances of the utilities of m answers in b blocks.

    The prior covariance of the answers to a prompt is the identity plus `between` for what they share.

    Attributes:
        starts: (b + 1,) first answer of each block.
        between: variance between prompts.
        mean, variance: (m,).
        covariance: covariances of the small blocks, row by row, one block after the other.
        base: (b,) where each block starts in `covariance`; -1 for a large block.
    """

    starts: Ints
    between: float
    mean: Floats = field(init=False)
    variance: Floats = field(init=False)
    covariance: Floats = field(init=False)
    base: Ints = field(init=False)

    def __post_init__(self) -> None:
        sizes = np.diff(self.starts)
        kept = np.where(sizes <= MOST_TOGETHER, sizes, 0)
        self.base = np.where(kept > 0, np.concatenate([[0], np.cumsum(kept**2)])[:-1], -1)
        self.mean = np.zeros(int(self.starts[-1]))
        self.variance = np.full(len(self.mean), 1.0 + self.between)
        self.covariance = np.zeros(int((kept**2).sum()))
        self._small = [
            (size, np.flatnonzero((sizes == size) & (self.base >= 0))) for size in np.unique(kept[kept > 0]).tolist()
        ]
        self._large = np.flatnonzero(self.base < 0)
        self._block = np.repeat(np.arange(len(sizes)), sizes)

    def places(self, first: Ints, second: Ints) -> Ints:
        """Returns where the covariance of two answers of a block is; -1 in large blocks."""
        block = self._block[first]
        size = self.starts[block + 1] - self.starts[block]
        at = self.base[block] + (first - self.starts[block]) * size + (second - self.starts[block])
        return np.where(self.base[block] < 0, -1, at)

    def update(self, shift: Floats, first: Ints, second: Ints, precision: Floats) -> None:
        """Computes means and covariances from the prior and the terms of all judgements.

        Args:
            shift: (m,) sums of the terms' linear coefficients.
            first: (k,) rows of the entries of the precision matrices.
            second: (k,) their columns.
            precision: (k,) values to be added there, and not at the mirrored place.
        """
        at = self.places(first, second)
        total = np.zeros(len(self.covariance))
        np.add.at(total, at[at >= 0], precision[at >= 0])
        for size, blocks in self._small:
            entries = self.base[blocks][:, None] + np.arange(size * size)
            matrices = total[entries].reshape(-1, size, size)
            matrices = matrices + np.eye(size) - self.between / (1 + self.between * size)
            inverse = np.linalg.inv(matrices)
            answers = self.starts[blocks][:, None] + np.arange(size)
            self.covariance[entries] = inverse.reshape(-1, size * size)
            self.mean[answers] = np.einsum("bij,bj->bi", inverse, shift[answers])
            self.variance[answers] = np.einsum("bii->bi", inverse)
        if len(self._large):
            self._update_large(shift, first, second, precision)

    def _update_large(self, shift: Floats, first: Ints, second: Ints, precision: Floats) -> None:
        """Solves for the means of the large blocks exactly; the variances neglect what answers have in common."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.linalg import splu

        for block in self._large.tolist():
            start, end = int(self.starts[block]), int(self.starts[block + 1])
            mine = (first >= start) & (first < end)
            size = end - start
            diagonal = np.arange(size)
            rows = np.concatenate([first[mine] - start, diagonal])
            columns = np.concatenate([second[mine] - start, diagonal])
            values = np.concatenate([precision[mine], np.full(size, 1 / (1 + self.between))])
            matrix = coo_matrix((values, (rows, columns)), shape=(size, size)).tocsc()
            self.mean[start:end] = splu(matrix).solve(shift[start:end])
            self.variance[start:end] = 1 / matrix.diagonal()

    def directions(
        self, first: Ints, second: Ints, precision: Floats
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Returns means and variances of u[first] - u[second], or of u[first] where second is -1.

        Args:
            first: (s,) answers.
            second: (s,) answers; -1 for none.
            precision: (s,) precision of the term along the direction, for large blocks.
        """
        pair = second >= 0
        other = np.where(pair, second, first)
        mean = np.where(pair, self.mean[first] - self.mean[other], self.mean[first])
        variance = np.where(pair, self.variance[first] + self.variance[other], self.variance[first])
        at = self.places(first, other)
        small = pair & (at >= 0)
        variance[small] -= 2 * self.covariance[at[small]]
        large = pair & (at < 0)
        if large.any():
            without = sum(
                1 / np.maximum(1 / self.variance[side[large]] - precision[large], 1e-3) for side in (first, other)
            )
            variance[large] = 1 / (1 / np.asarray(without) + precision[large])
        return mean, np.maximum(variance, 1e-9)
