"""Hand-made evidence for verdicts: scores whose claims are known."""

from typing import Any

import numpy as np

from unipref.analysis.verdicts.claims import judge_claims
from unipref.analysis.verdicts.evidence import BASE_MODEL, Evidence, Measured, Model, Side, Variant
from unipref.core.run_folder import PlannedStep
from unipref.core.stats.statistic import Statistic, mean

N = 200
SIDES = {
    "instruction": Side("instruction", "instructions", "followed"),
    "bias": Side("bias", "coreference", "two_way_bias", skill_metric="two_way_accuracy"),
}
STEPS = (
    PlannedStep("sft", "sft", "policy", "base", "demonstrations"),
    PlannedStep("reward", "reward", "reward", "sft", "pairs"),
    PlannedStep("dpo", "dpo", "policy", "sft", "pairs"),
)


def figure(objective: str, value: float, seed: int) -> Statistic:
    """N units whose mean is the value, a little more or less in each seed."""
    units = [f"u{i}" for i in range(N)]
    value += 0.002 * (seed - 1)
    if objective == "instruction":
        return mean("followed", units, np.arange(N) < round(value * N), ideal=1.0)
    values = np.full(N, value)
    return mean(
        "two_way_bias", units, values, direction="ideal", ideal=0.0, chance=0.0, bounds=(-1.0, 1.0), trials=None
    )


def variant(name: str, kind: str, kept: float = 100.0, **changes: Any) -> Variant:
    return Variant(name, kind, kept, **{"settings_hash": "r", "steps": STEPS, **changes})


def evidence(variants: list[Variant], values: dict[tuple[str, str], tuple[float, float]], seeds: int = 3) -> Evidence:
    """Model -> (instructions followed, bias)."""
    measured: dict[str, dict[Model, Measured]] = {"instruction": {}, "bias": {}}
    for place, both in values.items():
        model = Model(*place)
        own: list[int | None] = [None] if model == BASE_MODEL else list(range(seeds))
        for objective, value in zip(measured, both, strict=True):
            by_seed = {seed: figure(objective, value, 1 if seed is None else seed) for seed in own}
            measured[objective][model] = Measured(by_seed, 0, 0.8 if objective == "bias" else None)
    return Evidence(SIDES, measured, {one.name: one for one in variants})


VARIANTS = [
    variant("main", "full"),
    variant("source-a", "alone", 50, alone=("source", "a")),
    variant("source-b", "alone", 50, alone=("source", "b")),
    variant("selected-0.4", "selected", 40),
    variant("random-0.4", "random", 40),
]
BASE = {("base", "base"): (0.2, 0.5)}
GOOD = BASE | {
    ("main", "sft"): (0.5, 0.3),
    ("main", "dpo"): (0.7, 0.2),
    ("source-a", "dpo"): (0.7, 0.5),
    ("source-b", "dpo"): (0.2, 0.2),
    ("selected-0.4", "dpo"): (0.8, 0.2),
    ("random-0.4", "dpo"): (0.6, 0.3),
}


def verdicts_of(found: Evidence) -> list[str]:
    return [claim.verdict for claim in judge_claims(found)]


MANIFEST = {
    "sources": {
        "a": {"polarity": {"verdict": "mixed", "why": "8 of 17"}},
        "b": {"polarity": {"verdict": "no_contradiction"}},
    },
    "selected": {
        "main": {"0": {"account": {"warnings": ["source 'b' is gone"], "shared_clusters": 1, "clusters": 50}}},
        "other": {"0": {"account": {"warnings": [], "shared_clusters": 3, "clusters": 50}}},
    },
    "train": {"main": {"0": {"dpo": {"collapse": {"step": 3, "why": "the loss is no number"}}}}},
}
