"""The results of a run for the terminal: the same table and sentences as on the page, turned to fit a narrow screen."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from unipref.core.stats.chance import AT_CHANCE
from unipref.report.content import Cell, Points, Table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

MODELS_AT_ONCE = 5
ROOMY = 2
"""So few models leave room for the intervals beside the values."""
MARK = "†"
"""Stands for the remark that a model is at chance, which would fill a narrow column."""
COLOURS = {"better": "green", "worse": "red"}


def render_results(table: Table, changes: list[Points]) -> "RenderableType":
    """The result table, a metric a line, and what changed in words."""
    from rich.console import Group
    from rich.text import Text

    models = range(len(table.rows))
    parts: list[RenderableType] = [
        _turned(table, models[start : start + MODELS_AT_ONCE]) for start in models[::MODELS_AT_ONCE]
    ]
    parts.append(Text(f"{table.note} {MARK} {AT_CHANCE}.", style="dim"))
    for points in changes:
        parts += [Text(f"\n{points.head}", style="bold"), *(_sentence(item) for item in points.items)]
    return Group(*parts)


def make_warning_list(head: str, items: list[str]) -> "list[RenderableType]":
    """A headed list of what a reader must not miss; nothing where there is nothing."""
    from rich.text import Text

    if not items:
        return []
    return [Text(f"\n{head}", style="bold"), *(Text(f"  • {item}", style="yellow") for item in items)]


def make_list(head: str, items: list[str]) -> "list[RenderableType]":
    """A headed list of sentences; nothing where there is nothing."""
    from rich.text import Text

    return [Text(f"\n{head}", style="bold"), *(Text(f"  • {item}") for item in items)] if items else []


def render_table(table: Table, without: Collection[str] = ()) -> "RenderableType":
    """Any table as it is, without the columns of these heads."""
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(box=None, pad_edge=False)
    shown = [place for place, column in enumerate(table.columns) if column.head not in without]
    for place in shown:
        column = table.columns[place]
        made.add_column(Text(column.head), justify="right" if column.numeric else "left", overflow="fold")
    for row in table.rows:
        made.add_row(*(_cell(row[place], row[place].remark, " ") for place in shown))
    return made


def _turned(table: Table, models: range) -> "RenderableType":
    """Models as columns and metrics as rows, a heading for each benchmark."""
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(box=None, pad_edge=False)
    made.add_column("", no_wrap=True)
    for model in models:
        made.add_column(Text(table.rows[model][0].text), justify="right", overflow="fold")
    apart = " " if len(models) <= ROOMY else "\n"
    benchmark = None
    for place, column in enumerate(table.columns[1:], 1):
        if column.group != benchmark:
            made.add_row(Text(column.group, style="bold"))
            benchmark = column.group
        made.add_row(Text(f"  {column.head}"), *(_cell(table.rows[model][place], MARK, apart) for model in models))
    return made


def _cell(cell: Cell, remark: str, apart: str) -> "Text":
    from rich.text import Text

    text = Text(f"{cell.text} ★" if cell.best else cell.text, style="bold" if cell.best else "")
    small = " ".join(part for part in (cell.interval, remark if cell.remark else "") if part)
    return text.append(f"{apart}{small}", style="not bold dim") if small else text


def _sentence(item: str) -> "Text":
    from rich.text import Text

    said = item.rpartition("(")[2].split(",")[0].rstrip(")")
    return Text(f"  • {item}", style=COLOURS.get(said, ""))
