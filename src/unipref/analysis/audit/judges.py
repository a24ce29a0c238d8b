"""The judges of a run in short: what is estimated of sources and annotators, and how often judgements contradict."""

import msgspec

from unipref.core.judge_reports import AnnotatorReport, Convergence
from unipref.core.run_folder import (
    ConfidenceCounts,
    ContradictionCounts,
    JudgedScale,
    Judging,
    OverruledCounts,
    SourceAgreement,
    SourceCounts,
)
from unipref.unify.judging.odd_annotators import describe_odd_annotators

MOST_INVERTED = 10
"""Most annotators who judge against all others that are listed, the least reliable first."""


class SourceJudges(msgspec.Struct, frozen=True):
    """What the judgements of one source tell.

    Attributes:
        confidence: how many of its preferences have one.
        overruled: what became of the preferences that all judgements together contradict.
        scales: what the aggregate estimates of each kind of its judgements, on each axis.
        agreement: Krippendorff's alpha of each.
        ordered: preferences whose own judgements tie, ordered by all judgements.
        replacing: preferences that replace an overruled one.
    """

    confidence: ConfidenceCounts
    overruled: OverruledCounts | None
    scales: list[JudgedScale]
    agreement: list[SourceAgreement]
    ordered: int = 0
    replacing: int = 0


class JudgesAudit(msgspec.Struct, frozen=True):
    """What all judgements tell of their annotators.

    Attributes:
        aggregate: its name; convergence: how its fit ended, None if it does not iterate.
        judgements, overlapping: those that were aggregated, and those on answers that others judged too.
        annotators: number of named ones; reliable: those listed in `judging.json` whose reliability is known.
        inverted: how many judge against all others; most_inverted: some of them, the least reliable first.
        odd: sentences about those who judge at random, favour a place or contradict themselves.
        contradictions: None if no judgements were aggregated.
        notes: what a reader should know.
    """

    aggregate: str
    convergence: Convergence | None
    judgements: int | None
    overlapping: int | None
    annotators: int
    reliable: int
    inverted: int
    most_inverted: list[AnnotatorReport]
    odd: list[str]
    contradictions: ContradictionCounts | None
    notes: list[str]


def describe_judges(judging: Judging) -> JudgesAudit:
    """Shortens `judging.json`."""
    inverted = judging.inverted_annotators()
    return JudgesAudit(
        aggregate=judging.aggregate,
        convergence=judging.convergence,
        judgements=judging.counts.get("judgements"),
        overlapping=judging.counts.get("overlapping"),
        annotators=judging.n_annotators,
        reliable=sum(one.reliability is not None for one in judging.annotators),
        inverted=len(inverted),
        most_inverted=inverted[:MOST_INVERTED],
        odd=list(describe_odd_annotators(judging.annotators)),
        contradictions=judging.contradictions,
        notes=judging.notes,
    )


def describe_source(name: str, counts: SourceCounts, judging: Judging, confidence: ConfidenceCounts) -> SourceJudges:
    """Describes the judgements of one source.

    Args:
        name: of the source.
        counts: its counts in the manifest.
        judging: the content of `judging.json`.
        confidence: the confidence of its preferences.
    """
    return SourceJudges(
        confidence=confidence,
        overruled=counts.count_overruled(),
        scales=counts.scales,
        agreement=[one for one in judging.agreement if one.source == name],
        ordered=counts.ordered_by_aggregate or 0,
        replacing=counts.replacing or 0,
    )
