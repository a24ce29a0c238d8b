"""Holds texts as hashes in a flat array: 16 bytes per text."""

from typing import TYPE_CHECKING

from unipref.core.text_keys import text_hash

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WIDTH = 16
"""Number of bytes of a hash."""


class HashColumn:
    """The hash of one text per preference."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, content: str) -> None:
        """Appends the hash of a text."""
        self._bytes += text_hash(content)

    def merge(self, other: "HashColumn") -> None:
        """Appends the hashes of later preferences."""
        self._bytes += other._bytes

    def number_hashes(self) -> "npt.NDArray[np.int64]":
        """Returns (n,) numbers from 0, equal for equal hashes."""
        import numpy as np

        halves = np.frombuffer(bytes(self._bytes), dtype=np.uint64).reshape(-1, 2)
        order = np.lexsort((halves[:, 1], halves[:, 0]))
        ordered = halves[order]
        steps = np.any(ordered[1:] != ordered[:-1], axis=1)
        numbers = np.empty(len(halves), dtype=np.int64)
        numbers[order] = np.concatenate([[0], np.cumsum(steps)])[: len(halves)]
        return numbers
