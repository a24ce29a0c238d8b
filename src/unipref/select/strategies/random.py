"""A random part: the baseline of equal size that the paper lacks."""

from typing import ClassVar

import numpy as np

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.budget import BlindStrategy, everything, random_priorities


class Random(BlindStrategy):
    """Keeps a random part, each source's and objective's share kept.

    With the same budget, `shares` and `unscored` as `cluster_quality` it keeps as many preferences of each source; with
    `unscored: keep`, unscored are those without a margin, whatever the other strategy's scorers.
    """

    example: ClassVar = {"settings": {"fraction": 0.4}}
    random: ClassVar[bool] = True

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """A random part of each source and objective; it depends on ids and seed, not on row order."""
        if self.covers(candidates):
            return everything(candidates)
        # A part of the unscored and a part of the others, so that the two keep their proportion.
        cells = np.isnan(candidates.margins).astype(np.int64)
        by_chance = random_priorities(candidates.ids, seed)
        return self.plan(candidates, self.passed(candidates)).fill(cells, by_chance, {})
