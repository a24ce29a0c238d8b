"""Recognising two answers to one prompt in a row, and what judges between them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.unify.detection.columns import VERDICT, Column, Columns, words_of
from unipref.unify.detection.guess import ASK, COUNTED, asked_in, direction, paths, quoted
from unipref.unify.mapping.fields import code_of

MARKS = [("1", "2"), ("0", "1"), ("a", "b"), ("left", "right"), ("first", "second"), ("one", "two")]
AFTER = {"1": "3", "0": "2", "a": "c"}
"""First mark -> the mark that would stand on a third answer."""
VERDICTS = ("winner", "preferred", "preference", "better", "best", "chosen", "choice", "vote", "pick", "selected")
"""Names of fields that say: this names the better one."""
DEGREES = ("preference", "strength", "degree", "margin", "grade", "rating", "likert")
TIE = re.compile(r"\b(tie|tied|draw|both|neither|equal|equally|same|similar)\b", re.IGNORECASE)
SIDE = re.compile(r"(?<![a-z])(a|b|1|2|0|first|second|left|right)(?![a-z])", re.IGNORECASE)
MUCH, SLIGHTLY = re.compile(r"much|significant|far|strong", re.I), re.compile(r"slight|bit|margin|little|barely", re.I)
SAYS = re.compile(r"(?<![a-z])(better|wins|won|preferred)(?![a-z])", re.IGNORECASE)
"""Words in a value that say: the side it names is the better one."""
SMALL = {-1.0, 0.0, 1.0, 2.0, 3.0}
"""Numbers that label one of two answers, a tie or neither."""
LEAST = 0.03
"""Likeness below which two texts do not answer the same prompt."""
SAMPLE = 60
SHINGLE = 5
SHINGLED = 600


@dataclass(frozen=True)
class Sides:
    """Two answers in a row.

    Attributes:
        first, second: their paths.
        prompt: paths of the prompt's parts; empty where each side holds the whole dialogue.
        marks: what tells their names apart, such as ('1', '2'); none where the names do not go together.
        why: what speaks for it.
    """

    first: str
    second: str
    prompt: list[str]
    marks: tuple[str, str] | None
    why: str

    @property
    def doubts(self) -> list[str]:
        """What the rows do not tell of where the two answers are."""
        if self.marks is not None or not self.prompt:
            return []
        return [f"that '{self.first}' and '{self.second}' answer {quoted(self.prompt)} is told by their likeness alone"]

    @property
    def map(self) -> dict[str, Any]:
        """The settings that say where the two answers are."""
        prompt = {"prompt": paths(self.prompt)} if self.prompt else {}
        return {**prompt, "first": self.first, "second": self.second}


@dataclass(frozen=True)
class Judgement:
    """What judges between two answers.

    Attributes:
        kind: label, votes, counts, grade, words or scores.
        map: the settings that say so.
        named: whether the names of the fields say that it is a judgement.
    """

    kind: str
    map: dict[str, Any]
    named: bool
    why: str
    doubts: list[str] = field(default_factory=list)


def overlap(one: Column, other: Column) -> float:
    """How much two texts of a row share, mean over some rows: shingles in both as a share of those in either."""
    texts = dict(zip(other.rows, other.values, strict=True))
    couples = [(str(v), str(texts[i])) for i, v in zip(one.rows, one.values, strict=True) if i in texts][:SAMPLE]
    shares = []
    for a, b in couples:
        first, second = _shingles(a), _shingles(b)
        shares.append(len(first & second) / max(len(first | second), 1))
    return sum(shares) / max(len(shares), 1)


def _shingles(content: str) -> set[str]:
    content = content[:SHINGLED].lower()
    return {content[i : i + SHINGLE] for i in range(max(len(content) - SHINGLE + 1, 1))}


def begin_alike(one: Column, other: Column) -> bool:
    """Whether most rows' two dialogues share their beginning but not their end."""
    couples = [(str(a), str(b)) for a, b in zip(one.values, other.values, strict=False)]
    return sum(a[:20] == b[:20] and a != b for a, b in couples) > len(couples) / 2


