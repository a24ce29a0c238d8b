"""The paper's selection (§2.4, §2.5, A.3): the best of every cluster of prompts."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.budget import keep_everything
from unipref.select.combined_quality import QualityStrategy
from unipref.select.embedding.embed import EmbedsPrompts

if TYPE_CHECKING:
    import numpy.typing as npt


class ClusterQuality(EmbedsPrompts, QualityStrategy):
    """Embeds the prompts, clusters them by k-means and keeps the best part of each cluster.

    Quality is `margin_percentile` by default: the gap between the two answers' scores, as a percentile within its
    source. Variety comes from keeping a part of each (cluster, source, objective), so that each keeps its share.

    The paper does not say whether it clusters each data set or the union: `per` is the union by default.
    It embeds with all-MiniLM-L6-v2 (`embedder: minilm`); the default, `tfidf`, needs no model.

    Source: arXiv 2408.02861, §2.4 (quality), §2.5 and A.3 (diversity), §3.2 (binary data are kept unfiltered).
    """

    example: ClassVar = {"settings": {"fraction": 0.4, "embedder": "tfidf"}}

    clusters: int = Field(default=10, ge=1)
    """Number of clusters of prompts, of the union or of each source; fewer if there are fewer distinct prompts."""
    per: Literal["union", "source"] = "union"
    """What to cluster: all prompts together, or each source's separately."""
    restarts: int = Field(default=10, ge=1)
    """k-means runs from different starts; the best counts."""

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects the best of each (cluster, source, objective), ties by id."""
        if self.keeps_everything(candidates):
            return keep_everything(candidates)
        grades = self.grade(candidates, seed)
        clusters = self._assign_clusters(candidates, seed)
        columns = {**grades.columns, "cluster": clusters}
        allocation = self.allocate(candidates, grades.always_kept, grades.notes)
        return allocation.fill(clusters * 2 + grades.unscored, grades.priorities, columns)

    def _assign_clusters(self, candidates: Candidates, seed: int) -> "npt.NDArray[np.int64]":
        from unipref.select.clusters import cluster

        if self.per == "union":
            # Not held here, because k-means needs as much memory again.
            return cluster(candidates.embed(self.embedder), candidates.ids, self.clusters, self.restarts, seed)
        vectors = candidates.embed(self.embedder)
        labels = np.zeros(len(candidates), dtype=np.int64)
        used = 0
        for source in np.unique(candidates.sources):
            mine = candidates.sources == source
            labels[mine] = used + cluster(vectors[mine], candidates.ids[mine], self.clusters, self.restarts, seed)
            used = int(labels[mine].max()) + 1
        return labels
