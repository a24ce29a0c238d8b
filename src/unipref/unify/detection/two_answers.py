"""Recognises two answers to one prompt in a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unipref.unify.detection.column import MAX_COMPARED_ROWS
from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.guess import find_prompt, path_setting, quote_names
from unipref.unify.detection.kinds import count_words
from unipref.unify.detection.names import (
    ANSWER_NAMES,
    ANSWERER_NAMES,
    ASKER_NAMES,
    OTHER_TEXT_NAMES,
    PEOPLE,
    TAG_NAMES,
)
from unipref.unify.detection.speakers import find_speaker
from unipref.unify.detection.twins import find_series, find_twin_columns

MIN_LIKENESS = 0.03
"""Least likeness of two texts that answer the same prompt."""
MAX_QUESTION = 5000
"""Most characters of a question in which options are looked for."""
AUTHOR_NAMES = {*ASKER_NAMES, *ANSWERER_NAMES, *PEOPLE, "expert", "machine", "doctor", "teacher", "people", "crowd"}
"""Words in the names of lists of answers that say who wrote them."""
MIN_REPEATED = 0.8
"""Least share of the rows in which a field repeats the text of exactly one of several answers."""
SAMPLE_NAMES = {
    *("samples", "sample", "responses", "completions", "candidates", "answers", "outputs", "generations", "replies"),
    *("rollouts", "predictions", "attempts"),
}
"""Words in the names of lists of answers to one prompt."""
STEP_NAMES = {"step", "steps", "solution", "reasoning", "derivation", "proof", "line", "lines", "working", "workings"}
"""Words in the names of lists of steps; two steps are not two answers."""
MIN_WORDS = 2.5
"""Mean number of words from which the texts of a list are prose, whether they repeat or not."""
MAX_COMPARED_TEXTS = 12
"""Most texts of a row that are compared with each other: the time grows with the square of their number."""


@dataclass(frozen=True)
class Sides:
    """Two answers in a row.

    Attributes:
        first, second: their paths.
        prompt: paths of the prompt's parts; empty where each side holds the whole dialogue.
        marks: the parts in which their names differ, such as ('1', '2'); None if the names do not form a pair.
        why: the reason, for the reader.
    """

    first: str
    second: str
    prompt: list[str]
    marks: tuple[str, str] | None
    why: str

    @property
    def doubts(self) -> list[str]:
        """Doubts about where the two answers are."""
        if self.marks is not None or not self.prompt:
            return []
        return [
            f"that '{self.first}' and '{self.second}' answer {quote_names(self.prompt)}: only their likeness says so"
        ]

    @property
    def map(self) -> dict[str, Any]:
        """The settings that name the two answers."""
        prompt = {"prompt": path_setting(self.prompt)} if self.prompt else {}
        return {**prompt, "first": self.first, "second": self.second}


def mean_overlap(one: Column, other: Column) -> float:
    """Returns the mean Jaccard similarity of the shingles of two texts, over the first rows."""
    shares = []
    for row, first in one.shingles.items():
        if (second := other.shingles.get(row)) is not None:
            shared = len(first & second)
            shares.append(shared / max(len(first) + len(second) - shared, 1))
    return sum(shares) / max(len(shares), 1)


def mean_containment(part: Column, whole: Column) -> float:
    """Returns the mean share of the shingles of one text that the other text has too, over the first rows."""
    shares = [
        len(first & whole.shingles[row]) / max(len(first), 1)
        for row, first in part.shingles.items()
        if row in whole.shingles
    ]
    return sum(shares) / max(len(shares), 1)


def are_same(one: Column, other: Column) -> bool:
    """Whether two columns hold the same values in most rows."""
    values = dict(zip(other.rows, other.values, strict=True))
    same = [bool(values.get(row) == value) for row, value in zip(one.rows, one.values, strict=True)]
    return sum(same) > 0.5 * len(same)


def repeats_one_of(column: Column, others: Sequence[Column]) -> bool:
    """Whether a text is that of one of several other fields in most rows, and of each of them in some."""
    values = [dict(zip(other.rows, map(str, other.values), strict=True)) for other in others]
    equal = [[held.get(row) == str(v) for held in values] for row, v in zip(column.rows, column.values, strict=True)]
    one = [places for places in equal if places.count(True) == 1]
    is_each = all(any(places[i] for places in one) for i in range(len(others)))
    return len(others) > 1 and len(one) > MIN_REPEATED * len(equal) and is_each


def longest_texts(texts: Sequence[Column]) -> list[Column]:
    """Returns the longest texts, in the order of the rows' fields; at most `MAX_COMPARED_TEXTS`."""
    longest = sorted(texts, key=lambda c: -c.mean_length)[:MAX_COMPARED_TEXTS]
    return [c for c in texts if c in longest]