def twins(some: Sequence[Column], columns: Columns) -> Iterator[tuple[Column, Column, tuple[str, str]]]:
    """Columns whose names differ in one mark only, such as `answer_a` and `answer_b`.

    Where any column of the rows goes on with the series, as `k3` after `k1` and `k2`, the names only count.
    """
    everywhere = {tuple(words_of(c.path)) for c in columns.all}
    named = {tuple(words_of(c.path)): c for c in some}
    for words, one in named.items():
        for place, word in enumerate(words):
            for marks in MARKS:
                if word != marks[0]:
                    continue
                other, third = ((*words[:place], m, *words[place + 1 :]) for m in (marks[1], AFTER.get(word, "")))
                if other in named and third not in everywhere:
                    yield one, named[other], marks


def two_answers(columns: Columns) -> Sides | None:
    """Two answers to one prompt, by the names of their fields or by their being alike; None where there are none."""
    for kind in ("transcript", "turns"):
        sides = columns.of(kind)
        if len(sides) == 2 and begin_alike(*sides):
            marks = next((m for _, _, m in twins(sides, columns)), None)
            why = f"'{sides[0].path}' and '{sides[1].path}' are two dialogues that begin alike"
            return Sides(sides[0].path, sides[1].path, [], marks, why)
    return _named_texts(columns) or _items(columns) or _alike(columns)


def _named_texts(columns: Columns) -> Sides | None:
    texts = [c for c in columns.of("text") if c.share > 0.5 and not c.is_identifier]
    found = sorted(twins(texts, columns), key=lambda twin: -(twin[0].mean_length + twin[1].mean_length))
    for one, other, marks in found:
        prompt, _ = asked_in(columns, [one, other])
        if not prompt and (dialogue := next(iter(columns.of("turns")), None)):
            prompt = [dialogue.path]
        if prompt and not _fill_the_prompt(columns, prompt[0], [one, other]):
            why = f"'{one.path}' and '{other.path}' are two answers by their names"
            return Sides(one.path, other.path, prompt, marks, why)
    return None


def _fill_the_prompt(columns: Columns, prompt: str, sides: list[Column]) -> bool:
    asked = columns.at(prompt)
    return asked is not None and stand_in(sides, asked)


def stand_in(texts: Sequence[Column], asked: Column) -> bool:
    """Whether most of some texts stand in another one: options that are named in the question, no answers."""
    whole = dict(zip(asked.rows, asked.values, strict=True))
    inside = [str(v).strip() in str(whole.get(i)) for c in texts for i, v in zip(c.rows, c.values, strict=True)]
    return sum(inside) > 0.5 * len(inside)


def _items(columns: Columns) -> Sides | None:
    """A list that always holds two answers."""
    for column in columns.of("texts", "items"):
        if any(len(value) != 2 for value in column.values) or column.share < 0.9:
            continue
        inner = "" if column.kind == "texts" else max(column.inner().prose, key=lambda c: c.mean_length, default=None)
        prompt, _ = asked_in(columns, [])
        if inner is None or not prompt:
            continue
        tail = f".{inner.path}" if isinstance(inner, Column) else ""
        why = f"'{column.path}' always holds two answers"
        return Sides(f"{column.path}.0{tail}", f"{column.path}.1{tail}", prompt, ("0", "1"), why)
    return None


def _alike(columns: Columns) -> Sides | None:
    """The two texts of a row that are most alike in words and length, where something else is asked."""
    texts = [c for c in columns.prose if c.share > 0.5]
    if len(texts) < 3:
        return None
    couples = [(_likeness(texts, i, j), texts[i], texts[j]) for j in range(len(texts)) for i in range(j)]
    share, one, other = max(couples, key=lambda couple: couple[0])
    prompt, _ = asked_in(columns, [one, other])
    if share < LEAST or not prompt or _fill_the_prompt(columns, prompt[0], [one, other]):
        return None
    return Sides(one.path, other.path, prompt, None, f"'{one.path}' and '{other.path}' are the texts most alike")


def _likeness(texts: list[Column], i: int, j: int) -> float:
    """How much two texts are alike; 0 where one of them comes back much more often than the other."""
    one, other = texts[i], texts[j]
    if max(one.distinct, other.distinct) > 1.7 * min(one.distinct, other.distinct):
        return 0.0
    lengths = sorted((one.mean_length, other.mean_length))
    return overlap(one, other) * (0.5 + 0.5 * lengths[0] / max(lengths[1], 1)) * (1.5 if j == i + 1 else 1.0)


