"""Rendering for the terminal: the same table and sentences as on the page, transposed to fit a narrow screen."""

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from unipref.core.stats.chance import SKILL_AT_CHANCE, UNTESTED
from unipref.report.content import Cell, Points, Table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table as RichTable
    from rich.text import Text

MODELS_AT_ONCE = 5
INTERVALS_BESIDE = 2
"""Up to this many models, intervals are printed beside the values, if they fit, rather than below them."""
MARK = "†"
"""Short form of the remark that a model is at chance, for narrow columns."""
COLOURS = {"better": "green", "worse": "red"}


def render_results(table: Table, changes: list[Points]) -> "RenderableType":
    """Renders the result table, one metric per line, and the changes in words."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_Parts(table)]
    parts.append(Text(f"{table.note} {MARK} {SKILL_AT_CHANCE}; of a bias: {UNTESTED}.", style="dim"))
    for points in changes:
        parts += [Text(f"\n{points.head}", style="bold"), *(_colour_by_verdict(item) for item in points.items)]
    return Group(*parts)


def make_warning_list(head: str, items: list[str]) -> "list[RenderableType]":
    """A list of warnings with a heading; empty without items."""
    from rich.text import Text

    if not items:
        return []
    return [Text(f"\n{head}", style="bold"), *(Text(f"  • {item}", style="yellow") for item in items)]


def make_list(head: str, items: list[str]) -> "list[RenderableType]":
    """A list of sentences with a heading; empty without items."""
    from rich.text import Text

    return [Text(f"\n{head}", style="bold"), *(Text(f"  • {item}") for item in items)] if items else []


def render_table(table: Table, hidden: Collection[str] = ()) -> "RenderableType":
    """Renders a table without the columns of the given headings."""
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable(box=None, pad_edge=False)
    places = [place for place, column in enumerate(table.columns) if column.head not in hidden]
    for place in places:
        column = table.columns[place]
        grid.add_column(Text(column.head), justify="right" if column.numeric else "left", overflow="fold")
    for row in table.rows:
        grid.add_row(*(_cell(row[place], row[place].remark, " ") for place in places))
    return grid


@dataclass(frozen=True)
class _Parts:
    """The result table in parts of equal numbers of models, as few as fit the terminal without broken intervals."""

    table: Table

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        for number in range(ceil(len(self.table.rows) / MODELS_AT_ONCE), len(self.table.rows) + 1):
            found = [self._fit(models, console, options) for models in self._split(number)]
            if all(fits for _, fits in found) or number == len(self.table.rows):
                for place, (part, _) in enumerate(found):
                    yield from ("", part) if place else (part,)
                return

    def _split(self, number: int) -> Iterator[range]:
        models = range(len(self.table.rows))
        size = ceil(len(models) / number)
        yield from (models[start : start + size] for start in models[::size])

    def _fit(self, models: range, console: "Console", options: "ConsoleOptions") -> "tuple[RenderableType, bool]":
        """Returns some models' table, with intervals beside values if that fits, and whether it fits."""
        for separator in (" ", "\n") if len(models) <= INTERVALS_BESIDE else ("\n",):
            part = _transpose(self.table, models, separator)
            unlimited = options.update(max_width=sys.maxsize)  # a measure is never above the width that it is given
            if fits := console.measure(part, options=unlimited).maximum <= options.max_width:
                break
        return part, fits


def _transpose(table: Table, models: range, separator: str) -> "RichTable":
    """Some models' columns with metrics as rows, under a heading per benchmark; `separator` is before an interval."""
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable(box=None, pad_edge=False)
    grid.add_column("", no_wrap=True)
    for model in models:
        grid.add_column(Text(table.rows[model][0].text), justify="right", overflow="fold")
    benchmark = None
    for place, column in enumerate(table.columns[1:], 1):
        if column.group != benchmark:
            grid.add_row(Text(column.group, style="bold"))
            benchmark = column.group
        grid.add_row(
            Text(f"  {column.head}"),
            *(
                _cell(cell, MARK if cell.is_guess else "", separator)
                for cell in (table.rows[model][place] for model in models)
            ),
        )
    return grid


def _cell(cell: Cell, remark: str, separator: str) -> "Text":
    from rich.text import Text

    text = Text(f"{cell.text} ★" if cell.best else cell.text, style="bold" if cell.best else "")
    small = " ".join(part for part in (cell.interval, remark) if part)
    return text.append(f"{separator}{small}", style="not bold dim") if small else text


def _colour_by_verdict(item: str) -> "Text":
    from rich.text import Text

    verdict = item.rpartition("(")[2].split(",")[0].rstrip(")")
    return Text(f"  • {item}", style=COLOURS.get(verdict, ""))
