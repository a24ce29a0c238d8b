"""Rendering for the terminal: the same table and sentences as on the page, transposed to fit a narrow screen."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from unipref.core.records import BASE
from unipref.core.stats.chance import SKILL_AT_CHANCE, UNTESTED
from unipref.report.content import Cell, Points, Table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

MODELS_AT_ONCE = 5
INTERVALS_BESIDE = 2
"""Up to this many models, intervals are printed beside the values, if they fit, rather than below them."""
GAP = 2
"""Characters between two columns."""
MARK = "†"
"""Short form of the remark that a model is at chance, for narrow columns."""
COLOURS = {"better": "green", "worse": "red"}


def render_results(table: Table, changes: list[Points]) -> "RenderableType":
    """Renders the result table, one metric per line, and the changes in words."""
    from rich.console import Group
    from rich.text import Text

    note = Text(f"{table.note} {MARK} {SKILL_AT_CHANCE}; of a bias: {UNTESTED}.", style="dim")
    parts: list[RenderableType] = [_ResultTables(table), note]
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
class _ResultTables:
    """The result table in as few tables as fit the terminal with whole values and intervals; names may be broken.

    The base model is the first column of each.
    """

    table: Table

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        from rich.cells import cell_len

        models = range(len(self.table.rows))
        if not models:
            return
        beside, below = ([_measure_column(self.table, model, mark) for model in models] for mark in (" ", "\n"))
        labels = max(cell_len(head) for column in self.table.columns for head in (f"  {column.head}", column.group))
        n_base = int(len(models) > 1 and self.table.rows[0][0].text == BASE)
        others = models[n_base:]
        for most in range(min(MODELS_AT_ONCE - n_base, len(others)), 0, -1):
            size = ceil(len(others) / ceil(len(others) / most))
            parts = [[*models[:n_base], *others[start : start + size]] for start in range(0, len(others), size)]
            if most == 1 or all(_add_widths(labels, part, below) <= options.max_width for part in parts):
                break
        for number, part in enumerate(parts):
            is_wide = len(part) > INTERVALS_BESIDE or _add_widths(labels, part, beside) > options.max_width
            if number:
                yield ""
            yield _transpose(self.table, part, "\n" if is_wide else " ", below if is_wide else beside)


def _measure_column(table: Table, model: int, separator: str) -> int:
    """Returns the width of a model's values in characters."""
    from rich.cells import cell_len

    texts = (_cell(cell, _mark(cell), separator).plain for cell in table.rows[model][1:])
    return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)


def _add_widths(labels: int, models: Sequence[int], widths: Sequence[int]) -> int:
    """Returns the width of a table with some models' columns."""
    return labels + sum(GAP + widths[model] for model in models)


def _transpose(table: Table, models: Sequence[int], separator: str, widths: Sequence[int]) -> "RenderableType":
    """Some models' columns with metrics as rows, under a heading per benchmark; `separator` is before an interval."""
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable(box=None, pad_edge=False)
    grid.add_column("", no_wrap=True)
    for model in models:
        name = Text(table.rows[model][0].text)
        grid.add_column(name, justify="right", overflow="fold", min_width=widths[model])
    benchmark = None
    for place, column in enumerate(table.columns[1:], 1):
        if column.group != benchmark:
            grid.add_row(Text(column.group, style="bold"))
            benchmark = column.group
        cells = (table.rows[model][place] for model in models)
        grid.add_row(Text(f"  {column.head}"), *(_cell(cell, _mark(cell), separator) for cell in cells))
    return grid


def _mark(cell: Cell) -> str:
    return MARK if cell.is_guess else ""


def _cell(cell: Cell, remark: str, separator: str) -> "Text":
    from rich.text import Text

    text = Text(f"{cell.text} ★" if cell.best else cell.text, style="bold" if cell.best else "")
    small = " ".join(part for part in (cell.interval, remark) if part)
    return text.append(f"{separator}{small}", style="not bold dim") if small else text


def _colour_by_verdict(item: str) -> "Text":
    from rich.text import Text

    verdict = item.rpartition("(")[2].split(",")[0].rstrip(")")
    return Text(f"  • {item}", style=COLOURS.get(verdict, ""))
