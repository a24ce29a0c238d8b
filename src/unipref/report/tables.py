"""What the sections made from a manifest share: tables of text, and walking through variants and seeds."""

from collections.abc import Iterable, Iterator
from typing import Any

from unipref.report.content import Cell, Column, Table

Manifest = dict[str, Any]
WORDS = {"source", "shape", "objective", "licence", "level", "reason", "part", "variant", "step", "left out", "stage"}
WORDS |= {"folder", "cached", "package", "version", "file", "sha256", "seed", "how", "benchmark", "preference", "twin"}
WORDS |= {"input", "hash", "axis", "read by", "files", "polarity: verdict", "languages"}
"""Columns that hold words; the others hold numbers."""
NAMED = 6
"""So many of those of whom the same is said are named."""


def table(
    caption: str, heads: list[str], rows: Iterable[list[str]], note: str = "", folded: bool = False
) -> Table | None:
    """A table of text, or None where there are no rows; a head of the form `group: head` stands under its group."""
    cells = [[Cell(text) for text in row] for row in rows]
    columns = []
    for head in heads:
        group, _, name = head.rpartition(": ")
        columns.append(Column(name, group, numeric=head not in WORDS))
    return Table(caption, columns, cells, note, folded) if cells else None


def present(*tables: Table | None) -> list[Table]:
    """Those that there are."""
    return [table for table in tables if table is not None]


def leaves(by_variant: Manifest) -> Iterator[tuple[str, str, Manifest]]:
    """(variant, seed, what stands there) of a mapping of variants to mappings of seeds."""
    for variant, by_seed in by_variant.items():
        for seed, leaf in by_seed.items():
            yield variant, str(seed), leaf


def seconds(value: float | None) -> str:
    """A duration in seconds; a dash where there is none."""
    return "–" if value is None else f"{value:,.1f}"


def together(said: Iterable[tuple[str, str]]) -> list[str]:
    """Sentences of the form 'of whom: what'; those that say the same of several are one.

    Args:
        said: (of whom, what) each.
    """
    by_text: dict[str, list[str]] = {}
    for whom, text in said:
        by_text.setdefault(text, []).append(whom)
    found = []
    for text, those in by_text.items():
        more = [f"{len(those) - NAMED} more"] if len(those) > NAMED else []
        found.append(f"{'; '.join([*those[:NAMED], *more])}: {text}")
    return found
