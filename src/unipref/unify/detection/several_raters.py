"""Recognises the fields of several people who judged the same answers: `rater_1` and `rater_2`, or `ann` and `bob`."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unipref.core.terminal import show_name
from unipref.unify.detection.column import Column
from unipref.unify.detection.columns import Columns, make_column
from unipref.unify.detection.concerns import judges_prompt
from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import (
    BAD_NAMES,
    GOOD_NAMES,
    GROUPS_OF_PEOPLE,
    HIGH_IS_BETTER,
    JUDGEMENT_NAMES,
    LOW_IS_BETTER,
    PEOPLE,
)
from unipref.unify.detection.roles import is_judgement_name

NUMBERED_NAMES = {
    *PEOPLE,
    *("vote", "label", "verdict", "rating", "judgement", "judgment", "annotation", "review", "score", "grade"),
    *("opinion", "feedback", "user", "human", "person", "thumb", "thumbs", "stars", "preference", "choice", "winner"),
}
"""Words in names that a number or a letter tells apart: then each belongs to one person."""
NO_PERSON = {"id", "ids", "name", "names", "time", "date", "comment", "reason", "email", "seconds", "at", "count"}
QUALITY_NAMES = (GOOD_NAMES | BAD_NAMES | HIGH_IS_BETTER | LOW_IS_BETTER | JUDGEMENT_NAMES) - NUMBERED_NAMES
"""Words in names that say what is judged."""
MAX_RATERS = 30
MAX_LABELS = 40
"""Most labels to compare with all other fields: the time grows with the product."""


@dataclass(frozen=True)
class Raters:
    """The fields of several people.

    Attributes:
        columns: one per person.
        is_certain: whether their names say that they belong to people, rather than to several criteria.
    """

    columns: list[Column]
    is_certain: bool

    @property
    def paths(self) -> list[str]:
        """The paths of the fields."""
        return [column.path for column in self.columns]

    @property
    def merged(self) -> Column:
        """One column with the values of all people."""
        values = [(row, value) for c in self.columns for row, value in zip(c.rows, c.values, strict=True)]
        odd = sorted({text for column in self.columns for text in column.odd})
        column = make_column(self.columns[0].path, values, len(values))
        return Column(column.path, column.kind, column.values, column.rows, column.share, odd=[*odd, *column.odd])


def find_raters(columns: Columns, label: Column) -> Raters | None:
    """Returns the fields of several people, one of which is `label`; None if no other field looks like it.

    Fields of one name with numbers or letters belong to people (`rater_2`, `vote_b`). So do fields of one mapping of
    people, and names with a word such as `rater`. Other fields with the same values can be people or criteria.
    """
    alike = [c for c in columns.all if c is label or _are_of_one_kind(c, label)]
    alike = [c for c in alike if judges_prompt(c.path) == judges_prompt(label.path)]
    for family, is_certain in (
        ([c for c in alike if _stem(c) is not None and _stem(c) == _stem(label)], _is_numbered_by_person(label)),
        ([c for c in alike if _is_of_a_person(c) and _folder(c) == _folder(label)], _is_of_a_person(label)),
        ([c for c in alike if _folder(c) and _folder(c) == _folder(label)], _is_folder_of_people(label)),
    ):
        if is_certain and label in family and 1 < len(family) <= MAX_RATERS:
            return Raters(family, is_certain=True)
    numbered = [c for c in alike if _stem(c) is not None and _stem(c) == _stem(label)]
    if 1 < len(numbered) <= MAX_RATERS:
        return Raters(numbered, is_certain=False)
    others = [c for c in alike if _has_same_values(c, label) and not _names_a_quality(c) and not _repeats(c, label)]
    if label in others and len({is_judgement_name(c) for c in others}) == 1 and 1 < len(others) <= MAX_RATERS:
        return Raters(others, is_certain=False)
    return None


def find_all_raters(columns: Columns, labels: Sequence[Column]) -> Iterator[Raters]:
    """Yields the groups of people to which some labels belong, each group once."""
    seen: set[Column] = set()
    for label in labels[:MAX_LABELS]:
        if label not in seen and (raters := find_raters(columns, label)) is not None:
            seen |= {*raters.columns}
            yield raters


def doubt_raters(raters: Raters) -> str:
    """Says that the fields of several people are read together, or asks whether they are."""
    names = ", ".join(f"'{show_name(path)}'" for path in raters.paths)
    if raters.is_certain:
        return f"that {names} are several people's judgements of one kind: all of them count"
    several = f"[{', '.join(raters.paths)}]"
    return f"whether {names} are several people's judgements, all of which count ({several}), or judge several things"


def find_criteria(columns: Columns, scores: Sequence[Column]) -> dict[str, list[Column]]:
    """Returns criterion -> one field of numbers per person, such as `tone` -> `tone_r1` and `tone_r2`.

    The fields of each criterion have the same numbers in their names, and one of the criteria is among the scores.
    Empty without two criteria.
    """
    groups: dict[tuple[str, ...], dict[tuple[str, ...], Column]] = {}
    for column in columns.of_kind("code", "number"):
        words = _words(column.path)
        marks = tuple(word for word in words if _is_mark(word) or word in PEOPLE)
        rest = tuple(word for word in words if word not in marks)
        is_numbered = any(word.isdigit() or len(word) == 1 for word in marks)
        if column.numbers and is_numbered and rest and columns.role(column) in ("score", "judgement", "unknown"):
            groups.setdefault(rest, {})[marks] = column
    several = {rest: fields for rest, fields in groups.items() if 1 < len(fields) <= MAX_RATERS}
    known = next((f.keys() for f in several.values() if any(c in scores for c in f.values())), None)
    same = {"_".join(rest): [*fields.values()] for rest, fields in several.items() if fields.keys() == known}
    return same if len(same) > 1 else {}


def _are_of_one_kind(one: Column, other: Column) -> bool:
    """Whether two fields hold values of one kind, some of them the same, and no name only describes a person."""
    if one.kind not in ("code", "flag", "number") or {*one.words} & NO_PERSON:
        return False
    if one.numbers or other.numbers:
        return bool(one.numbers and other.numbers)
    return (one.kind == "flag") == (other.kind == "flag") and bool({*one.distinct_values} & {*other.distinct_values})


@functools.lru_cache(4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(to_english(word) for word in split_words(name))


def _stem(column: Column) -> tuple[str, ...] | None:
    """Returns the words of the path without its number or letter; None if it has none, or several."""
    return _stem_of(column.path)


@functools.lru_cache(1 << 13)
def _stem_of(path: str) -> tuple[str, ...] | None:
    words = _words(path)
    rest = [word for word in words if not _is_mark(word)]
    return tuple(rest) if len(words) - len(rest) == 1 else None


def _is_mark(word: str) -> bool:
    return word.isdigit() or len(word) == 1


def _is_numbered_by_person(column: Column) -> bool:
    return _stem(column) is not None and bool({*_words(column.path)} & NUMBERED_NAMES)


def _is_of_a_person(column: Column) -> bool:
    """Whether a name is that of a person with a word such as `rater`: `rater_ann`."""
    words = _words(column.path.rpartition(".")[2])
    return len(words) == 2 and bool({*words} & {*PEOPLE}) and not _names_a_quality(column)


def _folder(column: Column) -> str:
    return column.path.rpartition(".")[0]


def _is_folder_of_people(column: Column) -> bool:
    words = {*split_words(_folder(column).rpartition(".")[2])}
    return bool(words & GROUPS_OF_PEOPLE) and not _names_a_quality(column)


def _names_a_quality(column: Column) -> bool:
    """Whether a name says what is judged, as `helpful` does, so that other fields are other criteria."""
    return bool({*column.words} & QUALITY_NAMES)


def _has_same_values(one: Column, other: Column) -> bool:
    """Whether two fields use the same values; a person need not have used each of them."""
    mine, its = {*one.distinct_values}, {*other.distinct_values}
    return bool(mine & its) and (mine <= its or its <= mine)


def _repeats(one: Column, other: Column) -> bool:
    """Whether a field is a copy of another one."""
    return one is not other and one.rows == other.rows and one.values == other.values
