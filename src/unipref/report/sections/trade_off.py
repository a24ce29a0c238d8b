"""Instruction following against bias: one point per variant and step, the front, and the table of figures and gains."""

import itertools
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from unipref.core.run_folder import FigureRecord, GainRecord, JudgedModel, ScoreRow, SideRecord, Verdicts
from unipref.core.stats.chance import WHOLE
from unipref.report.content import (
    Cell,
    Column,
    Figure,
    Section,
    Table,
    interval,
    level,
    number,
    room,
    which_way,
    with_interval,
)

SYMBOLS = ("circle", "square", "triangle-up", "pentagon", "hexagon")
"""One for each training step, in order; from the start again where there are more."""
ROOM = 0.5
"""So far beyond the outermost points an interval is drawn, in parts of the distance between them."""
CORNERS = {"top right": (1, 1), "top left": (-1, 1), "bottom right": (1, -1), "bottom left": (-1, -1)}
"""Where a mark may stand: between the bars of its own point."""
APART = (0.02, 0.04)
"""How far a mark is from its point, in parts of a figure's width and height."""
FAR = 1 / 3
"""Where trained models lie within less than this part of the figure, there is one more without the base model."""
TOLD = 8
"""So many models are told in words."""
AGAINST = {"base": "gain over base", "full": "over all data", "random": "over a random part"}
"""Comparison in `verdicts.json` -> its group of columns."""
NOTE = (
    "Gains: above 0 is better, in units of the figure; means over seeds, with 95 % intervals over seeds and examples "
    "(bootstrap, Student's t for few seeds). * the interval excludes 0, and there are several seeds. † one of the two "
    "models guesses, so that its bias means nothing. ★ no other model of the run is at least as good on both sides and "
    "better on one. Rules: docs/verdicts.md."
)

SHORT_NOTE = (
    "Means over seeds; gains are over the base model, above 0 is better. * the interval excludes 0, and there are "
    "several seeds. † a model guesses, so that its bias means nothing. ★ on the front."
)


def trade_off_section(verdicts: Verdicts | None, scores: list[ScoreRow]) -> Section | None:
    """The section; None where there are no verdicts."""
    if verdicts is None:
        return None
    figures = [trade_off_figure(verdicts, scores)] if len(verdicts.sides) > 1 else []
    if figures and _is_far_off(verdicts):
        figures.append(trade_off_figure(verdicts, scores, trained_alone=True))
    return Section("Trade-off", figures=[figure for figure in figures if figure], tables=[_table(verdicts)])


def _is_far_off(verdicts: Verdicts) -> bool:
    """Whether the base model lies so far from the others that these can hardly be told apart beside it."""
    for objective in verdicts.sides:
        known = [(model.step == "base", _at(model, objective)) for model in verdicts.models]
        every = [value for _, value in known if value is not None]
        trained = [value for is_base, value in known if not is_base and value is not None]
        if len(trained) > 2 and max(trained) - min(trained) < FAR * (max(every) - min(every)):
            return True
    return False


def side_by_side(verdicts: Verdicts) -> Table:
    """The models' figures and their gains over the base model, without intervals, for a narrow screen."""
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


def names(verdicts: Verdicts | None) -> dict[str, str]:
    """What the section calls a model -> its variant."""
    models = verdicts.models if verdicts else []
    return {_name(model): model.variant for model in models if model.step != "base"}


