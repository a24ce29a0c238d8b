"""Helpers shared by the sections: tables of text, and merging of equal sentences."""

from collections.abc import Iterable, Sequence

from unipref.report.content import Cell, Column, Table

TEXT_COLUMNS = {"source", "shape", "objective", "licence", "level", "reason", "part", "variant", "step", "left out"}
TEXT_COLUMNS |= {"stage", "folder", "cached", "package", "version", "file", "sha256", "seed", "how", "benchmark"}
TEXT_COLUMNS |= {"preference", "twin", "input", "hash", "axis", "read by", "files", "polarity: verdict", "languages"}
TEXT_COLUMNS |= {"kind", "personal data", "says", "meaning", "annotator", "inverted", "remark", "what", "scale"}
TEXT_COLUMNS |= {"confidence", "of what", "asked", "judges", "answers", "decided", "preferences made"}
"""Columns that hold text; the others hold numbers."""
MOST_SUBJECTS = 6
"""At most this many subjects are named per sentence."""


def make_table(
    caption: str, heads: list[str], rows: Iterable[Sequence[str | Cell]], note: str = "", folded: bool = False
) -> Table | None:
    """Makes a table of text; None if there are no rows. A heading `group: head` puts the column under a group."""
    cells = [[Cell(text) if isinstance(text, str) else text for text in row] for row in rows]
    columns = []
    for head in heads:
        group, _, name = head.rpartition(": ")
        columns.append(Column(name, group, numeric=head not in TEXT_COLUMNS))
    return Table(caption, columns, cells, note, folded) if cells else None


def drop_missing(*tables: Table | None) -> list[Table]:
    """The tables that are not None."""
    return [table for table in tables if table is not None]


def format_decimal(value: float | None) -> str:
    """Formats a number with one decimal; a dash if it is missing."""
    return "–" if value is None else f"{value:,.1f}"


def merge_sentences(sentences: Iterable[tuple[str, str]]) -> list[str]:
    """Makes sentences 'subject: text'; subjects with the same text share a sentence.

    Args:
        sentences: (subject, text) each.
    """
    by_text: dict[str, list[str]] = {}
    for subject, text in sentences:
        by_text.setdefault(text, []).append(subject)
    merged = []
    for text, subjects in by_text.items():
        more = [f"{len(subjects) - MOST_SUBJECTS} more"] if len(subjects) > MOST_SUBJECTS else []
        merged.append(f"{'; '.join([*subjects[:MOST_SUBJECTS], *more])}: {text}")
    return merged
