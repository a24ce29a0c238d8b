"""Exact duplicates: preferences with the same prompt, chosen and rejected texts, in any source."""

from typing import Any

import xxhash

from unipref.core.messages import identify_parts
from unipref.core.records import Message, Messages


class ExactDuplicates:
    """Finds repeated texts. Memory per preference: a hash of 16 bytes and its row number."""

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}

    def find_twin(self, place: int, row: dict[str, Any]) -> int | None:
        """Returns the row number of the first preference with the same texts; None if this is the first."""
        sides: list[Messages | None] = [row["prompt"], row["chosen"], row["rejected"]]
        turns = [[_identify(turn) for turn in side or []] for side in sides]
        first = self._first.setdefault(xxhash.xxh3_128_digest(repr(turns).encode()), place)
        return None if first == place else first


def _identify(turn: Message) -> tuple[Any, ...]:
    """Returns what makes two turns the same: their role and text, and their parts if they have any."""
    parts = identify_parts(turn) if len(turn) > 2 else None
    return (turn["role"], turn["content"], parts) if parts else (turn["role"], turn["content"])