def trade_off_figure(verdicts: Verdicts, scores: Iterable[ScoreRow], trained_alone: bool = False) -> Figure | None:
    """One side against the other; None where no model was measured on both.

    Args:
        verdicts: with two sides.
        scores: the run's, for which way is better.
        trained_alone: without the base model.
    """
    across, up = verdicts.sides
    models = [model for model in verdicts.models if not (trained_alone and model.step == "base")]
    shown = [model for model in models if _at(model, across) is not None and _at(model, up) is not None]
    if not shown:
        return None
    ways = [_direction(verdicts.sides[objective], scores) for objective in (across, up)]
    said = [_side(verdicts.sides[objective], way) for objective, way in zip((across, up), ways, strict=True)]
    ranges = [_range(shown, objective, way) for objective, way in zip((across, up), ways, strict=True)]
    layout: dict[str, Any] = {"height": 520, "hovermode": "closest", "shapes": []}
    for axis, words, way, ends in zip("xy", said, ways, ranges, strict=True):
        layout[f"{axis}axis"] = {"title": {"text": "\n".join(words)}, "range": ends}
        layout["shapes"] += [level(axis, way.ideal, "ideal")] if way.ideal is not None else []
    steps = list(dict.fromkeys(model.step for model in shown if model.step != "base"))
    spots = [(_part(_at(model, across), ranges[0]), _part(_at(model, up), ranges[1])) for model in shown]
    front = sorted((model for model in shown if model.front), key=lambda model: _at(model, across) or 0.0)
    traces = [_front(front, across, up)] if len(front) > 1 else []
    number_of = itertools.count(1)
    for model, corner in zip(shown, corners(spots), strict=True):
        mark = "◆" if model.step == "base" else str(next(number_of))
        symbol = SYMBOLS[steps.index(model.step) % len(SYMBOLS)] if model.step in steps else "diamond"
        traces.append(_point(verdicts, model, symbol, mark) | {"textposition": corner})
    title = f"{_words(across)} against {up}{': the trained models alone' if trained_alone else ''}"
    has_front = any(model.front for model in verdicts.models)
    return Figure(
        title, traces, layout, _in_words(shown, front, has_front, said, (across, up)), _note(steps, shown, up)
    )


class Way(NamedTuple):
    """Which way a figure is better, and what it should be near to; no ideal: it should be as high or low as can be."""

    direction: str
    ideal: float | None


def _in_words(
    shown: list[JudgedModel],
    front: list[JudgedModel],
    has_front: bool,
    said: list[tuple[str, str]],
    objectives: tuple[str, str],
) -> str:
    """The figure in sentences. `has_front`: some model is on the front, whether shown or not."""
    across, up = objectives
    told = [f"{_name(model)} {number(_at(model, across))} and {number(_at(model, up))}" for model in shown[:TOLD]]
    told += [f"{len(shown) - TOLD} more in the table"] if len(shown) > TOLD else []
    if front:
        best = f"No model is better on both sides than: {', '.join(map(_name, front))}."
    elif has_front:
        best = "No trained model is on the front: the base model is ahead of them all."
    else:
        best = "There is no front: every model guesses on one of the sides."
    sides = "; ".join(
        f"{where}: {what} ({better})" for where, (what, better) in zip(("Across", "up"), said, strict=True)
    )
    return f"{best} {sides}. {'; '.join(told)}."


def _range(shown: list[JudgedModel], objective: str, way: Way) -> list[float]:
    """So that better is to the right and up. Long intervals do not press the points together: they leave the frame."""
    values = [_at(model, objective) or 0.0 for model in shown]
    figures = [_figure_of(model, objective) for model in shown]
    ends = [end for figure in figures for end in (figure.low, figure.high)]
    known = [end for end in ends if end is not None] + values + ([] if way.ideal is None else [way.ideal])
    frame, whole = room(values, ROOM), room(known)
    both = [max(frame[0], whole[0]), min(frame[1], whole[1])]
    return both[::-1] if way.direction == "lower" else both


def _part(value: float | None, ends: list[float]) -> float:
    return ((value or 0.0) - ends[0]) / (ends[1] - ends[0])


def corners(spots: list[tuple[float, float]]) -> list[str]:
    """Where each point's mark stands: in the corner that is farthest from other points and marks.

    Args:
        spots: places as parts of the figure's width and height.
    """
    marks: list[tuple[float, float]] = []
    found = []
    for own, (x, y) in enumerate(spots):
        taken = [*spots[:own], *spots[own + 1 :], *marks] or [(x, y)]
        at = {(x + dx * APART[0], y + dy * APART[1]): name for name, (dx, dy) in CORNERS.items()}
        # A figure is about twice as wide as high.
        room_at = {spot: min(math.hypot(2 * (spot[0] - a), spot[1] - b) for a, b in taken) for spot in at}
        spot = max(at, key=room_at.__getitem__)
        marks.append(spot)
        found.append(at[spot])
    return found


def _words(objective: str) -> str:
    return "Instruction following" if objective == "instruction" else objective.capitalize()


