"""The section on the trade-off between objectives: a point per variant and step, the Pareto front, and a table."""

import itertools
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from unipref.core.run_folder import FigureRecord, GainRecord, JudgedModel, ScoreRow, SideRecord, Verdicts
from unipref.core.stats.chance import SKILL_AT_CHANCE, WHOLE
from unipref.report.content import (
    Cell,
    Column,
    Figure,
    Section,
    Table,
    axis_range,
    describe_direction,
    format_interval,
    format_number,
    format_with_interval,
    reference_line,
)
from unipref.report.guard import draw

SYMBOLS = ("circle", "square", "triangle-up", "pentagon", "hexagon")
"""Symbols of the training steps, in order; they repeat if there are more steps."""
ROOM = 0.5
"""Part of the distance between the outermost points that is shown beyond them; longer intervals are cut."""
CORNERS = {"top right": (1, 1), "top left": (-1, 1), "bottom right": (1, -1), "bottom left": (-1, -1)}
"""Possible positions of a mark: between the error bars of its point."""
APART = (0.02, 0.04)
"""Distance of a mark from its point, as parts of a figure's width and height."""
LETTER, HALF_SYMBOL, LINE = 0.03, 0.04, 0.07
"""Space of a mark in the narrowest figure: width of a letter, of the point beside it, and height of both, as parts."""
FAR = 1 / 3
"""If the trained models fill less than this part of the figure, a second figure leaves out the base model."""
MOST_IN_TEXT = 8
"""Most models in the description of a figure."""
AGAINST = {"base": "gain over base", "full": "gain over all data", "random": "gain over random part"}
"""Comparison in `verdicts.json` -> its group of columns."""
NOTE = (
    "Gains are in units of one; above 0 is better. All values are means over seeds, with 95 % intervals over seeds and "
    "clusters of examples. * the gain differs from 0 after Holm's correction over all gains of this table. = the gain "
    "is surely less than the smallest effect of interest. A low skill is no reason to distrust a bias. ★ "
    "Pareto-optimal: no other model is at least as good on both objectives and better on one; in brackets, the share "
    "of simulated runs in which it is so. Rules: docs/verdicts.md."
)

SHORT_NOTE = (
    "Means over seeds; gains are over the base model, above 0 is better. * the gain differs from 0 after Holm's "
    "correction. = it is surely less than the smallest effect of interest. † the model's skill is no better than "
    "guessing. ★ Pareto-optimal."
)


def make_trade_off_section(verdicts: Verdicts | None, scores: list[ScoreRow]) -> Section | None:
    """The section; None without verdicts. The figure of all models is beside the answer."""
    if verdicts is None:
        return None
    figures = []
    if len(verdicts.sides) > 1 and _is_far_off(verdicts):
        figures += draw("Trade-off, trained models", make_trade_off_figure, verdicts, scores, trained_alone=True)
    return Section("Trade-off", figures=figures, tables=[_table(verdicts)])


def _is_far_off(verdicts: Verdicts) -> bool:
    """Whether the base model is so far off that the trained models are hard to distinguish in its figure."""
    for objective in verdicts.sides:
        values = [(model.step == "base", _at(model, objective)) for model in verdicts.models]
        every = [value for _, value in values if value is not None]
        trained = [value for is_base, value in values if not is_base and value is not None]
        if len(trained) > 2 and max(trained) - min(trained) < FAR * (max(every) - min(every)):
            return True
    return False


def make_narrow_table(verdicts: Verdicts) -> Table:
    """The models' values and gains over the base model, without intervals, for a narrow screen."""
    sides = list(verdicts.sides)
    columns = [
        Column("model", numeric=False),
        *(Column(side) for side in sides),
        *(Column(f"{s}, gain") for s in sides),
    ]
    rows = []
    for model in verdicts.models:
        figures = [_figure(model.figures.get(side)) for side in sides]
        gains = [_gain(model.gains.get("base", {}).get(side)) for side in sides]
        cells = [f"{figure.text} †" if figure.remark else figure.text for figure in figures]
        cells += [gain.text for gain in gains]
        rows.append([Cell(_name(model), best=model.front), *map(Cell, cells)])
    return Table("Instruction following against bias", columns, rows, SHORT_NOTE)


