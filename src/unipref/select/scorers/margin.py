"""The label margin: the paper's measure of quality (§2.4)."""

from typing import TYPE_CHECKING, ClassVar

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Margin(Scorer):
    """The gap between the two answers' labels, as the unified data give it.

    score = `margin`: the gap on the deciding axis, as a percentile within its source and axis. It costs nothing. A wide
    gap says that the raters saw a difference, and so that the label is unlikely to be turned round; careless raters
    and scales of few steps make it coarse.

    Says nothing of binary data (pairs, demonstrations, thumbs). Source: arXiv 2408.02861, §2.4.
    """

    example: ClassVar = {"settings": {}}

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """The margins."""
        return candidates.margins.astype("float64")
