"""The sections on results: the table of scores, and the changes from the base model in words."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from unipref.core.run_folder import FigureRecord, ScoreRow, Verdicts
from unipref.core.stats.chance import UNTESTED, WHOLE, is_bias, is_skill
from unipref.report.content import Cell, Column, Points, Section, Table, format_interval, format_number
from unipref.report.scores import (
    Measure,
    Model,
    Paired,
    ScoresByMeasure,
    average_seeds,
    compare_scores,
    describe_chance,
    find_clear_best,
    group_by_line,
    group_by_measure,
    keep_first_mode,
    label_models,
    model_of,
)
from unipref.report.sections.measures import describe_benchmark, describe_metric, make_measure_figures

ALL_ROWS = 1000
FOLDED_FROM = 7
"""From this number of models on, the changes of each are folded."""

PAIRED_NOTE = (
    "Each trained model is compared with the base model on the same examples. 'Inconclusive' means that the 95 % "
    "interval of the paired difference includes 0, 'equivalent' that the gain is surely less than 0.05. The interval "
    "is over clusters of examples; it does not cover the variation between training seeds."
)
UNPAIRED_NOTE = (
    "The run has no comparison example by example (against_base.json is missing). So a model is called better or worse "
    "only where its 95 % interval and that of the base model do not overlap. Run the study again for the paired "
    "differences."
)


def make_result_sections(
    scores: list[ScoreRow], paired: Paired, verdicts: Callable[[], Verdicts | None] = lambda: None
) -> list[Section]:
    """The sections on results: the tables, the changes, a figure per metric, and all scores.

    Args:
        scores: the rows of `scores.json`.
        paired: verdicts of the paired comparison with the base model.
        verdicts: returns the verdicts, whose intervals over seeds the table shows.
    """
    if not scores:
        return []
    measures, model_names = group_by_measure(scores), label_models(scores)
    sections = []
    if measures:
        sections.append(Section("Results", tables=make_result_tables(measures, model_names, verdicts())))
    changes = describe_changes(measures, model_names, paired)
    if changes:
        note = PAIRED_NOTE if paired else UNPAIRED_NOTE
        sections.append(Section("Changes from the base model", paragraphs=[note], points=changes))
    figures = make_measure_figures(measures, model_names)
    if figures:
        sections.append(Section("Scores by metric", figures=figures))
    sections.append(Section("All scores", tables=[make_full_table(scores, model_names)]))
    return sections


def make_result_tables(
    measures: ScoresByMeasure, model_names: dict[Model, str], verdicts: Verdicts | None
) -> list[Table]:
    """The main metrics as means over seeds; folded: the other metrics, and every seed."""
    main = choose_main(measures, verdicts)
    caption = "Scores of the base model and of each trained model"
    tables = [make_mean_table({m: s for m, s in measures.items() if m in main}, verdicts, caption)]
    if len(main) < len(measures):
        others = {measure: scores for measure, scores in measures.items() if measure not in main}
        tables.append(replace(make_mean_table(others, verdicts, "Other metrics"), folded=True))
    if any(len(of_seeds) > 1 for scores in measures.values() for of_seeds in group_by_line(scores).values()):
        tables.append(replace(make_result_table(measures, model_names), caption="Scores of every seed", folded=True))
    return tables


def choose_main(measures: ScoresByMeasure, verdicts: Verdicts | None) -> list[Measure]:
    """The main metrics: those of the verdicts, and the first skill and the first bias of each benchmark."""
    sides = list(verdicts.sides.values()) if verdicts else []
    named = {(side.benchmark, metric) for side in sides for metric in (side.metric, side.skill_metric)}
    firsts: dict[tuple[str, bool], Measure] = {}
    for measure, scores in keep_first_mode(measures).items():
        row = next(iter(scores.values()))
        if measure.part == WHOLE and (is_skill(row) or is_bias(row)):
            firsts.setdefault((measure.benchmark, is_skill(row)), measure)
    first_modes = keep_first_mode(measures)
    main = [
        measure
        for measure in first_modes
        if measure in firsts.values() or (measure.part == WHOLE and (measure.benchmark, measure.metric) in named)
    ]
    return main or list(measures)


def make_mean_table(measures: ScoresByMeasure, verdicts: Verdicts | None, caption: str) -> Table:
    """One row per model over its seeds, one column per measure; a clear winner of a measure is marked."""
    averages = average_seeds(measures, format_number)
    model_names = label_models(row for scores in averages.measures.values() for row in scores.values())
    figures = _index_figures(verdicts)
    winners = {measure: find_clear_best(measures, measure) for measure in measures}
    rows = []
    for model, label in model_names.items():
        cells = [Cell(label)]
        for measure, scores in averages.measures.items():
            row = scores.get(model)
            if row is None:
                cells.append(Cell("–"))
                continue
            side = (measure.benchmark, measure.metric, measure.part)
            figure = None if measure.mode == "paper" else figures.get((model.variant, model.step, *side))
            low, high = (figure.low, figure.high) if figure and row.low is None else (row.low, row.high)
            is_best = winners[measure] == (model.variant, model.step)
            remark, is_guess = averages.remarks[measure, model], (measure, model) in averages.guesses
            cells.append(Cell(format_number(row.value), format_interval(low, high), remark, is_best, is_guess))
        rows.append(cells)
    has_seeds = any(len(of_seeds) > 1 for scores in measures.values() for of_seeds in group_by_line(scores).values())
    note = "Means over seeds. " if has_seeds else ""
    note += (
        "↑ higher is better, ↓ lower is better, → nearer to the number after it is better; ★ clearly best: its "
        "interval lies beyond that of every other model. [95 % interval]"
    )
    note += _describe_precision(row for scores in measures.values() for row in scores.values())
    return Table(caption, _make_columns(averages.measures), rows, note)


def _index_figures(verdicts: Verdicts | None) -> dict[tuple[str, ...], FigureRecord]:
    """(variant, step, benchmark, metric, slice) -> the figure of the verdicts, with its interval over seeds."""
    return {
        (model.variant, model.step, side.benchmark, side.metric, side.slice): figure
        for model in (verdicts.models if verdicts else [])
        for objective, side in (verdicts.sides.items() if verdicts else ())
        if (figure := model.figures.get(objective)) is not None
    }


def _make_columns(measures: ScoresByMeasure) -> list[Column]:
    return [
        Column("model", numeric=False),
        *(
            Column(describe_metric(measure, scores), describe_benchmark(measure))
            for measure, scores in measures.items()
        ),
    ]


def make_result_table(measures: ScoresByMeasure, model_names: dict[Model, str]) -> Table:
    """One row per model and seed, one column per measure; a clear winner of a measure is marked."""
    winners = {measure: find_clear_best(measures, measure) for measure in measures}
    rows = []
    for model, label in model_names.items():
        cells = [
            _score_cell(measures, measure, model, winners[measure] == (model.variant, model.step))
            if model in scores
            else Cell("–")
            for measure, scores in measures.items()
        ]
        if any(cell.text != "–" for cell in cells):
            rows.append([Cell(label), *cells])
    note = "↑ higher is better, ↓ lower is better, → nearer to the number after it is better; ★ clearly best. "
    note += "[95 % interval]"
    note += _describe_precision(row for scores in measures.values() for row in scores.values())
    return Table("Scores of the base model and of each trained model", _make_columns(measures), rows, note)


def _describe_precision(rows: Iterable[ScoreRow]) -> str:
    """Names the precision of the models; empty for the scores of versions that did not record it."""
    recorded = {row.precision for row in rows}
    precisions = sorted(name for name in recorded if name is not None)
    if not precisions:
        return ""
    if len(precisions) > 1:
        return f" Measured in {' and '.join(precisions)}: models in different precisions cannot be compared."
    unknown = "; some models in an unknown precision, so they may not be comparable" if None in recorded else ""
    return f" Measured in {precisions[0]}{unknown}."


def _score_cell(measures: ScoresByMeasure, measure: Measure, model: Model, is_best: bool) -> Cell:
    row = measures[measure][model]
    remark = describe_chance(measures, measure, model)
    return Cell(format_number(row.value), format_interval(row.low, row.high), remark, is_best, bool(remark))


def describe_changes(measures: ScoresByMeasure, model_names: dict[Model, str], paired: Paired) -> list[Points]:
    """Describes for each trained model which metrics are better and worse than the base model's.

    Without a paired comparison, overlapping intervals count as no clear difference.
    """
    by_model = [
        points
        for model, label in model_names.items()
        if not model.is_base and (points := _changes_of(model, label, measures, paired)) is not None
    ]
    return [replace(points, folded=len(by_model) >= FOLDED_FROM) for points in by_model]


def _changes_of(model: Model, label: str, measures: ScoresByMeasure, paired: Paired) -> Points | None:
    compared = keep_first_mode(measures)
    clear: dict[str, list[str]] = {"better": [], "worse": []}
    unclear: list[str] = []
    for measure, scores in compared.items():
        base = next((row for other, row in scores.items() if other.is_base), None)
        if base is None or model not in scores:
            continue
        tuned = scores[model]
        verdict, name = paired.get((model, measure)) or compare_scores(base, tuned), _measure_name(measure, compared)
        values = f"{name}: base {format_number(base.value)} → {label} {format_number(tuned.value)}"
        pair = (("base", model_of(base)), (label, model))
        remarks = {name_: describe_chance(measures, measure, one) for name_, one in pair if is_bias(tuned)}
        captions = "".join(f", {name_}: {remark}" for name_, remark in remarks.items() if remark)
        kind = verdict.partition(",")[0]
        # A model that guesses and shows no bias is not called less biased.
        is_praise_of_guessing = kind == "better" and remarks.get(label) == UNTESTED
        bucket = unclear if is_praise_of_guessing else clear.get(kind, unclear)
        bucket.append(f"{values} ({verdict}{captions})")
    items = clear["better"] + clear["worse"] + unclear
    if not items:
        return None
    summary = f"better in {len(clear['better'])}, worse in {len(clear['worse'])}, neither in {len(unclear)}"
    return Points(f"{label}: {summary}", items, about=label)


def _measure_name(measure: Measure, measures: ScoresByMeasure) -> str:
    """'benchmark', or 'benchmark, metric' if the benchmark has several metrics."""
    several = sum(other.benchmark == measure.benchmark for other in measures) > 1
    part = "" if measure.part == WHOLE else f" ({measure.part})"
    return f"{describe_benchmark(measure)}, {measure.metric}{part}" if several else describe_benchmark(measure)


def make_full_table(scores: list[ScoreRow], model_names: dict[Model, str]) -> Table:
    """All scores, up to ALL_ROWS rows."""
    heads = [
        "model",
        "benchmark",
        "mode",
        "split",
        "slice",
        "metric",
        "value",
        "95 % interval",
        "n",
        "better",
        "chance",
    ]
    columns = [Column(name, numeric=name in ("value", "95 % interval", "n", "chance")) for name in heads]
    rows = []
    for row in scores[:ALL_ROWS]:
        ends = "–" if row.low is None else f"{format_number(row.low)} to {format_number(row.high)}"
        better = f"{row.ideal or 0:g}" if row.direction == "ideal" else row.direction
        texts = [
            model_names[model_of(row)],
            row.benchmark,
            row.mode,
            row.split,
            row.slice,
            row.metric,
            format_number(row.value),
        ]
        texts += [ends, f"{row.n:,}", better, format_number(row.chance)]
        rows.append([Cell(text) for text in texts])
    missing = len(scores) - len(rows)
    note = f"{missing:,} more rows are in scores.json." if missing else "The same rows are in scores.json."
    return Table(f"Every score ({len(rows):,})", columns, rows, note, folded=True)
