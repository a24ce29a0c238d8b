"""Mixtures of models, where a front was traced: their table and figure, beside models that the run trained."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from unipref.core.errors import UserError
from unipref.core.stats.chance import WHOLE
from unipref.report.content import Column, Figure, Section, level, number, room, which_way, with_interval
from unipref.report.scores import Headline, Measure, Model, ScoreRow, headline, model_of
from unipref.report.sections.measures import group
from unipref.report.sections.pareto_front import axes, efficient, front_table

FRONT = "soup/front.json"
MIXTURES = "mixtures"
TOLD = 8

Row = dict[str, Any]


def soup_section(
    run: Path, scores: list[ScoreRow], models: Mapping[Model, str], sides: Mapping[str, Any]
) -> Section | None:
    """The section; None where no front was traced.

    Args:
        run: the run folder.
        scores: the run's.
        models: of the run, that stand beside the mixtures, by name.
        sides: objective -> the figure that verdicts judge by.

    Raises:
        UserError: the traced front is broken.
    """
    rows = read_front(run)
    mixed = [row for row in rows if row["step"] != "base"]
    if not mixed:
        return None
    seed = mixed[0].get("seed")
    rows = rows + _own(scores, models, seed)
    by = _judged(rows, sides)
    measures = headline(msgspec.convert(rows, list[ScoreRow], strict=False))
    wanted = axes(measures, by)
    figure = _figure(measures, wanted[:2], efficient(rows, by), rows) if len(wanted) > 1 else None
    said = (
        f"Models mixed by weight without training, {mixed[0].get('method', 'linear')!s}, of seed {seed}: "
        "unipref soup RUN --weights writes one of them (docs/soup.md). They are of the models that the run had "
        "when they were traced."
    )
    paragraphs = [said, *_other_examples(rows, scores, wanted)]
    made = front_table(rows, by)
    columns = [Column("model", numeric=False), *made.columns[1:]]
    made = replace(made, caption="Mixtures, named by their weights, beside models of the run", columns=columns)
    return Section("Mixtures", paragraphs=paragraphs, figures=[figure] if figure else [], tables=[made])


def read_front(run: Path) -> list[Row]:
    """The rows of a traced front; none where there is none.

    Raises:
        UserError: the file is no such list.
    """
    path = run / FRONT
    if not path.is_file():
        return []
    try:
        rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))
        msgspec.convert(rows, list[ScoreRow], strict=False)
        return [row for row in rows if isinstance(row["value"], int | float) and row["value"] == row["value"]]
    except (ValueError, TypeError, KeyError, msgspec.ValidationError) as error:
        mend = f"Run: unipref soup {run} --trace 5"
        raise UserError(f"this is no traced front: {error}.", where=str(path), mend=mend) from error


def _own(scores: list[ScoreRow], models: Mapping[Model, str], seed: int | None) -> list[Row]:
    """The rows of the run's own models of a seed, named as on the rest of the page; the base's are in the front."""
    named = {model: label for model, label in models.items() if not model.is_base}
    return [
        {**msgspec.to_builtins(row), "step": named[model_of(row)._replace(seed=None)], "seed": seed}
        for row in scores
        if row.seed == seed and model_of(row)._replace(seed=None) in named
    ]


def _judged(rows: list[Row], sides: Mapping[str, Any]) -> list[str]:
    """The figures that verdicts judge by, as `--by` names them; none where the mixtures were not measured by them."""
    measured = {f"{row['benchmark']}.{row['metric']}" for row in rows if row["slice"] == WHOLE and row.get("weights")}
    wanted = [f"{side['benchmark']}.{side['metric']}" for side in sides.values() if side["slice"] == WHOLE]
    return wanted if len(wanted) > 1 and measured.issuperset(wanted) else []


def _other_examples(rows: list[Row], scores: list[ScoreRow], wanted: list[Measure]) -> list[str]:
    """A sentence where the mixtures were not measured on the examples that the run's own models were."""
    others = []
    for measure in wanted:
        mixed = {row["n"] for row in rows if row.get("weights") and _measure(row) == measure}
        own = {row.n for row in scores if _measure(msgspec.to_builtins(row)) == measure}
        if mixed and own and mixed != own:
            others.append(group(measure))
    named = ", ".join(dict.fromkeys(others))
    return [f"Measured on other examples than the run's own models, and not to be compared: {named}."] if named else []


