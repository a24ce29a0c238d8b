"""Rendering as Markdown. All text from data is escaped: a name cannot become a tag, a link or a table border."""

import re
from collections.abc import Iterator

from unipref.report.content import Answer, Cell, Column, Content, Sample, Section, Table

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
    if section.answer is not None:
        yield from _answer(section.answer)
    for paragraph in section.paragraphs:
        yield from (escape(paragraph), "")
    for points in section.points:
        yield from (f"**{escape(points.head)}**", "")
        yield from (f"- {escape(item)}" for item in points.items)
        yield ""
    for figure in section.figures:
        yield from (f"**{escape(figure.title)}** (figure in report.html)", "")
        yield from (escape(f"{figure.description} {figure.note}"), "")
    for sample in section.samples:
        yield from _table(_tabulate(sample))
    for table in section.tables:
        yield from _table(table)
    yield from _code(section.code)


def _answer(answer: Answer) -> Iterator[str]:
    yield from (f"**{escape(answer.conclusion)}**", "")
    for one in answer.headlines:
        change = " ".join(part for part in (f"{one.before} → {one.after}", one.gain) if part)
        yield f"- {escape(one.objective)}: {escape(f'{change}: {one.verdict}. {one.basis}')}"
    yield from [""] if answer.headlines else []
    yield from (f"- {escape(term)} {escape(text)}" for term, text in answer.facts)
    yield ""
    yield from _code(answer.code)


def _tabulate(sample: Sample) -> Table:
    """The sample as a table: the prompt, the answers, and then all else."""
    rows = [[Cell("prompt"), Cell(sample.prompt)]]
    rows += [
        [Cell(f"answer of {reply.model}"), Cell(reply.text, remark=f"({reply.note})" if reply.note else "")]
        for reply in sample.replies
    ]
    rows += [[Cell("change"), Cell(sample.change)]] if sample.change else []
    rows += [[Cell(label), Cell(text, remark=remark)] for label, text, remark in sample.details]
    return Table(sample.title, [Column("part", numeric=False), Column("text", numeric=False)], rows)


def _code(blocks: list[tuple[str, str]]) -> Iterator[str]:
    for title, text in blocks:
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
