"""Which differences a study can show: by its seeds, examples and clusters, and by components of variance.

The difference of two trained models has the variance

    V = c^2 / G + e^2 / n + s^2 / S

with G clusters, n examples and S seeds; c, e and s are its standard deviations between clusters, between examples of
a cluster and between seeds. A difference d is shown with power 0.8 if d = (t_.975 + t_.8) sqrt(V), with Student's t of
the degrees of freedom V^2 / (V_C^2 / (G - 1) + V_S^2 / f_S), f_S = (variants - 1) (S - 1).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unipref.analysis.verdicts.evidence import Evidence, Model
from unipref.core.stats.intervals import LEVEL, find_quantile

POWER = 0.8
DEFAULT_SOURCE = "defaults (--from RUN takes those of a run of two variants and seeds)"
SEEDS = (2, 3, 5, 10)
TIMES = (1, 2, 4)
"""Multiples of the study's examples and clusters that are shown."""
MOST_SEEDS = 30


@dataclass(frozen=True)
class Components:
    """Standard deviations of the difference of two trained models, in units of one.

    Attributes:
        seeds: between seeds; clusters: between clusters; examples: between examples of a cluster.
    """

    seeds: float
    clusters: float
    examples: float


DEFAULTS = {"instruction": Components(0.042, 0.14, 0.42), "bias": Components(0.042, 0.10, 0.21)}
"""Those of the built-in world, as in the simulations of docs/verdicts.md."""


@dataclass(frozen=True)
class Measurement:
    """What a study measures on a side: the benchmark, and the number of its examples and of their clusters."""

    benchmark: str
    metric: str
    examples: int
    clusters: int
    effect: float


def find_difference(of: Components, examples: int, clusters: int, seeds: int, variants: int) -> float | None:
    """Returns the smallest difference that is shown with power 0.8; None if seeds or clusters are too few.

    Args:
        of: components of variance.
        examples: their number.
        clusters: their number.
        seeds: their number; one shows nothing.
        variants: trained variants of the study, over which the variance between seeds is pooled.
    """
    if seeds < 2 or clusters < 2:
        return None
    over_units = of.clusters**2 / clusters + of.examples**2 / examples
    over_seeds = of.seeds**2 / seeds
    variance = over_units + over_seeds
    if variance <= 0:
        return 0.0
    of_seeds = max(variants - 1, 1) * (seeds - 1)
    freedom = variance**2 / (over_units**2 / (clusters - 1) + over_seeds**2 / of_seeds)
    return (find_quantile(LEVEL, freedom) + find_quantile(2 * POWER - 1, freedom)) * math.sqrt(variance)


def estimate_components(evidence: Evidence) -> dict[str, Components]:
    """Estimates the components from a finished run: means over pairs of last models, by objective."""
    last = [variant.last for variant in evidence.variants.values() if variant.last is not None]
    pairs = [(one, other) for at, one in enumerate(last) for other in last[at + 1 :]]
    found: dict[str, Components] = {}
    for objective in evidence.sides:
        each = [part for pair in pairs if (part := _split_variance(evidence, objective, *pair)) is not None]
        if each:
            seeds, clusters, examples = (math.sqrt(float(np.mean(part))) for part in zip(*each, strict=True))
            found[objective] = Components(seeds, clusters, examples)
    return found


def _split_variance(
    evidence: Evidence, objective: str, model: Model, other: Model
) -> tuple[float, float, float] | None:
    """Returns the variances of a difference between seeds, between clusters and within; None if not measured."""
    gain = evidence.compute_gain(objective, model, other)
    terms = evidence.find_terms_of(objective, model, other)
    if gain is None or terms is None or not gain.combined.has_seed_variance:
        return None
    values, grouping = terms
    n, count = len(values), grouping.count
    whole = gain.combined.over_units
    if grouping.is_trivial or count >= n:
        return gain.combined.over_seeds * gain.seeds, 0.0, whole * n
    codes = grouping.members[0]
    sizes = np.bincount(codes, minlength=count)
    means = np.bincount(codes, values, count) / np.maximum(sizes, 1)
    within = float(((values - means[codes]) ** 2).sum() / max(n - len(sizes[sizes > 0]), 1))
    between = max(whole - within / n, 0.0) * count
    return gain.combined.over_seeds * gain.seeds, between, within


