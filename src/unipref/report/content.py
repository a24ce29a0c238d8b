"""The content of a report: the one object that Markdown, HTML and terminal text are rendered from."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from unipref.core.terminal import show_text


@dataclass(frozen=True)
class Cell:
    """A table cell: its text, an interval and a remark in small print, whether it is the best value, and whether the
    model of this value is no better than guessing.
    """

    text: str
    interval: str = ""
    remark: str = ""
    best: bool = False
    is_guess: bool = False

    @property
    def small(self) -> str:
        """Interval and remark, joined."""
        return " ".join(part for part in (self.interval, self.remark) if part)


@dataclass(frozen=True)
class Column:
    """A table column: its heading, the group of columns it belongs to, and whether it holds numbers."""

    head: str
    group: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row names the row. `folded`: collapsed on the HTML page."""

    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""
    folded: bool = False

    @property
    def spans(self) -> list[tuple[str, int]]:
        """The groups in column order with the number of columns each spans; empty if no column has a group."""
        if not any(column.group for column in self.columns):
            return []
        return [(name, len(list(run))) for name, run in itertools.groupby(column.group for column in self.columns)]


@dataclass(frozen=True)
class Figure:
    """A figure for plotly.js. The page sets colours, fonts and margins; `layout` holds only what differs.

    The page shows all text literally, with its line breaks; only `hovertemplate` and `texttemplate` are markup. A trace
    whose `meta` names its `variant` has that variant's colour and is hidden with it; one whose `meta` names its
    `source` has the colour of that source. `meta` may have a short `mark` for the legend. Traces of one `legendgroup`
    share one legend entry.

    Attributes:
        title: what the figure shows.
        traces: plotly traces, JSON values only.
        layout: plotly layout: axes, stacked or grouped bars, shapes.
        description: the content of the figure in a sentence or two, for screen readers and for `report.md`.
        note: what the figure samples or leaves out.
    """

    title: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    description: str
    note: str = ""


@dataclass(frozen=True)
class Points:
    """A heading and the bullet points under it. `about`: their model or variant; `folded`: as in `Table`."""

    head: str
    items: list[str]
    about: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Headline:
    """The result on one objective, as a card.

    Attributes:
        objective: its name.
        before, after: the value of the base model and of the chosen model.
        gain: how much better, with its interval.
        verdict: in words.
        tone: 'better', 'worse' or 'unclear'.
        basis: the metric, which values are better, and the number of examples and seeds.
    """

    objective: str
    before: str
    after: str
    gain: str
    verdict: str
    tone: str
    basis: str


@dataclass(frozen=True)
class Answer:
    """What the first screen says: a conclusion, a card per objective, and facts as (term, description).

    `code` holds (title, text): commands to use the model.
    """

    conclusion: str
    headlines: list[Headline]
    facts: list[tuple[str, str]]
    code: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Reply:
    """A model's answer to the prompt of a sample; `note`: why it is missing, or that it was cut."""

    model: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Sample:
    """A prompt with the answers of the models.

    Attributes:
        title: what it is.
        source, objective: to filter by.
        change: 'better', 'worse', 'the same', or empty if it was not measured.
        prompt: the prompt.
        replies: the answers of the models, the base model first.
        details: parts that are folded: label, text and remark of each.
    """

    title: str
    source: str
    objective: str
    change: str
    prompt: str
    replies: list[Reply]
    details: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Section:
    """A section of the report: the answer, then paragraphs, points, figures, samples, tables and `code` (title, text).

    `folded`: collapsed on the HTML page, with `brief` beside its title.
    """

    title: str
    paragraphs: list[str] = field(default_factory=list)
    points: list[Points] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    code: list[tuple[str, str]] = field(default_factory=list)
    answer: Answer | None = None
    samples: list[Sample] = field(default_factory=list)
    folded: bool = False
    brief: str = ""


