"""What the sections made from a manifest share: tables of text, durations, and sentences said of several."""

from collections.abc import Iterable

from unipref.report.content import Cell, Column, Table

WORDS = {"source", "shape", "objective", "licence", "level", "reason", "part", "variant", "step", "left out", "stage"}
WORDS |= {"folder", "cached", "package", "version", "file", "sha256", "seed", "how", "benchmark", "preference", "twin"}
WORDS |= {"input", "hash", "axis", "read by", "files", "polarity: verdict", "languages"}
"""Columns that hold words; the others hold numbers."""
MOST_SUBJECTS = 6
"""At most this many subjects are named per sentence."""


def make_table(
    caption: str, heads: list[str], rows: Iterable[list[str]], note: str = "", folded: bool = False
) -> Table | None:
    """A table of text, or None where there are no rows; a head of the form `group: head` stands under its group."""
    cells = [[Cell(text) for text in row] for row in rows]
    columns = []
    for head in heads:
        group, _, name = head.rpartition(": ")
        columns.append(Column(name, group, numeric=head not in WORDS))
    return Table(caption, columns, cells, note, folded) if cells else None


def drop_missing(*tables: Table | None) -> list[Table]:
    """Those that there are."""
    return [table for table in tables if table is not None]


def format_decimal(value: float | None) -> str:
    """A duration in seconds; a dash where there is none."""
    return "–" if value is None else f"{value:,.1f}"


def merge_sentences(sentences: Iterable[tuple[str, str]]) -> list[str]:
    """Sentences of the form 'subject: text'; those with the same text become one.

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
