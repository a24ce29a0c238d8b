"""Reads the evidence of a run: variants from the manifest, figures recomputed from the tables of examples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from unipref.analysis.verdicts.evidence import Evidence, Measured, Model, Side, Variant
from unipref.core.contracts import BIAS, INSTRUCTION
from unipref.core.errors import UserError, near_name
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
        UserError: a table of examples is corrupt, or a benchmark lacks the metric that the study chose for it.
    """
    variants = {name: _describe_variant(name, info, manifest) for name, info in manifest.variants.items()}
    policies = {(v.name, step) for v in variants.values() for step in [*v.policies, BASE]} | {(BASE, BASE)}
    evaluated = [one for one in manifest.evaluated if (one.variant, one.step) in policies]
    sides = {
        objective: replace(side, effect=manifest.effects.get(objective, EFFECT))
        for objective, side in _choose_sides(manifest, evaluated, scores).items()
    }
    measured: dict[str, dict[Model, Measured]] = {}
    guards: dict[str, Evidence] = {}
    for objective, side in sides.items():
        own = _find_guards(manifest, side)
        measured[objective], *others = _read_measured(run, [side, *own], evaluated, scores)
        if side.replaces is not None and not measured[objective]:
            raise _missing_metric(side, scores)
        if own:
            by_metric = {guard.metric: guard for guard in own}
            guards[objective] = Evidence(by_metric, dict(zip(by_metric, others, strict=True)), variants)
    return Evidence(sides, measured, variants, guards)


def _missing_metric(side: Side, scores: Scores) -> UserError:
    """Returns the error for a metric that the study chose and the benchmark does not have."""
    rows = [row for row in scores if row.benchmark == side.benchmark and row.mode != "paper"]
    metrics = {row.metric for row in rows if row.slice == side.slice}
    what = f"the benchmark has no metric '{side.metric}'."
    return UserError(what, where=f"verdicts.headline.{side.benchmark}", mend=near_name(side.metric, metrics))


def _find_guards(manifest: Manifest, side: Side) -> list[Side]:
    """Returns the skill beside a headline metric, and its guards, each as a side of its own."""
    headline = next(iter(manifest.variants.values()), VariantInfo()).judged.get(side.benchmark)
    if headline is None or headline.metric != side.metric:
        return []
    return [
        replace(side, objective=metric, metric=metric, skill_metric=None, effect=EFFECT)
        for metric in (headline.skill_metric, *headline.guards)
        if metric is not None
    ]


def _read_measured(
    run: Path, sides: Sequence[Side], evaluated: Sequence[Evaluated], scores: Scores
) -> list[dict[Model, Measured]]:
    """Reads the figures of each model on each of the sides, which are metrics of one benchmark."""
    found: list[dict[Model, dict[int | None, Statistic]]] = [{} for _ in sides]
    for one in evaluated:
        if one.benchmark == sides[0].benchmark:
            for by_model, statistic in zip(found, _read_statistics(run / one.folder, sides), strict=True):
                if statistic is not None:
                    by_model.setdefault(Model(one.variant, one.step), {})[one.seed] = statistic
    return [
        {
            model: Measured(by_seed, _count_guessing(scores, model, side, by_seed), _average_skill(scores, model, side))
            for model, by_seed in by_model.items()
        }
        for side, by_model in zip(sides, found, strict=True)
    ]


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
                headline.objective,
                label,
                headline.metric,
                skill_metric=headline.skill_metric,
                unit=headline.unit,
                replaces=headline.replaces,
            )
    for label, metric in main.fallback_metric.items():
        for objective in OBJECTIVES:
            part = f"objective:{objective}"
            if objective not in sides and any(row.benchmark == label and row.slice == part for row in scores):
                sides[objective] = Side(objective, label, metric, slice=part)
    return {objective: sides[objective] for objective in OBJECTIVES if objective in sides}


def read_statistic(folder: Path, side: Side) -> Statistic | None:
    """Reads the headline statistic of a side from a folder of an evaluation; None if the tables lack it."""
    return _read_statistics(folder, [side])[0]


def _read_statistics(folder: Path, sides: Sequence[Side]) -> list[Statistic | None]:
    """Reads the statistics of metrics of one benchmark, each as `read_statistic`."""
    statistics = load_tables(folder)[sides[0].benchmark].statistics().values()
    found: list[Statistic | None] = []
    for side in sides:
        matching = [s for s in statistics if s.metric == side.metric and s.slice == side.slice and s.mode != "paper"]
        found.append(next(iter(sorted(matching, key=lambda s: (s.mode != "corrected", s.split != "test"))), None))
    return found


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
