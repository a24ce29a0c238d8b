"""What the values of one field say of two answers: a side, a tie, a grade, or a question."""

import re
from typing import Any

from unipref.unify.detection.columns import Column
from unipref.unify.detection.guess import PLACEHOLDER, quote_names
from unipref.unify.detection.names import BAD_NAMES, LOW_IS_BETTER, NEGATIONS, VERDICT_NAMES
from unipref.unify.detection.side_words import WORSE, SideWord, names_a_side, read_side
from unipref.unify.detection.two_answers import Sides
from unipref.unify.detection.verdict_words import is_blank
from unipref.unify.mapping.codes import to_code

MAX_SIDE_VALUES = 24
"""Most different values of a field that names one of two answers."""


def is_winner_name(column: Column) -> bool:
    """Whether the name says that the value is the better answer: `winner`, but not `least_preferred`."""
    blame = NEGATIONS | BAD_NAMES | WORSE | (LOW_IS_BETTER - {"rank"})
    return column.has_name(*VERDICT_NAMES) and not {*column.words} & (blame | {"count", "reason", "time"})


def is_short(column: Column) -> bool:
    """Whether the values are few and short, as names of answers are."""
    return column.n_distinct <= MAX_SIDE_VALUES and column.mean_length <= 40


def have_sides(column: Column) -> bool:
    """Whether all values name one of two answers, or are blank."""
    return not column.numbers and all(names_a_side(value) or is_blank(value) for value in column.distinct_values)


def short_names(sides: Sides) -> list[str]:
    """The last parts of the paths of the two answers."""
    return [path.rsplit(".", 1)[-1] for path in (sides.first, sides.second)]


def guess_side_codes(
    column: Column, sides: Sides, named: bool, doubts: list[str]
) -> tuple[dict[Any, str], dict[Any, SideWord]]:
    """Maps each value to first, second or tie; `PLACEHOLDER` where the names of fields and values do not tell.

    Numbers tell it only if they are exactly the marks in the names of the two answers: 1 can be the second from 0.
    """
    values = sorted({to_code(v) for v in column.values})
    is_marked = bool(column.numbers) and {*values} == {*(sides.marks or ())}
    codes: dict[Any, str] = {}
    words: dict[Any, SideWord] = {}
    for value in values:
        if is_blank(value):
            doubts.append(f"rows with '{value}' in '{column.path}' are rejected, because it names no answer")
            continue
        word = read_side(value, sides.marks, short_names(sides))
        if column.numbers and not is_marked:
            word = SideWord(None)
        side = word.side if word.side is not None and (named or word.speaks) else PLACEHOLDER
        key: Any = int(value) if re.fullmatch(r"-?\d+", value) else value
        codes[key], words[key] = side, word
    if unclear := [str(value) for value, side in codes.items() if side == PLACEHOLDER]:
        doubts.append(
            f"which answer each of {quote_names(unclear)} in '{column.path}' stands for: first ('{sides.first}'), "
            f"second ('{sides.second}') or tie"
        )
    return codes, words


def guess_word_grades(words: dict[Any, SideWord]) -> dict[Any, Any]:
    """Maps grades in words to their strength; `PLACEHOLDER` where the words do not say which answer is better."""
    signs = {"first": 1, "second": -1, "tie": 0}
    return {
        value: PLACEHOLDER
        if word.side is None or not (word.speaks or word.side == "tie")
        else signs[word.side] * (word.strength or 2)
        for value, word in words.items()
    }