def _note(steps: list[str], shown: list[JudgedModel], up: str) -> str:
    said = ["Means over seeds; bars: 95 % intervals over seeds and examples, which may leave the frame."]
    said += ["Diamond: the base model."] if any(model.step == "base" for model in shown) else []
    said += ["Line: the front."] if sum(model.front for model in shown) > 1 else []
    if len(steps) > 1:
        forms = ", ".join(f"{SYMBOLS[at % len(SYMBOLS)].split('-')[0]} {step}" for at, step in enumerate(steps))
        said.append(f"By step: {forms}.")
    if any(_figure_of(model, up).at_chance for model in shown):
        said.append("Open: the model guesses, so that its bias means nothing.")
    return " ".join(said)


def _at(model: JudgedModel, objective: str) -> float | None:
    figure = model.figures.get(objective)
    return figure.value if figure else None


def _direction(side: SideRecord, scores: Iterable[ScoreRow]) -> Way:
    mine = [s for s in scores if (s.benchmark, s.metric) == (side.benchmark, side.metric)]
    same = [score for score in mine if score.slice == side.slice] or mine
    if not same:
        return Way("higher", None)
    return Way(same[0].direction, same[0].ideal or 0.0 if same[0].direction == "ideal" else None)


def _side(side: SideRecord, way: Way) -> tuple[str, str]:
    """What a side is, and which way it is better."""
    part = "" if side.slice == WHOLE else f" ({side.slice})"
    return f"{side.metric} of {side.benchmark}{part}", which_way(way.direction, way.ideal)


def _front(front: list[JudgedModel], across: str, up: str) -> dict[str, Any]:
    places = {
        axis: [_at(model, objective) for model in front] for axis, objective in zip("xy", (across, up), strict=True)
    }
    line = {"dash": "dash", "width": 1.5}
    return {"type": "scatter", "mode": "lines", "name": "front", "hoverinfo": "skip", "line": line} | places


def _point(verdicts: Verdicts, model: JudgedModel, symbol: str, mark: str) -> dict[str, Any]:
    across, up = verdicts.sides
    open_ = "-open" if _figure_of(model, up).at_chance else ""
    about = {"mark": mark} | ({} if model.step == "base" else {"variant": model.variant})
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers+text",
        "name": _name(model) + (" ★" if model.front else ""),
        "meta": about,
        "x": [_at(model, across)],
        "y": [_at(model, up)],
        "text": [_name(model) if model.step == "base" else mark],
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
    """A figure in words, for the label of its point."""
    figure, side = _figure_of(model, objective), verdicts.sides[objective]
    value = with_interval(figure.value, figure.low, figure.high)
    beside = f"\n{side.skill_metric} {number(figure.skill)}" if side.skill_metric else ""
    guess = ", at chance" if figure.at_chance else ""
    return f"{side.metric} {value}{beside}{guess}"


def _name(model: JudgedModel) -> str:
    return "base" if model.step == "base" else f"{model.variant} · {model.step}"


def _table(verdicts: Verdicts) -> Table:
    """Every model with its figures and gains."""
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
        cells = [Cell(_name(model), best=model.front), Cell(str(seeds))]
        for objective in sides:
            figure = model.figures.get(objective)
            cells.append(_figure(figure))
            if verdicts.sides[objective].skill_metric:
                cells.append(Cell(number(figure.skill) if figure else "–"))
        cells += [_gain(model.gains.get(name, {}).get(objective)) for name in compared for objective in sides]
        rows.append(cells)
    return Table("Instruction following against bias", columns, rows, NOTE)


def _figure_of(model: JudgedModel, objective: str) -> FigureRecord:
    """A model's figure, or an empty one where it was not measured."""
    return model.figures.get(objective) or FigureRecord()


def _figure(figure: FigureRecord | None) -> Cell:
    if figure is None:
        return Cell("–")
    return Cell(number(figure.value), interval(figure.low, figure.high), "at chance" if figure.at_chance else "")


def _gain(gain: GainRecord | None) -> Cell:
    if gain is None:
        return Cell("–")
    if gain.low is None or gain.high is None:
        return Cell(f"{gain.value:+.3f}{' †' if gain.void else ''}")
    mark = " †" if gain.void else " *" if gain.clear else ""
    return Cell(f"{gain.value:+.3f}{mark}", f"[{gain.low:+.3f}, {gain.high:+.3f}]")