def variants_by_label(verdicts: Verdicts | None) -> dict[str, str]:
    """Name of a model in this section -> its variant."""
    models = verdicts.models if verdicts else []
    return {_name(model): model.variant for model in models if model.step != "base"}


def make_trade_off_figure(verdicts: Verdicts, scores: Iterable[ScoreRow], trained_alone: bool = False) -> Figure | None:
    """One objective against the other; None if no model was measured on both.

    Args:
        verdicts: verdicts on two objectives.
        scores: the scores of the run, for the direction of each metric.
        trained_alone: whether to leave out the base model.
    """
    across, up = verdicts.sides
    models = [model for model in verdicts.models if not (trained_alone and model.step == "base")]
    visible_models = [model for model in models if _at(model, across) is not None and _at(model, up) is not None]
    if not visible_models:
        return None
    directions = [find_direction(verdicts.sides[objective], scores) for objective in (across, up)]
    titles = [
        describe_side(verdicts.sides[objective], direction)
        for objective, direction in zip((across, up), directions, strict=True)
    ]
    ranges = [
        _range(visible_models, objective, direction)
        for objective, direction in zip((across, up), directions, strict=True)
    ]
    layout: dict[str, Any] = {"height": 520, "hovermode": "closest", "shapes": []}
    for axis, words, direction, ends in zip("xy", titles, directions, ranges, strict=True):
        layout[f"{axis}axis"] = {"title": {"text": "\n".join(words)}, "range": ends}
        if direction.ideal is not None:
            layout["shapes"].append(reference_line(axis, direction.ideal, "ideal", ends))
    steps = list(dict.fromkeys(model.step for model in visible_models if model.step != "base"))
    spots = [(_part(_at(model, across), ranges[0]), _part(_at(model, up), ranges[1])) for model in visible_models]
    front = sorted((model for model in visible_models if model.front), key=lambda model: _at(model, across) or 0.0)
    traces = [_front(front, across, up)] if len(front) > 1 else []
    number_of = itertools.count(1)
    marks = ["base" if model.step == "base" else str(next(number_of)) for model in visible_models]
    corners = place_marks(spots, [len(mark) for mark in marks])
    for model, mark, corner in zip(visible_models, marks, corners, strict=True):
        symbol = SYMBOLS[steps.index(model.step) % len(SYMBOLS)] if model.step in steps else "diamond"
        traces.append(_point(verdicts, model, symbol, mark) | {"textposition": corner})
    title = f"{_title_of(across)} against {up}{': the trained models alone' if trained_alone else ''}"
    has_front = any(model.front for model in verdicts.models)
    return Figure(
        title,
        traces,
        layout,
        _describe(visible_models, front, has_front, titles, (across, up)),
        _note(steps, visible_models, up),
    )


class Direction(NamedTuple):
    """Which values of a metric are better. `ideal`: the best value, for the direction 'ideal'."""

    direction: str
    ideal: float | None


def _describe(
    visible_models: list[JudgedModel],
    front: list[JudgedModel],
    has_front: bool,
    titles: list[tuple[str, str]],
    objectives: tuple[str, str],
) -> str:
    """Describes the figure in sentences. `has_front`: whether any model, visible or not, is on the front."""
    across, up = objectives
    values = [
        f"{_name(model)} {format_number(_at(model, across))} and {format_number(_at(model, up))}"
        for model in visible_models[:MOST_IN_TEXT]
    ]
    values += [f"{len(visible_models) - MOST_IN_TEXT} more in the table"] if len(visible_models) > MOST_IN_TEXT else []
    if front:
        best = f"Pareto-optimal: {', '.join(map(_name, front))}."
    elif has_front:
        best = "No trained model is Pareto-optimal: the base model is at least as good as each of them."
    else:
        best = "No model is Pareto-optimal."
    sides = "; ".join(
        f"{where}: {what} ({better})" for where, (what, better) in zip(("Horizontal", "vertical"), titles, strict=True)
    )
    return f"{best} {sides}. {'; '.join(values)}."


