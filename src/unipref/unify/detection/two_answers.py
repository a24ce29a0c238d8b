"""Recognises two answers to one prompt in a row, and the fields that judge between them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.unify.detection.columns import VERDICT, Column, Columns, split_words
from unipref.unify.detection.guess import (
    NOT_SCORE_NAMES,
    PLACEHOLDER,
    find_prompt,
    guess_direction,
    path_setting,
    quote_names,
)
from unipref.unify.mapping.fields import to_code

MARKS = [("1", "2"), ("0", "1"), ("a", "b"), ("left", "right"), ("first", "second"), ("one", "two")]
THIRD_MARK = {"1": "3", "0": "2", "a": "c"}
"""First mark -> the mark that a third answer would have."""
VERDICT_NAMES = ("winner", "preferred", "preference", "better", "best", "chosen", "choice", "vote", "pick", "selected")
"""Names of fields whose value names the better answer."""
DEGREE_NAMES = ("preference", "strength", "degree", "margin", "grade", "rating", "likert")
TIE = re.compile(r"\b(tie|tied|draw|both|neither|equal|equally|same|similar)\b", re.IGNORECASE)
SIDE = re.compile(r"(?<![a-z])(a|b|1|2|0|first|second|left|right)(?![a-z])", re.IGNORECASE)
MUCH, SLIGHTLY = re.compile(r"much|significant|far|strong", re.I), re.compile(r"slight|bit|margin|little|barely", re.I)
BETTER_WORDS = re.compile(r"(?<![a-z])(better|wins|won|preferred)(?![a-z])", re.IGNORECASE)
"""Words in a value that mean: the side it names is the better one."""
LABEL_NUMBERS = {-1.0, 0.0, 1.0, 2.0, 3.0}
"""Numbers that label one of two answers, a tie or neither."""
MIN_LIKENESS = 0.03
"""Least likeness of two texts that answer the same prompt."""
MAX_COMPARED_ROWS = 60
SHINGLE_SIZE = 5
MAX_COMPARED_CHARACTERS = 600


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


@dataclass(frozen=True)
class Judgement:
    """The fields that judge between two answers.

    Attributes:
        kind: label, votes, counts, grade, words or scores.
        map: the settings for it.
        is_named: whether the names of the fields say that it is a judgement.
    """

    kind: str
    map: dict[str, Any]
    is_named: bool
    why: str
    doubts: list[str] = field(default_factory=list)


def mean_overlap(one: Column, other: Column) -> float:
    """Returns the mean Jaccard similarity of the shingles of two texts, over at most `MAX_COMPARED_ROWS` rows."""
    texts = dict(zip(other.rows, other.values, strict=True))
    couples = [(str(v), str(texts[i])) for i, v in zip(one.rows, one.values, strict=True) if i in texts][
        :MAX_COMPARED_ROWS
    ]
    shares = []
    for a, b in couples:
        first, second = _make_shingles(a), _make_shingles(b)
        shares.append(len(first & second) / max(len(first | second), 1))
    return sum(shares) / max(len(shares), 1)


def _make_shingles(content: str) -> set[str]:
    content = content[:MAX_COMPARED_CHARACTERS].lower()
    return {content[i : i + SHINGLE_SIZE] for i in range(max(len(content) - SHINGLE_SIZE + 1, 1))}


def begin_alike(one: Column, other: Column) -> bool:
    """Whether in most rows the two dialogues begin alike and differ later."""
    couples = [(str(a), str(b)) for a, b in zip(one.values, other.values, strict=False)]
    return sum(a[:20] == b[:20] and a != b for a, b in couples) > len(couples) / 2


def find_twin_columns(some: Sequence[Column], columns: Columns) -> Iterator[tuple[Column, Column, tuple[str, str]]]:
    """Yields columns whose names differ in one mark only, such as `answer_a` and `answer_b`.

    A longer series, such as `k1`, `k2` and `k3`, only numbers its columns, so it is left out.
    """
    everywhere = {tuple(split_words(c.path)) for c in columns.all}
    named = {tuple(split_words(c.path)): c for c in some}
    for words, one in named.items():
        for place, word in enumerate(words):
            for marks in MARKS:
                if word != marks[0]:
                    continue
                other, third = ((*words[:place], m, *words[place + 1 :]) for m in (marks[1], THIRD_MARK.get(word, "")))
                if other in named and third not in everywhere:
                    yield one, named[other], marks


def find_two_answers(columns: Columns) -> Sides | None:
    """Finds two answers to one prompt by the names or the likeness of their fields; None if there are none."""
    for kind in ("transcript", "turns"):
        sides = columns.of_kind(kind)
        if len(sides) == 2 and begin_alike(*sides):
            marks = next((m for _, _, m in find_twin_columns(sides, columns)), None)
            why = f"'{sides[0].path}' and '{sides[1].path}' are two dialogues that begin alike"
            return Sides(sides[0].path, sides[1].path, [], marks, why)
    return _find_twin_texts(columns) or _find_list_of_two(columns) or _find_most_alike(columns)


def _find_twin_texts(columns: Columns) -> Sides | None:
    texts = [c for c in columns.of_kind("text") if c.share > 0.5 and not c.is_identifier]
    couples = sorted(find_twin_columns(texts, columns), key=lambda twin: -(twin[0].mean_length + twin[1].mean_length))
    for one, other, marks in couples:
        prompt, _ = find_prompt(columns, [one, other])
        if not prompt and (dialogue := next(iter(columns.of_kind("turns")), None)):
            prompt = [dialogue.path]
        if prompt and not _are_in_prompt(columns, prompt[0], [one, other]):
            why = f"'{one.path}' and '{other.path}' are two answers, according to their names"
            return Sides(one.path, other.path, prompt, marks, why)
    return None


def _are_in_prompt(columns: Columns, prompt: str, sides: list[Column]) -> bool:
    question = columns.find(prompt)
    return question is not None and are_contained(sides, question)


def are_contained(texts: Sequence[Column], question: Column) -> bool:
    """Whether most of the texts occur in the question: then they are its options, not answers."""
    whole = dict(zip(question.rows, question.values, strict=True))
    inside = [str(v).strip() in str(whole.get(i)) for c in texts for i, v in zip(c.rows, c.values, strict=True)]
    return sum(inside) > 0.5 * len(inside)


def _find_list_of_two(columns: Columns) -> Sides | None:
    """Finds a list that always holds two answers."""
    for column in columns.of_kind("texts", "items"):
        if any(len(value) != 2 for value in column.values) or column.share < 0.9:
            continue
        inner = (
            ""
            if column.kind == "texts"
            else max(column.inner_columns().prose, key=lambda c: c.mean_length, default=None)
        )
        prompt, _ = find_prompt(columns, [])
        if inner is None or not prompt:
            continue
        tail = f".{inner.path}" if isinstance(inner, Column) else ""
        why = f"'{column.path}' always holds two answers"
        return Sides(f"{column.path}.0{tail}", f"{column.path}.1{tail}", prompt, ("0", "1"), why)
    return None


def _find_most_alike(columns: Columns) -> Sides | None:
    """Finds the two texts of a row that are most alike in words and length, if another text is the prompt."""
    texts = [c for c in columns.prose if c.share > 0.5]
    if len(texts) < 3:
        return None
    couples = [(_likeness(texts, i, j), texts[i], texts[j]) for j in range(len(texts)) for i in range(j)]
    share, one, other = max(couples, key=lambda couple: couple[0])
    prompt, _ = find_prompt(columns, [one, other])
    if share < MIN_LIKENESS or not prompt or _are_in_prompt(columns, prompt[0], [one, other]):
        return None
    return Sides(one.path, other.path, prompt, None, f"'{one.path}' and '{other.path}' are the texts most alike")


def _likeness(texts: list[Column], i: int, j: int) -> float:
    """Returns how alike two texts are; 0 if one of them is repeated much more often than the other."""
    one, other = texts[i], texts[j]
    if max(one.n_distinct, other.n_distinct) > 1.7 * min(one.n_distinct, other.n_distinct):
        return 0.0
    lengths = sorted((one.mean_length, other.mean_length))
    return mean_overlap(one, other) * (0.5 + 0.5 * lengths[0] / max(lengths[1], 1)) * (1.5 if j == i + 1 else 1.0)


def find_judgement(columns: Columns, sides: Sides) -> Judgement | None:
    """Finds the fields that judge between two answers; None if there are none."""
    used = {sides.first, sides.second, *sides.prompt}
    free = [c for c in columns.of_kind("code", "number", "flag") if c.path not in used and c.n_distinct > 1]
    free = [c for c in free if not c.has_name(*NOT_SCORE_NAMES) or c.has_name(*VERDICT_NAMES)]
    named = [c for word in VERDICT_NAMES for c in free if c.has_name(word)]
    return (
        _judge_by_counts(free, sides)
        or _judge_by_votes(free, sides)
        or next((result for c in named if (result := _judge_by_field(c, sides, True))), None)
        or _judge_by_scores(free, sides, columns)
        or next((result for c in free if _names_sides(c) and (result := _judge_by_field(c, sides, False))), None)
        or next((result for c in _sort_labels_first(free) if (result := _judge_by_field(c, sides, False))), None)
    )


def combine_confidence(sides: Sides, judgement: Judgement) -> float:
    """Returns the confidence in two answers and their judgement: higher if names support them."""
    if judgement.is_named:
        return 0.93 if sides.marks or not sides.prompt else 0.8
    return 0.85 if sides.marks else 0.7


def _sort_labels_first(free: list[Column]) -> list[Column]:
    return sorted((c for c in free if c.kind != "flag"), key=lambda c: not c.has_name("label", "labels"))


def _names_sides(column: Column) -> bool:
    return not column.numbers and all(SIDE.search(v.replace("_", " ")) or TIE.search(v) for v in column.distinct_values)


def _judge_by_counts(free: list[Column], sides: Sides) -> Judgement | None:
    """Finds one field per side that counts, or flags, the votes for it."""
    if sides.marks is None:
        return None
    counts: dict[str, str] = {}
    for column in free:
        if column.numbers and {*column.words} & {"winner", "votes", "wins"}:
            matching = [s for s, m in zip(("first", "second"), sides.marks, strict=True) if m in column.words]
            matching += ["tie"] if "tie" in column.words else []
            counts |= {matching[0]: column.path} if len(matching) == 1 else {}
    if not {"first", "second"} <= counts.keys():
        return None
    return Judgement("counts", {"counts": counts}, True, f"{quote_names(counts.values())} count the votes")


def _judge_by_votes(free: list[Column], sides: Sides) -> Judgement | None:
    """Finds several people's votes: fields with the same values."""
    codes = [c for c in free if c.kind == "code" and (_names_sides(c) or (c.numbers and {*c.numbers} <= LABEL_NUMBERS))]
    groups: dict[tuple[str, ...], list[Column]] = {}
    for column in codes:
        if column.has_name(*VERDICT_NAMES):
            continue
        groups.setdefault(tuple(column.distinct_values), []).append(column)
    several = max(groups.values(), key=len, default=[])
    stems = {tuple(w for w in split_words(c.path) if not w.isdigit()) for c in several}
    numbered = len(stems) == 1
    if len(several) < 2 or (len(several) == 2 and numbered and guess_direction("", next(iter(stems))) != PLACEHOLDER):
        return None
    doubts: list[str] = []
    codes_of = _guess_codes(several[0], sides, False, doubts)
    why = f"{quote_names(c.path for c in several)} have the same codes: {', '.join(several[0].distinct_values)}"
    return Judgement("votes", {"votes": [c.path for c in several], "codes": codes_of}, numbered, why, doubts)


