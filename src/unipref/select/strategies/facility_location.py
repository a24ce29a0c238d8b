"""Facility location: the prompts that cover all the others best."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.allocation import Allocation
from unipref.select.budget import BlindStrategy, everything
from unipref.select.embedding.embed import Embedder

if TYPE_CHECKING:
    import numpy.typing as npt


class FacilityLocation(BlindStrategy):
    """Keeps the prompts that represent all prompts best, whatever their labels are worth.

    Maximises the sum over all candidates i of max over kept j of cos(i, j), by the lazy greedy algorithm, which reaches
    at least 1 - 1/e of the optimum. Cosines below 0 count as 0, and so do those of pairs of which neither is among the
    other's nearest `neighbours`. More candidates than `cell` are split into clusters first, and coverage is within
    cluster, source and objective. What passes unscored covers from the start.

    Its order has no use for quality: a mislabelled preference is as good a representative as any. Source: Wei et al.
    2015, "Submodularity in data subset selection and active learning"; lazy greedy after Minoux 1978.
    """

    example: ClassVar = {"settings": {"fraction": 0.4}}

    neighbours: int = Field(default=32, ge=1)
    """How many nearest prompts each is compared with."""
    cell: int = Field(default=4000, ge=2)
    """Candidates that are compared with one another, about; time grows with its square."""
    embedder: Embedder = "tfidf"
    """`tfidf`, `minilm`, or a folder or hub name of another sentence-transformers model."""

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """The first of each cell's greedy order, ties by id."""
        from unipref.select.clusters import partition

        if self.covers(candidates):
            return everything(candidates)
        vectors = candidates.embed(self.embedder)
        clusters = partition(vectors, candidates.ids, self.cell, seed)
        plan = self.plan(candidates, self.passed(candidates))
        # A part of the unscored and a part of the others, so that the two keep their proportion.
        cells = clusters * 2 + np.isnan(candidates.margins)
        return plan.fill(cells, self._priorities(plan, cells, clusters, vectors), {"cluster": clusters})

    def _priorities(
        self,
        plan: Allocation,
        cells: "npt.NDArray[np.int64]",
        clusters: "npt.NDArray[np.int64]",
        vectors: "npt.NDArray[np.float32]",
    ) -> "npt.NDArray[np.float64]":
        """(n,) minus the place in the greedy order of the cell."""
        from unipref.select.coverage import graph, greedy_order

        priorities = np.zeros(len(plan.ids))
        # What passes is in the cell it covers, though it takes nothing of the cell's budget.
        keys = np.stack([plan.strata, np.where(plan.rivals, cells, 2 * clusters)])
        for cell in np.unique(keys[:, plan.rivals], axis=1).T if plan.rivals.any() else ():
            rows = np.flatnonzero((keys == cell[:, None]).all(axis=0))
            rows = rows[np.argsort(plan.ids[rows], kind="stable")]
            joined = graph(vectors[rows], self.neighbours)
            order = greedy_order(joined, np.flatnonzero(~plan.rivals[rows]), plan.most(int(cell[0]), len(rows)))
            priorities[rows[order]] = -np.arange(len(order))
        return priorities
