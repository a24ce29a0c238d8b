"""Which model of a run is chosen, and what is said of it: nothing that its gains do not show."""

import math
from pathlib import Path
from typing import Any

import pytest

from support.run_records import manifest_from
from unipref.analysis import best_model
from unipref.analysis.best_model import choose_model, describe_choice, find_model, resolve_model
from unipref.core.errors import UserError
from unipref.core.run_folder import FigureRecord, GainRecord, JudgedModel, Manifest, SideRecord, Verdicts
from unipref.core.run_folder.training_records import CollapseInfo
from unipref.core.stats.differences import classify

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
        ((BETTER,), best_model.GAINS),  # the other side is not measured
        ((ONCE, BETTER), best_model.GAINS),
        ((LUCKY, WORSE), best_model.LOSES),
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
        ({"a": (BETTER,), "b": (UNCLEAR, UNCLEAR)}, "a"),  # the outcome comes before the side that is missing
        ({"a": (BETTER,), "b": (WORSE, WORSE)}, "a"),
        ({"a": (BETTER,), "b": (SLIGHTLY, UNCLEAR)}, "b"),  # of one outcome, the one that has both sides
        ({"a": (ONCE, UNCLEAR), "b": (SLIGHTLY, UNCLEAR)}, "b"),
    ]
    for models, expected in cases:
        choice = choose_model(manifest(*models), verdicts(**models))
        assert choice is not None
        assert (choice.step, choice.rivals) == (expected, len(models)), models


def test_one_training_never_shows_more_than_several_with_the_same_interval() -> None:
    order = [*best_model.ORDER]
    for low, high in [(0.002, 0.02), (-0.02, -0.002), (0.2, 0.4), (-0.4, -0.2), (0.01, 0.2), (-0.2, 0.2), (0.04, 0.06)]:
        word = classify(low, high)
        middle = (low + high) / 2
        several = gain(middle, low, high, word, p=0.001, p_holm=0.002)
        once = gain(middle, low, high, "inconclusive", seeds=1, p=None, p_holm=None)
        outcomes = []
        for one in (several, once):
            choice = choose_model(manifest("a"), verdicts(a=(one,)))
            assert choice is not None
            assert choice.shown["instruction"].word == word
            outcomes.append(order.index(choice.outcome))
        assert outcomes[0] <= outcomes[1]
        assert (order[outcomes[1]] == best_model.LOSES) == (word == "worse")


def test_a_gain_below_the_smallest_effect_of_the_side_is_none() -> None:
    small = gain(0.01, 0.002, 0.02, seeds=1, p=None, p_holm=None)
    for effect, outcome in [(0.05, best_model.NOT_SHOWN), (0.015, best_model.ONE_TRAINING)]:
        made = verdicts(a=(small,))
        made.sides["instruction"].effect = effect
        choice = choose_model(manifest("a"), made)
        assert choice is not None
        assert choice.outcome == outcome


@pytest.mark.parametrize("p_examples", [None, 0.046])
def test_the_gain_of_one_training_is_corrected_for_all_models(p_examples: float | None) -> None:
    lucky = gain(0.05, 0.001, 0.1, seeds=1, p=None, p_holm=None, p_examples=p_examples)
    none = gain(0.0, -0.05, 0.05, seeds=1, p=None, p_holm=None)
    for count, outcome in [(0, best_model.ONE_TRAINING), (19, best_model.NOT_SHOWN)]:
        models = {"lucky": (lucky,)} | {f"v{at}": (none,) for at in range(count)}
        choice = choose_model(manifest(*models), verdicts(**models))
        assert choice is not None
        assert (choice.step, choice.outcome) == ("lucky", outcome)
    assert "not after Holm's correction" in describe_choice(choice)
    assert "one training shows nothing about another training" in describe_choice(choice)


def test_few_clusters_make_the_gain_of_one_training_less_sure() -> None:
    none = gain(0.0, -0.05, 0.05, seeds=1, p=None, p_holm=None)
    for clusters, outcome in [(4, best_model.NOT_SHOWN), (400, best_model.ONE_TRAINING)]:
        one = gain(0.3, 0.12, 0.48, seeds=1, p=None, p_holm=None, clusters=clusters)  # p = .013 or .001, times 6
        models = {"a": (one,)} | {f"v{at}": (none,) for at in range(5)}
        choice = choose_model(manifest(*models), verdicts(**models))
        assert choice is not None
        assert choice.outcome == outcome


