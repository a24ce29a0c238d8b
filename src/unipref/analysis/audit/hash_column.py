"""Text as hashes, held in flat arrays: 16 bytes per text, whatever its length."""

from typing import TYPE_CHECKING

from unipref.core.text_keys import text_hash

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WIDTH = 16
"""Bytes of a hash."""


class Column:
    """One number per preference: the hash of a text, held as 16 bytes, later numbered."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, content: str) -> None:
        """Appends the hash of a text."""
        self._bytes += text_hash(content)

    def numbered(self) -> "npt.NDArray[np.int64]":
        """(n,) the same number for the same hash, from 0."""
        import numpy as np

        halves = np.frombuffer(bytes(self._bytes), dtype=np.uint64).reshape(-1, 2)
        order = np.lexsort((halves[:, 1], halves[:, 0]))
        ordered = halves[order]
        steps = np.any(ordered[1:] != ordered[:-1], axis=1)
        numbers = np.empty(len(halves), dtype=np.int64)
        numbers[order] = np.concatenate([[0], np.cumsum(steps)])[: len(halves)]
        return numbers
