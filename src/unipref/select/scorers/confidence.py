"""Confidence: how probable it is that the label is right."""

from typing import TYPE_CHECKING, ClassVar

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Confidence(Scorer):
    """The probability that the chosen answer is the better one, by all judgements together.

    score = `confidence`, in [0, 1], on one scale for all sources. Of a one-sided preference, it is the probability that
    its verdict is right. It needs no model. It finds pairs on which people disagree and labels that unreliable people
    gave. Below 0.5, the judgements overrule the label.

    A preference that was judged once, by somebody of whom nothing else is known, has no score, and most public data are
    of this kind: `margin_percentile` scores them where they have two scores.
    """

    example: ClassVar = {"settings": {}}

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Returns the confidences."""
        return candidates.confidences.astype("float64")