def judgement(columns: Columns, sides: Sides) -> Judgement | None:
    """What judges between two answers; None where nothing does."""
    taken = {sides.first, sides.second, *sides.prompt}
    free = [c for c in columns.of("code", "number", "flag") if c.path not in taken and c.distinct > 1]
    free = [c for c in free if not c.called(*COUNTED) or c.called(*VERDICTS)]
    named = [c for word in VERDICTS for c in free if c.called(word)]
    return (
        _counts(free, sides)
        or _series(free, sides)
        or next((found for c in named if (found := _one(c, sides, True))), None)
        or _scores(free, sides, columns)
        or next((found for c in free if _names_sides(c) and (found := _one(c, sides, False))), None)
        or next((found for c in _labels_first(free) if (found := _one(c, sides, False))), None)
    )


def sure(sides: Sides, told: Judgement) -> float:
    """How sure two answers and their judgement are: by the names of the answers, of the judgement, or neither."""
    if told.named:
        return 0.93 if sides.marks or not sides.prompt else 0.8
    return 0.85 if sides.marks else 0.7


def _labels_first(free: list[Column]) -> list[Column]:
    return sorted((c for c in free if c.kind != "flag"), key=lambda c: not c.called("label", "labels"))


def _names_sides(column: Column) -> bool:
    return not column.numbers and all(SIDE.search(v.replace("_", " ")) or TIE.search(v) for v in column.different)


def _counts(free: list[Column], sides: Sides) -> Judgement | None:
    """One field for each side that counts, or marks, the votes for it."""
    if sides.marks is None:
        return None
    found: dict[str, str] = {}
    for column in free:
        if column.numbers and {*column.words} & {"winner", "votes", "wins"}:
            who = [s for s, m in zip(("first", "second"), sides.marks, strict=True) if m in column.words]
            who += ["tie"] if "tie" in column.words else []
            found |= {who[0]: column.path} if len(who) == 1 else {}
    if not {"first", "second"} <= found.keys():
        return None
    return Judgement("counts", {"counts": found}, True, f"{quoted(found.values())} count the votes")


def _series(free: list[Column], sides: Sides) -> Judgement | None:
    """Several people's votes: fields with the same values in them."""
    codes = [c for c in free if c.kind == "code" and (_names_sides(c) or (c.numbers and {*c.numbers} <= SMALL))]
    groups: dict[tuple[str, ...], list[Column]] = {}
    for column in codes:
        if column.called(*VERDICTS):
            continue
        groups.setdefault(tuple(column.different), []).append(column)
    several = max(groups.values(), key=len, default=[])
    stems = {tuple(w for w in words_of(c.path) if not w.isdigit()) for c in several}
    numbered = len(stems) == 1
    if len(several) < 2 or (len(several) == 2 and numbered and direction("", next(iter(stems))) != ASK):
        return None
    doubts: list[str] = []
    codes_of = _codes(several[0], sides, False, doubts)
    why = f"{quoted(c.path for c in several)} have the same codes: {', '.join(several[0].different)}"
    return Judgement("votes", {"votes": [c.path for c in several], "codes": codes_of}, numbered, why, doubts)


def _scores(free: list[Column], sides: Sides, columns: Columns) -> Judgement | None:
    """A score for each of the two answers, as the names say."""
    if sides.marks is None:
        return None
    axes: dict[str, Any] = {}
    for one, other, marks in twins([c for c in free if c.numbers], columns):
        better = direction(one.path, one.words)
        if marks == sides.marks and better != ASK:
            name = "_".join(w for w in one.words if w not in marks)
            axes[name] = {"field": [one.path, other.path], "better": better}
    if not axes:
        return None
    return Judgement("scores", axes, True, f"each has a score of its own: {', '.join(axes)}")


