"""What a report says, before it is a page: the one object that Markdown, HTML and the terminal are made from."""

import itertools
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
class Dot:
    """One model's value in a chart, its interval, and their places; all x and y are in the chart's own units."""

    label: str
    text: str
    y: float
    x: float
    left: float | None
    right: float | None
    best: bool


@dataclass(frozen=True)
class Chart:
    """Dots with intervals, one line per model; its scale runs from x = left to right, of `width` in all.

    `ticks`, `chance` and `ideal` are x positions, ticks with their text.
    """

    title: str
    width: float
    height: float
    left: float
    right: float
    dots: list[Dot]
    ticks: list[tuple[float, str]]
    chance: float | None
    ideal: float | None


@dataclass(frozen=True)
class Line:
    """A line of a chart: its label, its last value, and its points as SVG has them: `x,y x,y ...`."""

    label: str
    end: str
    points: str


@dataclass(frozen=True)
class LineChart:
    """Lines over steps. `field` is left, right, top and bottom of where they are; ticks have their place and text."""

    title: str
    field: tuple[float, float, float, float]
    lines: list[Line]
    steps: list[tuple[float, str]]
    values: list[tuple[float, str]]
    chance: float | None


@dataclass(frozen=True)
class Map:
    """Prompts as points in a square; x and y are whole numbers from 0 to `side`, y upwards."""

    title: str
    note: str
    side: int
    kept: list[tuple[int, int]]
    dropped: list[tuple[int, int]]


@dataclass(frozen=True)
class Figure:
    """A figure as plotly.js takes it. Colours, fonts and margins are the page's; `layout` says only what is its own.

    Attributes:
        title: what is drawn.
        traces: plotly traces, of JSON values alone.
        layout: plotly layout: axes, bars stacked or beside each other, shapes.
        said: what it shows, in a sentence or two, for those who do not see it and for `report.md`.
        note: what was sampled or left out.
    """

    title: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    said: str
    note: str = ""


@dataclass(frozen=True)
class Points:
    """A line and the points under it."""

    head: str
    items: list[str]


@dataclass(frozen=True)
class Section:
    """A part of the report, in the order: paragraphs, points, tables, charts, curves, maps, figures, code."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    points: list[Points] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    curves: list[LineChart] = field(default_factory=list)
    maps: list[Map] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    code: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Content:
    """A whole report."""

    title: str
    lead: list[str]
    sections: list[Section]


def number(value: float | None) -> str:
    """A score as it is shown: three decimals, fewer for large ones, an exponent for tiny ones, a dash for none."""
    if value is None or value != value:
        return "–"
    if abs(value) >= 100:
        return f"{value:.1f}"
    return f"{value:.3f}" if abs(value) >= 0.0005 or value == 0 else f"{value:.1e}"


def count(value: object) -> str:
    """A count with thousands separated; a dash where there is none."""
    return f"{value:,}" if isinstance(value, int) else "–"


def share(part: float, whole: float) -> str:
    """A part as a percentage of the whole."""
    return f"{100 * part / whole:.1f} %" if whole else "–"
