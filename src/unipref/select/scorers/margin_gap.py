"""The gap between two margins: what the label says, minus what the model already prefers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer
from unipref.core.stats.percentiles import percentiles_within
from unipref.select.scorers.policy_margin import PolicyMargin

if TYPE_CHECKING:
    import numpy.typing as npt


class MarginGap(Scorer):
    """The explicit margin of the label minus the implicit margin of the model: how much there is to learn.

    score = percentile of the explicit margin - percentile of the model's margin, in (-1, 1). Both are midrank
    percentiles within the source, among the preferences that have both margins: the one is in utilities or scores, the
    other in nats per token, and ranks are their one scale. High: the label is clear, and the model does not know it.
    Low: the model is sure of what the label hardly says. The model's margin is that of `policy_margin`, from the same
    cache.

    Preferences without the explicit margin have no score, nor have those that `policy_margin` cannot score.

    Source: the alignment potential of Huang et al. 2025, arXiv 2503.01864. There, the explicit margin is a reward
    model's, and both margins are subtracted as they are.
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {"explicit": "margin_percentile"}}

    explicit: Literal["margin", "margin_percentile"] = "margin"
    """The label's margin: `margin`, from all judgements, or `margin_percentile`, from the gap between two scores."""
    model: str | None = None
    """Folder or hub name of the language model; null: the study's."""
    batch_size: int = Field(default=32, ge=1)
    """Most sequences in one forward pass; it does not change the numbers beyond rounding."""

    def models(self, default: str | None) -> list[str]:
        """The model it uses."""
        return [self._implicit.find_model(default)]

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Subtracts the percentiles; the model judges only preferences with an explicit margin."""
        margins = candidates.margins if self.explicit == "margin" else candidates.margin_percentiles
        has_label = ~np.isnan(margins)
        implicit = np.full(len(candidates), np.nan)
        if has_label.any():
            implicit[has_label] = candidates.subset(has_label).score(self._implicit)
        explicit = np.where(np.isnan(implicit), np.nan, margins.astype(np.float64))
        sources = np.unique(candidates.sources, return_inverse=True)[1]
        return percentiles_within(explicit, sources) - percentiles_within(implicit, sources)

    @property
    def _implicit(self) -> PolicyMargin:
        return PolicyMargin(model=self.model, batch_size=self.batch_size)
