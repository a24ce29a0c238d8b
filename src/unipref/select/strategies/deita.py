"""Deita: score first, then keep what is far enough from all that is already kept."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.allocation import Allocation
from unipref.select.combined_quality import Graded, QualityStrategy
from unipref.select.embedding.embed import Embedder

if TYPE_CHECKING:
    import numpy.typing as npt

ROWS_AT_ONCE = 512


class Deita(QualityStrategy):
    """Goes from the best candidate to the worst and keeps each that is far enough from what is already kept.

    A candidate is kept when 1 - cos(its prompt, p) >= `min_distance` for every prompt p kept before it, of any source.
    So copies and near-copies of a good preference go, and of several preferences of one prompt the best stays. When no
    candidate is far enough any more, the budget is not met, and the shortfall is reported.

    Source: Liu et al. 2023, arXiv 2312.15685 (score first, then the filter "Repr", with a threshold of 0.9). There the
    score is complexity times quality as two trained scorers give them, and the whole dialogue is embedded; here quality
    is what `quality` says, and the prompt is embedded.
    """

    example: ClassVar = {"settings": {"fraction": 0.4}}

    min_distance: float = Field(default=0.1, ge=0, le=2)
    """The smallest cosine distance to what is kept, in [0, 2]; 0 keeps copies too."""
    embedder: Embedder = "tfidf"
    """`tfidf`, `minilm`, or a folder or hub name of another sentence-transformers model."""

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """The best that are far enough from one another, ties by id; the unscored after the scored."""
        graded = self.graded(candidates, seed)
        plan = self.plan(candidates, graded.passed)
        walk = Walk(candidates.embed(self.embedder), plan, self.min_distance)
        line = np.flatnonzero(plan.rivals)
        line = line[np.lexsort((plan.ids[line], -graded.priorities[line], graded.unscored[line]))]
        walk.go(line, plan.strata * 2 + graded.unscored, _limits(plan, graded))
        if plan.in_tokens:
            # What no whole candidate of its part fills goes to any that is far enough and still fits.
            rest = line[~walk.kept[line] & (walk.near[line] < 0)]
            walk.go(rest, np.zeros_like(plan.strata), plan.granted.sum() - plan.costs[line][walk.kept[line]].sum())
        excluded = np.where(walk.near >= 0, f"nearer than {self.min_distance:g} to a better one that is kept", "")
        near = np.where(walk.near >= 0, plan.ids[walk.near], "") if len(line) else np.full(len(plan.ids), "")
        columns = {**graded.columns, "near": near, "distance": walk.distances}
        return plan.told(walk.kept, graded.unscored.astype(np.int64), graded.priorities, columns, excluded)


class Walk:
    """What is kept on the way down a line.

    Args:
        vectors: (n, d) unit rows, or zero.
        plan: what passes is kept from the start.
        min_distance: the smallest cosine distance to what is kept.

    Attributes:
        kept: (n,) mask.
        near: (n,) position of the kept candidate that each is too near to, -1 where there is none.
        distances: (n,) distance to the nearest that was kept before; NaN where none was, or where it was not looked at
            because the budget of its part was spent.
    """

    def __init__(self, vectors: "npt.NDArray[np.float32]", plan: Allocation, min_distance: float) -> None:
        self.vectors, self.costs, self.min_distance = vectors, plan.costs, min_distance
        self.kept = ~plan.rivals
        self.near = np.full(len(plan.ids), -1)
        self.distances = np.full(len(plan.ids), np.nan)

    def go(
        self, line: "npt.NDArray[np.int64]", parts: "npt.NDArray[np.int64]", limits: "npt.NDArray[np.float64]"
    ) -> None:
        """Walks down a line.

        Args:
            line: positions, the best first.
            parts: (n,) the part whose budget a candidate is paid from.
            limits: the budget of each part, in costs.
        """
        from threadpoolctl import threadpool_limits

        left = np.atleast_1d(limits).astype(np.float64) + 1e-6
        kept = np.flatnonzero(self.kept).tolist()
        # One thread: with several, sums differ in their last bits from run to run.
        with threadpool_limits(limits=1):
            for start in range(0, len(line), ROWS_AT_ONCE):
                block = line[start : start + ROWS_AT_ONCE]
                block = block[self.costs[block] <= left[parts[block]]]
                nearest, cosines = _nearest(self.vectors, block, np.array(kept, dtype=np.int64))
                among = self.vectors[block] @ self.vectors[block].T
                for i, row in enumerate(block):
                    if self.costs[row] > left[parts[row]]:
                        continue
                    if nearest[i] >= 0:
                        self.distances[row] = 1 - cosines[i]
                        if round(float(self.distances[row]), 6) < self.min_distance:
                            self.near[row] = nearest[i]
                            continue
                    kept.append(int(row))
                    self.kept[row] = True
                    left[parts[row]] -= self.costs[row]
                    later = i + 1 + np.flatnonzero(among[i, i + 1 :] > cosines[i + 1 :])
                    nearest[later], cosines[later] = row, among[i, later]


def _limits(plan: Allocation, graded: Graded) -> "npt.NDArray[np.float64]":
    """(2k,) what is granted to the scored and the unscored of each stratum, in proportion of their costs."""
    parts = plan.strata[plan.rivals] * 2 + graded.unscored[plan.rivals]
    sizes = np.bincount(parts, plan.costs[plan.rivals], minlength=2 * len(plan.granted)).astype(np.float64)
    unscored = np.floor(plan.granted * sizes[1::2] / np.maximum(sizes[::2] + sizes[1::2], 1) + 0.5)
    unscored = np.minimum(unscored, plan.granted)
    return np.stack([plan.granted - unscored, unscored], axis=1).ravel()


def _nearest(
    vectors: "npt.NDArray[np.float32]", rows: "npt.NDArray[np.int64]", kept: "npt.NDArray[np.int64]"
) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]":
    """Of each row, the kept one of highest cosine, -1 where nothing is kept; and that cosine."""
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
