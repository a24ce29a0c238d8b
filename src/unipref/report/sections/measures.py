"""The section on scores by metric: names of metrics, and a figure of the models' values and intervals for each."""

import itertools
from collections.abc import Iterable
from statistics import fmean
from typing import Any

from unipref.core.run_folder import ScoreRow
from unipref.core.stats.chance import WHOLE
from unipref.report.content import Figure, axis_range, format_number, format_with_interval, reference_line
from unipref.report.guard import draw
from unipref.report.scores import Measure, Model, ScoresByMeasure, find_clear_best, keep_first_mode

LINES, MOST_IN_TEXT = 40, 8
"""Most lines in a figure, and most models in its description."""
LONGEST_LABEL = 34
LINE, AROUND = 24, 90
"""Height in pixels of a line, and of the space above and below the lines."""

Row = tuple[Model, ScoreRow]


def describe_metric(measure: Measure, scores: dict[Model, ScoreRow]) -> str:
    """A measure's metric with an arrow for its direction."""
    row = next(iter(scores.values()))
    sign = {"higher": "↑", "lower": "↓"}.get(row.direction, f"→ {row.ideal or 0:g}")
    part = "" if measure.part == WHOLE else f" ({measure.part})"
    return f"{measure.metric}{part} {sign}"


def describe_benchmark(measure: Measure) -> str:
    """A measure's benchmark, with mode and split unless they are 'corrected' and 'test'."""
    notes = [mode for mode in [measure.mode] if mode != "corrected"]
    notes += [split for split in [measure.split] if split != "test"]
    return f"{measure.benchmark} ({', '.join(notes)})" if notes else measure.benchmark


def make_measure_figures(measures: ScoresByMeasure, model_names: dict[Model, str]) -> list[Figure]:
    """A figure per measure in its benchmark's first mode, if it has at least two models."""
    comparable = [measure for measure, scores in keep_first_mode(measures).items() if len(scores) > 1]
    return [
        figure
        for measure in comparable
        for figure in draw(describe_benchmark(measure), make_measure_figure, measures, measure, model_names)
    ]


def make_measure_figure(measures: ScoresByMeasure, measure: Measure, model_names: dict[Model, str]) -> Figure:
    """Values with intervals, one line per variant and step; with several seeds, the value of each and their mean."""
    scores = measures[measure]
    lines = _group_by_line([(model, scores[model]) for model in model_names if model in scores])
    winner = find_clear_best(measures, measure)
    visible_lines = dict(list(lines.items())[:LINES])
    first = next(iter(scores.values()))
    places = _axis_labels({label: rows[0][0] for label, rows in visible_lines.items()})
    traces = [
        _trace(label, places[label], rows, model_names, winner == (rows[0][0].variant, rows[0][0].step))
        for label, rows in visible_lines.items()
    ]
    numbers = [end for row in scores.values() for end in (row.value, row.low, row.high, row.chance) if end is not None]
    numbers += [first.ideal or 0.0] if first.direction == "ideal" else []
    ends = axis_range(numbers)
    marks = [reference_line("x", first.chance, "chance", ends)] if first.chance is not None else []
    if first.direction == "ideal" and first.ideal != first.chance:
        marks.append(reference_line("x", first.ideal or 0.0, "ideal", ends))
    layout = {
        "height": AROUND + LINE * len(visible_lines),
        "showlegend": False,
        "hovermode": "closest",
        "xaxis": {"range": ends},
        "yaxis": {"type": "category", "autorange": "reversed"},
        "shapes": marks,
    }
    values = [
        f"{label} {format_number(fmean(row.value for _, row in rows))}"
        for label, rows in list(visible_lines.items())[:MOST_IN_TEXT]
    ]
    values += [f"{len(lines) - MOST_IN_TEXT} more in the table"] if len(lines) > MOST_IN_TEXT else []
    title = f"{describe_benchmark(measure)}: {describe_metric(measure, scores)}"
    return Figure(title, traces, layout, f"{', '.join(values)}.", _note(lines, first, winner is not None))


def _group_by_line(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Groups rows by variant and step, over seeds; labels name the variant if there are several."""
    rows = list(rows)
    several = len({model.variant for model, _ in rows if not model.is_base}) > 1
    rows_by_label: dict[str, list[Row]] = {}
    for model, row in rows:
        label = f"{model.variant} · {model.step}" if several and not model.is_base else model.step
        rows_by_label.setdefault(label, []).append((model, row))
    return rows_by_label


def _axis_labels(models: dict[str, Model]) -> dict[str, str]:
    """Label -> its distinct text on the axis; a long label keeps the step and loses the end of the variant."""
    places: dict[str, str] = {}
    for label, model in models.items():
        variant = label.removesuffix(model.step)
        ending = f"… · {model.step}" if variant else ""
        place, number_of = label, itertools.count(2)
        if len(label) > LONGEST_LABEL:
            place = _shorten(variant, ending) if variant else _shorten(label, "…")
        whole = place
        while place in places.values():
            place = f"{whole} ({next(number_of)})"
        places[label] = place
    return places


def _shorten(text: str, ending: str) -> str:
    return f"{text[: max(1, LONGEST_LABEL - len(ending))]}{ending}"


def _trace(label: str, place: str, rows: list[Row], model_names: dict[Model, str], is_best: bool) -> dict[str, Any]:
    """The trace of one line. `place`: its text on the axis."""
    values = [row.value for _, row in rows]
    texts = [f"{model_names[model]}: {format_with_interval(row.value, row.low, row.high)}" for model, row in rows]
    marker: dict[str, Any] = {"size": 10, "symbol": "star" if is_best else "circle"}
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": label,
        "hovertemplate": "%{text}<extra></extra>",
    }
    trace["meta"] = {} if rows[0][0].is_base else {"variant": rows[0][0].variant}
    if len(rows) > 1:
        mean = fmean(values)
        values, texts = [mean, *values], [f"{label}, mean of {len(rows)} seeds: {format_number(mean)}", *texts]
        marker = {"size": [11] + [7] * len(rows), "symbol": ["diamond"] + ["circle-open"] * len(rows), "opacity": 1}
    elif rows[0][1].low is not None and rows[0][1].high is not None:
        row = rows[0][1]
        above, below = (row.high or 0.0) - row.value, row.value - (row.low or 0.0)
        trace["error_x"] = {"type": "data", "symmetric": False, "array": [above], "arrayminus": [below]}
    return trace | {"x": values, "y": [place] * len(values), "text": texts, "marker": marker}


def _note(lines: dict[str, list[Row]], first: ScoreRow, has_winner: bool) -> str:
    if any(len(rows) > 1 for rows in lines.values()):
        sentences = ["Open circles: seeds; diamonds: their mean."]
    else:
        sentences = ["Bars: 95 % intervals."] + (["Star: clearly best."] if has_winner else [])
    if first.chance is not None:
        sentences.append(f"Chance: {format_number(first.chance)}.")
    if first.direction == "ideal":
        sentences.append(f"Ideal: {format_number(first.ideal or 0.0)}.")
    if len(lines) > LINES:
        sentences.append(f"{len(lines) - LINES} more are in the table only.")
    return " ".join(sentences)
