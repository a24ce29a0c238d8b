"""Runs the study's aggregate on the judgements of a run."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from unipref.core import free_memory
from unipref.core.contracts import Aggregate
from unipref.core.errors import ResourceError
from unipref.core.judgements import read_judgements
from unipref.core.work_progress import report_work, show_phase
from unipref.unify.judging.evidence import EvidenceFinder
from unipref.unify.judging.opposites import find_opposites
from unipref.unify.judging.summary import summarise_judging
from unipref.unify.projection.project import Projection

JUDGEMENT_BYTES = 1200
"""About how many bytes of memory an aggregate needs per judgement (`docs/judges.md`, Cost)."""
SHOWN = "estimating confidence"


def aggregate_judgements(
    aggregate: Aggregate | None,
    out: Path,
    judgements_of: Mapping[str, int],
    projections: Mapping[str, Projection],
    one_way: Collection[str] = (),
) -> tuple[EvidenceFinder | None, dict[str, Any]]:
    """Aggregates `judgements.parquet`; returns what finds the evidence on preferences, and the record of the judging.

    Args:
        aggregate: the aggregate; None: nothing is estimated.
        out: the folder of the file.
        judgements_of: source -> number of its judgements; 0 if nothing can be known of them. Without any, nothing is
            aggregated.
        projections: source -> how its groups are projected.
        one_way: sources whose judges cannot disagree with each other.

    Raises:
        ResourceError: the judgements need more memory than is free.
    """
    used = {source for source, count in judgements_of.items() if count}
    unused = sorted(judgements_of.keys() - used)
    if aggregate is None or not used:
        return None, summarise_judging(None if aggregate is None else aggregate.name(), None, None)
    _check_memory(sum(judgements_of.values()))

    judgements = read_judgements(out / "judgements.parquet", used, "reading judgements").with_one_way(one_way)
    n_steps = 0

    def show_step(done: int, most: int) -> None:
        nonlocal n_steps
        del most  # the estimate may end long before
        n_steps = done + 1
        report_work(SHOWN, done, None)

    report_work(SHOWN, 0, None)
    is_opposite = find_opposites(judgements)
    consistent = judgements.take(~is_opposite) if is_opposite.any() else judgements
    aggregation = aggregate.aggregate(consistent, show_step)
    finder = EvidenceFinder(consistent, aggregation, projections)
    report_work(SHOWN, max(1, n_steps), max(1, n_steps))
    with show_phase("summarising judgements"):
        summary = summarise_judging(aggregate.name(), judgements, aggregation, unused, is_opposite)
    summary["notes"] = [_add_remedy(note, projections) for note in summary["notes"]]
    return finder, summary


def _add_remedy(note: str, projections: Mapping[str, Projection]) -> str:
    """Adds to a note on a source that meets no other one how the axes of its weighted mean can."""
    for name, projection in projections.items():
        if not note.startswith(f"source {name}: ") or not projection.weights:
            continue
        if projection.objective not in projection.weights:
            axes = " and ".join(f"'{axis}'" for axis in projection.weights)
            return (
                f"{note} The axes {axes} of its weighted mean meet only axes of the same name: to compare one with "
                f"other sources, name it '{projection.objective}'."
            )
    return note


def _check_memory(judgements: int) -> None:
    needed, free = judgements * JUDGEMENT_BYTES, free_memory.measure()
    if needed > free:
        raise ResourceError(
            f"the aggregate needs about {needed / 2**30:.1f} GiB for {judgements:,} judgements; "
            f"{free / 2**30:.1f} GiB are free.",
            where="unify.aggregate",
            mend="Free memory, or set aggregate: null, which leaves confidence and margin null.",
        )
