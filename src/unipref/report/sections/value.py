"""The section on what each source bought: contributions, learning curves and what more labels may buy."""

from collections.abc import Sequence
from typing import Any

from unipref.core.run_folder import GainRecord, ValuedPart, ValueRecord
from unipref.report.content import (
    Cell,
    Column,
    Figure,
    Points,
    Section,
    Table,
    axis_range,
    format_count,
    format_interval,
    format_number,
    reference_line,
)
from unipref.report.guard import draw

TITLE = "What each source bought"
COMPARED = (("contribution", "contribution"), ("in_mixtures", "in mixtures"), ("alone", "alone, over base"))
"""Field of a part -> its heading."""
NOTE = (
    "Gains are in units of one; above 0, the objective is better with the source. [95 % interval] * differs from 0 "
    "after Holm's correction. = surely less than the smallest effect of interest."
)


def make_value_section(record: ValueRecord | None) -> Section | None:
    """The section; None if `unipref value` was not run."""
    if record is None:
        return None
    figures = draw(TITLE, _draw_contributions, record)
    for objective in record.sides:
        figures += draw(f"Learning curves, {objective}", _draw_curves, record, objective)
    reference = "the study as written" if record.variant == "main" else f"variant {record.variant}"
    introduction = (
        f"What each part of the data of {reference} contributed to its model after {record.step}, by "
        f"{record.trainings} further trainings with {record.seeds} seed{'s' * (record.seeds != 1)} "
        "(unipref value, docs/value.md)."
    )
    points = [Points("What this rests on", record.assumptions), Points("What it does not tell", record.unknowns)]
    if notes := [f"{part.kind} {part.name}: {note}" for part in record.parts for note in part.notes]:
        points.insert(0, Points("Not trained", notes))
    return Section(
        TITLE,
        paragraphs=[introduction, *_describe_limits(record)],
        points=points,
        figures=figures,
        tables=make_value_tables(record),
    )


def make_value_tables(record: ValueRecord) -> list[Table]:
    """The table of contributions, and that of further labels if learning curves were measured."""
    tables = [_tabulate_contributions(record)]
    if any(part.next_labels for part in record.parts):
        tables.append(_tabulate_labels(record))
    return tables


def _describe_limits(record: ValueRecord) -> list[str]:
    """What could be shown at all, and how good mixtures are as a stand-in."""
    texts = []
    if record.smallest:
        least = ", ".join(f"{value:.3f} on {objective}" for objective, value in record.smallest.items())
        texts.append(f"These seeds and examples show a contribution of at least {least} with power 0.8.")
    if record.mixture:
        gains = ", ".join(f"{_format(gain)} on {objective}" for objective, gain in record.mixture.items())
        texts.append(f"Gain of the mixture of all sources' models over joint training: {gains}.")
    return texts


def _format(gain: GainRecord) -> str:
    return f"{format_number(gain.value)} {format_interval(gain.low, gain.high)}".rstrip()


def _tabulate_contributions(record: ValueRecord) -> Table:
    shown = [(name, head) for name, head in COMPARED if any(getattr(part, name) for part in record.parts)]
    columns = [Column("part", numeric=False), Column("preferences")]
    columns += [Column(head, group=objective) for objective in record.sides for _, head in shown]
    rows = []
    for part in record.parts:
        same = f" (same preferences as {part.same_as})" if part.same_as else ""
        cells = [Cell(f"{part.kind} {part.name}{same}"), Cell(format_count(part.preferences))]
        for objective in record.sides:
            cells += [_cell(getattr(part, name).get(objective)) for name, _ in shown]
        rows.append(cells)
    return Table("Contribution of each source and axis", columns, rows, NOTE)


def _cell(gain: GainRecord | None) -> Cell:
    if gain is None:
        return Cell("–")
    mark = "*" if gain.has_star else " =" if gain.verdict == "equivalent" else ""
    return Cell(f"{format_number(gain.value)}{mark}", format_interval(gain.low, gain.high))


