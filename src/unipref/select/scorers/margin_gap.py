"""The gap between two margins: what the label says, minus what the model already prefers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer
from unipref.core.stats.percentiles import standardise_within
from unipref.select.model_scorer import check_model
from unipref.select.scorers.policy_margin import PolicyMargin

if TYPE_CHECKING:
    import numpy.typing as npt


class MarginGap(Scorer):
    """The explicit margin of the label minus the implicit margin of the model: how much there is to learn.

    score = z(explicit margin) - z(|implicit margin|), z(x) = (x - mean) / standard deviation, in the source, among the
    preferences that have both margins. The implicit margin is that of `policy_margin`, in nats per token, from the same
    cache. High: the label is clear, and the model has no clear preference yet. Low: the label hardly says anything, or
    the model is sure already, of this order or of the other.

    Preferences without the explicit margin have no score, nor have those that `policy_margin` cannot score.

    Source: the alignment potential M_AP of Huang et al. 2025, arXiv 2503.01864, as the authors' published code computes
    it. There, the explicit margin is a reward model's, and z is over the one data set. An explicit margin below 0 (the
    judgements overrule the label) is used as it is; theirs cannot be below 0.
    """

    example: ClassVar[Mapping[str, Any]] = {"settings": {"explicit": "margin_percentile"}}

    explicit: Literal["margin", "margin_percentile"] = "margin"
    """The label's margin: `margin`, from all judgements, or `margin_percentile`, from the gap between two scores."""
    implicit: Literal["size", "signed"] = "size"
    """`size`: the absolute value of the model's margin, as published; `signed`: the margin itself. With `signed`, the
    pairs that the model orders against their label come first, and many of these labels are wrong."""
    model: str | None = None
    """Folder or hub name of the language model; null: the study's."""
    batch_size: int = Field(default=32, ge=1)
    """Most sequences in one forward pass; it does not change the numbers beyond rounding."""

    def models(self, default: str | None) -> list[str]:
        """The model it uses."""
        return [check_model(self.model or default, self.name(), is_reward=False)]

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Subtracts the standardised margins; the model judges only preferences with an explicit margin."""
        margins = candidates.margins if self.explicit == "margin" else candidates.margin_percentiles
        has_label = ~np.isnan(margins)
        implicit = np.full(len(candidates), np.nan)
        if has_label.any():
            implicit[has_label] = candidates.subset(has_label).score(self._policy_margin)
        explicit = np.where(np.isnan(implicit), np.nan, margins.astype(np.float64))
        sources = np.unique(candidates.sources, return_inverse=True)[1]
        known = np.abs(implicit) if self.implicit == "size" else implicit
        return standardise_within(explicit, sources) - standardise_within(known, sources)

    @property
    def _policy_margin(self) -> PolicyMargin:
        return PolicyMargin(model=self.model, batch_size=self.batch_size)