@dataclass(frozen=True)
class Content:
    """A whole report.

    Attributes:
        title: of the page.
        introduction: sentences below it.
        sections: in order.
        variants: name of a model or variant -> its variant; the base model is left out.
        sources: names of the sources in order; each has one colour in all figures.
    """

    title: str
    introduction: list[str]
    sections: list[Section]
    variants: dict[str, str] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)


def describe_briefly(section: Section) -> str:
    """Counts what a section holds, for the line that is shown while it is folded."""
    warnings = sum(len(points.items) for points in section.points if "warning" in points.head.lower())
    counts = {"warning": warnings, "figure": len(section.figures), "table": len(section.tables)}
    return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if n)


def make_legible(content: Content) -> Content:
    """Returns the content with the control characters in its texts replaced by their codes, and without secrets."""
    clean: Content = _map_text(content)
    return clean


def _map_text(value: Any) -> Any:
    if isinstance(value, str):
        return show_text(value)
    if isinstance(value, dict):
        return {_map_text(key): _map_text(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_map_text, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{part.name: _map_text(getattr(value, part.name)) for part in fields(value)})
    return value


def reference_line(axis: str, value: float, name: str, ends: Sequence[float] = (0.0, 1.0)) -> dict[str, Any]:
    """A dashed, labelled line across a figure at a value of an axis, for `layout["shapes"]`.

    Args:
        axis: 'x' or 'y'.
        value: where the line is.
        name: its label.
        ends: range of the axis x: the label is on the side of the line that has more room, so that it is not cut.
    """
    across = "y" if axis == "x" else "x"
    shape = {f"{axis}0": value, f"{axis}1": value, f"{across}0": 0, f"{across}1": 1, f"{across}ref": "paper"}
    is_right = (value - ends[0]) / (ends[1] - ends[0]) > 0.5
    anchors = ("right" if is_right else "left", "top") if axis == "x" else ("right", "bottom")
    anchor = dict(zip(("xanchor", "yanchor"), anchors, strict=True))
    label = {"text": name, "textposition": "end", "textangle": 0, "font": {"size": 10}, **anchor}
    return {"type": "line", "layer": "below", "line": {"dash": "dot", "width": 1.5}, "label": label, **shape}


def axis_range(values: Iterable[float], part: float = 0.06) -> list[float]:
    """The range of an axis: from the lowest to the highest value, with `part` of their distance added on each side."""
    numbers = list(values)
    low, high = min(numbers), max(numbers)
    pad = part * (high - low) or 0.05 * (abs(high) or 1.0)
    return [low - pad, high + pad]


def format_number(value: float | None) -> str:
    """Formats a score: three decimals, one for large numbers, an exponent for tiny ones, a dash for a missing one."""
    if value is None or value != value:
        return "–"
    if abs(value) >= 100:
        return f"{value:.1f}"
    return f"{value:.3f}" if abs(value) >= 0.0005 or value == 0 else f"{value:.1e}"


def format_interval(low: float | None, high: float | None) -> str:
    """Formats an interval in brackets; empty if an end is missing."""
    return "" if low is None or high is None else f"[{format_number(low)}, {format_number(high)}]"


def format_with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Formats a score, followed by its interval if it has one."""
    return f"{format_number(value)} {format_interval(low, high)}".rstrip()


def describe_direction(direction: str, ideal: float | None) -> str:
    """Says which values of a metric are better.

    Args:
        direction: 'higher', 'lower' or 'ideal'.
        ideal: the best value, for the direction 'ideal'; else None.
    """
    return f"{direction} is better" if ideal is None else f"nearer to {ideal:g} is better"


def format_count(value: object) -> str:
    """Formats a count with thousands separators; a dash if it is missing."""
    return f"{value:,}" if isinstance(value, int) else "–"


def format_share(part: float, whole: float) -> str:
    """Formats a part as a percentage of the whole; a dash if the whole is 0."""
    return f"{100 * part / whole:.1f} %" if whole else "–"
