"""The results of a run for the terminal: the same table and sentences as on the page."""

from typing import TYPE_CHECKING

from unipref.report._content import Cell, Points, Table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

COLUMNS_AT_ONCE = 6
COLOURS = {"better": "green", "worse": "red"}


def terminal(table: Table, changes: list[Points]) -> "RenderableType":
    """The result table, one per benchmark where it would be too wide, and what changed in words."""
    from rich.console import Group
    from rich.text import Text

    groups = list(dict.fromkeys(column.group for column in table.columns[1:]))
    together = [groups] if len(table.columns) <= COLUMNS_AT_ONCE + 1 else [[group] for group in groups]
    parts: list[RenderableType] = [_table(table, shown) for shown in together]
    parts.append(Text(table.note, style="dim"))
    for points in changes:
        parts += [Text(f"\n{points.head}", style="bold"), *(_sentence(item) for item in points.items)]
    return Group(*parts)


def _table(table: Table, groups: list[str]) -> "RenderableType":
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = [0, *(i for i, column in enumerate(table.columns) if i and column.group in groups)]
    made = RichTable(title=Text(groups[0]) if len(groups) == 1 else None, title_justify="left")
    for i in shown:
        column = table.columns[i]
        head = f"{column.group}\n{column.head}" if column.group and len(groups) > 1 else column.head
        made.add_column(Text(head), justify="right" if column.numeric else "left", overflow="fold")
    for row in table.rows:
        if any(row[i].text != "–" for i in shown[1:]):
            made.add_row(*(_cell(row[i]) for i in shown))
    return made


def _cell(cell: Cell) -> "Text":
    from rich.text import Text

    text = Text(f"{cell.text} ★" if cell.best else cell.text, style="bold" if cell.best else "")
    return text.append(f"\n{cell.small}", style="not bold dim") if cell.small else text


def _sentence(item: str) -> "Text":
    from rich.text import Text

    said = item.rpartition("(")[2].split(",")[0].rstrip(")")
    return Text(f"  • {item}", style=COLOURS.get(said, ""))
