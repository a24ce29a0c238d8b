"""Records of `unified/judging.json`: what the aggregate estimates of judges, and how far they agree; docs/judges.md."""

import msgspec

from unipref.core.judge_reports import AnnotatorReport, Convergence, SourceReport


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
    convergence: Convergence | None = None
    notes: list[str] = []
    counts: dict[str, int] = {}
    n_annotators: int = 0
    annotators: list[AnnotatorReport] = []
    scales: list[SourceReport] = []
    agreement: list[SourceAgreement] = []
    contradictions: ContradictionCounts | None = None

    def inverted_annotators(self) -> list[AnnotatorReport]:
        """Returns those who judge against all others, the least reliable first."""
        inverted = [one for one in self.annotators if one.is_inverted]
        return sorted(inverted, key=lambda one: (one.reliability or 0.0, one.name))
