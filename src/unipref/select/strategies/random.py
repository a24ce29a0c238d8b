"""Keeps a random part: the baseline of equal size that the paper lacks."""

from typing import ClassVar

import numpy as np

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.budget import BlindStrategy, draw_priorities, keep_everything


class Random(BlindStrategy):
    """Keeps a random part of each source and objective, so that their shares stay.

    With the same budget, `shares` and `unscored` as `cluster_quality` it keeps as many preferences of each source. With
    `unscored: keep`, unscored means without a `margin_percentile`, regardless of the other strategy's scorers.
    """

    example: ClassVar = {"settings": {"fraction": 0.4}}
    random: ClassVar[bool] = True

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects a random part of each source and objective; it depends on ids and seed, not on row order."""
        if self.keeps_everything(candidates):
            return keep_everything(candidates)
        # Separate cells for unscored and other candidates, so that the two keep their proportion.
        cells = np.isnan(candidates.margin_percentiles).astype(np.int64)
        priorities = draw_priorities(candidates.ids, seed)
        return self.allocate(candidates, self.find_always_kept(candidates)).fill(cells, priorities, {})