def _tabulate_labels(record: ValueRecord) -> Table:
    columns = [Column("source", numeric=False), Column("labels so far"), Column("preferences"), Column("more")]
    for objective in record.sides:
        columns += [Column("per doubling", group=objective), Column("extrapolated", group=objective)]
    rows = []
    for part in record.parts:
        if not part.next_labels:
            continue
        counts = (part.labels, part.preferences, part.more)
        cells = [Cell(part.name), *(Cell(format_count(count)) for count in counts)]
        for objective in record.sides:
            found = part.next_labels[objective]
            cells += [_cell(found.per_doubling), _cell(found.gain) if found.gain else Cell("none", "", found.why_none)]
        rows.append(cells)
    note = (
        "Extrapolated gain of the next labels, with its interval over seeds and examples, or why there is none. "
        "more: the preferences that as many labels give, at the rate so far."
    )
    return Table(f"What the next {record.labels:,} labels of each source may buy", columns, rows, note)


def _draw_contributions(record: ValueRecord) -> Figure | None:
    """Contributions with intervals, a line per source and axis."""
    parts = [part for part in record.parts if part.contribution]
    if not parts:
        return None
    names = [f"{part.kind} {part.name}" for part in parts]
    traces = [_trace_contributions(objective, parts, names) for objective in record.sides]
    gains = [gain for part in parts for gain in part.contribution.values()]
    numbers = [end for gain in gains for end in (gain.value, gain.low, gain.high) if end is not None]
    ends = axis_range([0.0, *numbers])
    layout = {
        "height": 140 + 34 * len(parts),
        "scattermode": "group",
        "xaxis": {"title": {"text": "gain over a model without it\nhigher is better"}, "range": ends},
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True},
        "shapes": [reference_line("x", 0.0, "nothing", ends)],
    }
    description = "; ".join(
        f"{objective}: "
        + ", ".join(
            f"{name} {_format(part.contribution[objective])}"
            for name, part in zip(names, parts, strict=True)
            if objective in part.contribution
        )
        for objective in record.sides
    )
    return Figure("Contribution of each source and axis", traces, layout, f"Contributions. {description}.")


def _trace_contributions(objective: str, parts: Sequence[ValuedPart], names: Sequence[str]) -> dict[str, Any]:
    pairs = [
        (name, part.contribution[objective])
        for name, part in zip(names, parts, strict=True)
        if objective in part.contribution
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": objective,
        "x": [gain.value for _, gain in pairs],
        "y": [name for name, _ in pairs],
        "error_x": _error_bars([gain for _, gain in pairs]),
        "hovertemplate": "%{y}: %{x:.3f}<extra></extra>",
        "marker": {"size": 9},
    }


def _error_bars(gains: Sequence[GainRecord]) -> dict[str, Any]:
    above = [0.0 if gain.high is None else gain.high - gain.value for gain in gains]
    below = [0.0 if gain.low is None else gain.value - gain.low for gain in gains]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.2}


def _draw_curves(record: ValueRecord, objective: str) -> Figure | None:
    """The learning curves of all sources on one objective."""
    parts = [part for part in record.parts if any(objective in point.gains for point in part.curve)]
    if not parts:
        return None
    traces = []
    for part in parts:
        points = [point for point in part.curve if objective in point.gains]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": part.name,
                "meta": {"source": part.name},
                "x": [point.preferences for point in points],
                "y": [point.gains[objective].value for point in points],
                "error_y": _error_bars([point.gains[objective] for point in points]),
                "hovertemplate": "%{x} preferences: %{y:.3f}<extra></extra>",
            }
        )
    layout = {
        "height": 420,
        "xaxis": {"type": "log", "title": {"text": "preferences of the source"}},
        "yaxis": {"title": {"text": f"gain on {objective}\nover a model without the source"}},
        "shapes": [reference_line("y", 0.0, "nothing")],
    }
    ends = ", ".join(
        f"{part.name} {_format(part.curve[-1].gains[objective])}" for part in parts if objective in part.curve[-1].gains
    )
    return Figure(f"Learning curves, {objective}", traces, layout, f"Gain with the whole source: {ends}.")