def test_a_side_on_which_the_model_guesses_is_no_gain_but_a_loss_stays_one() -> None:
    cases = [
        ((BETTER, UNCLEAR), best_model.NOT_SHOWN),
        ((BETTER, WORSE), best_model.LOSES),
        ((WORSE, UNCLEAR), best_model.LOSES),
        ((UNCLEAR, BETTER), best_model.GAINS),  # it guesses on the other side only
    ]
    for gains, outcome in cases:
        made = verdicts(a=gains)
        made.models[1].figures = {"instruction": FigureRecord(0.5, at_chance=True), "bias": FigureRecord(0.1)}
        choice = choose_model(manifest("a"), made)
        assert choice is not None
        assert choice.outcome == outcome
        assert "no better than guessing" in describe_choice(choice)
    made = verdicts(a=(BETTER, UNCLEAR), b=(UNCLEAR, UNCLEAR))
    made.models[1].figures = {"instruction": FigureRecord(0.5, at_chance=True)}
    choice = choose_model(manifest("a", "b"), made)
    assert choice is not None
    assert choice.step == "b"


def collapse(made: Manifest, step: str, *seeds: str) -> Manifest:
    for seed in seeds:
        made.train["main"][seed][step].collapse = CollapseInfo(5, "the loss is NaN")
    return made


def test_a_model_whose_training_collapsed_is_not_recommended() -> None:
    made = collapse(manifest("a", "b"), "a", "0", "1")
    for rival in ((UNCLEAR, UNCLEAR), (WORSE, WORSE)):
        choice = choose_model(made, verdicts(a=(BETTER, BETTER), b=rival))
        assert choice is not None
        assert (choice.step, choice.left_out) == ("b", ("main · a",))
        assert "Not recommended, because the training collapsed: main · a." in describe_choice(choice)
    choice = choose_model(made, verdicts(a=(BETTER, BETTER)))
    assert choice is not None
    assert choice.outcome == best_model.COLLAPSED
    for none in (None, verdicts()):
        choice = choose_model(collapse(manifest("a", "b"), "b", "0", "1"), none)
        assert choice is not None
        assert choice.step == "a"
        assert "the last language model whose training did not collapse" in describe_choice(choice)


def test_of_several_seeds_the_first_that_did_not_collapse_is_taken() -> None:
    choice = choose_model(collapse(manifest("a"), "a", "0"), verdicts(a=(BETTER, UNCLEAR)))
    assert choice is not None
    assert (choice.seed, choice.folder, choice.outcome) == ("1", "train/main/1/a", best_model.GAINS)
    assert "The training of main · a with seed 0 collapsed." in describe_choice(choice)


def test_a_step_that_starts_from_one_that_collapsed_is_not_recommended() -> None:
    made = collapse(manifest("sft", "dpo"), "sft", "0", "1")
    made.steps["main"]["dpo"].start = "sft"
    choice = choose_model(made, verdicts(dpo=(BETTER, UNCLEAR)))
    assert choice is not None
    assert choice.outcome == best_model.COLLAPSED


def test_the_message_of_generate_names_a_model_that_trades_and_says_when_to_keep_the_base_model() -> None:
    choice = choose_model(manifest("a", "b"), verdicts(a=(BETTER, WORSE), b=(UNCLEAR, UNCLEAR)))
    assert choice is not None
    assert "No model gains without a loss: main · a is clearly better on instruction and worse on bias" in (
        describe_choice(choice)
    )
    choice = choose_model(manifest("a"), verdicts(a=(UNCLEAR, WORSE)))
    assert choice is not None
    assert "keep the base model" in describe_choice(choice)
    choice = choose_model(manifest("a"), verdicts(a=(BETTER,)))
    assert choice is not None
    assert "was not compared with the base model on bias" in describe_choice(choice)


def test_a_gain_without_a_number_or_without_a_headline_metric_is_not_compared() -> None:
    made = verdicts(a=(gain(math.nan, 0.1, 0.2), BETTER))
    made.models[1].gains["base"]["other"] = WORSE
    choice = choose_model(manifest("a"), made)
    assert choice is not None
    assert (choice.outcome, list(choice.shown), choice.missing) == (best_model.GAINS, ["bias"], ("instruction",))


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
