"""Which model of a run is chosen, and what is said of it: nothing that its gains do not show."""

from pathlib import Path
from typing import Any

import pytest

from support.run_records import manifest_from
from unipref.analysis import best_model
from unipref.analysis.best_model import choose_model, describe_choice, find_model, resolve_model
from unipref.core.errors import UserError
from unipref.core.run_folder import GainRecord, JudgedModel, Manifest, SideRecord, Verdicts

CLEAR = {"seeds": 3, "p": 0.001, "p_holm": 0.002}


def gain(value: float, low: float, high: float, verdict: str = "inconclusive", **changes: Any) -> GainRecord:
    return GainRecord(value, low, high, verdict=verdict, **{"seeds": 3, "p": 0.5, "p_holm": 1.0} | changes)


BETTER = gain(0.3, 0.2, 0.4, "better", **CLEAR)
SLIGHTLY = gain(0.1, 0.05, 0.15, "better", **CLEAR)
LUCKY = gain(0.3, 0.01, 0.6, "better", p=0.04, p_holm=0.4)
WORSE = gain(-0.3, -0.4, -0.2, "worse", **CLEAR)
UNCLEAR = gain(0.1, -0.2, 0.4)
ONCE = gain(0.3, 0.2, 0.4, seeds=1, p=None, p_holm=None)
ONCE_WORSE = gain(-0.3, -0.4, -0.2, seeds=1, p=None, p_holm=None)


def verdicts(**models: tuple[GainRecord, ...]) -> Verdicts:
    sides = {"instruction": SideRecord("i", "followed"), "bias": SideRecord("c", "two_way_bias")}
    judged = [JudgedModel("base", "base")]
    for step, gains in models.items():
        judged.append(JudgedModel("main", step, gains={"base": dict(zip(sides, gains, strict=False))}))
    return Verdicts([], sides=sides, models=judged)


def manifest(*steps: str, seeds: tuple[str, ...] = ("0", "1"), **kinds: str) -> Manifest:
    return manifest_from(
        {
            "train": {
                "main": {seed: {step: {"folder": f"train/main/{seed}/{step}"} for step in steps} for seed in seeds}
            },
            "steps": {"main": {step: {"model_kind": kinds.get(step, "policy")} for step in steps}},
        }
    )


@pytest.mark.parametrize(
    ("gains", "outcome"),
    [
        ((BETTER, UNCLEAR), best_model.GAINS),
        ((LUCKY, UNCLEAR), best_model.NOT_SHOWN),  # not after the correction
        ((UNCLEAR, UNCLEAR), best_model.NOT_SHOWN),
        ((ONCE, UNCLEAR), best_model.ONE_TRAINING),
        ((BETTER, WORSE), best_model.TRADES),
        ((UNCLEAR, WORSE), best_model.LOSES),
        ((UNCLEAR, ONCE_WORSE), best_model.LOSES),
        ((ONCE, ONCE_WORSE), best_model.TRADES),
    ],
)
def test_the_outcome_is_what_the_gains_show(gains: tuple[GainRecord, ...], outcome: str) -> None:
    choice = choose_model(manifest("sft"), verdicts(sft=gains))
    assert choice is not None
    assert (choice.outcome, choice.folder, choice.seed) == (outcome, "train/main/0/sft", "0")
    assert choice.outcome in describe_choice(choice)


def test_the_best_outcome_comes_first_and_then_the_largest_smallest_gain() -> None:
    cases: list[tuple[dict[str, tuple[GainRecord, ...]], str]] = [
        ({"a": (BETTER, WORSE), "b": (UNCLEAR, UNCLEAR)}, "b"),
        ({"a": (UNCLEAR, UNCLEAR), "b": (SLIGHTLY, UNCLEAR)}, "b"),
        ({"a": (BETTER, UNCLEAR), "b": (SLIGHTLY, BETTER)}, "a"),  # .1 and .1: then the sum
        ({"a": (BETTER, gain(0.02, -0.1, 0.2)), "b": (SLIGHTLY, UNCLEAR)}, "b"),
        ({"a": (BETTER,), "b": (UNCLEAR, UNCLEAR)}, "b"),  # the bias of a is not known
    ]
    for models, expected in cases:
        choice = choose_model(manifest(*models), verdicts(**models))
        assert choice is not None
        assert (choice.step, choice.rivals) == (expected, len(models)), models


def test_without_a_comparison_the_last_policy_is_named_and_nothing_is_claimed() -> None:
    made = manifest("sft", "reward", "dpo", "judge", judge="reward", reward="reward")
    for none in (None, verdicts()):
        choice = choose_model(made, none)
        assert choice is not None
        assert (choice.step, choice.outcome, choice.gains) == ("dpo", best_model.NOT_MEASURED, {})
    assert choose_model(manifest("reward", reward="reward"), None) is None
    assert choose_model(manifest_from({}), None) is None


def test_a_missing_folder_or_run_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"manifest\.json"):
        find_model(tmp_path)
    (tmp_path / "manifest.json").write_text('{"train": {"main": {"0": {"sft": {"folder": "train/main/0/sft"}}}}}')
    with pytest.raises(UserError, match="the folder of the run's best model, main · sft, is missing"):
        find_model(tmp_path)
    (tmp_path / "train/main/0/sft").mkdir(parents=True)
    path, choice = find_model(tmp_path)
    assert (path, choice.step) == (tmp_path / "train/main/0/sft", "sft")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="no trained language model"):
        find_model(tmp_path)


def test_a_run_folder_stands_for_its_best_model_and_a_model_for_itself(tmp_path: Path) -> None:
    assert resolve_model("some/model") == ("some/model", "")
    place = tmp_path / "train/main/0/sft"
    place.mkdir(parents=True)
    (tmp_path / "manifest.json").write_text('{"train": {"main": {"0": {"sft": {"folder": "train/main/0/sft"}}}}}')
    name, why = resolve_model(str(tmp_path))
    assert name == str(place)
    assert why.startswith(f"{place}: main · sft, seed 0: the last language model that was trained")
    (tmp_path / "config.json").write_text("{}")  # a model folder that has a manifest of its own
    assert resolve_model(str(tmp_path)) == (str(tmp_path), "")
