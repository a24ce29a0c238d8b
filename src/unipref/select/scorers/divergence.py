"""Divergence of the axes: do the further axes contradict the label?"""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer

if TYPE_CHECKING:
    import numpy.typing as npt


class Divergence(Scorer):
    """How far the axes that did not decide contradict the label: the least divergent preferences come first.

    score = sum over the further axes of clip((score of chosen - score of rejected) / q, -1, 1). q is the 0.9 quantile
    of the absolute gaps on the axis in its source. A gap is positive if the axis too prefers the chosen answer, by the
    direction that the source's mapping declares (`better`). A high score means consensus; below 0, most evidence is
    against the label. It needs no model. Axes of a weighted mean that decided are no evidence.

    Preferences without scores of both answers on a further axis have no score.

    Source: minus the preference divergence of Zhang et al. 2025, arXiv 2508.07638 (sum over the other aspects, quantile
    scale, clipping), as notes on its revised version describe it. There, a reward model per aspect, trained on the
    preferences of that aspect with a penalty on length, estimates the gaps; here they are the source's own ratings,
    which the paper calls "PD (rati.)", without a correction for length. The value of the quantile is ours.
    """

    example: ClassVar = {"settings": {}}

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Returns the agreement of the axes with the label."""
        if candidates.axis_agreement is None:
            return np.full(len(candidates), np.nan)
        return candidates.axis_agreement()
