"""The results of a run: the table, and what changed in words."""

from dataclasses import replace

from unipref.core.run_folder import ScoreRow
from unipref.core.stats.chance import AT_CHANCE, WHOLE, is_at_chance, is_bias
from unipref.report.content import Cell, Column, Points, Section, Table, interval, number
from unipref.report.scores import (
    Headline,
    Measure,
    Model,
    Paired,
    at_chance,
    best,
    headline,
    labels,
    model_of,
    preferred,
    verdict,
)
from unipref.report.sections.measures import group, head, measure_figures

ALL_ROWS = 1000
FOLDED_FROM = 7
"""So many models or more: what changed for each is shown when asked for."""


def result_sections(scores: list[ScoreRow], paired: Paired) -> list[Section]:
    """The sections on results: the table, what changed, each measure drawn, and every score."""
    if not scores:
        return []
    measures, named = headline(scores), labels(scores)
    sections = []
    if measures:
        sections.append(Section("Results", tables=[result_table(measures, named)]))
    changed = changes(measures, named, paired)
    if changed:
        note = (
            "Each trained model against the base model, example by example. 'No clear difference' means that the 95 % "
            "interval of the paired difference includes 0; it does not hold the variation between training seeds."
        )
        sections.append(Section("What changed", paragraphs=[note], points=changed))
    drawn = measure_figures(measures, named)
    if drawn:
        sections.append(Section("Each measure", figures=drawn))
    sections.append(Section("All scores", tables=[full_table(scores, named)]))
    return sections


def result_table(measures: Headline, named: dict[Model, str]) -> Table:
    """Models by measures; the best value of each measure is marked."""
    columns = [Column("model", numeric=False)]
    columns += [Column(head(measure, scores), group(measure)) for measure, scores in measures.items()]
    winners = {measure: best(measures, measure) for measure in measures}
    rows = []
    for model, label in named.items():
        cells = [
            _score_cell(measures, measure, model, model in winners[measure]) if model in scores else Cell("–")
            for measure, scores in measures.items()
        ]
        if any(cell.text != "–" for cell in cells):
            rows.append([Cell(label), *cells])
    note = "↑ higher is better, ↓ lower is better, → nearer to the value named is better; ★ best. [95 % interval]"
    return Table("Scores of the base model and of each trained model", columns, rows, note)


def _score_cell(measures: Headline, measure: Measure, model: Model, is_best: bool) -> Cell:
    row = measures[measure][model]
    remark = "at chance" if is_at_chance(row) else ""
    if is_bias(row) and at_chance(measures, measure, model):
        remark = AT_CHANCE
    return Cell(number(row.value), interval(row.low, row.high), remark, is_best)


def changes(measures: Headline, named: dict[Model, str], paired: Paired) -> list[Points]:
    """For each trained model, what got better and worse against the base model, in words.

    Where the two were not compared example by example, overlapping intervals are taken for no clear difference.
    """
    found = [
        points
        for model, label in named.items()
        if not model.is_base and (points := _changes_of(model, label, measures, paired)) is not None
    ]
    return [replace(points, folded=len(found) >= FOLDED_FROM) for points in found]


def _changes_of(model: Model, label: str, measures: Headline, paired: Paired) -> Points | None:
    compared = preferred(measures)
    clear: dict[str, list[str]] = {"better": [], "worse": []}
    alike: list[str] = []
    for measure, scores in compared.items():
        base = next((row for other, row in scores.items() if other.is_base), None)
        if base is None or model not in scores:
            continue
        tuned = scores[model]
        said, name = paired.get((model, measure)) or verdict(base, tuned), _named(measure, compared)
        values = f"{name}: base {number(base.value)} → {label} {number(tuned.value)}"
        pair = (("base", model_of(base)), (label, model))
        guessing = [who for who, one in pair if at_chance(measures, measure, one)]
        if is_bias(tuned) and guessing:
            alike.append(f"{values} ({' and '.join(guessing)} {AT_CHANCE})")
        elif said.startswith(("better", "worse")):
            clear[said[: said.find(",")] if "," in said else said].append(f"{values} ({said})")
        else:
            alike.append(f"{values} ({said})")
    items = clear["better"] + clear["worse"] + alike
    if not items:
        return None
    line = f"better in {len(clear['better'])}, worse in {len(clear['worse'])}, neither in {len(alike)}"
    return Points(f"{label}: {line}", items, about=label)


def _named(measure: Measure, measures: Headline) -> str:
    """'benchmark', or 'benchmark, metric' where the benchmark has several."""
    several = sum(other.benchmark == measure.benchmark for other in measures) > 1
    part = "" if measure.part == WHOLE else f" ({measure.part})"
    return f"{group(measure)}, {measure.metric}{part}" if several else group(measure)


def full_table(scores: list[ScoreRow], named: dict[Model, str]) -> Table:
    """Every score, up to ALL_ROWS of them."""
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
        ends = "–" if row.low is None else f"{number(row.low)} to {number(row.high)}"
        better = f"{row.ideal or 0:g}" if row.direction == "ideal" else row.direction
        texts = [named[model_of(row)], row.benchmark, row.mode, row.split, row.slice, row.metric, number(row.value)]
        texts += [ends, f"{row.n:,}", better, number(row.chance)]
        rows.append([Cell(text) for text in texts])
    left = len(scores) - len(rows)
    note = f"{left:,} more rows are in scores.json." if left else "The same rows are in scores.json."
    return Table(f"Every score ({len(rows):,})", columns, rows, note, folded=True)
