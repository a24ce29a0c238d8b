"""The paper's selection (§2.4, §2.5, A.3): the best of every cluster of prompts."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.select.budget import everything
from unipref.select.combined_quality import QualityStrategy
from unipref.select.embedding.embed import Embedder

if TYPE_CHECKING:
    import numpy.typing as npt


class ClusterQuality(QualityStrategy):
    """Embeds the prompts, clusters them by k-means and keeps the best part of each cluster.

    Quality is the margin unless `quality` says otherwise: the gap between the two answers, as a percentile within its
    source. Variety comes from taking the part within each (cluster, source, objective), so that each keeps its share.

    The paper does not say whether it clusters each data set or the union: `per` is the union unless you say otherwise.
    It embeds with all-MiniLM-L6-v2 (`embedder: minilm`); the default, `tfidf`, needs no model.

    Source: arXiv 2408.02861, §2.4 (quality), §2.5 and A.3 (diversity), §3.2 (binary data pass unfiltered).
    """

    example: ClassVar = {"settings": {"fraction": 0.4, "embedder": "tfidf"}}

    clusters: int = Field(default=10, ge=1)
    """Clusters of prompts, of the union or of each source; fewer where there are fewer distinct prompts."""
    per: Literal["union", "source"] = "union"
    """What is clustered: all prompts together, or each source's by themselves."""
    restarts: int = Field(default=10, ge=1)
    """k-means runs from different starts; the best is taken."""
    embedder: Embedder = "tfidf"
    """`tfidf`, `minilm` (sentence-transformers/all-MiniLM-L6-v2), or a folder or hub name of another
    sentence-transformers model."""

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """The best of each (cluster, source, objective), ties by id."""
        if self.covers(candidates):
            return everything(candidates)
        graded = self.graded(candidates, seed)
        clusters = self._clusters(candidates, seed)
        columns = {**graded.columns, "cluster": clusters}
        plan = self.plan(candidates, graded.passed)
        return plan.fill(clusters * 2 + graded.unscored, graded.priorities, columns)

    def _clusters(self, candidates: Candidates, seed: int) -> "npt.NDArray[np.int64]":
        from unipref.select.clusters import cluster

        vectors = candidates.embed(self.embedder)
        if self.per == "union":
            return cluster(vectors, candidates.ids, self.clusters, self.restarts, seed)
        labels = np.zeros(len(candidates), dtype=np.int64)
        used = 0
        for source in np.unique(candidates.sources):
            mine = candidates.sources == source
            labels[mine] = used + cluster(vectors[mine], candidates.ids[mine], self.clusters, self.restarts, seed)
            used = int(labels[mine].max()) + 1
        return labels
