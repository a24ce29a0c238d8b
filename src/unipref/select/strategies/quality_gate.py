"""Quality first, variety second: a gate that only the best pass, then rounds over clusters of those."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.allocation import Allocation
from unipref.select.budget import keep_everything
from unipref.select.combined_quality import Grades, QualityStrategy
from unipref.select.embedding.embed import EmbedsPrompts

if TYPE_CHECKING:
    import numpy.typing as npt

NOT_GOOD_ENOUGH = "not among the best, which pass the gate"


class QualityGate(EmbedsPrompts, QualityStrategy):
    """Lets the best pass, then keeps them in rounds over clusters of prompts: the best of each, the second of each, ...

    `cluster_quality` gives each cluster its share, however bad it is; this strategy first leaves out what is bad in any
    cluster, and then gives small clusters as much as large ones until they are empty. A narrow gate equals `quality`,
    a wide gate favours variety.

    Source: the steps of arXiv 2408.02861 (§2.4, §2.5) in reverse order. Pruning the worst first and then
    covering the rest evenly is from Zheng et al. 2023, arXiv 2210.15809, who cover strata of the score, not clusters.
    """

    example: ClassVar = {"settings": {"fraction": 0.4}}

    gate: float | None = Field(default=None, gt=0, le=1)
    """The part of each source and objective that passes the gate, best first; never less than the budget keeps of it.
    null: one and a half times the budget."""
    clusters: int = Field(default=10, ge=1)
    """Number of clusters of the prompts that pass; fewer if there are fewer distinct prompts."""
    restarts: int = Field(default=10, ge=1)
    """k-means runs from different starts; the best counts."""

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects in rounds over the clusters of those that passed the gate, ties by quality and then by id."""
        if self.keeps_everything(candidates):
            return keep_everything(candidates)
        grades = self.grade(candidates, seed)
        allocation = self.allocate(candidates, grades.always_kept, grades.notes)
        kinds = grades.unscored.astype(np.int64)
        passing = self._find_passing(allocation, grades, kinds)
        labels = self._assign_clusters(candidates, passing, seed)
        rounds = _rank_within(passing, [allocation.strata, kinds, labels], grades.priorities, candidates.ids)
        excluded = np.where(passing | grades.always_kept, "", NOT_GOOD_ENOUGH)
        # Earlier rounds first, and the better candidate within a round.
        return allocation.fill(kinds, grades.priorities - rounds, {**grades.columns, "cluster": labels}, excluded)

    def _find_passing(
        self, allocation: Allocation, grades: Grades, kinds: "npt.NDArray[np.int64]"
    ) -> "npt.NDArray[np.bool_]":
        """Finds who passes: the best of each stratum up to the gate's part, separately for scored and unscored."""
        parts = allocation.strata * 2 + kinds
        sizes = np.bincount(
            parts[allocation.competing], allocation.costs[allocation.competing], minlength=2 * len(allocation.quotas)
        )
        in_strata = np.bincount(
            allocation.strata[allocation.competing],
            allocation.costs[allocation.competing],
            minlength=len(allocation.quotas),
        )
        needed = np.minimum(1.0, allocation.quotas / np.maximum(in_strata, 1))
        shares = np.minimum(1.0, 1.5 * needed) if self.gate is None else np.maximum(self.gate, needed)
        # Whole candidates: there must be room for each kind's part of the budget, rounded up.
        limits = np.ceil(np.round(np.repeat(shares, 2) * sizes, 9))
        order = np.flatnonzero(allocation.competing)
        order = order[np.lexsort((allocation.ids[order], -grades.priorities[order], parts[order]))]
        costs = allocation.costs[order].astype(np.float64)
        before = np.cumsum(costs) - costs
        starts = np.searchsorted(parts[order], np.arange(len(sizes)))
        first = before[np.minimum(starts, max(len(order) - 1, 0))] if len(order) else np.zeros(len(sizes))
        passing = np.zeros(len(allocation.ids), dtype=bool)
        passing[order] = before - first[parts[order]] < limits[parts[order]]
        return passing

    def _assign_clusters(
        self, candidates: Candidates, passing: "npt.NDArray[np.bool_]", seed: int
    ) -> "npt.NDArray[np.int64]":
        """Assigns each candidate that passed to a cluster, (n,), -1 for the others."""
        from unipref.select.clusters import cluster

        labels = np.full(len(candidates), -1, dtype=np.int64)
        vectors = candidates.embed(self.embedder)[passing]
        labels[passing] = cluster(vectors, candidates.ids[passing], self.clusters, self.restarts, seed)
        return labels


def _rank_within(
    mask: "npt.NDArray[np.bool_]",
    keys: "list[npt.NDArray[np.int64]]",
    priorities: "npt.NDArray[np.float64]",
    ids: "npt.NDArray[np.str_]",
) -> "npt.NDArray[np.float64]":
    """Ranks each candidate in the mask among those with the same keys, (n,), the best at 0."""
    rows = np.flatnonzero(mask)
    order = rows[np.lexsort((ids[rows], -priorities[rows], *(key[rows] for key in keys)))]
    places = np.zeros(len(mask))
    if len(order):
        together = np.stack([key[order] for key in keys])
        new = np.r_[True, np.any(np.diff(together, axis=1) != 0, axis=0)]
        starts = np.flatnonzero(new)
        places[order] = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    return places
