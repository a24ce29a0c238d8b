"""Annotator confidence: how far the judges of a pair agree."""

from typing import TYPE_CHECKING, ClassVar

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Confidence(Scorer):
    """The share of judgements that prefer the chosen answer.

    score = `confidence`, in [0, 1]. It costs nothing, and it finds pairs on which people differ. With three judges it
    has two values, so many preferences tie: combine it with another scorer.

    Says nothing of preferences with a single judgement.
    """

    example: ClassVar = {"settings": {}}

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """The confidences."""
        return candidates.confidences.astype("float64")
