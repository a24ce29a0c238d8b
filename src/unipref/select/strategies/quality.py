"""The best part, by quality alone."""

from typing import ClassVar

import numpy as np

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.budget import everything
from unipref.select.combined_quality import QualityStrategy


class Quality(QualityStrategy):
    """Keeps the preferences of highest quality of each source and objective.

    It looks at no prompt: what is good and frequent crowds out what is good and rare, and copies of a good preference
    are all kept. Source: arXiv 2408.02861, §2.4, without its §2.5.
    """

    example: ClassVar = {"settings": {"fraction": 0.4, "quality": ["margin", {"confidence": {"weight": 0.5}}]}}

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """The best of each source and objective, ties by id."""
        if self.covers(candidates):
            return everything(candidates)
        graded = self.graded(candidates, seed)
        plan = self.plan(candidates, graded.passed)
        return plan.fill(graded.unscored.astype(np.int64), graded.priorities, graded.columns)