def begin_alike(one: Column, other: Column) -> bool:
    """Whether in most rows the two dialogues begin alike and differ later."""
    values = dict(zip(other.rows, other.values, strict=True))
    couples = [(value, values[row]) for row, value in zip(one.rows, one.values, strict=True) if row in values]
    return sum(bool(_opening(a) == _opening(b) and a != b) for a, b in couples) > len(couples) / 2


def _opening(dialogue: Any) -> Any:
    """Returns the first turn of a list of turns, or the beginning of a text."""
    return dialogue[0] if isinstance(dialogue, list) and dialogue else str(dialogue)[:20]


def find_two_answers(columns: Columns) -> Sides | None:
    """Finds two answers to one prompt by the names or the likeness of their fields; None if there are none."""
    for kind in ("transcript", "turns"):
        sides = [c for c in columns.of_kind(kind) if columns.role(c) == "dialogue"]
        if len(sides) == 2 and begin_alike(*sides):
            marks = next((m for _, _, m in find_twin_columns(sides, columns)), None)
            why = f"'{sides[0].path}' and '{sides[1].path}' are two dialogues that begin alike"
            return Sides(sides[0].path, sides[1].path, [], marks, why)
    if find_series(columns):
        return None
    return _find_twin_texts(columns) or _find_list_of_two(columns) or _find_most_alike(columns)


def is_answer_like(columns: Columns, column: Column) -> bool:
    """Whether a column can hold answers: texts, single turns or lists of one turn that are not metadata."""
    if column.kind == "turns":
        return {len(turns) for turns in column.values} == {1}
    if column.kind == "turn":
        return True
    return column.kind == "text" and columns.role(column) in ("answer", "text", "prompt", "category")


def _find_twin_texts(columns: Columns) -> Sides | None:
    texts = [c for c in columns.of_kind("text", "turn", "turns") if c.share > 0.5 and is_answer_like(columns, c)]
    couples = sorted(
        find_twin_columns(texts, columns),
        key=lambda twin: (columns.role(twin[0]) != "answer", -(twin[0].mean_length + twin[1].mean_length)),
    )
    for one, other, marks in couples:
        prompt = _find_prompt_of(columns, [one, other])
        if prompt and not _are_in_prompt(columns, prompt[0], [one, other]):
            why = f"'{one.path}' and '{other.path}' are two answers, according to their names"
            return Sides(one.path, other.path, prompt, marks, why)
    return None


def _find_prompt_of(columns: Columns, sides: list[Column]) -> list[str]:
    """Returns the paths of the prompt of two answers: texts with the name of a prompt, a dialogue, or other texts."""
    prompt, is_named = find_prompt(columns, sides)
    dialogues = [c for c in columns.of_kind("turns", "transcript") if c not in sides and columns.role(c) == "dialogue"]
    return prompt if is_named or not dialogues else [dialogues[0].path]


def _are_in_prompt(columns: Columns, prompt: str, sides: list[Column]) -> bool:
    question = columns.find(prompt)
    return question is not None and are_contained(sides, question)


def are_contained(texts: Sequence[Column], question: Column) -> bool:
    """Whether most of the texts occur in the question: then they are its options, not answers."""
    whole = {row: str(value)[:MAX_QUESTION] for row, value in zip(question.rows, question.values, strict=True)}
    inside = [
        str(v).strip() in whole.get(row, "")
        for c in texts
        for row, v in list(zip(c.rows, c.values, strict=True))[:MAX_COMPARED_ROWS]
    ]
    return sum(inside) > 0.5 * len(inside)


