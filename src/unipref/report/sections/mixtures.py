"""Mixtures of models, where a front was traced: their table and figure, beside models that the run trained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from unipref.core.records import BASE
from unipref.core.run_folder import MixtureRow, ScoreRow, SideRecord
from unipref.core.stats.chance import WHOLE
from unipref.report.content import (
    Column,
    Figure,
    Section,
    axis_range,
    describe_direction,
    format_number,
    format_with_interval,
    reference_line,
)
from unipref.report.scores import Measure, Model, ScoresByMeasure, group_by_measure, model_of
from unipref.report.sections.measures import describe_benchmark
from unipref.report.sections.pareto_front import choose_axes, efficient_steps, front_table

MIXTURES = "mixtures"
TOLD = 8


def soup_section(
    rows: Sequence[MixtureRow],
    scores: Sequence[ScoreRow],
    models: Mapping[Model, str],
    sides: Mapping[str, SideRecord],
) -> Section | None:
    """The section; None where no front was traced.

    Args:
        rows: of the traced front.
        scores: the run's.
        models: of the run, that stand beside the mixtures, by name.
        sides: objective -> the figure that verdicts judge by.
    """
    mixed = [row for row in rows if row.step != BASE]
    if not mixed:
        return None
    seed = mixed[0].seed
    beside: list[ScoreRow] = [*rows, *_own(scores, models, seed)]
    by = _judged(rows, sides)
    measures = group_by_measure(beside)
    shown = choose_axes(measures, by)
    figure = _figure(measures, shown[:2], efficient_steps(beside, by), rows) if len(shown) > 1 else None
    introduction = (
        f"Models mixed by weight without training, {mixed[0].method or 'linear'}, of seed {seed}: "
        "unipref soup RUN --weights writes one of them (docs/soup.md). They are of the models that the run had "
        "when they were traced."
    )
    paragraphs = [introduction, *_other_examples(rows, scores, shown)]
    table = front_table(beside, by)
    columns = [Column("model", numeric=False), *table.columns[1:]]
    table = replace(table, caption="Mixtures, named by their weights, beside models of the run", columns=columns)
    return Section("Mixtures", paragraphs=paragraphs, figures=[figure] if figure else [], tables=[table])


def _own(scores: Sequence[ScoreRow], models: Mapping[Model, str], seed: int | None) -> list[ScoreRow]:
    """The rows of the run's own models of a seed, named as on the rest of the page; the base's are in the front."""
    named = {model: label for model, label in models.items() if not model.is_base}
    return [
        msgspec.structs.replace(row, step=named[model_of(row)._replace(seed=None)])
        for row in scores
        if row.seed == seed and model_of(row)._replace(seed=None) in named
    ]


def _judged(rows: Sequence[MixtureRow], sides: Mapping[str, SideRecord]) -> list[str]:
    """The figures that verdicts judge by, as `--by` names them; none where the mixtures were not measured by them."""
    measured = {f"{row.benchmark}.{row.metric}" for row in rows if row.slice == WHOLE and row.weights}
    figures = [f"{side.benchmark}.{side.metric}" for side in sides.values() if side.slice == WHOLE]
    return figures if len(figures) > 1 and measured.issuperset(figures) else []


def _other_examples(rows: Sequence[MixtureRow], scores: Sequence[ScoreRow], shown: list[Measure]) -> list[str]:
    """A sentence where the mixtures were not measured on the examples that the run's own models were."""
    others = []
    for measure in shown:
        mixed = {row.n for row in rows if row.weights and _measure(row) == measure}
        own = {row.n for row in scores if _measure(row) == measure}
        if mixed and own and mixed != own:
            others.append(describe_benchmark(measure))
    named = ", ".join(dict.fromkeys(others))
    return [f"Measured on other examples than the run's own models, and not to be compared: {named}."] if named else []


def _measure(row: ScoreRow) -> Measure:
    return Measure(row.benchmark, row.mode, row.split, row.metric, row.slice)


def _figure(
    measures: ScoresByMeasure, shown: list[Measure], marked: set[str], rows: Sequence[MixtureRow]
) -> Figure | None:
    """The mixtures as a line, where they are of two objectives, with the base and the run's own models beside them."""
    across, up = shown
    weights = {row.step: row.weights for row in rows if row.weights}
    both = [model for model in measures[across] if model in measures[up]]
    objectives = sorted({name for several in weights.values() for name in several})
    mixed = sorted((m for m in both if m.step in weights), key=lambda m: weights[m.step].get(objectives[0], 0.0))
    if not mixed:
        return None
    traces = [_trace(MIXTURES, mixed, measures, shown, marked)]
    traces[0]["mode"] = "lines+markers" if len(objectives) == 2 else "markers"
    for model in both:
        if model.step not in weights:
            about = {} if model.is_base else {"variant": model.variant}
            traces.append(_trace(model.step, [model], measures, shown, marked) | {"meta": about})
    layout: dict[str, Any] = {"height": 480, "hovermode": "closest", "shapes": []}
    for axis, measure in zip("xy", shown, strict=True):
        drawn, ideal = _axis(measure, measures)
        layout[f"{axis}axis"] = drawn
        layout["shapes"] += [reference_line(axis, ideal, "ideal")] if ideal is not None else []
    told = [f"{model.step} {_both(model, measures, shown)}" for model in mixed[:TOLD]]
    told += [f"{len(mixed) - TOLD} more in the table"] if len(mixed) > TOLD else []
    best = ", ".join(model.step for model in both if model.step in marked)
    said = f"Not beaten on all figures: {best or 'none'}. Mixtures: {'; '.join(told)}."
    return Figure("Mixtures between objectives", traces, layout, said, "Stars: not beaten on all figures of the table.")


def _axis(measure: Measure, measures: ScoresByMeasure) -> tuple[dict[str, Any], float | None]:
    """An axis on which better is to the right or up, and the ideal where there is one."""
    rows = list(measures[measure].values())
    ideal = (rows[0].ideal or 0.0) if rows[0].direction == "ideal" else None
    ends = axis_range([*(row.value for row in rows), *([] if ideal is None else [ideal])], 0.1)
    title = f"{measure.metric} of {describe_benchmark(measure)}\n{describe_direction(rows[0].direction, ideal)}"
    return {"title": {"text": title}, "range": ends[::-1] if rows[0].direction == "lower" else ends}, ideal


def _both(model: Model, measures: ScoresByMeasure, shown: list[Measure]) -> str:
    return " and ".join(format_number(measures[measure][model].value) for measure in shown)


def _trace(
    name: str, models: list[Model], measures: ScoresByMeasure, shown: list[Measure], marked: set[str]
) -> dict[str, Any]:
    across, up = shown
    plain = "diamond" if name == "base" else "circle"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [measures[across][model].value for model in models],
        "y": [measures[up][model].value for model in models],
        "text": ["\n".join([model.step, *_figure_texts(model, measures, shown)]) for model in models],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 11, "symbol": ["star" if model.step in marked else plain for model in models]},
    }


def _figure_texts(model: Model, measures: ScoresByMeasure, shown: list[Measure]) -> list[str]:
    said = []
    for measure in shown:
        row = measures[measure][model]
        said.append(f"{measure.metric} {format_with_interval(row.value, row.low, row.high)}")
    return said
