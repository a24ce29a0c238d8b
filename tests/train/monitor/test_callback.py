"""Dev scores leave no trace in the training; a run that collapses ends with its last good state."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unipref.core.contracts import Trainer, TrainJob
from unipref.core.errors import UserError
from unipref.core.scores import Score
from unipref.models.loading import load_model
from unipref.train import Meter, fit, train
from unipref.train.fit import CURVE
from unipref.train.monitor.checkpoints import list_checkpoints, read_progress
from unipref.train.monitor.collapse import Bounds, Guard
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.rloo import Rloo
from unipref.train.trainers.sft import Sft

Job = Callable[..., TrainJob]
FEW: dict[str, Any] = {
    "per_device_train_batch_size": 4,
    "max_steps": 7,
    "learning_rate": 1e-3,
    "logging_steps": 1,
    "checkpoint": {"every": 2},
}


def score(value: float, low: float, chance: float | None = 0.5) -> Score:
    return Score("accuracy", value, 100, "higher", low=low, high=value + 0.1, chance=chance)


class Reckless:
    """A measurement that writes answers, uses up every random state, and keeps the weights it saw."""

    def __init__(self, values: dict[int, float] | None = None) -> None:
        self.values, self.steps = values or {}, 0
        self.weights: list[dict[str, Any]] = []

    def __call__(self, model: Any, tokenizer: Any) -> dict[str, Score]:
        import numpy as np
        import torch

        assert not any(module.training for module in model.modules())
        random.random()
        np.random.random(3)
        torch.manual_seed(99)
        model(input_ids=torch.randint(3, 300, (2, 5)))
        self.weights.append({name: value.clone() for name, value in model.state_dict().items()})
        value = self.values.get(len(self.weights) - 1, 0.9)
        return {"skill": score(value, value - 0.1)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "trainer",
    [
        Sft(**FEW, lora={"r": 4, "lora_dropout": 0.3}),
        Dpo(**FEW, lora={"r": 4, "lora_dropout": 0.3}),
        Reward(**FEW),
        Rloo(**FEW, max_completion_length=48),
    ],
    ids=["sft", "dpo", "reward", "rloo"],
)
def test_a_run_that_is_measured_is_the_run_that_is_not(
    trainer: Trainer, job: Job, ending: Path, reward_folder: Path
) -> None:
    plain = job(to="plain", policy=ending, reward_model=reward_folder)
    watched = job(to="watched", policy=ending, reward_model=reward_folder)
    without = train(trainer, plain)
    measured = Reckless()
    done = train(trainer, watched, meter=Meter(measured, 3))
    assert (plain.out / "model.safetensors").read_bytes() == (watched.out / "model.safetensors").read_bytes()
    drop = {"step_time"}
    assert [{k: v for k, v in point.items() if k not in drop} for point in done["curve"]] == [
        {k: v for k, v in point.items() if k not in drop} for point in without["curve"]
    ]
    # Before the first step, every third, and after the last.
    assert [point["step"] for point in done["dev"]] == [0, 3, 6, 7]
    assert done["dev"][0]["scores"]["skill"]["value"] == 0.9
    lines = [json.loads(line) for line in (watched.out / "dev.jsonl").read_text().splitlines()]
    assert lines == done["dev"]
    assert "dev" not in without
    assert not (plain.out / "dev.jsonl").exists()


@pytest.mark.slow
def test_a_fall_to_chance_stops_the_run_and_the_last_good_state_is_kept(job: Job, tmp_path: Path) -> None:
    import torch

    given = job(checkpoint_dir=tmp_path / "checkpoints")
    measured = Reckless({5: 0.5})
    steps: list[int] = []
    done = train(Sft(**FEW), given, progress=lambda step, *_: steps.append(step), meter=Meter(measured, 1))
    # Measured before the first step and after each: the sixth measurement is after step 5; the checkpoint before is 4.
    assert steps == [1, 2, 3, 4, 5]
    assert done["collapse"] == {
        "step": 5,
        "why": "the dev score skill fell to 0.500, and chance is 0.5",
        "kept": 4,
    }
    assert done["warnings"] == [
        f"the run collapsed and stopped at step 5: {done['collapse']['why']}; the model is the one of step 4"
    ]
    saved = load_model(str(given.out), "causal").state_dict()
    assert all(torch.equal(saved[name], value) for name, value in measured.weights[4].items())
    assert not torch.equal(measured.weights[4]["model.norm.weight"], measured.weights[5]["model.norm.weight"])
    assert [point["step"] for point in done["curve"]] == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_the_last_good_adapter_is_kept(job: Job, tmp_path: Path) -> None:
    import torch

    given = job(checkpoint_dir=tmp_path / "checkpoints")
    measured = Reckless({5: 0.4})
    done = train(Dpo(**FEW, lora={"r": 4}), given, meter=Meter(measured, 1))
    assert done["collapse"]["kept"] == 4
    from safetensors.torch import load_file

    kept = load_file(given.out / "adapter" / "adapter_model.safetensors")
    assert kept
    for name, value in kept.items():
        inside = name.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default.")
        assert torch.equal(value, measured.weights[4][inside])


def poisoned(monkeypatch: pytest.MonkeyPatch, at: int) -> Callable[..., None]:
    """Sets a weight to NaN after a step, before its checkpoint is written."""
    trainers: list[Any] = []
    build = fit._build_trainer

    def keep(*arguments: Any) -> Any:
        trainers.append(build(*arguments))
        return trainers[-1]

    monkeypatch.setattr(fit, "_build_trainer", keep)

    def progress(step: int, *_: Any) -> None:
        import torch

        if step == at:
            with torch.no_grad():
                trainers[-1].model.model.norm.weight[0] = float("nan")

    return progress


@pytest.mark.slow
def test_a_checkpoint_with_nan_weights_is_not_good(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = job(checkpoint_dir=tmp_path / "checkpoints")
    done = train(Sft(**FEW), given, progress=poisoned(monkeypatch, at=4))
    # The loss of step 4 was still a number, so checkpoint 4 was written, with the broken weight in it.
    assert [path.name for path in list_checkpoints(tmp_path / "checkpoints")] == ["checkpoint-2", "checkpoint-4"]
    assert done["collapse"]["why"] == "the loss is not a number at step 5 (the last finite one: step 4)"
    assert done["collapse"]["kept"] == 2
    assert load_model(str(given.out), "causal").model.norm.weight.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"on_collapse": "stop"}, r"sft: the loss is not a number at step 5 .*\n.*fp16, try bf16\.$"),
        ({"checkpoint": None}, r"at step 5 .*\n.*With 'checkpoint: \{every: N\}', unipref keeps the last good state"),
    ],
    ids=["stop", "nothing to keep"],
)
def test_a_collapse_is_an_error_where_it_is_to_stop_or_nothing_can_be_kept(
    changes: dict[str, Any], message: str, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = job(checkpoint_dir=tmp_path / "checkpoints")
    with pytest.raises(UserError, match=message):
        train(Sft(**(FEW | changes)), given, progress=poisoned(monkeypatch, at=4))
    assert [path.name for path in given.out.iterdir()] == [CURVE]  # what `unipref watch` showed


@pytest.mark.slow
def test_reinforcement_that_leaves_its_bounds_goes_back_to_before(
    job: Job, ending: Path, reward_folder: Path, tmp_path: Path
) -> None:
    given = job(policy=ending, reward_model=reward_folder, checkpoint_dir=tmp_path / "checkpoints")
    settings = FEW | {"checkpoint": {"every": 1}, "learning_rate": 1e-2, "bounds": {"kl": 1e-6, "patience": 3}}
    done = train(Rloo(**settings, max_completion_length=48, probe_prompts=0), given)
    kl = {point["step"]: point["kl"] for point in done["curve"]}
    outside = next(step for step, value in kl.items() if value > 1e-6)
    assert outside > 1
    assert done["collapse"]["step"] == outside + 2
    assert done["collapse"]["kept"] == outside - 1
    assert done["collapse"]["why"].endswith(f"above the bound of 1e-06, since step {outside}")
    # From the first point out of bounds no checkpoint was written that could have pushed out the good one.
    assert {path.name for path in list_checkpoints(tmp_path / "checkpoints")} == {
        f"checkpoint-{step}" for step in (outside - 2, outside - 1) if step > 0
    }


@pytest.mark.slow
def test_a_resumed_step_keeps_its_dev_scores(job: Job, tmp_path: Path) -> None:
    class Cut(BaseException):
        pass

    def cut(step: int, *_: Any) -> None:
        if step == 5:
            raise Cut

    whole = train(Sft(**FEW), job(to="whole"), meter=Meter(Reckless({3: 0.7}), 2))
    given = job(checkpoint_dir=tmp_path / "checkpoints")
    with pytest.raises(Cut):
        train(Sft(**FEW), given, progress=cut, meter=Meter(Reckless(), 2))
    kept = [read_progress(path).dev for path in list_checkpoints(tmp_path / "checkpoints")]
    assert [[point["step"] for point in points] for points in kept] == [[0, 2], [0, 2, 4]]
    again = train(Sft(**FEW), given, meter=Meter(Reckless({0: 0.7}), 2))
    assert again["resumed_at"] == 4
    assert again["dev"] == whole["dev"]
    assert [point["step"] for point in again["dev"]] == [0, 2, 4, 6, 7]


@pytest.mark.parametrize(
    ("bounds", "figures", "why"),
    [
        ({"kl": 5.0}, [{"kl": 6.0}, {"kl": 7.0}], "the KL divergence is 7, above the bound of 5, since step 1"),
        ({"kl": 5.0}, [{"kl": 6.0}, {"kl": 4.0}, {"kl": 6.0}], None),  # not in a row
        ({"kl": None}, [{"kl": 60.0}, {"kl": 70.0}], None),
        ({}, [{"entropy": 0.009}, {"entropy": 0.001}], "the entropy is 0.001, below the bound of 0.01, since step 1"),
        ({}, [{"completions/mean_length": 1.0}] * 2, "the mean length of the answers is 1, below the bound of 1.5, "),
        ({}, [{"reward": -1e9}] * 3, None),  # rewards have no scale of their own
        ({"reward": -3.0}, [{"reward": -4.0}] * 2, "the mean reward is -4, below the bound of -3, since step 1"),
        ({"patience": 3}, [{"kl": 9.0}] * 2, None),
        ({"patience": 1}, [{"kl": 9.0}], "the KL divergence is 9, above the bound of 5, since step 1"),
        ({}, [{"kl": float("nan")}] * 2, "the KL divergence is nan, above the bound of 5, since step 1"),
    ],
)
def test_what_is_out_of_bounds(bounds: dict[str, Any], figures: list[dict[str, float]], why: str | None) -> None:
    guard = Guard(Bounds(**bounds), online=True)
    results = [guard.check_figures(step, point) for step, point in enumerate(figures, 1)]
    collapses = [collapse for collapse in results if collapse]
    assert collapses[0].why.startswith(why) if why else not collapses, results
    assert all(Guard(Bounds(**bounds), online=False).check_figures(1, point) is None for point in figures)


def test_only_a_score_that_was_above_chance_can_fall_to_chance() -> None:
    guard = Guard(Bounds(), online=False)
    # An interval that includes chance proves nothing.
    assert guard.check_dev_scores(0, {"a": score(0.55, 0.45)}) is None
    assert guard.check_dev_scores(1, {"a": score(0.45, 0.35)}) is None
    assert guard.check_dev_scores(2, {"a": score(0.7, 0.6)}) is None
    # Not clearly above chance any more, but above it.
    assert guard.check_dev_scores(3, {"a": score(0.52, 0.42)}) is None
    collapse = guard.check_dev_scores(4, {"a": score(0.5, 0.4)})
    assert collapse is not None
    assert (collapse.step, collapse.since) == (4, 4)
    # What is better when lower, or has no chance level, is no skill.
    bias = Score("bias", 0.0, 100, "lower", low=0.0, chance=0.0)
    for other in (bias, score(0.1, 0.05, chance=None)):
        calm = Guard(Bounds(), online=False)
        assert calm.check_dev_scores(0, {"a": other}) is None
        assert calm.check_dev_scores(1, {"a": other}) is None
    off = Guard(Bounds(chance=False), online=False)
    assert off.check_dev_scores(0, {"a": score(0.9, 0.8)}) is None
    assert off.check_dev_scores(1, {"a": score(0.4, 0.3)}) is None
