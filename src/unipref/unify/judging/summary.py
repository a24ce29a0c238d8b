"""What the judgements of a run tell of their annotators and sources, and how far they agree: `judging.json`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from unipref.core import json_files
from unipref.core.aggregation import Aggregation
from unipref.core.display import shorten_name
from unipref.core.judge_reports import Convergence, SourceReport
from unipref.core.judgements import NOBODY, PAIR, RATING, THUMB, Judgements
from unipref.core.run_folder import ContradictionCounts
from unipref.core.stats.agreement import Level, find_contradictions, krippendorff_alpha
from unipref.core.stats.clustered_signs import measure_lead
from unipref.unify.judging.implied_pairs import ImpliedPairs, imply_pairs
from unipref.unify.label_check import ALPHA, MIN_EVIDENCE

JUDGING = "judging.json"
LEVELS: dict[str, Level] = {PAIR: "ordinal", RATING: "interval", THUMB: "nominal"}
"""Kind of judgement -> the scale on which its agreement is measured. A pair is first better, equal or second better."""
NO_OVERLAP = "no two judges judged the same answers"
LEAST_RELIABLE = 0.4
"""An annotator whose reliability is surely below this judges about at random: right in less than 70 % of cases."""
MOST_NAMED = 5
MOST_ANNOTATORS = 10_000
"""Most annotators that are listed: those with the most judgements."""


def summarise_judging(
    name: str | None,
    judgements: Judgements | None,
    aggregation: Aggregation | None,
    unused: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the content of `judging.json`.

    Args:
        name: of the aggregate; None: the study has none.
        judgements: those that the aggregate was given; None if none could tell how reliable the judges are.
        aggregation: what was estimated from them.
        unused: the sources whose judgements it was not given.

    Returns:
        `aggregate`; `convergence`, `notes` and `counts` as in `Aggregation`; `annotators` and `scales`, one dict each
        with the fields of `AnnotatorReport`, whose long names are shortened, and `SourceReport`, and `is_inverted`;
        `agreement`, one dict per source, axis and kind; `contradictions` as in `Contradictions`; `opposed`, two sources
        that order the same answers the opposite way more often than chance allows, with the numbers of `pairs` and of
        `opposite` ones.
    """
    if judgements is None or aggregation is None:
        note = f"{NO_OVERLAP}, so nothing tells how reliable the judgements are"
        note = "the study sets aggregate: null, so nothing is estimated" if name is None else note
        empty: dict[str, Any] = {"annotators": [], "scales": [], "agreement": [], "opposed": []}
        return {"aggregate": name, "notes": [note], **empty}
    pairs = imply_pairs(judgements)
    annotators = sorted(aggregation.annotators, key=lambda one: (-one.n_judgements, one.name))
    return {
        "aggregate": name,
        "convergence": None if aggregation.convergence is None else asdict(aggregation.convergence),
        "notes": [
            *aggregation.notes,
            *(f"source {source}: {NO_OVERLAP}. Its preferences have no confidence from it." for source in unused),
        ],
        "counts": dict(aggregation.counts),
        "n_annotators": len(annotators),
        "annotators": [
            {**asdict(one), "name": shorten_name(one.name), "is_inverted": one.is_inverted}
            for one in sorted(annotators[:MOST_ANNOTATORS], key=lambda one: one.name)
        ],
        "scales": [describe_scale(one) for one in aggregation.sources],
        "agreement": _measure_agreement(judgements),
        "contradictions": _count_contradictions(pairs),
        "opposed": _find_opposed_sources(judgements, pairs),
    }


def describe_scale(scale: SourceReport) -> dict[str, Any]:
    """Returns a scale's report as JSON."""
    return {**asdict(scale), "thresholds": list(scale.thresholds), "is_inverted": scale.is_inverted}


def write_judging(summary: dict[str, Any], folder: Path) -> None:
    """Writes `judging.json` to a folder."""
    json_files.write_json(folder / JUDGING, summary)