def _find_list_of_two(columns: Columns) -> Sides | None:
    """Finds a list that always holds two answers."""
    for column in columns.of_kind("texts", "items"):
        if any(len(value) != 2 for value in column.values) or column.share < 0.9:
            continue
        if columns.role(column) != "list" or columns.are_spans(column) or {*column.words} & STEP_NAMES:
            continue
        if are_by_authors(columns.of_kind("texts")) or (column.kind == "texts" and _are_tags(column)):
            continue
        inner = "" if column.kind == "texts" else find_inner_answer(columns.inner(column))
        prompt, _ = find_prompt(columns, [])
        if inner is None or not prompt:
            continue
        tail = f".{inner.path}" if isinstance(inner, Column) else ""
        why = f"'{column.path}' always holds two answers"
        return Sides(f"{column.path}.0{tail}", f"{column.path}.1{tail}", prompt, ("0", "1"), why)
    return None


def _are_tags(column: Column) -> bool:
    """Whether the texts of a list mark a row, such as `env:prod`: their name says so, or they repeat and are no prose.

    Short answers under the name of answers may repeat.
    """
    words, items = {*column.words}, [item for value in column.values for item in value]
    if words & (SAMPLE_NAMES | {*ANSWER_NAMES}):
        return False
    is_prose = sum(map(count_words, items)) >= MIN_WORDS * len(items)
    return bool(words & TAG_NAMES) or (not is_prose and len({*items}) <= len(items) / 2)


def are_by_authors(lists: Sequence[Column]) -> bool:
    """Whether the names of several lists of answers say who wrote them, such as people and a model, and no more."""
    authors = [{*column.words} & AUTHOR_NAMES for column in lists]
    return len(lists) > 1 and all(authors) and len({*map(frozenset, authors)}) == len(lists)


def find_inner_answer(inner: Columns) -> Column | None:
    """Returns the text inside the items of a list of answers; None if there is none, or if the items are messages."""
    if find_speaker(inner) is not None:
        return None
    texts = [c for c in inner.prose if not c.has_name(*OTHER_TEXT_NAMES)]
    answers = [c for c in texts if inner.role(c) == "answer"] or [c for c in texts if inner.role(c) == "text"]
    return max(answers or texts, key=lambda c: c.mean_length, default=None)


def _find_most_alike(columns: Columns) -> Sides | None:
    """Finds the two texts of a row that are most alike in words and length, if another text is the prompt."""
    texts = longest_texts([c for c in columns.prose if c.share > 0.5])
    if len(texts) < 3:
        return None
    answers = [c for c in texts if columns.role(c) != "prompt" and not c.has_name(*OTHER_TEXT_NAMES)]
    couples = [
        (_likeness(texts, one, other), one, other)
        for place, one in enumerate(answers)
        for other in answers[place + 1 :]
        if columns.role(one) == columns.role(other)
    ]
    share, one, other = max(couples, key=lambda couple: couple[0], default=(0.0, None, None))
    if one is None or other is None or share < MIN_LIKENESS:
        return None
    prompt, _ = find_prompt(columns, [one, other])
    if not prompt or _are_in_prompt(columns, prompt[0], [one, other]):
        return None
    return Sides(one.path, other.path, prompt, None, f"'{one.path}' and '{other.path}' are the texts most alike")


def _likeness(texts: list[Column], one: Column, other: Column) -> float:
    """Returns how alike two texts are; 0 if one of them is repeated much more often than the other."""
    if max(one.n_distinct, other.n_distinct) > 1.7 * min(one.n_distinct, other.n_distinct):
        return 0.0
    lengths = sorted((one.mean_length, other.mean_length))
    is_next = texts.index(other) == texts.index(one) + 1
    return mean_overlap(one, other) * (0.5 + 0.5 * lengths[0] / max(lengths[1], 1)) * (1.5 if is_next else 1.0)
