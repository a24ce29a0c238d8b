"""One likelihood over all kinds of judgements."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from unipref.core.contracts import Aggregate
from unipref.core.contracts.judging import StepListener

if TYPE_CHECKING:
    from unipref.core.aggregation import Aggregation
    from unipref.core.judgements import Judgements


class Latent(Aggregate):
    """Estimates the utilities of answers together with the reliability of annotators and sources, from all kinds of
    judgements at once.

    Pairs, ratings, thumbs and rankings are one likelihood. An annotator who disagrees with others counts less, one who
    inverts the scale counts the other way round, and one with few judgements about as much as the average. Confidence
    is the probability that the better answer is better. It is null where nothing tells how reliable the judges are.
    """

    least_overlap: int = Field(default=10, ge=1)
    """Number of judgements on answers that others judged too, from which on the reliability of an annotator or source
    is taken to be known."""
    steps: int = Field(default=30, ge=1)
    """Most steps of the fit."""
    tolerance: float = Field(default=0.002, gt=0)
    """The fit ends when the utilities change by less than this on average, in prior standard deviations."""

    example: ClassVar = {"settings": {"least_overlap": 20}}

    def aggregate(self, judgements: "Judgements", on_step: StepListener | None = None) -> "Aggregation":
        """Fits the likelihood."""
        # Each study has an aggregate, and the modules of the fit take half a second to import.
        from unipref.unify.judging.findings import summarise
        from unipref.unify.judging.fit import Fitter
        from unipref.unify.judging.overlaps import find_overlaps

        overlaps = find_overlaps(judgements, self.least_overlap)
        fit = Fitter(judgements, overlaps).run(self.steps, self.tolerance, on_step)
        return summarise(judgements, overlaps, fit, self.least_overlap)