def describe_judging(folder: Path) -> Iterator[str]:
    """Yields what the reader of a run should know of `judging.json`: that the fit did not converge, and who judges
    against all others.
    """
    summary = json.loads((folder / JUDGING).read_text(encoding="utf-8"))
    convergence = None if summary.get("convergence") is None else Convergence(**summary["convergence"])
    if convergence is not None and not convergence.has_converged:
        yield (
            f"aggregate {summary['aggregate']}: not converged after {convergence.steps} steps; the last changed by "
            f"{convergence.change:.2g} on average, above the tolerance {convergence.tolerance:g}"
        )
    inverted = [one for one in summary["annotators"] if one["is_inverted"]]
    if inverted:
        first = min(inverted, key=lambda one: (one["reliability"], one["name"]))
        people = "1 annotator judges" if len(inverted) == 1 else f"{len(inverted)} annotators judge"
        yield (
            f"{people} against all others, so what they prefer counts as worse: {shorten_name(first['name'])} has the "
            f"reliability {first['reliability']:.2f} (95 % interval {first['low']:.2f} to {first['high']:.2f})"
        )
    careless = sorted(
        one["name"] for one in summary["annotators"] if one["high"] is not None and one["high"] < LEAST_RELIABLE
    )
    careless = [name for name in careless if name not in {one["name"] for one in inverted}]
    if careless:
        people = "1 annotator judges" if len(careless) == 1 else f"{len(careless)} annotators judge"
        more = f" and {len(careless) - MOST_NAMED} more" if len(careless) > MOST_NAMED else ""
        names = ", ".join(map(shorten_name, careless[:MOST_NAMED]))
        yield f"{people} about at random and hardly count: {names}{more}"


def _measure_agreement(judgements: Judgements) -> list[dict[str, Any]]:
    """Returns Krippendorff's alpha of each source, axis and kind with judgements of the same answers."""
    axis = judgements.blocks[judgements.block, 1]
    result = []
    width = max(len(judgements.answers), 1)
    for kind, level in LEVELS.items():
        rows = np.flatnonzero(judgements.is_kind(kind))
        starts = judgements.starts[:-1][rows]
        unit = judgements.judged[starts] * width + (judgements.judged[starts + 1] if kind == PAIR else 0)
        values = np.sign(judgements.value[rows]) if kind == PAIR else judgements.value[rows]
        for source, axis_code in sorted(set(zip(judgements.source[rows].tolist(), axis[rows].tolist(), strict=True))):
            mine = (judgements.source[rows] == source) & (axis[rows] == axis_code)
            counts = judgements.count[rows][mine]
            alpha = krippendorff_alpha(unit[mine], values[mine], level, counts=counts)
            names = {"source": str(judgements.sources[source]), "axis": str(judgements.axes[axis_code]) or None}
            result.append({**names, "kind": kind, **asdict(alpha)})
    return sorted(result, key=lambda one: (one["source"], one["axis"] or "", one["kind"]))


def _find_opposed_sources(judgements: Judgements, pairs: ImpliedPairs) -> list[dict[str, Any]]:
    """Returns the sources whose majorities on the same two answers are mostly opposite, counted by prompt."""
    size, sources = len(pairs.keys), len(judgements.sources)
    cell = pairs.pair * max(sources, 1) + pairs.source
    lead = np.sign(np.bincount(cell, pairs.sign * pairs.count, size * sources)).reshape(size, sources)
    prompt = np.zeros(size, dtype=np.int64)
    prompt[pairs.pair] = judgements.blocks[pairs.block, 0]
    result = []
    for one, other in zip(*np.triu_indices(sources, 1), strict=True):
        both = (lead[:, one] * lead[:, other]).astype(np.int64)
        shared = np.flatnonzero(both)
        nobody = np.full(len(shared), NOBODY)
        votes = measure_lead(both[shared], prompt[shared], nobody, ALPHA)
        if votes.n_clusters >= MIN_EVIDENCE and votes.side < 0:
            names = {"first": str(judgements.sources[one]), "second": str(judgements.sources[other])}
            result.append({**names, "pairs": len(shared), "opposite": int((both[shared] < 0).sum())})
    return result


def _count_contradictions(pairs: ImpliedPairs) -> dict[str, int]:
    """Returns how often judgements of the same answers contradict each other; cycles are on one axis."""
    found = find_contradictions(pairs.first, pairs.second, pairs.sign, pairs.source, pairs.block)
    return {name: int(getattr(found, name)) for name in ContradictionCounts.__struct_fields__}
