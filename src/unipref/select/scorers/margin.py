"""The margin of the utilities: how much better the chosen answer is, by all judgements together."""

from typing import TYPE_CHECKING, ClassVar

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Margin(Scorer):
    """The difference of the two answers' utilities, as all judgements of all sources tell it.

    score = `margin`: utility of the chosen answer minus that of the rejected one, in standard deviations of the
    utilities of a prompt's answers, so that sources compare. Below 0, the judgements overrule the label. It needs no
    model, and it weighs annotators by their reliability.

    A preference that was judged once, by somebody of whom nothing else is known, has no score, and most public data are
    of this kind: `margin_percentile` scores them where they have two scores. One-sided preferences have no score.
    """

    example: ClassVar = {"settings": {}}

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Returns the margins."""
        return candidates.margins.astype("float64")
