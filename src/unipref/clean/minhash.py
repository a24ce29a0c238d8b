"""MinHash with locality-sensitive hashing: proposes pairs of sets of shingles that may be near-duplicates.

A. Broder, "On the resemblance and containment of documents" (1997). The signatures are rensa's R-MinHash, split into
bands of rows. Two sets with Jaccard similarity J share a band with probability 1 - (1 - J^rows)^bands.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from unipref.core.errors import needs_extra
from unipref.core.work_progress import show_items

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RECALL = 0.999
"""Least probability that two sets with the threshold similarity share a band."""
MAX_NEIGHBOURS = 16
"""Of many sets that share a band, each is paired only with the first and with this many before it."""
SEED = 20240607


def check_rensa(where: str) -> None:
    """Raises UserError unless rensa is installed."""
    try:
        import rensa  # noqa: F401
    except ImportError:
        raise needs_extra("rensa", "dedup", where) from None


def bands_and_rows(threshold: float, permutations: int) -> tuple[int, int]:
    """Returns (bands, rows): the most rows per band, hence the fewest false candidates, with recall `RECALL`."""
    for rows in range(permutations, 1, -1):
        bands = permutations // rows
        if 1 - (1 - threshold**rows) ** bands >= RECALL:
            return bands, rows
    return permutations, 1


class Sketches:
    """Stores sets of shingles as bands of their MinHash signatures: four bytes per band and set.

    Args:
        threshold: least Jaccard similarity of the pairs to find.
        permutations: length of the signatures.
    """

    def __init__(self, threshold: float, permutations: int) -> None:
        self._permutations = permutations
        self._n_bands, self._n_rows = bands_and_rows(threshold, permutations)
        self._bands: list[npt.NDArray[np.uint32]] = []

    def compute(self, shingles: "npt.NDArray[np.uint64]", counts: "npt.NDArray[np.int64]") -> "npt.NDArray[np.uint32]":
        """Computes the bands of some sets, and stores nothing: (n, number of bands).

        Args:
            shingles: (sum of counts,) hashes, set after set; repeats are harmless.
            counts: (n,) number of hashes per set, at least one.
        """
        import numpy as np
        import rensa

        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
        digests = rensa.RMinHash.digest_matrix_from_flat_token_hashes(shingles, offsets, self._permutations, SEED)
        signatures = np.array(digests.to_rows(), dtype=np.uint64).reshape(len(counts), self._permutations)
        used = signatures[:, : self._n_bands * self._n_rows].reshape(len(counts), self._n_bands, self._n_rows)
        key = np.zeros((len(counts), self._n_bands), dtype=np.uint64)
        for row in range(self._n_rows):
            key = (key ^ used[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(32)
        return key.astype(np.uint32)

    def empty(self) -> "npt.NDArray[np.uint32]":
        """Returns the bands of no set: (0, number of bands)."""
        import numpy as np

        return np.empty((0, self._n_bands), dtype=np.uint32)

    def add(self, bands: "npt.NDArray[np.uint32]") -> None:
        """Adds some sets by their bands."""
        self._bands.append(bands)

    def find_candidates(self, shown: str = "") -> "CandidatePairs":
        """Returns the pairs of sets that share a band, up to `MAX_NEIGHBOURS` per set and band.

        Args:
            shown: what to report the progress as, band by band; empty: nothing is reported.
        """
        import numpy as np

        bands = np.concatenate([self.empty(), *self._bands])
        pairs, times = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
        for band in show_items(range(self._n_bands), shown):
            new = _pairs_with_same_key(bands[:, band])
            if len(new):
                pairs, place = np.unique(np.concatenate([pairs, new]), return_inverse=True)
                added = np.concatenate([times, np.ones(len(new), dtype=np.int64)])
                times = np.bincount(place, weights=added, minlength=len(pairs)).astype(np.int64)
        return CandidatePairs(pairs, times)


def _pairs_with_same_key(keys: "npt.NDArray[np.uint32]") -> "npt.NDArray[np.uint64]":
    """Returns (m,) different pairs of sets with the same key, the later set in the upper half of 64 bits."""
    import numpy as np

    order = np.argsort(keys, kind="stable").astype(np.uint64)
    ordered = keys[order]
    pairs = []
    for step in range(1, min(MAX_NEIGHBOURS, len(keys) - 1) + 1):
        same = ordered[step:] == ordered[:-step]
        if not same.any():
            break
        pairs.append(order[step:][same] << np.uint64(32) | order[:-step][same])
    if not pairs:
        return np.empty(0, dtype=np.uint64)
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first = np.maximum.accumulate(np.where(starts, np.arange(len(keys)), 0))
    far = np.flatnonzero(np.arange(len(keys)) - first > MAX_NEIGHBOURS)
    pairs.append(order[far] << np.uint64(32) | order[first[far]])
    return np.unique(np.concatenate(pairs))


class CandidatePairs:
    """Pairs of sets that share a band, by number.

    Args:
        pairs: (m,) different pairs, the later set in the upper half of 64 bits.
        times: (m,) number of bands that the two sets share.
    """

    def __init__(self, pairs: "npt.NDArray[np.uint64]", times: "npt.NDArray[np.int64]") -> None:
        import numpy as np

        later, earlier = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF)
        order = np.lexsort((earlier, -times, later))
        self._later, self._earlier = later[order].astype(np.int64), earlier[order].astype(np.int64)

    def __len__(self) -> int:
        """Returns the number of sets with an earlier one, those that are iterated."""
        return len(set(self._later.tolist()))

    def members(self) -> list[int]:
        """Returns every set that is in a pair, ascending."""
        import numpy as np

        numbers: list[int] = np.union1d(self._later, self._earlier).tolist()
        return numbers

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        """Yields (set, earlier sets), sets ascending; the earlier sets that share most bands come first."""
        import numpy as np

        cuts = (np.flatnonzero(np.diff(self._later)) + 1).tolist()
        edges = [0, *cuts, len(self._later)] if len(self._later) else []
        for start, end in pairwise(edges):
            yield int(self._later[start]), self._earlier[start:end].tolist()
