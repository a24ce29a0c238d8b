"""The label margin: the paper's measure of quality (§2.4)."""

from typing import TYPE_CHECKING, ClassVar

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class MarginPercentile(Scorer):
    """The gap between the two answers' scores, as a percentile within its source and axis.

    score = `margin_percentile`: the share of the source's preferences on that axis with a smaller gap. It needs no
    model. A wide gap means that the raters saw a difference, so the label is unlikely to be reversed; careless raters
    and scales with few steps make it coarse. It knows nothing of who judged: `margin` does.

    Binary data (pairs, demonstrations, thumbs) have no score. Source: arXiv 2408.02861, §2.4.
    """

    example: ClassVar = {"settings": {}}

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Returns the percentiles."""
        return candidates.margin_percentiles.astype("float64")
