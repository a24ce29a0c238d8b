"""Power: differences by hand, components from evidence with a known spread, and counts of a study's benchmarks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unipref
from support.verdict_evidence import SIDES, variant
from unipref.analysis.power import (
    DEFAULTS,
    Components,
    Measurement,
    estimate_components,
    find_difference,
    format_plan,
    plan,
)
from unipref.analysis.verdicts.evidence import Evidence, Measured, Model
from unipref.core.errors import UserError
from unipref.core.stats.statistic import Statistic
from unipref.pipeline.power import ASSUMED_PAIRS

ITEM = {"prompt": "Say yes.", "rule": "one_word", "arguments": {}}


def test_a_difference_by_hand() -> None:
    # V = .1^2 / 10 + .2^2 / 100 + .03^2 / 3 = .001 + .0004 + .0003; over units .0014 with 9 and over seeds .0003 with
    # (4 - 1) (3 - 1) = 6 degrees of freedom: .0017^2 / (.0014^2 / 9 + .0003^2 / 6) = 12.41. Their t: 2.1706 and .8715.
    found = find_difference(Components(0.03, 0.1, 0.2), examples=100, clusters=10, seeds=3, variants=4)
    assert found == pytest.approx((2.1706 + 0.8715) * 0.0017**0.5, rel=2e-3)
    assert find_difference(Components(0.03, 0.1, 0.2), 100, 10, 1, 4) is None


def test_a_plan_names_the_seeds_that_are_needed() -> None:
    measured = {
        "instruction": Measurement("instructions", "followed", 900, 90, 0.05),
        "bias": Measurement("coreference", "two_way_bias", 100, 5, 0.05),
    }
    planned = plan(measured, {"instruction": Components(0.03, 0.05, 0.2)}, variants=10, seeds=2)
    instruction, bias = planned["sides"]["instruction"], planned["sides"]["bias"]
    needed = instruction["seeds_needed"]
    components = Components(0.03, 0.05, 0.2)
    assert (
        find_difference(components, 900, 90, needed, 10) <= 0.05 < find_difference(components, 900, 90, needed - 1, 10)
    )  # type: ignore[operator]
    # Five clusters with a spread of .1 never show .05.
    assert (bias["seeds_needed"], bias["is_default"], instruction["is_default"]) == (None, True, False)
    assert [row["clusters"] for row in bias["differences"]] == [5, 10, 20]
    smallest = [row["smallest"]["5"] for row in bias["differences"]]
    assert smallest == sorted(smallest, reverse=True)
    text = format_plan(planned)
    assert f"{needed} seeds show a difference of 0.05" in text
    assert "no number of seeds up to 30 shows a difference of 0.05: it takes more clusters" in text
    assert "from the run: 0.030 between seeds, 0.050 between clusters, 0.200 between examples" in text


def test_components_come_from_the_runs_own_spread() -> None:
    rng = np.random.default_rng(0)
    clusters = [f"c{i // 5}" for i in range(400)]
    units = [str(i) for i in range(400)]
    models = {}
    for name in ("a", "b", "c", "d", "e", "f"):
        effect = np.repeat(0.1 * rng.normal(size=80), 5)
        common = 0.2 * rng.normal(size=400)
        by_seed: dict[int | None, Statistic] = {
            seed: Statistic("followed", units, 0.5 + effect + common + 0.05 * rng.normal(), clusters=clusters)
            for seed in range(4)
        }
        models[Model(name, "dpo")] = Measured(by_seed)
    variants = {name: variant(name, "selected") for name in "abcdef"}
    found = estimate_components(Evidence({"instruction": SIDES["instruction"]}, {"instruction": models}, variants))
    # Differences of two models: root 2 times the spread of one.
    assert found["instruction"].seeds == pytest.approx(0.05 * 2**0.5, rel=0.3)
    assert found["instruction"].clusters == pytest.approx(0.1 * 2**0.5, rel=0.15)
    assert found["instruction"].examples == pytest.approx(0.2 * 2**0.5, rel=0.05)


@pytest.fixture
def study(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "eval" / "instructions"
    folder.mkdir(parents=True)
    items = [ITEM | {"id": str(i)} for i in range(12)]
    (folder / "test.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (tmp_path / "a.jsonl").write_text('{"prompt": "q", "chosen": "a", "rejected": "b"}\n')
    return {
        "data_root": str(tmp_path),
        "model": "no/such-model",
        "sources": [{"name": "a", "path": "a.jsonl", "format": "pairs", "objective": "instruction"}],
        "evaluate": [{"instructions": {"data": "eval/instructions"}}],
        "verdicts": {"effect": {"instruction": 0.1}},
        "seeds": [0, 1],
    }


def test_a_study_is_planned_from_its_benchmarks_alone(study: dict[str, Any]) -> None:
    planned = unipref.power_of_study(study)
    side = planned["sides"]["instruction"]
    assert (side["benchmark"], side["metric"], side["examples"], side["effect"]) == (
        "instructions",
        "followed",
        12,
        0.1,
    )
    assert (planned["seeds"], side["components"]["seeds"]) == (2, DEFAULTS["instruction"].seeds)
    assert planned["notes"] == ["No benchmark measures bias."]
    with pytest.raises(UserError, match=r"no benchmark whose examples can be counted.*no benchmark measures"):
        unipref.power_of_study(study | {"evaluate": []})
    held_out = study | {"evaluate": [{"preference_accuracy": {"split": "test"}}]}
    assumed = unipref.power_of_study(held_out)
    assert [side["examples"] for side in assumed["sides"].values()] == [ASSUMED_PAIRS]
    (note,) = assumed["notes"]
    assert note.startswith("preference_accuracy measures held-out pairs")
    assert "100 pairs of as many prompts are assumed" in note
    assert "add --from RUN" in note
