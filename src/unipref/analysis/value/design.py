"""Which models show what each source and axis contributes: the reference with less of one of them."""

import itertools
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from unipref.core.records import BASE

SOURCES, AXES, MIXTURES, CURVE = "sources", "axes", "mixtures", "curve"
QUESTIONS = (SOURCES, AXES, MIXTURES, CURVE)
"""What can be asked: contributions of sources and of axes, mixtures of models, learning curves."""
SOURCE, AXIS = "source", "axis"
SETTINGS = {SOURCE: "sources", AXIS: "axes"}
"""Kind of part -> the setting of the strategy `reduced` that names it."""
PREFIX = "value-"
"""The beginning of the names of all variants of a design."""

Cells = Mapping[tuple[str, str], int]
"""Source and axis -> number of selected preferences, over all seeds."""
Removed = tuple[frozenset[tuple[str, str]], float]
"""Cells of which only a part is kept, and that part."""


class Part(NamedTuple):
    """A source or an axis."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Design:
    """The variants to train, each once even if it answers several questions.

    Attributes:
        parts: the sources, then the axes.
        counts: part -> number of selected preferences, over all seeds.
        variants: name -> the settings of `reduced`, besides its strategy.
        without: part -> the variant without it; `base` if nothing is left.
        alone: part -> the variant of it alone.
        reduced: part -> (kept part -> variant), for the learning curve.
        same_as: part -> an earlier one with the same preferences.
    """

    parts: list[Part]
    counts: dict[Part, int]
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    without: dict[Part, str] = field(default_factory=dict)
    alone: dict[Part, str] = field(default_factory=dict)
    reduced: dict[Part, dict[float, str]] = field(default_factory=dict)
    same_as: dict[Part, Part] = field(default_factory=dict)


def make_design(cells: Cells, questions: Collection[str], fractions: Iterable[float], whole: str) -> Design:
    """Makes the design for the cells of a selection.

    Args:
        cells: of the reference.
        questions: some of `QUESTIONS`.
        fractions: parts of each source for the learning curve, between 0 and 1.
        whole: the variant of the reference.
    """
    members = _group_cells(cells, questions)
    design = Design(list(members), {part: sum(cells[cell] for cell in of) for part, of in members.items()})
    known: dict[Removed, str] = {(frozenset(), 0.0): whole, (frozenset(cells), 0.0): BASE}

    def add(label: str, removed: Removed, settings: dict[str, Any]) -> str:
        if removed not in known:
            known[removed] = _name(label, design.variants)
            design.variants[known[removed]] = settings
        return known[removed]

    sources = [part.name for part in members if part.kind == SOURCE]
    for part, of in members.items():
        setting = SETTINGS[part.kind]
        if part.kind == AXIS or SOURCES in questions or CURVE in questions:
            design.without[part] = add(f"{part.kind}-{part.name}-0", (of, 0.0), {setting: {part.name: 0.0}})
        twin = next((other for other in design.parts if other != part and members[other] == of), None)
        if part.kind == AXIS and twin is not None:
            design.same_as[part] = twin
        if part.kind == SOURCE and MIXTURES in questions and len(sources) > 1:
            others = {name: 0.0 for name in sources if name != part.name}
            rest = frozenset(cells) - of
            design.alone[part] = add(f"alone-{part.name}", (rest, 0.0), {"sources": others})
        if part.kind == SOURCE and CURVE in questions:
            design.reduced[part] = {
                fraction: add(f"source-{part.name}-{fraction:g}", (of, fraction), {"sources": {part.name: fraction}})
                for fraction in sorted(fractions)
            }
    return design


def _group_cells(cells: Cells, questions: Collection[str]) -> dict[Part, frozenset[tuple[str, str]]]:
    parts = [Part(SOURCE, name) for name in dict.fromkeys(source for source, _ in cells)]
    if AXES in questions:
        parts += [Part(AXIS, name) for name in dict.fromkeys(axis for _, axis in cells)]
    places = {SOURCE: 0, AXIS: 1}
    return {part: frozenset(cell for cell in cells if cell[places[part.kind]] == part.name) for part in parts}


def _name(label: str, taken: Collection[str]) -> str:
    """A name that is valid for a folder and not taken."""
    name = PREFIX + re.sub(r"[^A-Za-z0-9_.+-]+", "-", label)
    numbered = (f"{name}+{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)
