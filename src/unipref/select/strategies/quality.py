"""Keeps the best part, by quality alone."""

from typing import ClassVar

import numpy as np

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.budget import keep_everything
from unipref.select.combined_quality import QualityStrategy


class Quality(QualityStrategy):
    """Keeps the preferences of highest quality of each source and objective.

    It ignores the prompts: frequent good preferences crowd out rare good ones, and all copies of a good preference are
    kept. Source: arXiv 2408.02861, §2.4, without its §2.5.
    """

    example: ClassVar = {
        "settings": {"fraction": 0.4, "quality": ["margin_percentile", {"confidence": {"weight": 0.5}}]}
    }

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects the best of each source and objective, ties by id."""
        if self.keeps_everything(candidates):
            return keep_everything(candidates)
        grades = self.grade(candidates, seed)
        allocation = self.allocate(candidates, grades.always_kept, grades.notes)
        return allocation.fill(grades.unscored.astype(np.int64), grades.priorities, grades.columns)