def _range(visible_models: list[JudgedModel], objective: str, direction: Direction) -> list[float]:
    """The range of an axis, with the better end to the right or top. Long intervals are cut at the frame."""
    values = [_at(model, objective) or 0.0 for model in visible_models]
    figures = [_figure_of(model, objective) for model in visible_models]
    ends = [end for figure in figures for end in (figure.low, figure.high)]
    numbers = [end for end in ends if end is not None] + values + ([] if direction.ideal is None else [direction.ideal])
    frame, whole = axis_range(values, ROOM), axis_range(numbers)
    both = [max(frame[0], whole[0]), min(frame[1], whole[1])]
    return both[::-1] if direction.direction == "lower" else both


def _part(value: float | None, ends: list[float]) -> float:
    return ((value or 0.0) - ends[0]) / (ends[1] - ends[0])


def place_marks(spots: list[tuple[float, float]], letters: list[int]) -> list[str]:
    """Chooses the corner for each point's mark that is farthest from other points and marks, within the frame.

    Args:
        spots: positions of the points as parts of the figure's width and height.
        letters: length of each mark, at most 14 letters: one side of a point always has room for these.
    """
    marks: list[tuple[float, float]] = []
    chosen = []
    for own, ((x, y), length) in enumerate(zip(spots, letters, strict=True)):
        others = [*spots[:own], *spots[own + 1 :], *marks] or [(x, y)]
        width = HALF_SYMBOL + length * LETTER
        inside = {
            name: (dx, dy) for name, (dx, dy) in CORNERS.items() if 0 <= x + dx * width <= 1 and 0 <= y + dy * LINE <= 1
        }
        at = {(x + dx * APART[0], y + dy * APART[1]): name for name, (dx, dy) in inside.items()}
        # A figure is about twice as wide as high.
        room_at = {spot: min(math.hypot(2 * (spot[0] - a), spot[1] - b) for a, b in others) for spot in at}
        spot = max(at, key=room_at.__getitem__)
        marks.append(spot)
        chosen.append(at[spot])
    return chosen


def _title_of(objective: str) -> str:
    return "Instruction following" if objective == "instruction" else objective.capitalize()


def _note(steps: list[str], visible_models: list[JudgedModel], up: str) -> str:
    sentences = ["Means over seeds; bars: 95 % intervals over seeds and clusters of examples, cut at the frame."]
    sentences += ["Diamond: the base model."] if any(model.step == "base" for model in visible_models) else []
    sentences += ["Line: the Pareto-optimal models."] if sum(model.front for model in visible_models) > 1 else []
    if len(steps) > 1:
        forms = ", ".join(f"{SYMBOLS[at % len(SYMBOLS)].split('-')[0]} {step}" for at, step in enumerate(steps))
        sentences.append(f"Symbols: {forms}.")
    if any(_figure_of(model, up).at_chance for model in visible_models):
        sentences.append("Open symbols: the skill of the model is no better than guessing.")
    return " ".join(sentences)


def _at(model: JudgedModel, objective: str) -> float | None:
    figure = model.figures.get(objective)
    return figure.value if figure else None


def find_direction(side: SideRecord, scores: Iterable[ScoreRow]) -> Direction:
    """The direction of an objective's metric, from its scores."""
    mine = [s for s in scores if (s.benchmark, s.metric) == (side.benchmark, side.metric)]
    same = [score for score in mine if score.slice == side.slice] or mine
    if not same:
        return Direction("higher", None)
    return Direction(same[0].direction, same[0].ideal or 0.0 if same[0].direction == "ideal" else None)


def describe_side(side: SideRecord, direction: Direction) -> tuple[str, str]:
    """Name of a side's metric, and which values are better."""
    part = "" if side.slice == WHOLE else f" ({side.slice})"
    return f"{side.metric} of {side.benchmark}{part}", describe_direction(direction.direction, direction.ideal)


def _front(front: list[JudgedModel], across: str, up: str) -> dict[str, Any]:
    places = {
        axis: [_at(model, objective) for model in front] for axis, objective in zip("xy", (across, up), strict=True)
    }
    line = {"dash": "dash", "width": 1.5}
    return {"type": "scatter", "mode": "lines", "name": "front", "hoverinfo": "skip", "line": line} | places


