"""Exact duplicates: preferences with the same prompt, chosen and rejected texts, in any source."""

from typing import Any

import xxhash

from unipref.core.records import Messages


class ExactDuplicates:
    """Finds repeated texts. Memory per preference: a hash of 16 bytes and its row number."""

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}

    def find_twin(self, place: int, row: dict[str, Any]) -> int | None:
        """Returns the row number of the first preference with the same texts; None if this is the first."""
        sides: list[Messages | None] = [row["prompt"], row["chosen"], row["rejected"]]
        turns = [[(turn["role"], turn["content"]) for turn in side or []] for side in sides]
        first = self._first.setdefault(xxhash.xxh3_128_digest(repr(turns).encode()), place)
        return None if first == place else first
