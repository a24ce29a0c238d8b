"""What the judgements of a run tell of their annotators and sources, and how far they agree: `judging.json`."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unipref.core import json_files
from unipref.core.aggregation import Aggregation
from unipref.core.display import shorten_name
from unipref.core.judge_reports import AnnotatorReport, Convergence, SourceReport
from unipref.core.judgements import NOBODY, PAIR, RATING, THUMB, Judgements
from unipref.core.run_folder import ContradictionCounts
from unipref.core.stats.agreement import Level, find_contradictions, krippendorff_alpha
from unipref.core.stats.clustered_signs import measure_lead
from unipref.unify.judging.implied_pairs import ImpliedPairs, imply_pairs
from unipref.unify.judging.layout import group_places
from unipref.unify.judging.near_names import describe_near_names
from unipref.unify.judging.odd_annotators import describe_inverted, describe_odd_annotators
from unipref.unify.judging.overlaps import distinct
from unipref.unify.label_check import ALPHA, MIN_EVIDENCE

JUDGING = "judging.json"
LEVELS: dict[str, Level] = {PAIR: "ordinal", RATING: "interval", THUMB: "nominal"}
"""Kind of judgement -> the scale on which its agreement is measured. A pair is first better, equal or second better."""
NO_OVERLAP = "no two judges judged the same answers"
MOST_ANNOTATORS = 10_000
"""Most annotators that are listed: those with the most judgements."""


def summarise_judging(
    name: str | None,
    judgements: Judgements | None,
    aggregation: Aggregation | None,
    unused: Sequence[str] = (),
    is_opposite: npt.NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Returns the content of `judging.json`.

    Args:
        name: of the aggregate; None: the study has none.
        judgements: those that the aggregate was given; None if none could tell how reliable the judges are.
        aggregation: what was estimated from them.
        unused: the sources whose judgements it was not given.
        is_opposite: (n,) which judgements their annotator contradicts; it was not given these either.

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
    opposed = _find_opposed_sources(judgements, pairs)
    odd_sources = {one.source for one in aggregation.sources if one.is_inverted}
    odd_sources |= {one[side] for one in opposed for side in ("first", "second")}
    annotators = _count_opposites(aggregation.annotators, judgements, is_opposite)
    annotators = _name_inverted_sources(annotators, judgements, odd_sources)
    annotators.sort(key=lambda one: (-one.n_judgements, one.name))
    return {
        "aggregate": name,
        "convergence": None if aggregation.convergence is None else asdict(aggregation.convergence),
        "notes": [
            *aggregation.notes,
            *(f"source {source}: {NO_OVERLAP}. Its preferences have no confidence from it." for source in unused),
            *describe_near_names(judgements.annotators.tolist()),
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
        "opposed": opposed,
    }


def _count_opposites(
    annotators: Sequence[AnnotatorReport], judgements: Judgements, is_opposite: npt.NDArray[np.bool_] | None
) -> list[AnnotatorReport]:
    """Returns the reports with the numbers of all judgements, and of those that their annotator contradicts."""
    if is_opposite is None or not is_opposite.any():
        return list(annotators)
    names, count = judgements.annotators.tolist(), len(judgements.annotators)
    opposite = np.bincount(judgements.annotator[is_opposite], judgements.count[is_opposite], count).astype(int)
    number = dict(zip(names, opposite.tolist(), strict=True))
    return [
        replace(one, n_judgements=one.n_judgements + number[one.name], n_opposite=number[one.name])
        for one in annotators
    ]


def _name_inverted_sources(
    annotators: Sequence[AnnotatorReport], judgements: Judgements, odd_sources: Collection[str]
) -> list[AnnotatorReport]:
    """Returns the reports, with the source of those who judge in one source alone that is the wrong way round."""
    width = max(len(judgements.sources), 1)
    named = judgements.annotator != NOBODY
    cells = distinct(judgements.annotator[named] * width + judgements.source[named])
    source_of = dict(zip((cells // width).tolist(), (cells % width).tolist(), strict=True))
    number = np.bincount(cells // width, minlength=len(judgements.annotators))
    code_of = {str(name): code for code, name in enumerate(judgements.annotators.tolist())}
    result = []
    for one in annotators:
        code = code_of.get(one.name)
        source = None if code is None or number[code] != 1 else str(judgements.sources[source_of[code]])
        result.append(replace(one, inverted_source=source) if source in odd_sources else one)
    return result


def describe_scale(scale: SourceReport) -> dict[str, Any]:
    """Returns a scale's report as JSON."""
    return {**asdict(scale), "thresholds": list(scale.thresholds), "is_inverted": scale.is_inverted}


def write_judging(summary: dict[str, Any], folder: Path) -> None:
    """Writes `judging.json` to a folder."""
    json_files.write_json(folder / JUDGING, summary)


def describe_judging(folder: Path) -> Iterator[str]:
    """Yields what the reader of a run should know of `judging.json`: that the fit did not converge, who judges against
    all others, and whose names are nearly the same.
    """
    summary = json.loads((folder / JUDGING).read_text(encoding="utf-8"))
    convergence = None if summary.get("convergence") is None else Convergence(**summary["convergence"])
    if convergence is not None and not convergence.has_converged:
        yield (
            f"aggregate {summary['aggregate']}: not converged after {convergence.steps} steps; the last changed by "
            f"{convergence.change:.2g} on average, above the tolerance {convergence.tolerance:g}. More steps: "
            f"unify: {{aggregate: {{{summary['aggregate']}: {{steps: {4 * convergence.steps}}}}}}}"
        )
    reports = [
        AnnotatorReport(**{key: value for key, value in one.items() if key != "is_inverted"})
        for one in summary["annotators"]
    ]
    yield from describe_inverted(reports)
    yield from describe_odd_annotators(reports)
    yield from describe_near_names(one.name for one in reports)


def _measure_agreement(judgements: Judgements) -> list[dict[str, Any]]:
    """Returns Krippendorff's alpha of each source, axis and kind with judgements of the same answers.

    A source whose judges cannot disagree has none.
    """
    axis = judgements.blocks[judgements.block, 1]
    result = []
    width = max(len(judgements.answers), 1)
    for kind, level in LEVELS.items():
        rows = np.flatnonzero(judgements.is_kind(kind) & ~np.isin(judgements.source, judgements.one_way))
        keys, code = np.unique(judgements.source[rows] * len(judgements.axes) + axis[rows], return_inverse=True)
        for key, mine in zip(keys.tolist(), group_places(code, len(keys)), strict=True):
            source, axis_code = divmod(key, len(judgements.axes))
            at = rows[mine]
            starts = judgements.starts[:-1][at]
            unit = judgements.judged[starts] * width + (judgements.judged[starts + 1] if kind == PAIR else 0)
            values = np.sign(judgements.value[at]) if kind == PAIR else judgements.value[at]
            alpha = krippendorff_alpha(unit, values, level, counts=judgements.count[at])
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
