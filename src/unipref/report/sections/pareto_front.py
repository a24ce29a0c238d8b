"""The trade-off between measures: which models no other model beats, and their table."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from unipref.core.errors import UserError, near_name
from unipref.core.stats.chance import WHOLE, guesses, is_skill
from unipref.report.content import Cell, Column, Table, interval, number
from unipref.report.scores import Headline, Measure, Model, ScoreRow, at_chance, goodness, headline, model_of, preferred
from unipref.report.sections.measures import group, head
from unipref.report.sections.results import AT_CHANCE

EFFICIENT = "●"


def efficient(rows: Sequence[dict[str, Any]], by: Sequence[str] = ()) -> set[str]:
    """The steps of those models that are Pareto-efficient.

    A model is efficient when no other is at least as good on every axis and better on one. Where a model is at chance,
    its bias counts as the worst there is: that a model which guesses shows none means nothing.

    Args:
        rows: rows of `scores.json`, of one variant and seed.
        by: the axes, as `BENCHMARK.METRIC`; none: of each benchmark its first bias, or else its first skill.

    Raises:
        UserError: there is no such measure.
    """
    measures = headline(msgspec.convert(list(rows), list[ScoreRow], strict=False))
    wanted = axes(measures, by)
    points = {
        model: tuple(_good(measures, measure, model) for measure in wanted)
        for model in dict.fromkeys(model for measure in wanted for model in measures[measure])
    }
    return {model.step for model, point in points.items() if not any(_beats(other, point) for other in points.values())}


def axes(measures: Headline, by: Sequence[str] = ()) -> list[Measure]:
    """What the front is drawn over; as `efficient`."""
    first = [measure for measure in preferred(measures) if measure.part == WHOLE]
    if by:
        known = {f"{measure.benchmark}.{measure.metric}": measure for measure in reversed(first)}
        if unknown := [name for name in by if name not in known]:
            raise UserError(f"no figure '{unknown[0]}' was measured.", where="--by", mend=near_name(unknown[0], known))
        return [known[name] for name in by]
    found: dict[str, Measure] = {}
    for wanted in (_is_bias, is_skill, lambda row: True):
        for measure in first:
            if wanted(next(iter(measures[measure].values()))):
                found.setdefault(measure.benchmark, measure)
    return sorted(found.values(), key=first.index)


def front_table(rows: Sequence[dict[str, Any]], by: Sequence[str] = ()) -> Table:
    """One model a line with its figures on the axes; the efficient ones are marked."""
    scores = msgspec.convert(list(rows), list[ScoreRow], strict=False)
    measures, marked = headline(scores), efficient(rows, by)
    wanted = axes(measures, by)
    columns = [Column("weights", numeric=False)]
    columns += [Column(f"{group(m)} {head(m, measures[m])}") for m in wanted] + [Column("efficient", numeric=False)]
    lines = [
        [
            Cell(model.step),
            *(_cell(measures, measure, model) for measure in wanted),
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
    remark = "at chance" if guesses(row) else ""
    remark = AT_CHANCE if _guessed(measures, measure, model, row) else remark
    return Cell(number(row.value), interval(row.low, row.high), remark)


def _good(measures: Headline, measure: Measure, model: Model) -> float:
    row = measures[measure].get(model)
    if row is None or _guessed(measures, measure, model, row):
        return float("-inf")
    return goodness(row, row.value)


def _guessed(measures: Headline, measure: Measure, model: Model, row: ScoreRow) -> bool:
    return not is_skill(row) and at_chance(measures, measure, model)


def _is_bias(row: ScoreRow) -> bool:
    """Whether a model that guesses has the best value."""
    return row.chance is not None and row.direction != "higher" and row.chance == (row.ideal or 0.0)


def _beats(one: Collection[float], other: Collection[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
