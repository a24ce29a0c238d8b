"""Expands the shorthand `grid: paper` into named variants. A pure function."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from unipref.core import registry
from unipref.core.contracts import Settings, Strategy
from unipref.core.errors import UserError

STRATEGY = "cluster_quality"
"""The paper's strategy, used if the study itself does not select."""
BUDGETS = ("fraction", "count", "tokens")

Fraction = Annotated[float, Field(gt=0, lt=1)]
VariantChanges = dict[str, dict[str, Any]]
"""Variant -> the settings that it changes."""


class Grid(Settings):
    """The variants of the paper's table (arXiv 2408.02861, Table 1), and the baselines that the table lacks."""

    name: Literal["paper"] = "paper"
    """The table."""
    fractions: Annotated[list[Fraction], Field(min_length=1)] = [0.2, 0.4, 0.6]
    """Fractions to select with the strategy and, as a baseline, at random."""
    ablations: list[Fraction] = [0.4]
    """Fractions at which quality and diversity are each used alone."""
    weights: list[Fraction] = [0.25, 0.5, 0.75]
    """Shares of an objective in the selection, for the sweep; the other objectives share the rest."""
    weights_at: Fraction = 0.4
    """The fraction to select in the sweep."""


def expand(grid: Grid, select: Any, sources: Sequence[tuple[str, str]]) -> VariantChanges:
    """Returns the variants of a grid, in the order of the table.

    All variants select from the same cleaned preferences, so they share these and the held-out prompts. `combined`
    keeps everything; `source-NAME` and `objective-NAME` keep one source or objective alone. `selected-F`, `random-F`,
    `quality-F` and `diversity-F` keep the fraction F, selected by the study's strategy, at random, by quality alone and
    by coverage of the prompts alone. `weight-OBJECTIVE-W` selects with that objective's share set to W.

    Args:
        grid: its settings.
        select: the study's `select`, as written.
        sources: name and objective of each source.
    """
    strategy, settings = _find_strategy(select)
    variants: VariantChanges = {"combined": _select("all", {})}
    names = [name for name, _ in sources]
    for name in names if len(names) > 1 else ():
        variants[f"source-{name}"] = _select("only", {"sources": [name]})
    objectives = list(dict.fromkeys(objective for _, objective in sources))
    for name in objectives if len(objectives) > 1 else ():
        variants[f"objective-{_slugify(name)}"] = _select("only", {"objectives": [name]})
    for fraction in grid.fractions:
        variants[f"selected-{fraction:g}"] = _select(strategy, {**settings, "fraction": fraction})
        variants[f"random-{fraction:g}"] = _select("random", {**_keep_blind_settings(settings), "fraction": fraction})
    for fraction in grid.ablations:
        variants |= _ablations(settings, fraction)
        # A selection is compared with a random one of the same size.
        variants.setdefault(
            f"random-{fraction:g}", _select("random", {**_keep_blind_settings(settings), "fraction": fraction})
        )
    # Unscored preferences that all pass would come on top of the shares.
    sampled = {"unscored": "sample"} if settings.get("unscored", "keep") == "keep" else {}
    # With two objectives, the share of one determines the share of the other.
    for name in objectives if len(objectives) > 2 else objectives[:1] if len(objectives) == 2 else ():
        for weight in grid.weights:
            shares = {"shares": {name: weight}, "fraction": grid.weights_at}
            variants[f"weight-{_slugify(name)}-{weight:g}"] = _select(strategy, {**settings, **sampled, **shares})
    return variants


def _ablations(settings: dict[str, Any], fraction: float) -> VariantChanges:
    quality = {key: value for key, value in settings.items() if key in ("quality", "unscored", "shares")}
    diversity = _keep_blind_settings(settings) | ({"embedder": settings["embedder"]} if "embedder" in settings else {})
    return {
        f"quality-{fraction:g}": _select("quality", {**quality, "fraction": fraction}),
        f"diversity-{fraction:g}": _select("facility_location", {**diversity, "fraction": fraction}),
    }


def _find_strategy(select: Any) -> tuple[str, dict[str, Any]]:
    """The strategy to compare and its settings, without its budget."""
    name, settings = select, None
    if isinstance(select, dict) and len(select) == 1:
        ((name, settings),) = select.items()
    if not isinstance(name, str) or not _is_compared(name):
        return STRATEGY, {}
    # Variants are merged into the study: a budget that is only left out would stay.
    return name, {key: None if key in BUDGETS else value for key, value in (settings or {}).items()}


def _is_compared(name: str) -> bool:
    """Whether a strategy has a budget and does not draw at random."""
    try:
        strategy = registry.find("strategy", name)
    except UserError:
        return True  # the check of the variants reports the unknown strategy and its place
    return issubclass(strategy, Strategy) and not strategy.random and "fraction" in strategy.model_fields


def _keep_blind_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that also apply to a strategy without quality: shares, and whether unscored preferences pass."""
    kept = {"shares": settings["shares"]} if "shares" in settings else {}
    return kept | ({"unscored": settings["unscored"]} if settings.get("unscored") in ("keep", "sample") else {})


def _select(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """One variant's changes. The strategy and its settings replace those of the study."""
    return {"select": {name: settings}} if settings else {"select": name}


def _slugify(name: str) -> str:
    """An objective's name in a form that is valid in a variant's name, which also names a folder."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", name)
