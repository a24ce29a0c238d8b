"""Columns whose names differ in one mark only: `answer_a` and `answer_b`, or `response-1` to `response-3`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unipref.unify.detection.column import Column
from unipref.unify.detection.columns import Columns, split_words
from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.names import (
    ANSWER_NAMES,
    ANSWERER_NAMES,
    BAD_NAMES,
    GOOD_NAMES,
    HIGH_IS_BETTER,
    LOW_IS_BETTER,
    OTHER_TEXT_NAMES,
    PROMPT_NAMES,
    SCORE_NAMES,
    VERDICT_NAMES,
)

MARKS = [
    *(
        ("1", "2"),
        ("0", "1"),
        ("a", "b"),
        ("left", "right"),
        ("first", "second"),
        ("one", "two"),
        ("x", "y"),
        ("j", "k"),
    ),
    *(("links", "rechts"), ("gauche", "droite"), ("izquierda", "derecha"), ("sinistra", "destra")),
    *(("esquerda", "direita"), ("l", "r"), ("top", "bottom"), ("upper", "lower")),
    *(("i", "ii"), ("old", "new"), ("base", "tuned"), ("baseline", "candidate"), ("control", "treatment")),
]
THIRD_MARK = {"1": "3", "0": "2", "a": "c", "one": "three", "first": "third", "x": "z", "j": "l", "i": "iii"}
"""First mark -> the mark that a third answer would have."""
SERIES_NAMES = {
    *(*ANSWER_NAMES, *ANSWERER_NAMES, "candidate", "text", "option", "candidates", "options", "answers", "responses"),
    *("completions", "replies", "generations", "resp", "ans", "sample", "samples", "solution", "solutions", "draft"),
    *("drafts", "rollout", "attempt", "continuation", "variant", "proposal"),
}
"""Words in the names of three or more answers."""
MAX_MARKS = 6
"""Most values of a field whose values are looked for in the names of texts."""
BRACKETS = re.compile(r"\([^()]*\)")
SIDE_MARKS = ("chosen", "rejected")
"""The words in which the names of two columns differ that belong to a better and a worse answer."""


def find_twin_columns(
    some: Sequence[Column], columns: Columns, among: Sequence[tuple[str, str]] = ()
) -> Iterator[tuple[Column, Column, tuple[str, str]]]:
    """Yields columns whose names differ in one mark only, such as `answer_a` and `answer_b`.

    A longer series, such as `k1`, `k2` and `k3`, only numbers its columns, so it is left out.

    Args:
        some: the columns to look at.
        columns: all columns of the rows.
        among: pairs of marks; default: `MARKS`. The values of a field that names the better answer are marks too.
    """
    couples = [*(among or MARKS), *_find_value_marks(columns, some)]
    everywhere = {tuple(split_words(c.path)) for c in columns.all}
    named = {tuple(split_words(c.path)): c for c in some}
    for words, one in named.items():
        for place, word in enumerate(words):
            for marks in couples:
                if word != marks[0]:
                    continue
                other, third = ((*words[:place], m, *words[place + 1 :]) for m in (marks[1], THIRD_MARK.get(word, "")))
                if other in named and third not in everywhere:
                    yield one, named[other], marks


def _find_value_marks(columns: Columns, some: Sequence[Column]) -> list[tuple[str, str]]:
    """Returns the two words in which names differ and that are the values of a field that names the better answer.

    So `baseline` and `tuned` in the field `winner` mark `baseline_reply` and `tuned_reply`.
    """
    names = [frozenset(split_words(column.path)) for column in some]
    for column in columns.of_kind("code", "text"):
        if not column.has_name(*VERDICT_NAMES) or column.n_distinct > MAX_MARKS or column.numbers:
            continue
        values = [value.strip().lower() for value in column.distinct_values]
        words = [value for value in values if len(value) > 1 and any(value in name for name in names)]
        if len(words) == 2:
            return [(words[0], words[1]), (words[1], words[0])]
    return []


def find_series(columns: Columns) -> list[Column]:
    """Returns the longest series of three or more answers: texts with numbered or lettered names."""
    groups: dict[tuple[str, ...], list[Column]] = {}
    for column in [c for c in columns.of_kind("text") if columns.role(c) not in ("metadata", "prompt", "system")]:
        words = split_words(column.path)
        for place, word in enumerate(words):
            if _is_mark(word):
                groups.setdefault((*words[:place], "", *words[place + 1 :]), []).append(column)
    answers = [group for stem, group in groups.items() if len(group) > 2 and {*map(to_english, stem)} & SERIES_NAMES]
    return max(answers, key=len, default=[])


def find_number_series(columns: Columns, answers: Sequence[Column]) -> list[list[Column]]:
    """Returns the series of numbers whose names have the same marks as those of some answers, in the same order."""
    stems: dict[tuple[str, ...], list[Column]] = {}
    for column in columns.of_kind("code", "number"):
        if column.numbers and columns.role(column) != "metadata":
            stems.setdefault(tuple(w for w in _words_of(column) if not _is_mark(w)), []).append(column)
    marks = [_marks_of(c) for c in answers]
    return [series for series in stems.values() if [_marks_of(c) for c in series] == marks]


def _words_of(column: Column) -> list[str]:
    """Returns the words of a name without what is in brackets, such as `points_A (3 = best)`."""
    return split_words(BRACKETS.sub(" ", column.path))


def _marks_of(column: Column) -> list[str]:
    return [word for word in _words_of(column) if _is_mark(word)]


def _is_mark(word: str) -> bool:
    return word.isdigit() or (len(word) == 1 and word in "abcdefgh")


def find_scored_texts(columns: Columns) -> dict[str, list[tuple[Column, Column]]]:
    """Returns axis -> texts, each with the number whose name is that of the text and the axis: `gpt` and `gpt_score`.

    Empty unless each of two or more texts has one. Their names say nothing else, as `question` and `summary` do.
    """
    usual = {*PROMPT_NAMES, *ANSWER_NAMES, *OTHER_TEXT_NAMES, *SIDE_MARKS, *GOOD_NAMES, *BAD_NAMES, *VERDICT_NAMES}
    usual |= {mark for marks in MARKS for mark in marks}
    texts = [c for c in columns.of_kind("text") if columns.role(c) in ("answer", "text") and not {*c.words} & usual]
    texts = [c for c in texts if not any(map(_is_mark, c.words))]
    axes: dict[str, list[tuple[Column, Column]]] = {}
    for number in columns.of_kind("code", "number"):
        if not number.numbers or columns.role(number) == "metadata":
            continue
        words = _words_of(number)
        for text in texts:
            own = split_words(text.path)
            rest = [word for word in words if word not in own]
            if rest and {*own} < {*words} and {*rest} <= SCORE_NAMES | HIGH_IS_BETTER | LOW_IS_BETTER:
                axes.setdefault("_".join(rest), []).append((text, number))
    couples = {axis: some for axis, some in axes.items() if len({c for c, _ in some}) == len(some) > 1}
    first = next(iter(couples.values()), [])
    return {axis: some for axis, some in couples.items() if [c for c, _ in some] == [c for c, _ in first]}


def has_several_answers(columns: Columns) -> bool:
    """Whether the names of two or more texts say that they answer one prompt: then no label is about one of them."""
    if find_series(columns) or find_scored_texts(columns):
        return True
    texts = [
        c for c in columns.of_kind("text") if not c.is_identifier and columns.role(c) not in ("metadata", "system")
    ]
    turns = columns.of_kind("turns", "turn", "transcript")
    for kind in (texts, turns):
        for one, other, marks in find_twin_columns(kind, columns, [*MARKS, SIDE_MARKS]):
            is_numbered_prompt = one.has_name(*PROMPT_NAMES) and not one.has_name(*ANSWER_NAMES) and marks[0].isdigit()
            if not is_numbered_prompt and not one.has_name(*OTHER_TEXT_NAMES):
                return True
            del other
    return False


@dataclass(frozen=True)
class NamedNumbers:
    """Answers in one mapping and numbers in another one, under the same names.

    Attributes:
        answers, numbers: the paths of the two mappings.
        by_row: the numbers of each row, in one order.
    """

    answers: str
    numbers: str
    by_row: list[list[float]]


def find_named_numbers(columns: Columns) -> NamedNumbers | None:
    """Finds a mapping name -> answer and a mapping name -> number with the same names, such as those of models."""
    folders: dict[str, dict[str, Column]] = {}
    for column in columns.all:
        folder, _, name = column.path.rpartition(".")
        if folder:
            folders.setdefault(folder, {})[name] = column
    texts = {f: some for f, some in folders.items() if len(some) > 1 and all(c.kind == "text" for c in some.values())}
    for answers, some in texts.items():
        for numbers, others in folders.items():
            if {*others} == {*some} and all(c.numbers for c in others.values()):
                values = [dict(zip(c.rows, c.numbers, strict=True)) for c in others.values()]
                by_row = [[v[row] for v in values if row in v] for row in range(len(columns.rows))]
                return NamedNumbers(answers, numbers, by_row)
    return None
