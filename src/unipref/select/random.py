"""A random part: the baseline of equal size that the paper lacks."""

from typing import TYPE_CHECKING, ClassVar

from unipref.contracts import Candidates
from unipref.select._budget import FractionStrategy, random_priorities

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Random(FractionStrategy):
    """Keeps a random fraction, each source's share kept.

    With the same `fraction` and `unscored` as `cluster_quality` it keeps as many preferences of each source.
    """

    example: ClassVar = {"settings": {"fraction": 0.4}}

    def select(self, candidates: Candidates, seed: int) -> "npt.NDArray[np.int64]":
        """A random fraction of each source; it depends on ids and seed, not on row order."""
        import numpy as np

        one_cell = np.zeros(len(candidates), dtype=np.int64)
        return self.take(candidates, one_cell, random_priorities(candidates.ids, seed))
