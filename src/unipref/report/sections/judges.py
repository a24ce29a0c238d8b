"""The section on judges: scales, annotators, agreement, contradictions, and how sure the preferences are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from unipref.core.display import shorten_name
from unipref.core.errors import UserError, describe
from unipref.core.judge_reports import AnnotatorReport
from unipref.core.run_folder import (
    JUDGING,
    ConfidenceCounts,
    ContradictionCounts,
    Judging,
    Manifest,
    OverruledCounts,
    RunFolder,
    SourceCounts,
    count_confidence,
)
from unipref.report.content import (
    Cell,
    Points,
    Section,
    Table,
    format_count,
    format_interval,
    format_number,
    format_share,
)
from unipref.report.guard import draw
from unipref.report.sections.confidence import (
    CALIBRATION,
    CONFIDENCE,
    make_calibration_figure,
    make_calibration_table,
    make_confidence_figure,
    read_calibration,
)
from unipref.report.tables import drop_missing, make_table

MOST_ANNOTATORS = 30
"""Most annotators that are shown, the least reliable first."""
DEFINITIONS = "docs/judges.md has the model, and what it cannot tell."


def make_judge_section(manifest: Manifest, run: Path) -> Section | None:
    """The section; None if the manifest has no sources."""
    if not manifest.sources:
        return None
    judging = RunFolder(run).judging()
    if judging is None:
        absent = f"This run has no {JUDGING}, which tells how reliable the judges are: an earlier version of unipref "
        return Section("Judges", [f"{absent}wrote it, or the file was removed. unipref unify writes it."])
    paragraphs = [*_describe_fit(judging), *_describe_variants(manifest)]
    counts = count_confidence(run / "unified" / "preferences.parquet")
    figures = draw(CONFIDENCE, make_confidence_figure, counts)
    try:
        calibration = read_calibration(run)
    except UserError as error:
        calibration = None
        paragraphs.append(f"The reliability diagram could not be made: {describe(error)}.")
    if calibration is not None:
        figures += draw(CALIBRATION, make_calibration_figure, calibration)
    tables = drop_missing(
        _confidence_table(manifest.sources, counts),
        make_calibration_table(calibration) if calibration is not None else None,
        _scale_table(judging),
        _annotator_table(judging),
        _agreement_table(judging),
        _contradiction_table(judging.contradictions),
    )
    points = [Points("Notes of the aggregate", judging.notes)] if judging.notes else []
    return Section("Judges", paragraphs, points, figures, tables)


def _describe_fit(judging: Judging) -> list[str]:
    """Describes how much was aggregated, and how the fit ended."""
    if judging.contradictions is None:
        return []
    judgements, overlapping = judging.counts.get("judgements"), judging.counts.get("overlapping")
    text = f"The aggregate {judging.aggregate} took {format_count(judgements)} judgements together"
    text += "." if overlapping is None else f"; {overlapping:,} of them are on answers that others judged too."
    if judging.convergence is not None:
        end, steps = judging.convergence, judging.convergence.steps
        text += (
            f" Its fit {'converged' if end.has_converged else 'did not converge'} in {steps} steps; the mean change "
        )
        text += f"in the last one was {end.change:.2g} (tolerance {end.tolerance:g})."
    return [f"{text} {DEFINITIONS}"]


def _describe_variants(manifest: Manifest) -> list[str]:
    """Names the variants whose unified data differ, because only those of the study as written are shown."""
    own = [name for name, variant in manifest.variants.items() if variant.sources not in (None, manifest.sources)]
    return [f"Only the data of the study as written are shown, not those of {', '.join(own)}."] if own else []


def _confidence_table(sources: Mapping[str, SourceCounts], counts: Mapping[str, ConfidenceCounts]) -> Table | None:
    """How many preferences of each source have a confidence, and how many are overruled."""
    rows: list[list[str | Cell]] = [
        [
            name,
            format_count(source.preferences),
            *_confidence_cells(source, counts.get(name)),
            *_overruled_cells(source.count_overruled()),
        ]
        for name, source in sources.items()
    ]
    heads = ["source", "preferences", "pairs", "with confidence", "without: judged once", "without: more often"]
    heads += ["overruled: total", "overruled: left out", "overruled: turned", "overruled: kept"]
    note = (
        "Confidence: the probability that the chosen answer is the better one, from all judgements. A pair has none if "
        "nothing tells how reliable its judgements are, as where each answer was judged once and nobody is named; "
        "majority has none for a single vote, mean none at all. Preferences with one answer only are not pairs; "
        "their confidence is the probability that their verdict is right. Overruled: preferences whose confidence is "
        "below overruled_below, "
        "so that all judgements together contradict them."
    )
    return make_table("Confidence of the preferences", heads, rows, note)


def _confidence_cells(source: SourceCounts, counts: ConfidenceCounts | None) -> list[str | Cell]:
    if counts is None:
        return ["–", format_count(source.confident), "–", "–"]
    share = format_share(counts.confident, counts.pairs)
    confident = Cell(format_count(counts.confident), remark=share if counts.pairs else "")
    without = map(format_count, (counts.judged_once, counts.judged_more_often))
    return [format_count(counts.pairs), confident, *without]


def _overruled_cells(counts: OverruledCounts | None) -> list[str]:
    if counts is None:
        return ["–"] * 4
    return [format_count(n) for n in (counts.all, counts.left_out, counts.turned, counts.kept)]


def _scale_table(judging: Judging) -> Table | None:
    rows: list[list[str | Cell]] = [
        [
            scale.source,
            shorten_name(scale.axis or "–"),
            scale.kind,
            format_count(scale.n_judgements),
            format_count(scale.n_overlapping),
            Cell(format_number(scale.slope), format_interval(scale.low, scale.high)),
            {True: "yes", False: "no", None: "not known"}[scale.is_inverted],
        ]
        for scale in judging.scales
    ]
    note = (
        "One row per source, axis and kind of judgement. Overlapping: on answers that others judged too, which is all "
        "that tells how reliable judgements are. Slope: how steeply the judgements follow the utilities of the "
        "answers, with its 95 % interval; 0 is chance. Inverted: whether the interval lies below 0."
    )
    heads = ["source", "axis", "kind", "judgements", "overlapping", "slope", "inverted"]
    return make_table("Scales", heads, rows, note)


def _remark(one: AnnotatorReport) -> str:
    """Returns what a reader should know of an annotator."""
    remarks = ["judges against the others"] if one.is_inverted else ["near chance"] if one.is_near_chance else []
    if one.is_inverted and one.inverted_source:
        remarks[0] += f", but only in {one.inverted_source}, which may be inverted"
    if one.favours_place and one.chose_first is not None:
        share = one.chose_first if one.favours_place == "first" else 1 - one.chose_first
        remarks.append(f"chose the answer shown {one.favours_place} in {share:.0%} of {one.n_shown} pairs")
    if one.n_opposite:
        remarks.append(f"{one.n_opposite} judgements contradict each other")
    return "; ".join(remarks)


def _annotator_table(judging: Judging) -> Table | None:
    shown = sorted(judging.annotators, key=_by_reliability)[:MOST_ANNOTATORS]
    rows: list[list[str | Cell]] = [
        [
            shorten_name(one.name),
            format_count(one.n_judgements),
            format_count(one.n_overlapping),
            Cell(format_number(one.reliability), format_interval(one.low, one.high)),
            "–" if one.agreement is None else f"{100 * one.agreement:.1f} %",
            format_count(one.n_compared),
            _remark(one),
        ]
        for one in shown
    ]
    if any(one.reliability is not None for one in shown):
        note = (
            "The least reliable first. Reliability: 1 is always right, 0 chance, -1 always wrong, about a typical pair "
            "of answers, with its 95 % interval."
        )
    else:
        note = f"The least agreement first: {judging.aggregate} estimates the reliability of none of them."
    note += " Agreement: share of the compared pairs of answers that another annotator orders in the same way."
    if (more := judging.n_annotators - len(shown)) > 0:
        note += f" {format_count(more)} more {'is' if more == 1 else 'are'} not shown; {JUDGING} lists them"
        unlisted = judging.n_annotators - len(judging.annotators)
        note += f", without {format_count(unlisted)} with few judgements." if unlisted > 0 else "."
    heads = ["annotator", "judgements", "overlapping", "reliability", "agreement: with others", "agreement: pairs"]
    return make_table("Annotators", [*heads, "remark"], rows, note)


def _by_reliability(one: AnnotatorReport) -> tuple[bool, float, bool, float, int, str]:
    """The least reliable first; then those without a reliability, the least agreement first."""
    reliability, agreement = one.reliability, one.agreement
    return reliability is None, reliability or 0.0, agreement is None, agreement or 0.0, -one.n_judgements, one.name


def _agreement_table(judging: Judging) -> Table | None:
    rows: list[list[str | Cell]] = [
        [
            one.source,
            shorten_name(one.axis or "–"),
            one.kind,
            Cell(format_number(one.alpha), format_interval(one.low, one.high)),
            one.level or "–",
            format_count(one.values),
            format_count(one.units),
        ]
        for one in judging.agreement
    ]
    note = (
        "Alpha: 1 is full agreement, 0 what chance gives, below 0 less; with its 95 % interval. It counts what was "
        "judged more than once: pairs of answers, or single answers that were rated. A dash: nothing was, or all "
        "judgements are equal."
    )
    heads = ["source", "axis", "kind", "alpha", "scale", "judgements", "judged more than once"]
    return make_table("Agreement (Krippendorff's alpha)", heads, rows, note)


def _contradiction_table(counts: ContradictionCounts | None) -> Table | None:
    if counts is None:
        return None
    of_pairs, of_twice, of_prompts = "compared pairs of answers", "pairs judged more than once", "prompts with a cycle"
    lines: Sequence[tuple[str, int, int | None, str]] = (
        (of_twice, counts.judged_twice, counts.pairs, of_pairs),
        ("pairs judged both ways", counts.opposite, counts.judged_twice, of_twice),
        ("pairs judged both ways within a source", counts.opposite_within, counts.judged_twice, of_twice),
        ("pairs judged both ways by two sources", counts.opposite_across, counts.judged_twice, of_twice),
        ("pairs with a tie", counts.ties, counts.pairs, of_pairs),
        (of_prompts, counts.cyclic, counts.blocks, "prompts with three or more compared answers"),
        ("cycles of three answers", counts.triangles, None, "–"),
    )
    rows = [
        [what, format_count(n), "–" if of is None else f"{of:,} {whole}", format_share(n, of or 0)]
        for what, n, of, whole in lines
    ]
    note = (
        "A rating, thumb or ranking counts as the pairs that it orders. Both ways: one judgement prefers the first "
        "answer, another one the second; a pair can be so within a source and by two sources. A cycle: by most "
        "judgements, A is better than B, B than C, and C than A, on one axis."
    )
    return make_table("Contradictions", ["what", "count", "of what", "share"], rows, note)
