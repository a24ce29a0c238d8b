"""Rendering as Markdown. All text from data is escaped: a name cannot become a tag, a link or a table border."""

import re
from collections.abc import Iterator

from unipref.report.content import Cell, Content, Section, Table

SPECIAL = re.compile(r"([\\`*\[\]|#~])|(?<!\w)_|_(?!\w)")


def render_markdown(content: Content) -> str:
    """Renders the whole report as one Markdown text."""
    lines = [f"# {escape(content.title)}", ""]
    for paragraph in content.introduction:
        lines += [escape(paragraph), ""]
    for section in content.sections:
        lines += _section(section)
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """Escapes Markdown and HTML markup, and puts the text on one line."""
    flat = " ".join(text.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return SPECIAL.sub(lambda match: "\\" + match.group(), flat)


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {escape(section.title)}", "")
    for paragraph in section.paragraphs:
        yield from (escape(paragraph), "")
    for points in section.points:
        yield from (f"**{escape(points.head)}**", "")
        yield from (f"- {escape(item)}" for item in points.items)
        yield ""
    for figure in section.figures:
        yield from (f"**{escape(figure.title)}** (figure in report.html)", "")
        yield from (escape(f"{figure.description} {figure.note}"), "")
    for table in section.tables:
        yield from _table(table)
    for title, text in section.code:
        # The fence is longer than any in the text, so the text cannot close it.
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
        yield from (f"**{escape(title)}**", "", fence, text, fence, "")


def _table(table: Table) -> Iterator[str]:
    yield from (f"**{escape(table.caption)}**", "")
    heads = [f"{column.group}: {column.head}" if column.group else column.head for column in table.columns]
    yield f"| {' | '.join(escape(head) for head in heads)} |"
    yield f"|{'|'.join('---:' if column.numeric else '---' for column in table.columns)}|"
    for row in table.rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"
    yield ""
    if table.note:
        yield from (escape(table.note), "")


def _cell(cell: Cell) -> str:
    text = f"**{escape(cell.text)}** ★" if cell.best else escape(cell.text)
    return f"{text} {escape(cell.small)}" if cell.small else text
