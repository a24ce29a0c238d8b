"""A reward model with one score per axis: what is saved, its reward, its use in reinforcement learning, and errors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unipref.core.chat_models import RewardModel
from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.evaluate.benchmarks.axis_accuracy import AxisAccuracy
from unipref.models.inference import axis_scores, rewards
from unipref.models.loading import load_reward_model
from unipref.train.rewards.scorers import ModelRewarder
from unipref.train.rewards.settings import ModelReward
from unipref.train.start import open_start
from unipref.train.trainers.reward_axes import RewardAxes
from unipref.train.trainers.rloo import Rloo

Job = Callable[..., TrainJob]
FEW: dict[str, Any] = {"per_device_train_batch_size": 4, "max_steps": 2, "learning_rate": 1e-3}
QUESTION = [{"role": "user", "content": "Who called?"}]


@pytest.fixture
def pairs(row: Any) -> list[dict[str, Any]]:
    """Eight pairs rated on `help`, which decides, and on `harm`, where the lower rating is the better one."""
    made = [row(f"Who called number {i}?", f"The nurse called {i} times.", "He did.") for i in range(8)]
    for i, one in enumerate(made):
        one |= {"axis": "help", "chosen_score": 3.0 + i % 2, "rejected_score": 1.0}
        one["axes"] = [{"axis": "harm", "chosen": 0.0, "rejected": float(i % 3)}]
    return made


def by_hand(folder: Path, text: str) -> list[float]:
    """The outputs for a text as plain transformers gives them."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    ids = AutoTokenizer.from_pretrained(folder)(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return list(map(float, AutoModelForSequenceClassification.from_pretrained(folder).eval()(ids).logits[0]))


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, {"r": 2}], ids=["full", "lora"])
def test_plain_transformers_loads_it_and_knows_its_axes(lora: Any, job: Job, pairs: Any) -> None:
    from transformers import AutoConfig

    given = job(pairs)
    done = RewardAxes(**FEW, lora=lora, axes=["help", "harm"], weights={"help": 1.0, "harm": -0.5}).fit(given)
    assert done["axes"] == {"help": 1.0, "harm": -0.5}
    config = AutoConfig.from_pretrained(given.out)
    assert (config.num_labels, config.id2label, config.problem_type) == (2, {0: "help", 1: "harm"}, "regression")
    assert config.label2id == {"help": 0, "harm": 1}
    assert "auto_map" not in json.loads((given.out / "config.json").read_text())
    assert {"accuracy/help", "accuracy/harm", "accuracy"} <= set(done["curve"][-1])

    model = load_reward_model(str(given.out))
    dialogue = [*QUESTION, {"role": "assistant", "content": "The nurse."}]
    expected = by_hand(given.out, model.dialogue_text(dialogue))
    assert axis_scores(model, [dialogue])[0] == pytest.approx(expected, abs=1e-5)
    assert rewards(model, [dialogue])[0] == pytest.approx(expected[0] - 0.5 * expected[1], abs=1e-5)
    # Another combination, as a step of reinforcement learning may state it.
    rewarder = ModelRewarder(ModelReward(model="rm", axes={"harm": -3.0}), model)
    assert rewarder.score([(QUESTION, "The nurse.")]) == [pytest.approx(-3 * expected[1], abs=1e-5)]
    with pytest.raises(UserError, match=r"(?s)no axis 'harmm'.*'harm'"):
        ModelRewarder(ModelReward(model="rm", axes={"harmm": 1.0}), model)
    # Each axis is measured by its own output.
    finding = AxisAccuracy(batch_size=2).measure(model, given.preferences, "test")
    first = next(one for one in finding.examples if one["axis"] == "harm")
    sides = ([*pairs[0]["prompt"], *pairs[0][side]] for side in ("chosen", "rejected"))
    own = axis_scores(model, list(sides))[:, 1]
    assert [first["chosen_value"], first["rejected_value"]] == pytest.approx(list(own), abs=1e-5)
    with pytest.raises(UserError, match="scores the axes help, harm, and its training cannot be continued"):
        open_start(given.out, given.out, "reward")


