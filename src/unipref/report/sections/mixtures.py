"""The section on mixtures, if a front was traced: a table and a figure, with the run's own models for comparison."""

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
from unipref.report.guard import draw
from unipref.report.scores import Measure, Model, ScoresByMeasure, group_by_measure, model_of
from unipref.report.sections.measures import describe_benchmark
from unipref.report.sections.pareto_front import choose_axes, find_efficient_steps, make_front_table

MIXTURES = "mixtures"
"""Name of the mixtures' trace."""
MOST_IN_TEXT = 8


def make_mixture_section(
    rows: Sequence[MixtureRow],
    scores: Sequence[ScoreRow],
    models: Mapping[Model, str],
    sides: Mapping[str, SideRecord],
) -> Section | None:
    """The section; None if no front was traced.

    Args:
        rows: the scores of the traced front.
        scores: the scores of the run.
        models: models of the run to show beside the mixtures -> their names.
        sides: objective -> its headline metric.
    """
    mixed = [row for row in rows if row.step != BASE]
    if not mixed:
        return None
    seed = mixed[0].seed
    all_rows: list[ScoreRow] = [*rows, *_own(scores, models, seed)]
    by = _headline_metrics(rows, sides)
    measures = group_by_measure(all_rows)
    axes = choose_axes(measures, by)
    title, efficient = "Mixtures between objectives", find_efficient_steps(all_rows, by)
    figures = draw(title, _figure, measures, axes[:2], efficient, rows) if len(axes) > 1 else []
    introduction = (
        f"These mixtures are weighted merges ({mixed[0].method or 'linear'}) of the trained models of seed {seed}, "
        "without further training. unipref soup RUN --weights writes one of them (docs/soup.md). They use the models "
        "that the run had when the front was traced."
    )
    paragraphs = [introduction, *_other_examples(rows, scores, axes)]
    table = make_front_table(all_rows, by)
    columns = [Column("model", numeric=False), *table.columns[1:]]
    table = replace(table, caption="Mixtures, named by their weights, beside models of the run", columns=columns)
    return Section("Mixtures", paragraphs=paragraphs, figures=figures, tables=[table])


def _own(scores: Sequence[ScoreRow], models: Mapping[Model, str], seed: int | None) -> list[ScoreRow]:
    """The scores of the run's own models of a seed, with their names on the page; the front holds the base model's."""
    labels = {model: label for model, label in models.items() if not model.is_base}
    return [
        msgspec.structs.replace(row, step=labels[model_of(row)._replace(seed=None)])
        for row in scores
        if row.seed == seed and model_of(row)._replace(seed=None) in labels
    ]


def _headline_metrics(rows: Sequence[MixtureRow], sides: Mapping[str, SideRecord]) -> list[str]:
    """The headline metrics, as `--by` names them; empty if the mixtures were not measured on all of them."""
    measured = {f"{row.benchmark}.{row.metric}" for row in rows if row.slice == WHOLE and row.weights}
    metrics = [f"{side.benchmark}.{side.metric}" for side in sides.values() if side.slice == WHOLE]
    return metrics if len(metrics) > 1 and measured.issuperset(metrics) else []


def _other_examples(rows: Sequence[MixtureRow], scores: Sequence[ScoreRow], axes: list[Measure]) -> list[str]:
    """A warning if mixtures and the run's own models were measured on different examples."""
    others = []
    for measure in axes:
        mixed = {row.n for row in rows if row.weights and _measure(row) == measure}
        own = {row.n for row in scores if _measure(row) == measure}
        if mixed and own and mixed != own:
            others.append(describe_benchmark(measure))
    names = ", ".join(dict.fromkeys(others))
    return (
        [f"Not comparable with the run's own models, which were measured on other examples: {names}."] if names else []
    )


def _measure(row: ScoreRow) -> Measure:
    return Measure(row.benchmark, row.mode, row.split, row.metric, row.slice)


def _figure(
    measures: ScoresByMeasure, axes: list[Measure], efficient: set[str], rows: Sequence[MixtureRow]
) -> Figure | None:
    """The mixtures, joined by a line for two objectives, with the base model and the run's own models."""
    across, up = axes
    weights = {row.step: row.weights for row in rows if row.weights}
    common = [model for model in measures[across] if model in measures[up]]
    objectives = sorted({name for several in weights.values() for name in several})
    mixed = sorted((m for m in common if m.step in weights), key=lambda m: weights[m.step].get(objectives[0], 0.0))
    if not mixed:
        return None
    traces = [_trace(MIXTURES, mixed, measures, axes, efficient)]
    traces[0]["mode"] = "lines+markers" if len(objectives) == 2 else "markers"
    for model in common:
        if model.step not in weights:
            about = {} if model.is_base else {"variant": model.variant}
            traces.append(_trace(model.step, [model], measures, axes, efficient) | {"meta": about})
    layout: dict[str, Any] = {"height": 480, "hovermode": "closest", "shapes": []}
    for axis, measure in zip("xy", axes, strict=True):
        axis_layout, ideal = _axis(measure, measures)
        layout[f"{axis}axis"] = axis_layout
        layout["shapes"] += [reference_line(axis, ideal, "ideal", axis_layout["range"])] if ideal is not None else []
    values = [f"{model.step} {_describe_values(model, measures, axes)}" for model in mixed[:MOST_IN_TEXT]]
    values += [f"{len(mixed) - MOST_IN_TEXT} more in the table"] if len(mixed) > MOST_IN_TEXT else []
    best = ", ".join(model.step for model in common if model.step in efficient)
    description = f"Pareto-optimal: {best or 'none'}. Mixtures: {'; '.join(values)}."
    return Figure(
        "Mixtures between objectives",
        traces,
        layout,
        description,
        "Stars: Pareto-optimal over all metrics of the table.",
    )


def _axis(measure: Measure, measures: ScoresByMeasure) -> tuple[dict[str, Any], float | None]:
    """The layout of an axis with the better end to the right or top, and the ideal value if there is one."""
    rows = list(measures[measure].values())
    ideal = (rows[0].ideal or 0.0) if rows[0].direction == "ideal" else None
    ends = axis_range([*(row.value for row in rows), *([] if ideal is None else [ideal])], 0.1)
    title = f"{measure.metric} of {describe_benchmark(measure)}\n{describe_direction(rows[0].direction, ideal)}"
    return {"title": {"text": title}, "range": ends[::-1] if rows[0].direction == "lower" else ends}, ideal


def _describe_values(model: Model, measures: ScoresByMeasure, axes: list[Measure]) -> str:
    return " and ".join(format_number(measures[measure][model].value) for measure in axes)


def _trace(
    name: str, models: list[Model], measures: ScoresByMeasure, axes: list[Measure], efficient: set[str]
) -> dict[str, Any]:
    across, up = axes
    plain = "diamond" if name == "base" else "circle"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [measures[across][model].value for model in models],
        "y": [measures[up][model].value for model in models],
        "text": ["\n".join([model.step, *_metric_texts(model, measures, axes)]) for model in models],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 11, "symbol": ["star" if model.step in efficient else plain for model in models]},
    }


def _metric_texts(model: Model, measures: ScoresByMeasure, axes: list[Measure]) -> list[str]:
    texts = []
    for measure in axes:
        row = measures[measure][model]
        texts.append(f"{measure.metric} {format_with_interval(row.value, row.low, row.high)}")
    return texts