def _point(verdicts: Verdicts, model: JudgedModel, symbol: str, mark: str) -> dict[str, Any]:
    across, up = verdicts.sides
    open_ = "-open" if _figure_of(model, up).at_chance else ""
    about = {"mark": "◆"} if model.step == "base" else {"mark": mark, "variant": model.variant}
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers+text",
        "name": _name(model) + (" ★" if model.front else ""),
        "meta": about,
        "x": [_at(model, across)],
        "y": [_at(model, up)],
        "text": [mark],
        "customdata": [
            ["\n".join([_name(model), *(_figure_text(verdicts, model, objective) for objective in (across, up))])]
        ],
        "hovertemplate": "%{customdata[0]}<extra></extra>",
        "marker": {"size": 14 if model.step == "base" else 12, "symbol": f"{symbol}{open_}"},
    }
    for axis, objective in zip("xy", (across, up), strict=True):
        figure = _figure_of(model, objective)
        if figure.value is not None and figure.low is not None and figure.high is not None:
            ends = {"array": [figure.high - figure.value], "arrayminus": [figure.value - figure.low]}
            trace[f"error_{axis}"] = {"type": "data", "symmetric": False, **ends}
    return trace


def _figure_text(verdicts: Verdicts, model: JudgedModel, objective: str) -> str:
    """A model's value on an objective, for the label of its point."""
    figure, side = _figure_of(model, objective), verdicts.sides[objective]
    value = format_with_interval(figure.value, figure.low, figure.high)
    skill = f"\n{side.skill_metric} {format_number(figure.skill)}" if side.skill_metric else ""
    guess = ", no better than guessing" if figure.at_chance else ""
    return f"{side.metric} {value}{skill}{guess}"


def _name(model: JudgedModel) -> str:
    return "base" if model.step == "base" else f"{model.variant} · {model.step}"


def _table(verdicts: Verdicts) -> Table:
    """All models with their values and gains."""
    sides, models = list(verdicts.sides), verdicts.models
    compared = [name for name in AGAINST if any(name in model.gains for model in models)]
    columns = [Column("model", numeric=False), Column("seeds")]
    for objective in sides:
        side = verdicts.sides[objective]
        columns.append(Column(side.metric, objective))
        columns += [Column(side.skill_metric, objective)] if side.skill_metric else []
    columns += [Column(objective, AGAINST[name]) for name in compared for objective in sides]
    rows = []
    for model in models:
        seeds = max((figure.seeds for figure in model.figures.values() if figure), default=0)
        support = "" if model.support is None else f"[{model.support:.2f}]"
        cells = [Cell(_name(model), support, best=model.front), Cell(str(seeds))]
        for objective in sides:
            figure = model.figures.get(objective)
            cells.append(_figure(figure))
            if verdicts.sides[objective].skill_metric:
                cells.append(Cell(format_number(figure.skill) if figure else "–"))
        cells += [_gain(model.gains.get(name, {}).get(objective)) for name in compared for objective in sides]
        rows.append(cells)
    return Table("Instruction following against bias", columns, rows, NOTE)


def _figure_of(model: JudgedModel, objective: str) -> FigureRecord:
    """A model's figure, or an empty one if it was not measured."""
    return model.figures.get(objective) or FigureRecord()


def _figure(figure: FigureRecord | None) -> Cell:
    if figure is None:
        return Cell("–")
    return Cell(
        format_number(figure.value),
        format_interval(figure.low, figure.high),
        SKILL_AT_CHANCE if figure.at_chance else "",
    )


def _gain(gain: GainRecord | None) -> Cell:
    if gain is None:
        return Cell("–")
    mark = " *" if gain.has_star else " =" if gain.verdict == "equivalent" else ""
    if gain.low is None or gain.high is None:
        return Cell(f"{gain.value:+.3f}")
    return Cell(f"{gain.value:+.3f}{mark}", f"[{gain.low:+.3f}, {gain.high:+.3f}]")
