"""Recognises fields that say where each of two answers stood: `shown_left`, `swapped`. Labels can mean these places."""

from collections.abc import Sequence

from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import PICKED_NAMES
from unipref.unify.detection.side_words import BETTER, WORSE
from unipref.unify.detection.two_answers import Sides

SHOWN = {"shown", "displayed", "presented", "presentation", "display", "position", "positions", "placement", "slot"}
SWAPPED = {
    *("swapped", "swap", "swapped", "flipped", "flip", "reversed", "switched", "permuted", "permutation", "shuffled"),
    *("randomized", "randomised", "order", "ordering", "mirrored"),
}
PLACES = {"left", "right", "top", "bottom", "first", "second", "upper", "lower"}
"""Words in the names of fields, or in labels, that name a place on the screen."""
MAX_NAME = 40
"""Most characters, on average, of the name of an answer or of its model."""
MAX_PLACES = 4
"""Most different values of a field that says where an answer stood."""


def find_places(columns: Columns, sides: Sides, labels: Sequence[str], are_places: bool) -> Column | None:
    """Returns the field that says where the answers stood in each row; None if there is none.

    Args:
        columns: of the rows.
        sides: the two answers.
        labels: paths of the fields that judge them.
        are_places: whether the labels name places: then any field with the word of a place can say who stood there.
    """
    marks = {*(sides.marks or ()), *sides.first.lower().split("."), *sides.second.lower().split(".")}
    if (listed := _find_listed_places(columns)) is not None:
        return listed
    for column in columns.of_kind("code", "flag", "text"):
        words = {*column.words}
        if column.path in (*labels, sides.first, sides.second, *sides.prompt) or words & (BETTER | WORSE):
            continue
        is_about_places = are_places or column.kind == "flag" or _names_answers(column, marks)
        if column.n_distinct < 2 or column.mean_length > MAX_NAME:
            continue
        few = column.n_distinct <= MAX_PLACES
        if (few and words & (SHOWN | SWAPPED)) or (words & PLACES and is_about_places):
            return column
    return None


def _find_listed_places(columns: Columns) -> Column | None:
    """Returns the first items of the lists that say in which order the answers were shown; None without such lists."""
    for column in columns.of_kind("texts", "numbers"):
        if not {*column.words} & (SHOWN | SWAPPED) or {*column.words} & (BETTER | WORSE):
            continue
        items = {tuple(sorted(map(str, value))) for value in column.values}
        first = [str(value[0]) for value in column.values]
        if len(items) == 1 and len(items.pop()) == len({*first}) > 1:
            return Column(f"{column.path}.0", "code", first, column.rows, column.share)
    return None


def _names_answers(column: Column, marks: set[str]) -> bool:
    """Whether the values are the names, or the marks in the names, of the answers."""
    return all(value.strip().lower() in marks for value in column.distinct_values)


def name_places(values: Sequence[str], sides: Sides) -> bool:
    """Whether labels can mean places: they are no parts of the answers' own names."""
    own = {*split_words(sides.first), *split_words(sides.second)}
    words = {word for value in values for word in split_words(value)}
    return bool(words & PLACES) and not words & PLACES & own


def names_places(column: Column) -> bool:
    """Whether the name of a field says that it tells where answers stood, such as `display_order`."""
    return bool({*column.words} & (SHOWN | SWAPPED)) and not {*column.words} & PICKED_NAMES
