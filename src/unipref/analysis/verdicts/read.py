"""A run folder -> the evidence: arms from the manifest, figures computed again from the tables of examples."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from unipref.analysis.verdicts.evidence import Arm, Evidence, Measured, Model, Side
from unipref.core.contracts import BIAS, INSTRUCTION
from unipref.core.records import BASE
from unipref.core.stats.bootstrap import Statistic
from unipref.evaluate.compare import load_tables

OBJECTIVES = (INSTRUCTION, BIAS)
STAND_IN = "preference_accuracy"
"""Stands for an objective that no benchmark of the study measures: how held-out preferences of it are ranked."""
SAME_SIZE = 0.01
"""Two parts are of one size when their numbers of preferences differ by no more than this part."""

Rows = Sequence[Mapping[str, Any]]


def read(run: Path, manifest: Mapping[str, Any], scores: Rows) -> Evidence:
    """The evidence of a run.

    Args:
        run: its folder.
        manifest: what `manifest.json` holds.
        scores: what `scores.json` holds.

    Raises:
        UserError: a table of examples is not what it should be.
    """
    evaluated = manifest.get("evaluated") or []
    arms = {name: _arm(name, about, manifest) for name, about in (manifest.get("arms") or {}).items()}
    policies = {(arm.name, step) for arm in arms.values() for step in [*arm.policies, BASE]} | {(BASE, BASE)}
    asked = [row for row in evaluated if (row["variant"], row["step"]) in policies]
    sides = _sides(manifest, asked, scores)
    measured: dict[str, dict[Model, Measured]] = {}
    for objective, side in sides.items():
        by_model: dict[Model, dict[int | None, Statistic]] = {}
        for row in asked:
            if row["benchmark"] == side.benchmark:
                statistic = _statistic(run / row["folder"], side)
                if statistic is not None:
                    by_model.setdefault(Model(row["variant"], row["step"]), {})[row["seed"]] = statistic
        measured[objective] = {
            model: Measured(by_seed, _guessing(scores, model, side, by_seed), _beside(scores, model, side))
            for model, by_seed in by_model.items()
        }
    return Evidence(sides, measured, arms)


def _arm(name: str, about: Mapping[str, Any], manifest: Mapping[str, Any]) -> Arm:
    chosen = list(((manifest.get("selected") or {}).get(name) or {}).values())
    strategy = about["strategy"]
    main = next(iter(manifest["arms"].values()))["strategy"]
    alone = [(kind, one) for kind in ("source", "objective") for one in strategy["settings"].get(f"{kind}s") or ()]
    if not chosen:
        kind = "unknown"
    elif all(one["kept"] == one["candidates"] for one in chosen):
        kind = "full"
    else:
        kind = _kind(strategy, main)
    kept = fmean(one["kept"] for one in chosen) if chosen else 0.0
    single = alone[0] if kind == "alone" and len(alone) == 1 else None
    return Arm(name, kind, kept, about["rest"], tuple(about["steps"]), single)


def _kind(strategy: Mapping[str, Any], main: Mapping[str, Any]) -> str:
    if strategy["name"] == "only":
        return "alone"
    shares = strategy["settings"].get("shares")
    if isinstance(shares, dict) and shares != main["settings"].get("shares"):
        return "weighted"
    return "random" if strategy["name"] == "random" else "selected"


def _sides(manifest: Mapping[str, Any], evaluated: Rows, scores: Rows) -> dict[str, Side]:
    """Of each objective, the first benchmark of the study that judges it, and else how its preferences are ranked."""
    main: Mapping[str, Any] = next(iter((manifest.get("arms") or {}).values()), {})
    there = {row["benchmark"] for row in evaluated}
    found: dict[str, Side] = {}
    for label, lead in (main.get("judged") or {}).items():
        if label in there and lead["objective"] not in found:
            side = Side(lead["objective"], label, lead["metric"], beside=lead["beside"], unit=lead["unit"])
            found[lead["objective"]] = side
    for objective in OBJECTIVES:
        part = f"objective:{objective}"
        if objective not in found and any(r["benchmark"] == STAND_IN and r["slice"] == part for r in scores):
            found[objective] = Side(objective, STAND_IN, "accuracy", slice=part)
    return {objective: found[objective] for objective in OBJECTIVES if objective in found}


def _statistic(folder: Path, side: Side) -> Statistic | None:
    found = load_tables(folder)[side.benchmark].statistics().values()
    mine = [s for s in found if s.metric == side.metric and s.slice == side.slice and s.mode != "paper"]
    return next(iter(sorted(mine, key=lambda s: (s.mode != "corrected", s.split != "test"))), None)


def _rows_of(scores: Rows, model: Model, side: Side) -> Iterator[Mapping[str, Any]]:
    for row in scores:
        if (row["variant"], row["step"], row["benchmark"]) == (*model, side.benchmark) and row["mode"] != "paper":
            yield row


def _guessing(scores: Rows, model: Model, side: Side, by_seed: Mapping[int | None, Statistic]) -> int:
    mode = next(iter(by_seed.values())).mode
    return len({r["seed"] for r in _rows_of(scores, model, side) if r["mode"] == mode and r.get("at_chance")})


def _beside(scores: Rows, model: Model, side: Side) -> float | None:
    found = [
        row["value"]
        for row in _rows_of(scores, model, side)
        if row["metric"] == side.beside and row["slice"] == "all" and row["value"] is not None
    ]
    return fmean(found) if found else None


def same_size(one: Arm, other: Arm) -> bool:
    """Whether two arms keep as many preferences."""
    return abs(one.kept - other.kept) <= max(1.0, SAME_SIZE * one.kept)
