"""The arena: its arms, their costs, the order of the jobs, the comparisons and the rule."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from unipref import demo
from unipref.core import registry
from unipref.core.stats.statistic import mean
from unipref.demo import feedback

FOLDER = Path(__file__).parents[2] / "benchmarks"
SHARED = ("selection_runs", "selection_table", "selection_arena")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def arena() -> ModuleType:
    return [load(name) for name in SHARED][-1]


@pytest.fixture
def plan(arena: ModuleType, tmp_path: Path) -> Any:
    sft = {"learning_rate": 1e-3, "max_steps": 600}
    return arena.Plan(tmp_path, demo.World(seed=41), (0.2, 0.4, 0.6), tuple(arena.ARMS), sft)


def test_every_arm_is_a_valid_selection(arena: ModuleType) -> None:
    for arm in arena.ARMS.values():
        ((name, settings),) = arm.select(0.4).items()
        made = registry.make("strategy", name, settings, "select")
        assert made.fraction == 0.4  # type: ignore[attr-defined]
    assert len(arena.ARMS) == 14


def test_costs_are_counted_in_passes(arena: ModuleType, plan: Any) -> None:
    """400 of 1,000 pairs are learnt by two models: 2 x 400 x 2 answers x 4 passes, and 2 x 1,000 before and after."""
    data = arena.Data(n=1500, pairs=1000, dev=150)
    assert arena.count_passes("dpo_easy", data) == 6400 + 2000 + 2000
    assert arena.count_passes("dpo_easy", data._replace(pairs=100)) == 2 * 2 * 4 * 50 + 400
    assert arena.count_passes("policy_margin", data) == 2000
    assert arena.count_passes("influence", data) == 1650
    assert arena.count_passes("quality", data) == 0
    # A step of 16 rows costs 48 passes: 2,000 passes are 42 steps, 10,400 are 217.
    steps = {arm: plan.count_steps(arena.Variant(arm, 0.4, True), data) for arm in ("bees", "dpo_hard", "random")}
    assert steps == {"bees": 558, "dpo_hard": 383, "random": 600}
    assert plan.count_steps(arena.Variant("dpo_hard", 0.4), data) == 600
    short = plan._replace(sft=plan.sft | {"max_steps": 230})
    names = {one.name for one in short.list_variants(data) if one.is_compute_equal}
    # 13 steps are less than a tenth of 230.
    cheap = ("policy_margin", "margin_gap", "bees", "influence")
    assert names == {f"{arm}-{part}-compute" for arm in cheap for part in ("02", "04", "06")}


def test_the_order_of_the_variants_and_of_the_jobs(
    arena: ModuleType, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = arena.Data(1500, 1000, 150)
    names = [one.name for one in plan.list_variants(data)]
    assert names[:4] == ["main", "random-02", "quality-02", "cluster_quality-02"]
    assert len(names) == len(set(names)) == 1 + 14 * 3 + 6 * 3
    assert arena.Variant("bees", 0.6, True).at_equal_steps.name == "bees-06"
    monkeypatch.setattr(arena.Plan, "make_study", lambda self, noise, seed: {})
    folders = [folder.name for _, folder in plan.list_jobs(range(2))]
    assert folders == [f"{noise}-{seed}" for seed in (0, 1) for noise in ("careless", "gaussian", "adversarial")]


def test_a_study_has_every_arm(arena: ModuleType, plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world = plan.out / "worlds" / "careless"
    world.mkdir(parents=True)
    shutil.copy(Path(feedback.__file__).with_name("study.yaml"), world / "study.yaml")
    monkeypatch.setattr(arena.Plan, "measure_data", lambda self, study, noise: arena.Data(1500, 1000, 150))
    study = plan.make_study("careless", 3)
    assert study["select"] == "all"
    assert study["seeds"] == [3]
    assert study["unify"] == {"aggregate": "latent"}
    assert study["variants"]["rip-02"] == {
        "select": {"quality": {"fraction": 0.2, "unscored": "sample", "quality": ["rip"]}}
    }
    assert study["variants"]["confident-06"] == {"select": {"confident": {"fraction": 0.6, "at_least": 0.0}}}
    ((step,),) = (study["variants"]["bees-04-compute"]["train"],)
    assert step["sft"]["max_steps"] == 558
    json.dumps(study)


@pytest.fixture
def table(arena: ModuleType) -> ModuleType:
    return load("selection_arena_table")


def make_evidence(table: ModuleType, clusters: list[str]) -> Any:
    """Four arms, of which the last follows a tenth more instructions, in three seeds of 200 prompts."""
    dice = np.random.default_rng(0)
    names = [f"p{at:03}" for at in range(200)]
    easiness = np.repeat(dice.normal(0, 0.15, 20), 10)
    measured = {}
    for arm, gain in (("main", 0.0), ("quality-04", 0.0), ("rip-04", 0.0), ("bees-04", 0.2)):
        own = np.repeat(dice.normal(0, 0.25, 20), 10)  # what an arm learns differs by kind of instruction
        draws = {s: dice.random(200) < np.clip(0.4 + gain + easiness + own, 0, 1) for s in range(3)}
        by_seed = {seed: mean("followed", names, drawn, clusters=clusters) for seed, drawn in draws.items()}
        measured[table.Model(arm, "sft")] = table.Measured(by_seed)
    return table.Evidence(table.DECIDING, {"instructions": measured}, {})


def test_comparisons_are_those_of_the_verdicts_and_the_rule_is_stricter(table: ModuleType) -> None:
    by_kind = [f"kind{at // 10}" for at in range(200)]
    models = table.Model("bees-04", "sft"), table.Model("main", "sft")
    gain = make_evidence(table, by_kind).compute_gain("instructions", *models)
    found = table.compare(gain, 13)
    assert found.mean == pytest.approx(gain.value, abs=1e-4)
    assert found.rule_low < found.low < found.mean < found.high < found.rule_high
    assert found.low > 0
    # Prompts of one kind are not independent: by prompts alone the interval would be narrower.
    alone = table.compare(
        make_evidence(table, [f"p{at}" for at in range(200)]).compute_gain("instructions", *models), 13
    )
    assert found.high - found.low > 1.2 * (alone.high - alone.low)


def test_the_evidence_has_the_seeds_of_every_run_folder(
    arena: ModuleType, table: ModuleType, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def read(folder: Path, side: Any) -> Any:
        asked.append(folder.relative_to(plan.out / "arena").as_posix())
        return mean("followed", ["a", "b"], [True, False])

    monkeypatch.setattr(table, "read_statistic", read)
    for seed in (0, 1):
        (plan.folder("careless", seed) / "evaluated" / "bees-04" / str(seed) / "sft" / "instructions").mkdir(
            parents=True
        )
    evidence = table.read_evidence(plan, "careless", [arena.Variant("bees", 0.4), arena.Variant("rip", 0.4)], [0, 1])
    assert asked == [f"careless-{s}/evaluated/bees-04/{s}/sft/instructions" for s in (0, 1)]
    assert list(evidence.measured["instructions"][table.Model("bees-04", "sft")].by_seed) == [0, 1]
    assert evidence.measured["anti"] == {}


def compared(table: ModuleType, low: float, high: float) -> Any:
    return table.Comparison((low + high) / 2, low, high, low, high)


def measured(table: ModuleType, followed: tuple[float, float], anti: tuple[float, float], seconds: float = 1.0) -> Any:
    against = {"all": {"instructions": compared(table, *followed), "anti": compared(table, *anti)}}
    return table.Row({}, seconds, {}, against, 300)


@pytest.mark.parametrize(
    ("followed", "anti", "passes"),
    [
        ([(0.01, 0.1), (0.01, 0.1), (-0.1, 0.1)], (-0.1, 0.1), True),
        ([(0.01, 0.1), (-0.01, 0.1), (-0.1, 0.1)], (-0.1, 0.1), False),  # above under one noise alone
        ([(0.01, 0.1), (0.01, 0.1), (-0.1, -0.01)], (-0.1, 0.1), False),  # below under one
        ([(0.01, 0.1)] * 3, (-0.1, -0.01), False),  # anti below
    ],
)
def test_the_rule_for_the_default(
    arena: ModuleType, table: ModuleType, followed: list[tuple[float, float]], anti: tuple[float, float], passes: bool
) -> None:
    variant = arena.Variant("quality", 0.6)
    results = {str(noise): {variant: measured(table, one, anti)} for noise, one in enumerate(followed)}
    verdict = table.decide(results)
    assert verdict.endswith("becomes `quality-06`.") is passes
    assert ("stays `all`" in verdict) is not passes


def test_the_rule_takes_equal_compute_and_the_best_of_those_that_pass(arena: ModuleType, table: ModuleType) -> None:
    free, costly = arena.Variant("quality", 0.6), arena.Variant("bees", 0.6)
    shorter = costly._replace(is_compute_equal=True)
    good, better, bad = (0.01, 0.1), (0.05, 0.2), (-0.3, -0.1)
    level = (-0.1, 0.1)
    by_noise = {free: measured(table, good, level), costly: measured(table, better, level)}
    assert table.decide(dict.fromkeys("abc", by_noise)).endswith("becomes `bees-06`.")
    with_shorter = {**by_noise, shorter: measured(table, bad, level)}
    assert table.decide(dict.fromkeys("abc", with_shorter)).endswith("becomes `quality-06`.")
    slower = arena.Variant("cluster_quality", 0.6)
    equal = {free: measured(table, good, level, 1.0), slower: measured(table, good, level, 9.0)}
    assert table.decide(dict.fromkeys("abc", equal)).endswith("becomes `quality-06`.")


def test_the_least_share_is_that_of_the_source_that_loses_most(arena: ModuleType) -> None:
    """Half a, a quarter each b and c; of four kept, two a, two b: c keeps nothing; of a and b alone, b has .5 / .25."""
    purity = load("selection_arena_purity")
    sources = np.array(["a", "a", "a", "a", "b", "b", "c", "c"])
    assert purity.find_least_share(sources, np.array([0, 1, 4, 5])) == 0
    assert purity.find_least_share(sources, np.array([0, 4, 6])) == pytest.approx((1 / 3) / (1 / 2))
    assert {"policy_margin", "margin_gap", "bees", "dpo_easy", "dpo_hard", "influence"} == purity.NEEDS_MODEL
