"""Records of `unified/judging.json`: what the aggregate estimates of judges, and how far they agree; docs/judges.md."""

import msgspec

from unipref.core.run_folder.data_records import JudgedScale


class FitEnd(msgspec.Struct):
    """How an iterative fit ended: its steps, the mean change in the last one, and the change at which it stops."""

    steps: int = 0
    change: float = 0.0
    tolerance: float = 0.0

    @property
    def has_converged(self) -> bool:
        """Whether the last step changed less than the tolerance."""
        return self.change <= self.tolerance


class JudgedAnnotator(msgspec.Struct):
    """What is estimated of one annotator; fields as in `core.aggregation.AnnotatorReport`."""

    name: str = ""
    n_judgements: int = 0
    n_overlapping: int = 0
    agreement: float | None = None
    n_compared: int = 0
    reliability: float | None = None
    low: float | None = None
    high: float | None = None
    is_inverted: bool | None = None


class SourceScale(JudgedScale):
    """A scale and its source."""

    source: str = ""


class SourceAgreement(msgspec.Struct):
    """Krippendorff's alpha of one kind of judgement of a source, on one axis; fields as in `core.stats.agreement`."""

    source: str = ""
    axis: str | None = None
    kind: str = ""
    level: str = ""
    alpha: float | None = None
    low: float | None = None
    high: float | None = None
    units: int = 0
    values: int = 0


class ContradictionCounts(msgspec.Struct):
    """How often judgements of the same answers contradict each other; fields as in `core.stats.agreement`."""

    pairs: int = 0
    judged_twice: int = 0
    ties: int = 0
    opposite: int = 0
    opposite_within: int = 0
    opposite_across: int = 0
    blocks: int = 0
    cyclic: int = 0
    triangles: int = 0


class Judging(msgspec.Struct):
    """The content of `judging.json`.

    Attributes:
        aggregate: its name.
        convergence: how its fit ended; None if it does not iterate, or if there was nothing to aggregate.
        notes: what a reader should know.
        counts: name -> number: judgements, those that overlap, and so on.
        n_annotators: number of named annotators; `annotators` lists those with the most judgements.
        scales: one per source, axis and kind.
        agreement: one per source, axis and kind, of kinds that have an alpha.
        contradictions: None if no judgements were aggregated.
    """

    aggregate: str = ""
    convergence: FitEnd | None = None
    notes: list[str] = []
    counts: dict[str, int] = {}
    n_annotators: int = 0
    annotators: list[JudgedAnnotator] = []
    scales: list[SourceScale] = []
    agreement: list[SourceAgreement] = []
    contradictions: ContradictionCounts | None = None

    def inverted_annotators(self) -> list[JudgedAnnotator]:
        """Returns those who judge against all others, the least reliable first."""
        inverted = [one for one in self.annotators if one.is_inverted]
        return sorted(inverted, key=lambda one: (one.reliability or 0.0, one.name))
