"""The Pareto front over measures: its models, and the table of mixtures."""

from collections.abc import Sequence

from unipref.core.errors import UserError, near_name
from unipref.core.run_folder import ScoreRow
from unipref.core.stats.chance import UNTESTED, WHOLE, goodness, is_bias, is_skill
from unipref.core.stats.pareto import find_efficient_points
from unipref.report.content import Cell, Column, Table, format_interval, format_number
from unipref.report.scores import (
    Measure,
    Model,
    ScoresByMeasure,
    describe_chance,
    group_by_measure,
    keep_first_mode,
    model_of,
)
from unipref.report.sections.measures import describe_benchmark, describe_metric

EFFICIENT = "●"


def find_efficient_steps(scores: Sequence[ScoreRow], by: Sequence[str] = ()) -> set[str]:
    """The steps of those models that are Pareto-efficient.

    A model is efficient if no other is at least as good on every axis and better on one. The scores cannot tell whether
    a model that guesses and shows no bias is fair, so its bias counts as the worst possible.

    Args:
        scores: scores of one variant and seed.
        by: the axes, as `BENCHMARK.METRIC`; by default the first bias metric of each benchmark, else its first skill.

    Raises:
        UserError: a metric in `by` was not measured.
    """
    measures = group_by_measure(scores)
    measured_by = choose_axes(measures, by)
    models = list(dict.fromkeys(model for measure in measured_by for model in measures[measure]))
    points = [[_rate(measures, measure, model) for measure in measured_by] for model in models]
    return {
        model.step for model, is_efficient in zip(models, find_efficient_points(points), strict=True) if is_efficient
    }


def choose_axes(measures: ScoresByMeasure, by: Sequence[str] = ()) -> list[Measure]:
    """The axes of the front; arguments as for `find_efficient_steps`."""
    first = [measure for measure in keep_first_mode(measures) if measure.part == WHOLE]
    if by:
        measured = {f"{measure.benchmark}.{measure.metric}": measure for measure in reversed(first)}
        if unknown := [name for name in by if name not in measured]:
            raise UserError(
                f"the metric '{unknown[0]}' was not measured.", where="--by", mend=near_name(unknown[0], measured)
            )
        return [measured[name] for name in by]
    axis_of: dict[str, Measure] = {}
    for is_kind in (is_bias, is_skill, lambda row: True):
        for measure in first:
            if is_kind(next(iter(measures[measure].values()))):
                axis_of.setdefault(measure.benchmark, measure)
    return sorted(axis_of.values(), key=first.index)


def make_front_table(scores: Sequence[ScoreRow], by: Sequence[str] = ()) -> Table:
    """One row per model with its values on the axes; efficient models are marked."""
    measures, efficient = group_by_measure(scores), find_efficient_steps(scores, by)
    measured_by = choose_axes(measures, by)
    columns = [Column("weights", numeric=False)]
    columns += [Column(f"{describe_benchmark(m)} {describe_metric(m, measures[m])}") for m in measured_by] + [
        Column("efficient", numeric=False)
    ]
    lines = [
        [
            Cell(model.step),
            *(_cell(measures, measure, model) for measure in measured_by),
            Cell(EFFICIENT if model.step in efficient else ""),
        ]
        for model in dict.fromkeys(model_of(row) for row in scores)
    ]
    note = f"{EFFICIENT} no other model is at least as good on every metric and better on one. [95 % interval]"
    return Table("Trade-off", columns, lines, note)


def _cell(measures: ScoresByMeasure, measure: Measure, model: Model) -> Cell:
    row = measures[measure].get(model)
    if row is None:
        return Cell("–")
    remark = describe_chance(measures, measure, model)
    return Cell(format_number(row.value), format_interval(row.low, row.high), remark)


def _rate(measures: ScoresByMeasure, measure: Measure, model: Model) -> float:
    row = measures[measure].get(model)
    if row is None or (is_bias(row) and describe_chance(measures, measure, model) == UNTESTED):
        return float("-inf")
    return goodness(row, row.value)
