"""Quality of candidates: the scorers' numbers as percentiles within their source, averaged; and unscored candidates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer

from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer
from unipref.core.stats.percentiles import percentiles_within
from unipref.select.budget import BudgetStrategy, draw_priorities
from unipref.select.scorer_settings import OneScorer, as_sequence, read_scorer, serialise

if TYPE_CHECKING:
    import numpy.typing as npt


MARGIN_PERCENTILE = "margin_percentile"
"""The scorer that needs only two scores."""
FEW = 0.1
"""If a scorer can score a smaller part of the candidates, a note says so."""


def _read_scorer_or_rule(value: Any) -> Any:
    """Reads `keep` and `sample` as they are, anything else as a scorer."""
    return value if value in ("keep", "sample") else read_scorer(value)


class QualityStrategy(BudgetStrategy):
    """A strategy that uses quality: the weighted mean of its scorers' percentiles, each within its source."""

    quality: Annotated[tuple[OneScorer, ...], BeforeValidator(as_sequence), Field(min_length=1)] = Field(
        default=MARGIN_PERCENTILE, validate_default=True
    )
    """The scorers that define quality (`unipref list scorers`) and their weights, as in
    `[margin_percentile, {ifd: {weight: 0.5}}]`. Preferences that different scorers can score are ranked within their
    own kind."""
    unscored: Annotated[
        Literal["keep", "sample"] | Scorer, BeforeValidator(_read_scorer_or_rule), PlainSerializer(serialise)
    ] = "keep"
    """Preferences that no scorer can score (`margin_percentile` needs two scores, which binary data lack). `keep`: all
    are kept, as in the paper (§3.2); the fraction applies to the others, while `count` and `tokens` include them.
    `sample`: a random part is kept. A scorer's name (`policy_margin`, or with settings): that scorer scores them
    instead."""

    def models(self, default: str | None) -> list[str]:
        """The models that the scorers use."""
        fill = [self.unscored] if isinstance(self.unscored, Scorer) else []
        return sorted({model for scorer in [*self.quality, *fill] for model in scorer.models(default)})

    def grade(self, candidates: Candidates, seed: int) -> "Grades":
        """Computes the quality of each candidate, and random priorities for unscored ones.

        Raises:
            UserError: a scorer needs a model that is missing or cannot be loaded.
        """
        _, sources = np.unique(candidates.sources, return_inverse=True)
        columns: dict[str, npt.NDArray[Any]] = {}
        notes: list[str] = []
        percentiles: list[npt.NDArray[np.float64]] = []
        for scorer in self.quality:
            raw = candidates.score(scorer)
            percentiles.append(percentiles_within(raw, sources))
            label = _make_label(scorer, columns)
            columns |= {label: raw, f"{label}_percentile": percentiles[-1]}
            notes += _describe_unscored(label, raw, candidates)
        quality = _combine(percentiles, [scorer.weight for scorer in self.quality], sources)
        missing = np.isnan(quality)
        if isinstance(self.unscored, Scorer) and missing.any():
            raw = np.full(len(candidates), np.nan)
            raw[missing] = candidates.subset(missing).score(self.unscored)
            quality[missing] = percentiles_within(raw, sources)[missing]
            label = _make_label(self.unscored, columns)
            columns |= {label: raw, f"{label}_percentile": np.where(missing, quality, np.nan)}
        unscored = np.isnan(quality)
        priorities = np.where(unscored, draw_priorities(candidates.ids, seed), quality)
        always_kept = unscored if self.unscored == "keep" else np.zeros_like(unscored)
        return Grades(unscored, always_kept, priorities, {**columns, "quality": quality}, tuple(notes))


@dataclass(frozen=True)
class Grades:
    """The quality of the candidates.

    Attributes:
        unscored: (n,) mask of candidates without a score; they do not compete with the others and have own cells.
        always_kept: (n,) mask of candidates that are kept regardless of the budget.
        priorities: (n,) quality in [0, 1]; a random number for unscored candidates.
        columns: each scorer's numbers, and `quality`.
        notes: of scorers that can score few of the candidates.
    """

    unscored: "npt.NDArray[np.bool_]"
    always_kept: "npt.NDArray[np.bool_]"
    priorities: "npt.NDArray[np.float64]"
    columns: "dict[str, npt.NDArray[Any]]"
    notes: tuple[str, ...] = ()


def _make_label(scorer: Scorer, labels: Mapping[str, Any]) -> str:
    """Makes the scorer's column name, numbered if a scorer is used twice with different settings."""
    name = scorer.name()
    uses = sum(label == name or label.startswith(f"{name}-") for label in labels if not label.endswith("_percentile"))
    return f"{name}-{uses + 1}" if uses else name


def _describe_unscored(label: str, scores: "npt.NDArray[np.float64]", candidates: Candidates) -> list[str]:
    """Notes that a scorer can score less than `FEW` of the candidates, or fewer than the others with a percentile."""
    has_score = ~np.isnan(scores)
    others = int((~np.isnan(candidates.margin_percentiles) & ~has_score).sum())
    if has_score.sum() >= max(FEW * len(scores), others):
        return []
    names, codes = np.unique(candidates.sources, return_inverse=True)
    totals, scored = np.bincount(codes), np.bincount(codes[has_score], minlength=len(names))
    by_source = ", ".join(f"{name}: {n:,} of {of:,}" for name, n, of in zip(names, scored, totals, strict=True))
    note = f"the scorer {label} can score {has_score.sum():,} of {len(scores):,} preferences ({by_source})"
    if others:
        note += f"; {MARGIN_PERCENTILE} can score {others:,} of the others: name it as quality"
    return [note]


def _combine(
    percentiles: "list[npt.NDArray[np.float64]]", weights: list[float], sources: "npt.NDArray[np.int64]"
) -> "npt.NDArray[np.float64]":
    """Computes the weighted mean of the available percentiles, as a percentile again; NaN if there is none.

    The mean of two percentiles is rarely extreme, a single percentile often is. Candidates scored by different scorers
    are therefore ranked within their own kind, so that no kind crowds out another.

    Args:
        percentiles: s arrays of n percentiles.
        weights: s weights.
        sources: (n,) codes.
    """
    table = np.stack(percentiles)
    has_score = ~np.isnan(table)
    weight = has_score * np.array(weights)[:, None]
    mean = np.where(has_score, table, 0.0) * weight
    quality = np.full(table.shape[1], np.nan)
    has_any = has_score.any(axis=0)
    quality[has_any] = mean.sum(axis=0)[has_any] / weight.sum(axis=0)[has_any]
    kinds = (has_score * 2 ** np.arange(len(percentiles))[:, None]).sum(axis=0)
    return percentiles_within(quality, sources * 2 ** len(percentiles) + kinds)