@pytest.mark.slow
def test_without_weights_the_deciding_axis_is_the_reward(job: Job, pairs: Any) -> None:
    for one in pairs:  # now the lower rating on harm decides
        one["axes"] = [{"axis": "help", "chosen": one["chosen_score"], "rejected": one["rejected_score"]}]
        one |= {"axis": "harm", "chosen_score": 0.0, "rejected_score": 1.0}
    given = job(pairs)
    RewardAxes(**FEW).fit(given)
    model = load_reward_model(str(given.out))
    assert (model.axes, model.weights) == (("harm", "help"), {"harm": -1.0})


@pytest.mark.slow
def test_reinforcement_learning_takes_the_stated_combination(job: Job, pairs: Any, tmp_path: Path) -> None:
    trained = job(pairs, to="rm")
    RewardAxes(**FEW).fit(trained)
    settings = {"num_generations": 4, "max_completion_length": 8, "probe_prompts": 0, "check_prompts": 0}
    reward = {"model": str(trained.out), "axes": {"help": 1.0, "harm": -0.2}, "name": "both"}
    step = Rloo(**FEW, **settings, rewards=[reward], on_weak_reward="warn", bounds={"length": None, "entropy": None})
    done = step.fit(job(pairs, to="rl"))
    assert done["steps"] == 2
    assert set(done["unterminated_reward"]) == {"both"}
    assert "rewards/both/mean" in done["curve"][-1]


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"axes": ["help", "help"]}, "an axis is named twice"),
        ({"axes": ["help"], "weights": {"harm": 1.0}}, "no axis 'harm'"),
        ({"axes": ["help"], "weights": {"help": 0.0}}, "all weights are 0"),
        ({"lora": {"r": 2}, "merge_adapter": False}, "an adapter alone does not name the axes"),
        ({"center_rewards_coefficient": 0.1}, "the outputs are centred already"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], what: str) -> None:
    with pytest.raises((ValueError, UserError), match=what):
        RewardAxes(**settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"axes": ["help", "honest"]}, "no pair has a rating on 'honest'"),
        ({"weights": {"helpp": 1.0}}, r"(?s)no pair has a rating on 'helpp'.*'help'"),
        ({"axes": ["help", "same"]}, "all ratings on 'same' are equal"),
        ({"axes": ["harm"]}, r"(?s)none of the axes harm decided a pair.*weights: \{harm: 1\}"),
        ({"axes": ["honest"]}, "no rows are left .*8 without ratings on the axes"),
    ],
)
def test_axes_that_the_data_lack_are_named(settings: dict[str, Any], what: str, job: Job, pairs: Any) -> None:
    for one in pairs:
        one["axes"].append({"axis": "same", "chosen": 1.0, "rejected": 1.0})
    with pytest.raises(UserError, match=what):
        RewardAxes(**FEW, **settings).fit(job(pairs))


def test_a_model_with_axes_needs_weights() -> None:
    about: dict[str, Any] = {"model": None, "tokenizer": None, "name": "m", "own_template": True, "context": 9}
    with pytest.raises(ValueError, match="have no weights"):
        RewardModel(**about, axes=("a", "b"))
    with pytest.raises(ValueError, match="which are no axes"):
        RewardModel(**about, axes=("a",), weights={"b": 1.0})
    model = RewardModel(**about, axes=("a", "b"), weights={"b": 2.0})
    assert (model.output_weights, model.find_output("b"), model.find_output("c")) == ([0.0, 2.0], 1, None)
    assert RewardModel(**about).output_weights == [1.0]


@pytest.mark.slow
def test_a_classifier_with_labels_and_no_weights_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=3).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"outputs 3 numbers \(LABEL_0, LABEL_1, LABEL_2\).*no 'axis_weights'"):
        load_reward_model(str(tmp_path))
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "axis_weights": {"LABEL_1": 2.0}}))
    model = load_reward_model(str(tmp_path))
    dialogue = [*QUESTION, {"role": "assistant", "content": "The nurse."}]
    assert rewards(model, [dialogue])[0] == pytest.approx(2 * axis_scores(model, [dialogue])[0, 1])
    assert np.isfinite(axis_scores(model, [dialogue])).all()
