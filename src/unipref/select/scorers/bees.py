"""BeeS: several margins as evidence about one label."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer
from unipref.core.errors import near_name
from unipref.select.scorer_settings import OneScorer, as_sequence

if TYPE_CHECKING:
    import numpy.typing as npt

DEFAULT = ("margin_percentile", "policy_margin")
LEAST = 1e-3
"""The least probability that one margin can give to either order: without it, two certain and opposite margins would
give 0 / 0."""


class Bees(Scorer):
    """The probability that the label is right, from several margins together: the widest margins on which all agree.

    p_i = (clip(m_i, L_i, U_i) - L_i) / (U_i - L_i) for each margin m_i;
    score = prod p_i / (prod p_i + prod (1 - p_i)), as if the margins were independent.

    L_i and U_i are the 5 % and 95 % quantiles of the margin in its source, or what `bounds` says. Each p_i stays
    between 0.001 and 0.999. A margin that is not known is left out (p = 1/2); without any, there is no score. The score
    is an order of preferences, not a calibrated probability: with quantiles, the narrowest margins get 0, not 1/2.

    Source: the Bayesian aggregation of Deng et al. 2025, arXiv 2502.14560 (BeeS), as notes on the paper describe it.
    There, the margins are an external reward model's (here `reward_margin`) and the implicit margin of a small model
    after DPO on a random part (here `dpo_margin`, which costs trainings). The default needs neither: the gap between
    the source's scores, and the model's own preference. The quantiles and the least probability are ours; the
    paper's bounds are not in what was read of it.
    """

    example: ClassVar[Mapping[str, Any]] = {
        "settings": {"margins": ["margin_percentile", "policy_margin"], "bounds": {"margin_percentile": [0, 1]}}
    }

    margins: Annotated[tuple[OneScorer, ...], BeforeValidator(as_sequence), Field(min_length=1)] = Field(
        default=DEFAULT, validate_default=True
    )
    """The scorers whose numbers are the margins; their `weight` is not used."""
    bounds: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Scorer's name -> [L, U], in its own units; for the others, the quantiles."""

    @field_validator("bounds")
    @classmethod
    def _check_bounds(
        cls, bounds: dict[str, tuple[float, float]], info: ValidationInfo
    ) -> dict[str, tuple[float, float]]:
        margins = [scorer.name() for scorer in info.data.get("margins", ())]
        for name, (low, high) in bounds.items():
            if margins and name not in margins:
                hint = near_name(name, margins) or f"The margins are: {', '.join(margins)}."
                raise ValueError(f"'{name}' is none of the margins. {hint}")
            if not low < high:
                raise ValueError(f"the bounds of {name}, {low:g} and {high:g}, are not in ascending order")
        return bounds

    def models(self, default: str | None) -> list[str]:
        """The models that its margins use."""
        return sorted({model for scorer in self.margins for model in scorer.models(default)})

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Aggregates the margins."""
        sources = np.unique(candidates.sources, return_inverse=True)[1]
        columns = []
        for scorer in self.margins:
            margins = candidates.score(scorer)
            low, high = self._find_bounds(scorer.name(), margins, sources)
            columns.append(to_probability(margins, low, high))
        return aggregate(np.stack(columns))

    def _find_bounds(
        self, name: str, margins: "npt.NDArray[np.float64]", sources: "npt.NDArray[np.int64]"
    ) -> "tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]":
        """Returns (n,) L and (n,) U of each candidate's source."""
        if name in self.bounds:
            low, high = self.bounds[name]
            return np.full(len(margins), low), np.full(len(margins), high)
        lows, highs = np.full(len(margins), np.nan), np.full(len(margins), np.nan)
        known = ~np.isnan(margins)
        for source in np.unique(sources[known]):
            rows = known & (sources == source)
            lows[rows], highs[rows] = np.quantile(margins[rows], [0.05, 0.95])
        return lows, highs


def to_probability(
    margins: "npt.NDArray[np.float64]", low: "npt.NDArray[np.float64]", high: "npt.NDArray[np.float64]"
) -> "npt.NDArray[np.float64]":
    """Projects margins to [LEAST, 1 - LEAST]; NaN stays NaN, and without a range every margin gives 1/2."""
    width = high - low
    shares = (np.clip(margins, low, high) - low) / np.where(width > 0, width, 1.0)
    shares = np.where((width > 0) | np.isnan(margins), shares, 0.5)
    return np.clip(shares, LEAST, 1 - LEAST)


def aggregate(probabilities: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
    """Computes prod p / (prod p + prod (1 - p)) of (k, n) probabilities; NaN in all k gives NaN."""
    is_known = ~np.isnan(probabilities)
    chances = np.where(is_known, probabilities, 0.5)
    # In logarithms, so that products of many small numbers do not become 0.
    odds = (np.log(chances) - np.log1p(-chances)).sum(axis=0)
    return np.where(is_known.any(axis=0), 1 / (1 + np.exp(-odds)), np.nan)
