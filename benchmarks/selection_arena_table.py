"""The results of `selection_arena.py`: one table per noise, overlap, cost, and the rule for the default of `select`."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selection_arena import ARMS, Data, Plan, Variant, count_passes
from selection_table import METRICS, Purity, find_true_orders, make_cell, make_table, purity, units_of
from unipref import demo
from unipref.analysis.verdicts.evidence import Evidence, Measured, Model, Side
from unipref.analysis.verdicts.gains import Gain
from unipref.analysis.verdicts.read import read_statistic
from unipref.core.stats.intervals import LEVEL
from unipref.core.stats.statistic import Statistic

DECIDING = {
    "instructions": Side("instructions", "instructions", "followed"),
    "anti": Side("anti", "coreference", "two_way_accuracy", slice="anti"),
}
"""The metrics of the rule: instructions followed, and two-way accuracy against the stereotype."""


class Comparison(NamedTuple):
    """A mean difference to a rival: the estimate, its 95 % interval, and the interval that the rule uses."""

    mean: float
    low: float
    high: float
    rule_low: float
    rule_high: float

    @property
    def cell(self) -> str:
        """For a table."""
        return make_cell([self.mean, self.low, self.high])


class Row(NamedTuple):
    """What is known of one variant under one noise.

    Attributes:
        purity: field of `selection_table.Purity` -> mean over the seeds.
        seconds: mean seconds of the selection.
        mean: metric -> mean over the seeds.
        against: rival -> metric -> the comparison.
        steps: optimiser steps.
    """

    purity: dict[str, float]
    seconds: float
    mean: dict[str, float]
    against: dict[str, dict[str, Comparison]]
    steps: int


def write(plan: Plan, seeds: Sequence[int]) -> None:
    """Writes `results.json` and `table.md` of all seeds that are finished under every noise, and prints the table."""
    data = {noise: plan.measure_data(_plain(plan, noise), noise) for noise in plan.noises}
    done = [seed for seed in seeds if all(_is_finished(plan, noise, seed, data[noise]) for noise in plan.noises)]
    if not done:
        raise SystemExit("No seed is finished under every noise. Run the command run first.")
    left = [seed for seed in seeds if seed not in done]
    lines = [f"Seeds {', '.join(map(str, done))}" + (f"; not finished: {', '.join(map(str, left))}." if left else ".")]
    results = {noise: measure(plan, noise, done, data[noise]) for noise in plan.noises}
    for noise in plan.noises:
        lines += ["", f"### {noise}", "", *tabulate(results[noise])]
    lines += ["", "### Overlap", "", *tabulate_overlap(plan, done), "", "### Cost", "", *tabulate_cost(results, data)]
    lines += ["", "### The rule", "", decide(results)]
    record = {
        noise: {variant.name: _to_record(one) for variant, one in found.items()} for noise, found in results.items()
    }
    whole = {"seeds": done, "sft": plan.sft, "noises": record}
    (plan.out / "results.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    (plan.out / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def _plain(plan: Plan, noise: Any) -> dict[str, Any]:
    """The study of a noise without its variants."""
    return {key: value for key, value in plan.make_study(noise, 0).items() if key != "variants"}


def _to_record(one: Row) -> dict[str, Any]:
    against = {rival: {name: tuple(c) for name, c in by.items()} for rival, by in one.against.items()}
    return one._asdict() | {"against": against}


def _is_finished(plan: Plan, noise: str, seed: int, data: Data) -> bool:
    """Whether every variant of one noise and seed was measured on all benchmarks of the base model."""
    run = plan.folder(noise, seed)
    base = run / "evaluated" / "base"
    names = [folder.name for folder in base.iterdir()] if base.is_dir() else []
    places = [run / "evaluated" / one.name / str(seed) / "sft" for one in plan.list_variants(data)]
    return bool(names) and all(any((place / name).glob("*.jsonl")) for place in places for name in names)


def measure(plan: Plan, noise: str, seeds: Sequence[int], data: Data) -> dict[Variant, Row]:
    """Measures every variant under one noise."""
    truth = demo.Truth(plan.out / "worlds" / noise)
    order = find_true_orders(plan.folder(noise, seeds[0]), truth)
    variants = plan.list_variants(data)
    units = {one: [units_of(plan.folder(noise, seed), one.name, seed, order) for seed in seeds] for one in variants}
    evidence, tests = read_evidence(plan, noise, variants, seeds), count_tests(plan)
    rows = {}
    for one in variants:
        pure = [purity(_selected(plan, noise, one, seed), truth) for seed in seeds]
        seconds = [_seconds(plan.folder(noise, seed), one.at_equal_steps.name, seed) for seed in seeds]
        against: dict[str, dict[str, Comparison]] = {}
        for rival_name, rival in (("random", Variant("random", one.fraction)), ("all", Variant(None))):
            if one.arm is None or one == rival:
                continue
            gains = {name: evidence.compute_gain(name, _model(one), _model(rival)) for name in DECIDING}
            against[rival_name] = {name: compare(gain, tests) for name, gain in gains.items() if gain is not None}
        shares = {field: float(np.mean([getattr(each, field) for each in pure])) for field in Purity._fields}
        rows[one] = Row(
            shares,
            float(np.mean(seconds)),
            {metric: float(np.mean([unit[metric].mean() for unit in units[one]])) for metric in units[one][0]},
            against,
            plan.count_steps(one, data),
        )
    return rows


def count_tests(plan: Plan) -> int:
    """Counts the comparisons of the rule: every arm but the random one, at every fraction."""
    return (len(plan.arms) - 1) * len(plan.fractions)


def _model(variant: Variant) -> Model:
    return Model(variant.name, "sft")


def read_evidence(plan: Plan, noise: str, variants: Sequence[Variant], seeds: Sequence[int]) -> Evidence:
    """Reads the deciding metrics of all variants under one noise; each seed has its own run folder."""
    measured: dict[str, dict[Model, Measured]] = {name: {} for name in DECIDING}
    for (name, side), variant in itertools.product(DECIDING.items(), variants):
        by_seed: dict[int | None, Statistic] = {}
        for seed in seeds:
            folder = plan.folder(noise, seed) / "evaluated" / variant.name / str(seed) / "sft" / side.benchmark
            if folder.is_dir() and (statistic := read_statistic(folder, side)) is not None:
                by_seed[seed] = statistic
        if by_seed:
            measured[name][_model(variant)] = Measured(by_seed)
    return Evidence(DECIDING, measured, {})


def compare(gain: Gain, tests: int) -> Comparison:
    """Returns a gain with its interval at 95 % and at 1 - 0.05 / tests (Bonferroni)."""
    ends = (*gain.interval(), *gain.interval(1 - (1 - LEVEL) / tests))
    return Comparison(*(round(float(value), 4) for value in (gain.value, *ends)))


def _selected(plan: Plan, noise: str, variant: Variant, seed: int) -> Path:
    return plan.folder(noise, seed) / "selected" / variant.at_equal_steps.name / str(seed)


def _seconds(run: Path, variant: str, seed: int) -> float:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    return float(manifest["selected"][variant][str(seed)]["seconds"])


def tabulate(rows: dict[Variant, Row]) -> list[str]:
    """Renders the table of one noise."""
    metrics = [name for name in METRICS if name in next(iter(rows.values())).mean]
    deciding = [name for name in DECIDING if name in metrics]
    heads = ["arm", "kept", "right", "SFT learns right", "steps", *(METRICS[name] for name in metrics)]
    heads += [f"{METRICS[name]}, minus {rival}" for rival in ("random", "all") for name in deciding]
    lines = []
    for variant, one in rows.items():
        cells = [f"`{variant.name}`" if variant.arm else "all data", f"{one.purity['kept']:,.0f}"]
        cells += [f"{one.purity[name]:.3f}" for name in ("ordered_right", "teaches_right")] + [f"{one.steps:,}"]
        cells += [f"{one.mean[name]:.3f}" for name in metrics]
        for rival in ("random", "all"):
            cells += [one.against[rival][name].cell if rival in one.against else "" for name in deciding]
        lines.append(cells)
    return make_table(heads, lines)


def tabulate_overlap(plan: Plan, seeds: Sequence[int]) -> list[str]:
    """Renders the mean Jaccard index of what two arms keep, at the middle fraction, over noises and seeds."""
    import pyarrow.parquet as pq

    fraction = plan.fractions[len(plan.fractions) // 2]
    sums = np.zeros((len(plan.arms), len(plan.arms)))
    for noise in plan.noises:
        for seed in seeds:
            kept = []
            for arm in plan.arms:
                folder = _selected(plan, noise, Variant(arm, fraction), seed)
                kept.append(set(pq.read_table(folder / "train.parquet", columns=["id"])["id"].to_pylist()))
            sums += [[len(a & b) / max(1, len(a | b)) for b in kept] for a in kept]
    means = sums / (len(plan.noises) * len(seeds))
    rows = [[f"`{arm}`", *(f"{value:.2f}" for value in means[row])] for row, arm in enumerate(plan.arms)]
    return [f"Jaccard index at {fraction:g}.", "", *make_table(["arm", *(f"`{arm}`" for arm in plan.arms)], rows)]


def tabulate_cost(results: dict[str, dict[Variant, Row]], data: dict[Any, Data]) -> list[str]:
    """Renders seconds and passes of each arm's selection, means over noises, seeds and fractions."""
    rows = []
    for arm in ARMS:
        seconds = [one.seconds for found in results.values() for variant, one in found.items() if variant.arm == arm]
        passes = np.mean([count_passes(arm, size) for size in data.values()])
        if seconds:
            rows.append([f"`{arm}`", ARMS[arm].source, f"{np.mean(seconds):.1f}", f"{passes:,.0f}"])
    return make_table(["arm", "source (arXiv)", "seconds", "passes of one answer"], rows)


