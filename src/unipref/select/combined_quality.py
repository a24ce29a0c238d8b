"""Quality of candidates: several scorers' numbers as percentiles within source, averaged; and what no scorer judges."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer

from unipref.core import registry
from unipref.core.candidates import Candidates
from unipref.core.contracts import Scorer
from unipref.core.errors import UserError
from unipref.core.stats.percentiles import percentiles_within
from unipref.select.budget import BudgetStrategy, random_priorities

if TYPE_CHECKING:
    import numpy.typing as npt


def _scorer_or_rule(value: Any) -> Any:
    """`keep` and `sample` as they are, anything else as a scorer."""
    return value if value in ("keep", "sample") else _scorer(value)


def _scorer(value: Any) -> Any:
    """Reads `name` or `{name: settings}` as a scorer."""
    if isinstance(value, Scorer):
        return value
    name, settings = next(iter(value.items())) if isinstance(value, Mapping) and len(value) == 1 else (value, None)
    if not isinstance(name, str) or not (settings is None or isinstance(settings, Mapping)):
        raise ValueError("expected a scorer's name, or one name with its settings, as in {policy_margin: {weight: 2}}")
    try:
        return registry.make("scorer", name, dict(settings or {}), "")
    except UserError as error:
        # A ValueError, so that the setting's place in the study is put in front.
        raise ValueError(" ".join(line.strip().removeprefix(".") for line in error.lines())) from None


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str | Mapping | Scorer) else value


def _written(scorer: Any) -> Any:
    return registry.cache_identity(scorer) if isinstance(scorer, Scorer) else scorer


OneScorer = Annotated[Scorer, BeforeValidator(_scorer), PlainSerializer(_written)]


class QualityStrategy(BudgetStrategy):
    """A strategy that looks at quality: the weighted mean of its scorers' percentiles, each within its source."""

    quality: Annotated[tuple[OneScorer, ...], BeforeValidator(_several), Field(min_length=1)] = Field(
        default="margin", validate_default=True
    )
    """What is good: scorers (`unipref list scorers`) and their weights, as in `[margin, {ifd: {weight: 0.5}}]`.
    Preferences that different scorers have something to say of are ranked within their own kind."""
    unscored: Annotated[
        Literal["keep", "sample"] | Scorer, BeforeValidator(_scorer_or_rule), PlainSerializer(_written)
    ] = "keep"
    """Preferences that no scorer has anything to say of (binary data have no margin): `keep` passes them all, as the
    paper does (§3.2): the fraction is that of the others, while `count` and `tokens` count them in; `sample` takes
    their part at random; a scorer's name (`policy_margin`, or with settings) has that one judge them instead."""

    def models(self, default: str | None) -> list[str]:
        """The models that the scorers ask."""
        fill = [self.unscored] if isinstance(self.unscored, Scorer) else []
        return sorted({model for scorer in [*self.quality, *fill] for model in scorer.models(default)})

    def graded(self, candidates: Candidates, seed: int) -> "Graded":
        """The quality of each candidate, and random priorities for those that are not judged.

        Raises:
            UserError: a scorer needs a model that cannot be had.
        """
        _, sources = np.unique(candidates.sources, return_inverse=True)
        columns: dict[str, npt.NDArray[Any]] = {}
        judged: list[npt.NDArray[np.float64]] = []
        for scorer in self.quality:
            raw = candidates.score(scorer)
            judged.append(percentiles_within(raw, sources))
            label = _label(scorer, columns)
            columns |= {label: raw, f"{label}_percentile": judged[-1]}
        quality = _combined(judged, [scorer.weight for scorer in self.quality], sources)
        missing = np.isnan(quality)
        if isinstance(self.unscored, Scorer) and missing.any():
            raw = np.full(len(candidates), np.nan)
            raw[missing] = candidates.only(missing).score(self.unscored)
            quality[missing] = percentiles_within(raw, sources)[missing]
            label = _label(self.unscored, columns)
            columns |= {label: raw, f"{label}_percentile": np.where(missing, quality, np.nan)}
        unscored = np.isnan(quality)
        priorities = np.where(unscored, random_priorities(candidates.ids, seed), quality)
        passed = unscored if self.unscored == "keep" else np.zeros_like(unscored)
        return Graded(unscored, passed, priorities, {**columns, "quality": quality})


@dataclass(frozen=True)
class Graded:
    """How good the candidates are.

    Attributes:
        unscored: (n,) mask of those that nothing was said of: no rivals of the others, so they have cells of their own.
        passed: (n,) mask of those that are kept whatever the budget.
        priorities: (n,) quality in [0, 1]; a random number where unscored.
        columns: what each scorer said, and `quality`.
    """

    unscored: "npt.NDArray[np.bool_]"
    passed: "npt.NDArray[np.bool_]"
    priorities: "npt.NDArray[np.float64]"
    columns: "dict[str, npt.NDArray[Any]]"


def _label(scorer: Scorer, taken: Mapping[str, Any]) -> str:
    """The scorer's name, numbered when it is used twice with different settings."""
    name = scorer.name()
    uses = sum(label == name or label.startswith(f"{name}-") for label in taken if not label.endswith("_percentile"))
    return f"{name}-{uses + 1}" if uses else name


def _combined(
    judged: "list[npt.NDArray[np.float64]]", weights: list[float], sources: "npt.NDArray[np.int64]"
) -> "npt.NDArray[np.float64]":
    """The weighted mean of the percentiles there are, made a percentile again; NaN where there is none.

    The mean of two percentiles is rarely extreme, one percentile often is: candidates judged by different scorers are
    therefore ranked within their own kind, so that no kind crowds out another.

    Args:
        judged: s arrays of n percentiles.
        weights: s weights.
        sources: (n,) codes.
    """
    table = np.stack(judged)
    there = ~np.isnan(table)
    weight = there * np.array(weights)[:, None]
    mean = np.where(there, table, 0.0) * weight
    quality = np.full(table.shape[1], np.nan)
    some = there.any(axis=0)
    quality[some] = mean.sum(axis=0)[some] / weight.sum(axis=0)[some]
    kinds = (there * 2 ** np.arange(len(judged))[:, None]).sum(axis=0)
    return percentiles_within(quality, sources * 2 ** len(judged) + kinds)
