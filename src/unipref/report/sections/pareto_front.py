"""The trade-off between measures: which models no other model beats, and their table."""

from collections.abc import Sequence

from unipref.core.errors import UserError, near_name
from unipref.core.run_folder import ScoreRow
from unipref.core.stats.chance import AT_CHANCE, WHOLE, goodness, is_at_chance, is_bias, is_skill
from unipref.core.stats.pareto import find_efficient_points
from unipref.report.content import Cell, Column, Table, interval, number
from unipref.report.scores import Headline, Measure, Model, at_chance, headline, model_of, preferred
from unipref.report.sections.measures import group, head

EFFICIENT = "●"


def efficient_steps(scores: Sequence[ScoreRow], by: Sequence[str] = ()) -> set[str]:
    """The steps of those models that are Pareto-efficient.

    A model is efficient when no other is at least as good on every axis and better on one. Where a model is at chance,
    its bias counts as the worst there is: that a model which guesses shows none means nothing.

    Args:
        scores: of one variant and seed.
        by: the axes, as `BENCHMARK.METRIC`; none: of each benchmark its first bias, or else its first skill.

    Raises:
        UserError: there is no such measure.
    """
    measures = headline(scores)
    measured_by = axes(measures, by)
    models = list(dict.fromkeys(model for measure in measured_by for model in measures[measure]))
    points = [[_good(measures, measure, model) for measure in measured_by] for model in models]
    return {
        model.step for model, is_efficient in zip(models, find_efficient_points(points), strict=True) if is_efficient
    }


def axes(measures: Headline, by: Sequence[str] = ()) -> list[Measure]:
    """What the front is drawn over; as `efficient_steps`."""
    first = [measure for measure in preferred(measures) if measure.part == WHOLE]
    if by:
        known = {f"{measure.benchmark}.{measure.metric}": measure for measure in reversed(first)}
        if unknown := [name for name in by if name not in known]:
            raise UserError(f"no figure '{unknown[0]}' was measured.", where="--by", mend=near_name(unknown[0], known))
        return [known[name] for name in by]
    found: dict[str, Measure] = {}
    for is_kind in (is_bias, is_skill, lambda row: True):
        for measure in first:
            if is_kind(next(iter(measures[measure].values()))):
                found.setdefault(measure.benchmark, measure)
    return sorted(found.values(), key=first.index)


def front_table(scores: Sequence[ScoreRow], by: Sequence[str] = ()) -> Table:
    """One model a line with its figures on the axes; the efficient ones are marked."""
    measures, marked = headline(scores), efficient_steps(scores, by)
    measured_by = axes(measures, by)
    columns = [Column("weights", numeric=False)]
    columns += [Column(f"{group(m)} {head(m, measures[m])}") for m in measured_by] + [
        Column("efficient", numeric=False)
    ]
    lines = [
        [
            Cell(model.step),
            *(_cell(measures, measure, model) for measure in measured_by),
            Cell(EFFICIENT if model.step in marked else ""),
        ]
        for model in dict.fromkeys(model_of(row) for row in scores)
    ]
    note = f"{EFFICIENT} no other is at least as good on every figure and better on one. [95 % interval]"
    return Table("Trade-off", columns, lines, note)


def _cell(measures: Headline, measure: Measure, model: Model) -> Cell:
    row = measures[measure].get(model)
    if row is None:
        return Cell("–")
    remark = "at chance" if is_at_chance(row) else ""
    remark = AT_CHANCE if _guessed(measures, measure, model, row) else remark
    return Cell(number(row.value), interval(row.low, row.high), remark)


def _good(measures: Headline, measure: Measure, model: Model) -> float:
    row = measures[measure].get(model)
    if row is None or _guessed(measures, measure, model, row):
        return float("-inf")
    return goodness(row, row.value)


def _guessed(measures: Headline, measure: Measure, model: Model, row: ScoreRow) -> bool:
    return not is_skill(row) and at_chance(measures, measure, model)
