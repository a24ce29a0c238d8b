"""Exact repeats: preferences with the same prompt and answers, in any source, with the same or the opposite label."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import xxhash

from unipref.core import parquet
from unipref.core.messages import identify_parts
from unipref.core.records import Message


class ExactRepeats:
    """Finds repeated texts. Memory per preference: a hash of 16 bytes and its row number.

    Attributes:
        first_of: row number of a repeat -> that of the first preference with the same texts.
        opposite: row numbers of two first preferences, each with the chosen answer of the other as its rejected one.
    """

    def __init__(self) -> None:
        self.first_of: dict[int, int] = {}
        self.opposite: list[tuple[int, int]] = []
        self._first: dict[bytes, int] = {}

    def add(self, place: int, texts: bytes, turned: bytes | None) -> None:
        """Adds the preference of a row number, by what `hash_sides` returns for it."""
        first = self._first.setdefault(texts, place)
        if first != place:
            self.first_of[place] = first
        elif turned is not None:
            other = self._first.get(turned)
            if other is not None:
                self.opposite.append((other, place))


SIDES = ("prompt", "chosen", "rejected")


def hash_sides(row: Mapping[str, Any]) -> tuple[bytes, bytes | None]:
    """Hashes the texts of a preference, and the same with chosen and rejected exchanged: 16 bytes each.

    The second is None if one answer is missing or both are equal.
    """
    prompt, chosen, rejected = ([_identify(turn) for turn in row[side] or []] for side in SIDES)
    has_opposite = bool(chosen and rejected) and chosen != rejected
    return _hash(prompt, chosen, rejected), _hash(prompt, rejected, chosen) if has_opposite else None


def _hash(*texts: Any) -> bytes:
    return xxhash.xxh3_128_digest(repr([*texts]).encode())


def _identify(turn: Message) -> tuple[Any, ...]:
    """Returns what makes two turns the same: their role and text, and their parts if they have any."""
    parts = identify_parts(turn) if len(turn) > 2 else None
    return (turn["role"], turn["content"], parts) if parts else (turn["role"], turn["content"])


class Loser(NamedTuple):
    """A preference that the judgements hold less probable than one with the opposite label.

    Attributes:
        place: its row number.
        other: the id of the other one.
    """

    place: int
    other: str


def find_losers(preferences: Path, opposite: list[tuple[int, int]], copies: Mapping[int, list[int]]) -> Iterator[Loser]:
    """Yields which of two preferences with opposite labels must go: the one with the lower confidence; if neither has
    one, that with fewer judgements. Where nothing tells which label is right, both must.

    Labels of different objectives do not contradict each other.

    Args:
        preferences: their file.
        opposite: row numbers of two preferences each.
        copies: row number -> those of the later preferences with the same texts.
    """
    wanted = {place for pair in opposite for first in pair for place in (first, *copies.get(first, ()))}
    columns = ["id", "objective", "confidence", "n_judgements"]
    rows: dict[int, dict[str, Any]] = {}
    shown = "comparing opposite labels"
    for place, row in enumerate(parquet.read_rows(preferences, columns, shown=shown) if wanted else ()):
        if place in wanted:
            rows[place] = row
    for one, other in opposite:
        sides = [_by_objective(rows, (place, *copies.get(place, ()))) for place in (one, other)]
        for objective in (one for one in sides[0] if one in sides[1]):
            ours, theirs = (side[objective] for side in sides)
            lead = _compare(rows[ours[0]]["confidence"], rows[theirs[0]]["confidence"])
            if lead is None:
                votes, against = (sum(rows[place]["n_judgements"] for place in side) for side in (ours, theirs))
                lead = votes - against
            # A copy goes as a duplicate, but its judgements count.
            if lead <= 0 and ours[0] == one:
                yield Loser(one, rows[theirs[0]]["id"])
            if lead >= 0 and theirs[0] == other:
                yield Loser(other, rows[ours[0]]["id"])


def _by_objective(rows: Mapping[int, Mapping[str, Any]], places: Iterable[int]) -> dict[Any, list[int]]:
    """Returns objective -> the row numbers of preferences with the same texts."""
    found: dict[Any, list[int]] = {}
    for place in places:
        found.setdefault(rows[place]["objective"], []).append(place)
    return found


def _compare(first: float | None, second: float | None) -> float | None:
    """Returns how much more probable the first label is than the second, the opposite one; None if nothing tells."""
    if first is None:
        return None if second is None else 1 - 2 * second
    return 2 * first - 1 if second is None else first - second
