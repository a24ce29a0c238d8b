"""The ends of a scale of scores, and the few numbers outside of it that may mean that nobody judged: 0, -1 or 99."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from unipref.core.terminal import show_name
from unipref.unify.detection.columns import Column, Columns, to_finite_number
from unipref.unify.detection.concerns import PLACEHOLDER
from unipref.unify.detection.missing_scores import STARS
from unipref.unify.detection.names import COUNT_NAMES, COUNT_OPPOSITES

OF_STARS = (1.0, 5.0)
USUAL_SCALES = ((1, 5), (1, 3), (1, 4), (1, 6), (1, 7), (1, 10), (0, 1), (-1, 1), (0, 5), (0, 10), (0, 100), (1, 100))
"""Ends of scales of scores that people use."""
MAX_STRAY_SHARE, MAX_STRAY_ROWS = 0.05, 2
"""Most rows with a number outside of the scale: this share of them, or this many in a short file."""
MAX_STRAY = 3
"""Most different numbers outside of the scale."""
MIN_INSIDE = 3
"""Least number of different values of a scale with both of its ends."""
PLACES = {"rank", "ranks", "ranking", "place", "position", "order"}


@dataclass(frozen=True)
class Ends:
    """The ends of a scale.

    Attributes:
        low, high: of most numbers.
        stray: number outside of them -> its rows.
        is_certain: whether the name of the field says that these are the ends.
    """

    low: float
    high: float
    stray: dict[float, int]
    is_certain: bool

    @property
    def shown(self) -> str:
        """The numbers outside of the scale, for a doubt."""
        return ", ".join(f"{n:g} ({c} row{'s' * (c > 1)})" for n, c in self.stray.items())


def find_ends(words: Iterable[str], numbers: Iterable[float]) -> Ends | None:
    """Returns the ends of a scale; None if neither its name nor a few numbers outside of a usual scale tell them.

    Args:
        words: of the name.
        numbers: of all rows.
    """
    counts, names = Counter(numbers), {*words}
    if not counts or names & (COUNT_NAMES | COUNT_OPPOSITES | PLACES):
        return None
    if names & STARS and (ends := _split(counts, *OF_STARS, is_certain=True)) is not None:
        return ends
    fitting = [ends for low, high in USUAL_SCALES if (ends := _split(counts, low, high, is_certain=False)) is not None]
    fitting = [ends for ends in fitting if ends.stray and _has_both_ends(counts, ends)]
    # A scale whose numbers go from end to end may have few high ones; a rare 0 below 1 may be none of them.
    covers = any({min(counts), max(counts)} == {low, high} for low, high in USUAL_SCALES)
    fitting = [ends for ends in fitting if not covers or min(ends.stray) < ends.low]
    return fitting[0] if fitting else None


def _split(counts: Counter[float], low: float, high: float, *, is_certain: bool) -> Ends | None:
    """Returns ends with the numbers outside of them; None if these are too many."""
    stray = {number: counts[number] for number in sorted(counts) if not low <= number <= high}
    most = max(MAX_STRAY_ROWS, MAX_STRAY_SHARE * counts.total())
    if len(stray) > MAX_STRAY or 2 * len(stray) > len(counts) or sum(stray.values()) > most:
        return None
    return Ends(low, high, stray, is_certain)


def _has_both_ends(counts: Counter[float], ends: Ends) -> bool:
    inside = [number for number in counts if number not in ends.stray]
    return len(inside) >= MIN_INSIDE and min(inside) == ends.low and max(inside) == ends.high


def add_ends(columns: Columns, mapping: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Adds the ends of their scales to the scores of a mapping; returns the mapping and the doubts."""
    scores = mapping.get("scores")
    if not isinstance(scores, dict):
        return mapping, []
    new, doubts = dict(scores), []
    for axis, spec in scores.items():
        if not isinstance(spec, dict) or {"low", "high"} & spec.keys() or spec.get("pattern") == PLACEHOLDER:
            continue
        mine = _find_columns(columns, spec.get("field"), mapping.get("answers"))
        ends, more = guess_ends(mine) if mine else ({}, [])
        is_coded = any(score is not None for score in spec.get("codes", {}).values())
        new[axis] = spec if is_coded else {**spec, **ends}
        doubts += [] if is_coded else more
    return {**mapping, "scores": new}, doubts


def _find_columns(columns: Columns, field: Any, answers: Any) -> list[Column]:
    """Returns the columns of numbers that a score's field names: alone, one per person, or inside the answers."""
    inside = {path: column for column, path, _ in columns.inside}
    found = []
    for path in [field] if isinstance(field, str) else field if isinstance(field, list) else []:
        places = (path, f"{answers}.*.{path}", path.removesuffix(".*"))
        column = next((c for place in places if (c := columns.find(place) or inside.get(place)) is not None), None)
        if column is not None:
            found.append(column)
    return found


def _list_numbers(column: Column) -> list[float]:
    if column.kind == "numbers":
        return [float(number) for value in column.values for number in value if to_finite_number(number) is not None]
    return column.numbers


def guess_ends(several: Sequence[Column]) -> tuple[dict[str, Any], list[str]]:
    """Returns the settings `low` and `high` of a score and the doubts; asks for them if few numbers lie outside.

    Args:
        several: the columns with its numbers, one per person or answer.
    """
    numbers = [number for column in several for number in _list_numbers(column)]
    words, path = several[0].words, "', '".join(show_name(column.path) for column in several)
    ends = find_ends(words, numbers)
    if ends is None:
        zeros = numbers.count(0.0)
        if {*words} & STARS and zeros and not {*words} & (COUNT_NAMES | COUNT_OPPOSITES):
            doubt = f"whether 0 in '{path}' ({zeros} rows) is a judgement: it may mean that nobody rated the answer"
            return {"low": PLACEHOLDER}, [doubt]
        return {}, []
    scale = f"'{path}' goes from {ends.low:g} to {ends.high:g}"
    if ends.is_certain:
        out = f"rows with {ends.shown}" if ends.stray else "other numbers"
        return {"low": _plain(ends.low), "high": _plain(ends.high)}, [f"that {scale}: {out} are rejected"]
    doubt = (
        f"whether {scale}, and {ends.shown} mean that nobody judged: set 'low' and 'high', so that other numbers are "
        "rejected"
    )
    return {"low": PLACEHOLDER, "high": PLACEHOLDER}, [doubt]


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) else number