def decide(results: dict[str, dict[Variant, Row]]) -> str:
    """Applies the rule for the default of `select` (`docs/selection_arena.md`), and says why.

    A selection passes if, at the smaller of equal steps and equal compute, no deciding metric is below all data under
    any noise, and instructions are above all data under at least two noises.
    """
    passing: dict[str, tuple[float, float]] = {}
    first = next(iter(results.values()))
    for variant in first:
        if variant.arm in (None, "random") or variant.is_compute_equal:
            continue
        shorter = variant._replace(is_compute_equal=True)
        found = [by.get(shorter if shorter in by else variant) for by in results.values()]
        against = [one.against["all"] for one in found if one is not None]
        is_below = any(by[name].rule_high < 0 for by in against for name in DECIDING if name in by)
        measured = all("instructions" in by for by in against)
        above = sum(by["instructions"].rule_low > 0 for by in against) if measured else 0
        if not is_below and above >= 2 and len(against) == len(results):
            worst = min(by["instructions"].mean for by in against)
            passing[variant.name] = (worst, -float(np.mean([one.seconds for one in found if one is not None])))
    if not passing:
        return "No selection passes: the default stays `all`."
    best = max(passing, key=lambda name: passing[name])
    return f"Passing: {', '.join(f'`{name}`' for name in passing)}. The default becomes `{best}`."
