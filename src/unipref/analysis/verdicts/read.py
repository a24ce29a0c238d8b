"""Reads the evidence of a run: variants from the manifest, figures recomputed from the tables of examples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from unipref.analysis.verdicts.evidence import Evidence, Measured, Model, Side, Variant
from unipref.core.contracts import BIAS, INSTRUCTION
from unipref.core.records import BASE
from unipref.core.run_folder import ChoiceInfo, Evaluated, Manifest, ScoreRow, VariantInfo
from unipref.core.stats.differences import EFFECT
from unipref.core.stats.statistic import Statistic
from unipref.evaluate.compare import load_tables

OBJECTIVES = (INSTRUCTION, BIAS)
SAME_SIZE = 0.01
"""Two parts have the same size if their numbers of preferences differ by at most this share."""

Scores = Sequence[ScoreRow]


def read_evidence(run: Path, manifest: Manifest, scores: Scores) -> Evidence:
    """Reads the evidence of a run.

    Args:
        run: the run folder.
        manifest: its manifest.
        scores: the rows of its `scores.json`.

    Raises:
        UserError: a table of examples is corrupt.
    """
    variants = {name: _describe_variant(name, info, manifest) for name, info in manifest.variants.items()}
    policies = {(v.name, step) for v in variants.values() for step in [*v.policies, BASE]} | {(BASE, BASE)}
    evaluated = [one for one in manifest.evaluated if (one.variant, one.step) in policies]
    sides = {
        objective: replace(side, effect=manifest.effects.get(objective, EFFECT))
        for objective, side in _choose_sides(manifest, evaluated, scores).items()
    }
    guards = _find_guards(manifest, sides)
    return Evidence(
        sides,
        _read_measured(run, sides, evaluated, scores),
        variants,
        Evidence(guards, _read_measured(run, guards, evaluated, scores), variants) if guards else None,
    )


def _find_guards(manifest: Manifest, sides: Mapping[str, Side]) -> dict[str, Side]:
    """Returns the guards of the sides' headline metrics, and their skills, each as a side of its own."""
    judged = next(iter(manifest.variants.values()), VariantInfo()).judged
    found = {}
    for objective, side in sides.items():
        headline = judged.get(side.benchmark)
        if headline is not None and headline.metric == side.metric:
            for metric in filter(None, (headline.skill_metric, *headline.guards)):
                name = f"{objective}: {metric}"
                found[name] = replace(side, objective=name, metric=metric, skill_metric=None, effect=EFFECT)
    return found


def _read_measured(
    run: Path, sides: Mapping[str, Side], evaluated: Sequence[Evaluated], scores: Scores
) -> dict[str, dict[Model, Measured]]:
    """Reads the figures of each model on each side."""
    measured: dict[str, dict[Model, Measured]] = {}
    for objective, side in sides.items():
        by_model: dict[Model, dict[int | None, Statistic]] = {}
        for one in evaluated:
            if one.benchmark == side.benchmark:
                statistic = read_statistic(run / one.folder, side)
                if statistic is not None:
                    by_model.setdefault(Model(one.variant, one.step), {})[one.seed] = statistic
        measured[objective] = {
            model: Measured(by_seed, _count_guessing(scores, model, side, by_seed), _average_skill(scores, model, side))
            for model, by_seed in by_model.items()
        }
    return measured


def _describe_variant(name: str, info: VariantInfo, manifest: Manifest) -> Variant:
    selections = list(manifest.selected.get(name, {}).values())
    main = next(iter(manifest.variants.values())).strategy
    alone = [(kind, one) for kind in ("source", "objective") for one in info.strategy.settings.get(f"{kind}s") or ()]
    if not selections:
        kind = "unknown"
    elif all(selected.keeps_all for selected in selections):
        kind = "full"
    else:
        kind = _name_kind(info.strategy, main)
    kept = fmean(selected.kept or 0 for selected in selections) if selections else 0.0
    single = alone[0] if kind == "alone" and len(alone) == 1 else None
    return Variant(name, kind, kept, info.settings_hash, tuple(info.steps), single)


def _name_kind(strategy: ChoiceInfo, main: ChoiceInfo) -> str:
    if strategy.takes_whole:
        return "alone"
    shares = strategy.settings.get("shares")
    if isinstance(shares, dict) and shares != main.settings.get("shares"):
        return "weighted"
    return "random" if strategy.random else "selected"


def _choose_sides(manifest: Manifest, evaluated: Sequence[Evaluated], scores: Scores) -> dict[str, Side]:
    """Chooses for each objective the first benchmark with a headline metric, or else accuracy on its preferences."""
    main = next(iter(manifest.variants.values()), VariantInfo())
    benchmarks = {one.benchmark for one in evaluated}
    sides: dict[str, Side] = {}
    for label, headline in main.judged.items():
        if label in benchmarks and headline.objective not in sides:
            sides[headline.objective] = Side(
                headline.objective, label, headline.metric, skill_metric=headline.skill_metric, unit=headline.unit
            )
    for label, metric in main.fallback_metric.items():
        for objective in OBJECTIVES:
            part = f"objective:{objective}"
            if objective not in sides and any(row.benchmark == label and row.slice == part for row in scores):
                sides[objective] = Side(objective, label, metric, slice=part)
    return {objective: sides[objective] for objective in OBJECTIVES if objective in sides}


def read_statistic(folder: Path, side: Side) -> Statistic | None:
    """Reads the headline statistic of a side from a folder of an evaluation; None if the tables lack it."""
    statistics = load_tables(folder)[side.benchmark].statistics().values()
    matching = [s for s in statistics if s.metric == side.metric and s.slice == side.slice and s.mode != "paper"]
    return next(iter(sorted(matching, key=lambda s: (s.mode != "corrected", s.split != "test"))), None)


def _select_rows(scores: Scores, model: Model, side: Side) -> Iterator[ScoreRow]:
    for row in scores:
        if (row.variant, row.step, row.benchmark) == (*model, side.benchmark) and row.mode != "paper":
            yield row


def _count_guessing(scores: Scores, model: Model, side: Side, by_seed: Mapping[int | None, Statistic]) -> int:
    mode = next(iter(by_seed.values())).mode
    return len({row.seed for row in _select_rows(scores, model, side) if row.mode == mode and row.at_chance})


def _average_skill(scores: Scores, model: Model, side: Side) -> float | None:
    rows = _select_rows(scores, model, side)
    values = [row.value for row in rows if row.metric == side.skill_metric and row.slice == "all"]
    return fmean(values) if values else None


def has_same_size(one: Variant, other: Variant) -> bool:
    """Whether two variants keep the same number of preferences, within `SAME_SIZE`."""
    return abs(one.kept - other.kept) <= max(1.0, SAME_SIZE * one.kept)
