"""What a report says, before it is a page: the one object that Markdown, HTML and the terminal are made from."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Cell:
    """A table cell: its text, the interval and the remark that stand small behind it, and whether it is the best."""

    text: str
    interval: str = ""
    remark: str = ""
    best: bool = False

    @property
    def small(self) -> str:
        """Interval and remark in one."""
        return " ".join(part for part in (self.interval, self.remark) if part)


@dataclass(frozen=True)
class Column:
    """A table column: its head, the group of columns it belongs to, and whether it holds numbers."""

    head: str
    group: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row names it. `folded`: shown only when asked for, where that can be done."""

    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""
    folded: bool = False

    @property
    def spans(self) -> list[tuple[str, int]]:
        """The groups in column order with the number of columns each spans; empty where no column has a group."""
        if not any(column.group for column in self.columns):
            return []
        return [(name, len(list(run))) for name, run in itertools.groupby(column.group for column in self.columns)]


@dataclass(frozen=True)
class Figure:
    """A figure as plotly.js takes it. Colours, fonts and margins are the page's; `layout` says only what is its own.

    All text is taken as text, a line break as a line break; only `hovertemplate` and `texttemplate` are markup. A trace
    whose `meta` names its `variant` has that variant's colour, and goes and comes with it; `meta` may have a short
    `mark` for the legend. Traces of one `legendgroup` have one place in the legend.

    Attributes:
        title: what is drawn.
        traces: plotly traces, of JSON values alone.
        layout: plotly layout: axes, bars stacked or beside each other, shapes.
        description: what it shows, in a sentence or two, for those who do not see it and for `report.md`.
        note: what was sampled or left out.
    """

    title: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    description: str
    note: str = ""


@dataclass(frozen=True)
class Points:
    """A line and the points under it. `about`: the model or variant they are about; `folded`: as in a table."""

    head: str
    items: list[str]
    about: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the report, in the order: paragraphs, points, figures, tables, code (title, text)."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    points: list[Points] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    code: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Content:
    """A whole report. `variants`: names of models and variants -> the variant; the base model is no variant's."""

    title: str
    introduction: list[str]
    sections: list[Section]
    variants: dict[str, str] = field(default_factory=dict)


def reference_line(axis: str, value: float, name: str) -> dict[str, Any]:
    """A dashed line across a figure at a value of its axis `x` or `y`, with its name; for `layout["shapes"]`."""
    across = "y" if axis == "x" else "x"
    shape = {f"{axis}0": value, f"{axis}1": value, f"{across}0": 0, f"{across}1": 1, f"{across}ref": "paper"}
    anchor = {"xanchor": "left", "yanchor": "top"} if axis == "x" else {"xanchor": "right", "yanchor": "bottom"}
    label = {"text": name, "textposition": "end", "textangle": 0, "font": {"size": 10}, **anchor}
    return {"type": "line", "layer": "below", "line": {"dash": "dot", "width": 1.5}, "label": label, **shape}


def axis_range(values: Iterable[float], part: float = 0.06) -> list[float]:
    """The range of an axis: from the least to the greatest value, and a part of what lies between around them."""
    known = list(values)
    low, high = min(known), max(known)
    pad = part * (high - low) or 0.05 * (abs(high) or 1.0)
    return [low - pad, high + pad]


def format_number(value: float | None) -> str:
    """A score as it is shown: three decimals, fewer for large ones, an exponent for tiny ones, a dash for none."""
    if value is None or value != value:
        return "–"
    if abs(value) >= 100:
        return f"{value:.1f}"
    return f"{value:.3f}" if abs(value) >= 0.0005 or value == 0 else f"{value:.1e}"


def format_interval(low: float | None, high: float | None) -> str:
    """The two ends of an interval in brackets; nothing where one is not known."""
    return "" if low is None or high is None else f"[{format_number(low)}, {format_number(high)}]"


def format_with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A score, and behind it its interval where it has one."""
    return f"{format_number(value)} {format_interval(low, high)}".rstrip()


def describe_direction(direction: str, ideal: float | None) -> str:
    """Which way a figure is better, in words.

    Args:
        direction: 'higher', 'lower' or 'ideal'.
        ideal: the value that it should be near to; None: it should be as high or low as can be.
    """
    return f"{direction} is better" if ideal is None else f"nearer to {ideal:g} is better"


def format_count(value: object) -> str:
    """A count with thousands separated; a dash where there is none."""
    return f"{value:,}" if isinstance(value, int) else "–"


def format_share(part: float, whole: float) -> str:
    """A part as a percentage of the whole."""
    return f"{100 * part / whole:.1f} %" if whole else "–"