def plan(
    measured: Mapping[str, Measurement], components: Mapping[str, Components], variants: int, seeds: int
) -> dict[str, Any]:
    """Computes which differences a study shows.

    Args:
        measured: objective -> what the study measures.
        components: objective -> components of variance; `DEFAULTS` for others.
        variants: trained variants of the study.
        seeds: of the study.

    Returns:
        `variants`, `seeds`, `power` and `sides`: for each objective its benchmark, examples, clusters, effect and
        components; `differences`: a row per number of examples with the smallest difference by seeds; `smallest`: that
        of the study as it is; `seeds_needed` for the effect, None if no number up to 30 suffices.
    """
    sides: dict[str, Any] = {}
    for objective, one in measured.items():
        of = components.get(objective, DEFAULTS[objective])
        counts = sorted({seeds, *SEEDS})
        rows = [
            {
                "examples": one.examples * times,
                "clusters": one.clusters * times,
                "smallest": {
                    str(count): _round(find_difference(of, one.examples * times, one.clusters * times, count, variants))
                    for count in counts
                },
            }
            for times in TIMES
        ]
        enough = (
            count
            for count in range(2, MOST_SEEDS + 1)
            if (least := find_difference(of, one.examples, one.clusters, count, variants)) is not None
            and least <= one.effect
        )
        sides[objective] = {
            **asdict(one),
            "components": asdict(of),
            "is_default": objective not in components,
            "smallest": _round(find_difference(of, one.examples, one.clusters, seeds, variants)),
            "seeds_needed": next(enough, None),
            "differences": rows,
        }
    return {"variants": variants, "seeds": seeds, "power": POWER, "sides": sides}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def format_plan(planned: Mapping[str, Any]) -> str:
    """Formats a plan as text: one table for all sides."""
    counts = list(next(iter(planned["sides"].values()))["differences"][0]["smallest"]) if planned["sides"] else []
    lines = [
        f"Smallest difference of two trained models that the study shows with power {planned['power']:g}, by seeds",
        f"(variants: {planned['variants']}; seeds of the study: {planned['seeds']}):",
        "",
        f"{'side':<13}{'examples':>9}{'clusters':>9}" + "".join(f"{count + ' seeds':>10}" for count in counts),
    ]
    for objective, side in planned["sides"].items():
        for row in side["differences"]:
            cells = ["–" if value is None else f"{value:.3f}" for value in row["smallest"].values()]
            counted = f"{objective:<13}{row['examples']:>9,}{row['clusters']:>9,}"
            lines.append(counted + "".join(f"{cell:>10}" for cell in cells))
    lines.append("")
    for objective, side in planned["sides"].items():
        lines += [_describe_side(objective, side), ""]
    lines += [f"{note}" for note in planned.get("notes", [])]
    return "\n".join(lines).rstrip()


def _describe_side(objective: str, side: Mapping[str, Any]) -> str:
    needed = side["seeds_needed"]
    found = (
        f"{needed} seeds show a difference of {side['effect']:g} (the smallest effect of interest)"
        if needed
        else f"no number of seeds up to {MOST_SEEDS} shows a difference of {side['effect']:g}: it takes more clusters"
    )
    of, source = side["components"], DEFAULT_SOURCE if side["is_default"] else "from the run"
    spread = ", ".join(f"{value:.3f} between {name}" for name, value in of.items())
    return (
        f"{objective} ({side['metric']} of {side['benchmark']}): {found}. Standard deviations of a difference, "
        f"{source}: {spread}."
    )
