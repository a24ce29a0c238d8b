"""Facility location: keeps the prompts that cover all others best."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.core.work_progress import show_items
from unipref.select.allocation import Allocation
from unipref.select.budget import BlindStrategy, keep_everything
from unipref.select.embedding.embed import EmbedsPrompts

if TYPE_CHECKING:
    import numpy.typing as npt


class FacilityLocation(EmbedsPrompts, BlindStrategy):
    """Keeps the prompts that represent all prompts best, regardless of label quality.

    Maximises the sum over all candidates i of max over kept j of cos(i, j), by the lazy greedy algorithm, which reaches
    at least 1 - 1/e of the optimum. Cosines below 0 count as 0, and so do those of pairs of which neither is among the
    other's nearest `neighbours`. More candidates than `cell` are split into clusters first, and coverage is within
    cluster, source and objective. Always kept candidates cover from the start.

    Its order ignores quality: a mislabelled preference represents others as well as any. Source: Wei et al.
    2015, "Submodularity in data subset selection and active learning"; lazy greedy after Minoux 1978.
    """

    example: ClassVar = {"settings": {"fraction": 0.4}}

    neighbours: int = Field(default=32, ge=1)
    """Number of nearest prompts that each prompt is compared with."""
    cell: int = Field(default=4000, ge=2)
    """About how many candidates are compared with one another; time grows with the square of this number."""

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects the first of each cell's greedy order, ties by id."""
        from unipref.select.clusters import partition

        if self.keeps_everything(candidates):
            return keep_everything(candidates)
        vectors = candidates.embed(self.embedder)
        clusters = partition(vectors, candidates.ids, self.cell, seed)
        allocation = self.allocate(candidates, self.find_always_kept(candidates))
        # Separate cells for unscored and other candidates, so that the two keep their proportion.
        cells = clusters * 2 + np.isnan(candidates.margin_percentiles)
        return allocation.fill(
            cells, self._compute_priorities(allocation, cells, clusters, vectors), {"cluster": clusters}
        )

    def _compute_priorities(
        self,
        allocation: Allocation,
        cells: "npt.NDArray[np.int64]",
        clusters: "npt.NDArray[np.int64]",
        vectors: "npt.NDArray[np.float32]",
    ) -> "npt.NDArray[np.float64]":
        """Computes (n,) minus the place in the greedy order of the cell."""
        from unipref.select.coverage import build_graph, compute_greedy_order

        priorities = np.zeros(len(allocation.ids))
        # A candidate that is always kept is in the cell it covers, but costs nothing of the cell's budget.
        keys = np.stack([allocation.strata, np.where(allocation.competing, cells, 2 * clusters)])
        distinct = np.unique(keys[:, allocation.competing], axis=1).T if allocation.competing.any() else ()
        for cell in show_items(list(distinct), "covering prompts"):
            rows = np.flatnonzero((keys == cell[:, None]).all(axis=0))
            rows = rows[np.argsort(allocation.ids[rows], kind="stable")]
            graph = build_graph(vectors[rows], self.neighbours)
            enough = allocation.limit_kept(int(cell[0]), len(rows))
            order = compute_greedy_order(graph, np.flatnonzero(~allocation.competing[rows]), enough)
            priorities[rows[order]] = -np.arange(len(order))
        return priorities
