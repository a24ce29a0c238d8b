"""Deita: ranks by quality, then keeps each candidate that is far enough from those already kept."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.core.one_thread import limit_to_one_thread
from unipref.core.work_progress import show_starts
from unipref.select.allocation import Allocation
from unipref.select.combined_quality import Grades, QualityStrategy
from unipref.select.embedding.embed import EmbedsPrompts

if TYPE_CHECKING:
    import numpy.typing as npt

ROWS_AT_ONCE = 512


class Deita(EmbedsPrompts, QualityStrategy):
    """Goes from the best candidate to the worst and keeps each that is far enough from those already kept.

    A candidate is kept when 1 - cos(its prompt, p) >= `min_distance` for every prompt p kept before it, of any source.
    So it drops copies and near-copies of a good preference, and keeps the best of several preferences with one prompt.
    If too few candidates are far enough, the budget is not met, and the shortfall is reported.

    Source: Liu et al. 2023, arXiv 2312.15685 (score first, then the filter "Repr", with a threshold of 0.9). There the
    score is complexity times quality from two trained scorers, and the whole dialogue is embedded; here `quality`
    defines quality, and the prompt is embedded.
    """

    example: ClassVar = {"settings": {"fraction": 0.4}}

    min_distance: float = Field(default=0.1, ge=0, le=2)
    """Smallest cosine distance to the kept candidates, in [0, 2]; 0 keeps copies too."""

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects the best that are far enough from one another, ties by id; unscored after scored candidates."""
        grades = self.grade(candidates, seed)
        allocation = self.allocate(candidates, grades.always_kept, grades.notes)
        greedy = GreedyFilter(candidates.embed(self.embedder), allocation, self.min_distance)
        ranked = np.flatnonzero(allocation.competing)
        ranked = ranked[np.lexsort((allocation.ids[ranked], -grades.priorities[ranked], grades.unscored[ranked]))]
        greedy.run(ranked, allocation.strata * 2 + grades.unscored, _compute_limits(allocation, grades))
        if allocation.in_tokens:
            # Tokens that no whole candidate of a part fits go to any candidate that is far enough and still fits.
            rest = ranked[~greedy.kept[ranked] & (greedy.blocked_by[ranked] < 0)]
            left = allocation.quotas.sum() - allocation.costs[ranked][greedy.kept[ranked]].sum()
            greedy.run(rest, np.zeros_like(allocation.strata), left)
        is_blocked = greedy.blocked_by >= 0
        excluded = np.where(is_blocked, f"nearer than {self.min_distance:g} to a better one that is kept", "")
        blocked_by = (
            np.where(is_blocked, allocation.ids[greedy.blocked_by], "")
            if len(ranked)
            else np.full(len(allocation.ids), "")
        )
        columns = {**grades.columns, "blocked_by": blocked_by, "distance": greedy.distances}
        return allocation.use_mask(greedy.kept, grades.unscored.astype(np.int64), grades.priorities, columns, excluded)


class GreedyFilter:
    """Keeps candidates one by one, from the best to the worst.

    Args:
        vectors: (n, d) unit rows, or zero.
        allocation: candidates that do not compete are kept from the start.
        min_distance: smallest cosine distance to the kept candidates.

    Attributes:
        kept: (n,) mask.
        blocked_by: (n,) position of the kept candidate that each is too near to, -1 if there is none.
        distances: (n,) distance to the nearest candidate kept before; NaN if there is none, or if it was not computed
            because the budget of its part was spent.
    """

    def __init__(self, vectors: "npt.NDArray[np.float32]", allocation: Allocation, min_distance: float) -> None:
        self.vectors, self.costs, self.min_distance = vectors, allocation.costs, min_distance
        self.kept = ~allocation.competing
        self.blocked_by = np.full(len(allocation.ids), -1)
        self.distances = np.full(len(allocation.ids), np.nan)

    def run(
        self, ranked: "npt.NDArray[np.int64]", parts: "npt.NDArray[np.int64]", limits: "npt.NDArray[np.float64]"
    ) -> None:
        """Goes through candidates in order.

        Args:
            ranked: positions, the best first.
            parts: (n,) the part whose budget a candidate costs.
            limits: the budget of each part, in costs.
        """
        left = np.atleast_1d(limits).astype(np.float64) + 1e-6
        kept = np.flatnonzero(self.kept).tolist()
        # One thread: with several, the last bits of sums differ from run to run.
        with limit_to_one_thread():
            for start in show_starts(len(ranked), ROWS_AT_ONCE, "comparing with the kept"):
                block = ranked[start : start + ROWS_AT_ONCE]
                block = block[self.costs[block] <= left[parts[block]]]
                nearest, cosines = _find_nearest(self.vectors, block, np.array(kept, dtype=np.int64))
                within_block = self.vectors[block] @ self.vectors[block].T
                for i, row in enumerate(block):
                    if self.costs[row] > left[parts[row]]:
                        continue
                    if nearest[i] >= 0:
                        self.distances[row] = 1 - cosines[i]
                        if round(float(self.distances[row]), 6) < self.min_distance:
                            self.blocked_by[row] = nearest[i]
                            continue
                    kept.append(int(row))
                    self.kept[row] = True
                    left[parts[row]] -= self.costs[row]
                    later = i + 1 + np.flatnonzero(within_block[i, i + 1 :] > cosines[i + 1 :])
                    nearest[later], cosines[later] = row, within_block[i, later]


def _compute_limits(allocation: Allocation, grades: Grades) -> "npt.NDArray[np.float64]":
    """Computes (2k,) quotas of the scored and the unscored of each stratum, in proportion to their costs."""
    parts = allocation.strata[allocation.competing] * 2 + grades.unscored[allocation.competing]
    sizes = np.bincount(parts, allocation.costs[allocation.competing], minlength=2 * len(allocation.quotas)).astype(
        np.float64
    )
    unscored = np.floor(allocation.quotas * sizes[1::2] / np.maximum(sizes[::2] + sizes[1::2], 1) + 0.5)
    unscored = np.minimum(unscored, allocation.quotas)
    return np.stack([allocation.quotas - unscored, unscored], axis=1).ravel()


def _find_nearest(
    vectors: "npt.NDArray[np.float32]", rows: "npt.NDArray[np.int64]", kept: "npt.NDArray[np.int64]"
) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]":
    """Finds, for each row, the kept one with the highest cosine, -1 if nothing is kept; and that cosine."""
    nearest = np.full(len(rows), -1, dtype=np.int64)
    cosines = np.full(len(rows), -np.inf, dtype=np.float32)
    for start in range(0, len(kept), 2**14):
        part = kept[start : start + 2**14]
        similarities = vectors[rows] @ vectors[part].T
        best = similarities.argmax(axis=1) if len(rows) else np.array([], dtype=np.int64)
        values = similarities[np.arange(len(rows)), best]
        nearest = np.where(values > cosines, part[best], nearest)
        cosines = np.maximum(cosines, values)
    return nearest, cosines