def _one(column: Column, sides: Sides, named: bool) -> Judgement | None:
    """One field's judgement: a grade, or a label."""
    seen = f"'{column.path}' is one of {', '.join(column.different[:6])}"
    doubts: list[str] = []
    numbers = {*column.numbers}
    if not numbers:
        if column.kind != "flag" and not _names_sides(column) and not named:
            return None
        if column.kind == "code" and any(_is_grade(value) for value in column.different):
            return Judgement("words", {"grade": column.path, "codes": _word_grades(column, sides)}, named, seen)
    elif not numbers <= SMALL or min(numbers) < -1 or (named and column.called(*DEGREES)):
        return _grade(column, sides, named)
    codes = _codes(column, sides, named, doubts)
    kind = "label" if len(codes) == 2 and "tie" not in codes.values() else "votes"
    where = {"label": column.path} if kind == "label" else {"votes": column.path}
    return Judgement(kind, {**where, "codes": codes}, named, seen, doubts)


def _codes(column: Column, sides: Sides, named: bool, doubts: list[str]) -> dict[Any, str]:
    """What each value says, as far as the names of the fields and the values tell."""
    codes: dict[Any, str] = {}
    for value in sorted({code_of(v) for v in column.values}):
        marks = [m in words_of(value) for m in sides.marks or ()]
        if not column.numbers and TIE.search(value):
            said = "tie"
        else:
            told = named or SAYS.search(value) is not None
            said = ("first", "second")[marks.index(True)] if told and marks.count(True) == 1 else ASK
        key: Any = int(value) if re.fullmatch(r"-?\d+", value) else value
        codes[key] = said
    if asked := [str(value) for value, said in codes.items() if said == ASK]:
        doubts.append(
            f"what {quoted(asked)} in '{column.path}' says: first ('{sides.first}') or second ('{sides.second}') is "
            "better, or tie"
        )
    return codes


def _grade(column: Column, sides: Sides, named: bool) -> Judgement | None:
    low, high = min(column.numbers), max(column.numbers)
    slack = 0.02 * (high - low)
    rest: dict[Any, str] = {}
    if sides.marks == ("1", "2") and named and all(n == 0 or 1 - slack <= n <= 2 + slack for n in column.numbers):
        ends = (1.0, 2.0)
        rest = {0: ASK} if low == 0 else {}
    elif low < 0 < high:
        ends = (-max(-low, high), max(-low, high))
    elif named or any(abs(low - a) <= slack and abs(high - b) <= slack for a, b in ((1, 2), (0, 1))):
        ends = (round(low, 1), round(high, 1))
    else:
        return None
    told = named and sides.marks is not None and [code_of(end) for end in ends] == [*sides.marks]
    scale: dict[str, Any] = dict(zip(("first", "second"), (_whole(end) for end in ends), strict=True))
    doubts = [f"what 0 in '{column.path}' says: 0 for a tie, above 0 for the first, below for the second"] * bool(rest)
    if not told:
        doubts.append(f"which end of '{column.path}' ({ends[0]:g} to {ends[1]:g} here) says that the first is better")
        scale = {"first": ASK, "second": ASK}
    mapping = {"grade": column.path, "scale": scale, **({"codes": rest} if rest else {})}
    why = f"'{column.path}' goes from {low:g} to {high:g} and says how much"
    return Judgement("grade", mapping, named, why, doubts)


def _whole(number: float) -> int | float:
    return int(number) if number.is_integer() else number


def _is_grade(value: str) -> bool:
    """Whether a value says in words which is better and by how much."""
    degree = MUCH.search(value) or SLIGHTLY.search(value)
    return degree is not None and VERDICT.search(value.replace("-", " ").replace("_", " ")) is not None


def _word_grades(column: Column, sides: Sides) -> dict[str, Any]:
    """Grades in words -> their strength, where the words say which answer they are of."""
    grades: dict[str, Any] = {}
    for value in column.different:
        words = words_of(value)
        marks = [mark in words for mark in sides.marks or ()]
        strength = 3 if MUCH.search(value) else 1 if SLIGHTLY.search(value) else 2
        if marks.count(True) != 1:
            grades[value] = 0 if TIE.search(value) else ASK
        else:
            sign = (1 if marks[0] else -1) * (-1 if "worse" in words else 1)
            grades[value] = sign * strength if {"better", "worse", "wins", "preferred"} & {*words} else ASK
    return grades
