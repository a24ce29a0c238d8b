"""The paper's selection (§2.4, §2.5, A.3): the best of every cluster of prompts."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from unipref.contracts import Candidates
from unipref.select._budget import FractionStrategy, random_priorities
from unipref.select._embed import known_embedder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class ClusterQuality(FractionStrategy):
    """Embeds the prompts, clusters them by k-means and keeps the fraction of widest margin of each cluster.

    Quality is the margin: the gap between the two answers, as a percentile within its source and axis. Variety comes
    from taking the fraction within each (cluster, source), so that every cluster and every source keeps its share.

    Clusters are formed on the union of all sources; the paper does not say whether it does so. It embeds with
    all-MiniLM-L6-v2 (`embedder: minilm`); the default, `tfidf`, needs no model.

    Source: arXiv 2408.02861, §2.4 (quality), §2.5 and A.3 (diversity), §3.2 (binary data pass unfiltered).
    """

    example: ClassVar = {"settings": {"fraction": 0.4, "embedder": "tfidf"}}

    clusters: int = Field(default=10, ge=1)
    """Clusters of prompts; fewer where there are fewer distinct prompts."""
    restarts: int = Field(default=10, ge=1)
    """k-means runs from different starts; the best is taken."""
    embedder: str = "tfidf"
    """`tfidf`, `minilm` (sentence-transformers/all-MiniLM-L6-v2), or a folder or hub name of another
    sentence-transformers model."""

    @field_validator("embedder")
    @classmethod
    def _embedder_exists(cls, name: str) -> str:
        return known_embedder(name)

    def select(self, candidates: Candidates, seed: int) -> "npt.NDArray[np.int64]":
        """The widest margins of each (cluster, source), ties by id."""
        import numpy as np

        from unipref.select._cluster import cluster

        if self.fraction == 1:
            return np.arange(len(candidates))
        clusters = cluster(candidates.embed(self.embedder), candidates.ids, self.clusters, self.restarts, seed)
        by_chance = random_priorities(candidates.ids, seed)
        return self.take(candidates, clusters, np.where(np.isnan(candidates.margins), by_chance, candidates.margins))