def _measure(row: Row) -> Measure:
    usual = {"mode": "corrected", "split": "test", "slice": WHOLE} | row
    return Measure(*(usual[key] for key in ("benchmark", "mode", "split", "metric", "slice")))


def _figure(measures: Headline, wanted: list[Measure], marked: set[str], rows: list[Row]) -> Figure | None:
    """The mixtures as a line, where they are of two objectives, with the base and the run's own models beside them."""
    across, up = wanted
    weights = {row["step"]: row["weights"] for row in rows if row.get("weights")}
    both = [model for model in measures[across] if model in measures[up]]
    objectives = sorted({name for several in weights.values() for name in several})
    mixed = sorted((m for m in both if m.step in weights), key=lambda m: weights[m.step].get(objectives[0], 0.0))
    if not mixed:
        return None
    traces = [_trace(MIXTURES, mixed, measures, wanted, marked)]
    traces[0]["mode"] = "lines+markers" if len(objectives) == 2 else "markers"
    for model in both:
        if model.step not in weights:
            about = {} if model.is_base else {"variant": model.variant}
            traces.append(_trace(model.step, [model], measures, wanted, marked) | {"meta": about})
    layout: dict[str, Any] = {"height": 480, "hovermode": "closest", "shapes": []}
    for axis, measure in zip("xy", wanted, strict=True):
        drawn, ideal = _axis(measure, measures)
        layout[f"{axis}axis"] = drawn
        layout["shapes"] += [level(axis, ideal, "ideal")] if ideal is not None else []
    told = [f"{model.step} {_both(model, measures, wanted)}" for model in mixed[:TOLD]]
    told += [f"{len(mixed) - TOLD} more in the table"] if len(mixed) > TOLD else []
    best = ", ".join(model.step for model in both if model.step in marked)
    said = f"Not beaten on all figures: {best or 'none'}. Mixtures: {'; '.join(told)}."
    return Figure("Mixtures between objectives", traces, layout, said, "Stars: not beaten on all figures of the table.")


def _axis(measure: Measure, measures: Headline) -> tuple[dict[str, Any], float | None]:
    """An axis on which better is to the right or up, and the ideal where there is one."""
    rows = list(measures[measure].values())
    ideal = (rows[0].ideal or 0.0) if rows[0].direction == "ideal" else None
    ends = room([*(row.value for row in rows), *([] if ideal is None else [ideal])], 0.1)
    title = f"{measure.metric} of {group(measure)}\n{which_way(rows[0].direction, ideal)}"
    return {"title": {"text": title}, "range": ends[::-1] if rows[0].direction == "lower" else ends}, ideal


def _both(model: Model, measures: Headline, wanted: list[Measure]) -> str:
    return " and ".join(number(measures[measure][model].value) for measure in wanted)


def _trace(
    name: str, models: list[Model], measures: Headline, wanted: list[Measure], marked: set[str]
) -> dict[str, Any]:
    across, up = wanted
    plain = "diamond" if name == "base" else "circle"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [measures[across][model].value for model in models],
        "y": [measures[up][model].value for model in models],
        "text": ["\n".join([model.step, *_told(model, measures, wanted)]) for model in models],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 11, "symbol": ["star" if model.step in marked else plain for model in models]},
    }


def _told(model: Model, measures: Headline, wanted: list[Measure]) -> list[str]:
    said = []
    for measure in wanted:
        row = measures[measure][model]
        said.append(f"{measure.metric} {with_interval(row.value, row.low, row.high)}")
    return said
