"""Quality first, variety second: a gate that the best pass, and rounds over clusters inside."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.allocation import Allocation
from unipref.select.budget import everything
from unipref.select.combined_quality import Graded, QualityStrategy
from unipref.select.embedding.embed import Embedder

if TYPE_CHECKING:
    import numpy.typing as npt

NOT_GOOD_ENOUGH = "not among the best, which alone pass the gate"


class QualityGate(QualityStrategy):
    """Lets the best pass, then takes them in rounds over clusters of prompts: the best of each, the second of each, ...

    `cluster_quality` gives each cluster its share, however bad it is; this one first leaves out what is bad anywhere,
    and then gives small clusters as much as large ones, so long as they last. A narrow gate is `quality`, a wide one
    leans to variety.

    Source: the steps of arXiv 2408.02861 (§2.4, §2.5) the other way round; to prune the worst first and then to cover
    the rest evenly is Zheng et al. 2023, arXiv 2210.15809, who cover strata of the score and not clusters.
    """

    example: ClassVar = {"settings": {"fraction": 0.4}}

    gate: float | None = Field(default=None, gt=0, le=1)
    """The part of each source and objective that passes the gate, best first; never less than what the budget keeps of
    it. null: half as much again as the budget."""
    clusters: int = Field(default=10, ge=1)
    """Clusters of the prompts that passed; fewer where there are fewer distinct prompts."""
    restarts: int = Field(default=10, ge=1)
    """k-means runs from different starts; the best is taken."""
    embedder: Embedder = "tfidf"
    """`tfidf`, `minilm`, or a folder or hub name of another sentence-transformers model."""

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Rounds over the clusters of what passed the gate, ties by quality and then by id."""
        if self.covers(candidates):
            return everything(candidates)
        graded = self.graded(candidates, seed)
        plan = self.plan(candidates, graded.passed)
        kinds = graded.unscored.astype(np.int64)
        through = self._through(plan, graded, kinds)
        labels = self._clusters(candidates, through, seed)
        rounds = _places(through, [plan.strata, kinds, labels], graded.priorities, candidates.ids)
        excluded = np.where(through | graded.passed, "", NOT_GOOD_ENOUGH)
        # Earlier rounds first, and the better candidate within a round.
        return plan.fill(kinds, graded.priorities - rounds, {**graded.columns, "cluster": labels}, excluded)

    def _through(self, plan: Allocation, graded: Graded, kinds: "npt.NDArray[np.int64]") -> "npt.NDArray[np.bool_]":
        """Who passes: of each stratum, scored and unscored apart, the best until the gate's part is reached."""
        parts = plan.strata * 2 + kinds
        sizes = np.bincount(parts[plan.rivals], plan.costs[plan.rivals], minlength=2 * len(plan.granted))
        in_strata = np.bincount(plan.strata[plan.rivals], plan.costs[plan.rivals], minlength=len(plan.granted))
        needed = np.minimum(1.0, plan.granted / np.maximum(in_strata, 1))
        shares = np.minimum(1.0, 1.5 * needed) if self.gate is None else np.maximum(self.gate, needed)
        # Whole candidates: each kind's part of the budget, rounded up, has to find room.
        limits = np.ceil(np.round(np.repeat(shares, 2) * sizes, 9))
        order = np.flatnonzero(plan.rivals)
        order = order[np.lexsort((plan.ids[order], -graded.priorities[order], parts[order]))]
        costs = plan.costs[order].astype(np.float64)
        before = np.cumsum(costs) - costs
        starts = np.searchsorted(parts[order], np.arange(len(sizes)))
        first = before[np.minimum(starts, max(len(order) - 1, 0))] if len(order) else np.zeros(len(sizes))
        through = np.zeros(len(plan.ids), dtype=bool)
        through[order] = before - first[parts[order]] < limits[parts[order]]
        return through

    def _clusters(self, candidates: Candidates, through: "npt.NDArray[np.bool_]", seed: int) -> "npt.NDArray[np.int64]":
        """(n,) cluster of each candidate that passed, -1 of the others."""
        from unipref.select.clusters import cluster

        labels = np.full(len(candidates), -1, dtype=np.int64)
        vectors = candidates.embed(self.embedder)[through]
        labels[through] = cluster(vectors, candidates.ids[through], self.clusters, self.restarts, seed)
        return labels


def _places(
    wanted: "npt.NDArray[np.bool_]",
    keys: "list[npt.NDArray[np.int64]]",
    priorities: "npt.NDArray[np.float64]",
    ids: "npt.NDArray[np.str_]",
) -> "npt.NDArray[np.float64]":
    """(n,) place of each wanted candidate among those with the same keys, the best at 0."""
    rows = np.flatnonzero(wanted)
    order = rows[np.lexsort((ids[rows], -priorities[rows], *(key[rows] for key in keys)))]
    places = np.zeros(len(wanted))
    if len(order):
        together = np.stack([key[order] for key in keys])
        new = np.r_[True, np.any(np.diff(together, axis=1) != 0, axis=0)]
        starts = np.flatnonzero(new)
        places[order] = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    return places