def _judge_by_scores(free: list[Column], sides: Sides, columns: Columns) -> Judgement | None:
    """Finds a score for each of the two answers by the names."""
    if sides.marks is None:
        return None
    axes: dict[str, Any] = {}
    for one, other, marks in find_twin_columns([c for c in free if c.numbers], columns):
        better = guess_direction(one.path, one.words)
        if marks == sides.marks and better != PLACEHOLDER:
            name = "_".join(w for w in one.words if w not in marks)
            axes[name] = {"field": [one.path, other.path], "better": better}
    if not axes:
        return None
    return Judgement("scores", axes, True, f"each answer has its own score: {', '.join(axes)}")


def _judge_by_field(column: Column, sides: Sides, named: bool) -> Judgement | None:
    """Reads one field as a judgement: a grade or a label."""
    why = f"'{column.path}' is one of {', '.join(column.distinct_values[:6])}"
    doubts: list[str] = []
    numbers = {*column.numbers}
    if not numbers:
        if column.kind != "flag" and not _names_sides(column) and not named:
            return None
        if column.kind == "code" and any(_is_word_grade(value) for value in column.distinct_values):
            return Judgement("words", {"grade": column.path, "codes": _guess_word_grades(column, sides)}, named, why)
    elif not numbers <= LABEL_NUMBERS or min(numbers) < -1 or (named and column.has_name(*DEGREE_NAMES)):
        return _guess_grade(column, sides, named)
    codes = _guess_codes(column, sides, named, doubts)
    kind = "label" if len(codes) == 2 and "tie" not in codes.values() else "votes"
    where = {"label": column.path} if kind == "label" else {"votes": column.path}
    return Judgement(kind, {**where, "codes": codes}, named, why, doubts)


def _guess_codes(column: Column, sides: Sides, named: bool, doubts: list[str]) -> dict[Any, str]:
    """Maps each value to first, second or tie; `PLACEHOLDER` where the names of fields and values do not tell."""
    codes: dict[Any, str] = {}
    for value in sorted({to_code(v) for v in column.values}):
        marks = [m in split_words(value) for m in sides.marks or ()]
        if not column.numbers and TIE.search(value):
            side = "tie"
        else:
            is_clear = named or BETTER_WORDS.search(value) is not None
            side = ("first", "second")[marks.index(True)] if is_clear and marks.count(True) == 1 else PLACEHOLDER
        key: Any = int(value) if re.fullmatch(r"-?\d+", value) else value
        codes[key] = side
    if unclear := [str(value) for value, side in codes.items() if side == PLACEHOLDER]:
        doubts.append(
            f"which answer each of {quote_names(unclear)} in '{column.path}' stands for: first ('{sides.first}'), "
            f"second ('{sides.second}') or tie"
        )
    return codes


def _guess_grade(column: Column, sides: Sides, named: bool) -> Judgement | None:
    low, high = min(column.numbers), max(column.numbers)
    slack = 0.02 * (high - low)
    rest: dict[Any, str] = {}
    if sides.marks == ("1", "2") and named and all(n == 0 or 1 - slack <= n <= 2 + slack for n in column.numbers):
        ends = (1.0, 2.0)
        rest = {0: PLACEHOLDER} if low == 0 else {}
    elif low < 0 < high:
        ends = (-max(-low, high), max(-low, high))
    elif named or any(abs(low - a) <= slack and abs(high - b) <= slack for a, b in ((1, 2), (0, 1))):
        ends = (round(low, 1), round(high, 1))
    else:
        return None
    is_clear = named and sides.marks is not None and [to_code(end) for end in ends] == [*sides.marks]
    scale: dict[str, Any] = dict(zip(("first", "second"), (_drop_zero_fraction(end) for end in ends), strict=True))
    doubts = [f"what 0 in '{column.path}' means: 0 for a tie, above 0 for the first, below for the second"] * bool(rest)
    if not is_clear:
        doubts.append(f"which end of '{column.path}' ({ends[0]:g} to {ends[1]:g} here) means that the first is better")
        scale = {"first": PLACEHOLDER, "second": PLACEHOLDER}
    mapping = {"grade": column.path, "scale": scale, **({"codes": rest} if rest else {})}
    why = f"'{column.path}' goes from {low:g} to {high:g} and says how much better one answer is"
    return Judgement("grade", mapping, named, why, doubts)


def _drop_zero_fraction(number: float) -> int | float:
    return int(number) if number.is_integer() else number


def _is_word_grade(value: str) -> bool:
    """Whether a value says in words which answer is better and by how much."""
    degree = MUCH.search(value) or SLIGHTLY.search(value)
    return degree is not None and VERDICT.search(value.replace("-", " ").replace("_", " ")) is not None


def _guess_word_grades(column: Column, sides: Sides) -> dict[str, Any]:
    """Maps grades in words to their strength; `PLACEHOLDER` where the words do not say which answer is better."""
    grades: dict[str, Any] = {}
    for value in column.distinct_values:
        words = split_words(value)
        marks = [mark in words for mark in sides.marks or ()]
        strength = 3 if MUCH.search(value) else 1 if SLIGHTLY.search(value) else 2
        if marks.count(True) != 1:
            grades[value] = 0 if TIE.search(value) else PLACEHOLDER
        else:
            sign = (1 if marks[0] else -1) * (-1 if "worse" in words else 1)
            grades[value] = sign * strength if {"better", "worse", "wins", "preferred"} & {*words} else PLACEHOLDER
    return grades
