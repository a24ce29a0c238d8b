"""Batch arithmetic against TRL's own; memory and disk against what the tensors and the files take."""

import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unipref.core import free_memory
from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.train import check_disk
from unipref.train.checks.memory import (
    LIBRARIES,
    MemoryNeed,
    ModelShape,
    check_memory,
    compute_disk_need,
    compute_memory_need,
    measure_free_memory,
    measure_shape,
)
from unipref.train.data.batch_math import Schedule, check_schedule, compute_online_schedule, compute_schedule
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.rloo import Rloo
from unipref.train.trainers.sft import Sft

Job = Callable[..., TrainJob]
GB = 10**9


@pytest.mark.parametrize(
    ("settings", "rows", "processes", "expected"),
    [
        ({}, 18, 1, (4, 5, 1.0)),  # ceil(18 / 4) = 5
        ({"num_train_epochs": 2.5}, 18, 1, (4, 12, 2.5)),  # 2.5 x 18 = 45 rows without a break: ceil(45 / 4)
        ({"gradient_accumulation_steps": 2}, 18, 1, (8, 3, 1.0)),  # 5 forward passes, two to a step
        ({"gradient_accumulation_steps": 2}, 18, 2, (16, 2, 1.0)),  # ceil(18 / 8) = 3 passes, two to a step
        ({"dataloader_drop_last": True}, 18, 1, (4, 4, 1.0)),  # 2 rows of 18 fill no batch
        ({"max_steps": 10}, 18, 1, (4, 10, 40 / 18)),  # 10 x 4 of 18 rows
    ],
)
def test_steps_and_epochs(
    settings: dict[str, Any], rows: int, processes: int, expected: tuple[int, int, float]
) -> None:
    given = {"per_device_train_batch_size": 4, "max_steps": -1, "num_train_epochs": 1.0} | settings
    assert compute_schedule(given, rows, processes) == Schedule(*expected)


@pytest.mark.parametrize(
    ("settings", "prompts", "processes", "expected"),
    [
        ({}, 18, 1, (4, 9, 1.0)),  # 4 answers are 2 prompts' groups: 9 generations
        ({}, 19, 1, (4, 9, 1.0)),  # the last prompt fills no batch
        ({"steps_per_generation": 3}, 18, 1, (4, 9, 1.0)),  # 12 answers, 6 prompts: 3 generations of 3 steps
        ({"num_iterations": 2}, 18, 1, (4, 18, 1.0)),
        ({"gradient_accumulation_steps": 2}, 16, 2, (16, 2, 1.0)),  # 16 answers, 8 prompts: 2 generations, 1 step each
        ({"max_steps": 3}, 18, 1, (4, 3, 1 / 3)),
    ],
)
def test_steps_of_reinforcement(
    settings: dict[str, Any], prompts: int, processes: int, expected: tuple[int, int, float]
) -> None:
    given = {"per_device_train_batch_size": 4, "max_steps": -1, "num_train_epochs": 1.0, "num_generations": 2}
    assert compute_online_schedule(given | settings, prompts, processes) == Schedule(*expected)


def test_answers_that_do_not_form_full_groups_over_several_processes() -> None:
    given = {"per_device_train_batch_size": 3, "max_steps": -1, "num_train_epochs": 1.0, "num_generations": 4}
    assert compute_online_schedule(given, 100, 4).batch == 12
    with pytest.raises(UserError, match=r"6 answers generated at once .* x 2 processes\) are not a multiple"):
        compute_online_schedule(given, 100, 2)
    with pytest.raises(UserError, match="generation_batch_size is 8, not a multiple of the 6 answers"):
        compute_online_schedule(given | {"generation_batch_size": 8}, 100, 2)


def test_odd_schedules_give_warnings() -> None:
    assert check_schedule(Schedule(8, 100, 25.0), {}, online=False) == ["100 steps of 8 see each row 25.0 times"]
    assert check_schedule(Schedule(8, 10, 0.25), {}, online=False) == ["10 steps of 8 see only 25% of the rows"]
    assert check_schedule(Schedule(8, 10, 0.25), {"warmup_steps": 0.1}, online=True) == []
    (warning,) = check_schedule(Schedule(8, 10, 1.0), {"warmup_steps": 10}, online=False)
    assert "still warming up" in warning


@pytest.mark.parametrize(
    ("settings", "warns"),
    [
        ({"save_steps": 4, "steps_per_generation": 4}, False),
        ({"save_steps": 3, "steps_per_generation": 4}, True),
        ({"save_steps": 3, "steps_per_generation": 6, "gradient_accumulation_steps": 2}, False),
        ({"save_steps": 2, "num_iterations": 4}, True),
        ({"save_steps": 3, "generation_batch_size": 16}, True),  # 4 passes of 4 answers
        ({"save_steps": 4, "generation_batch_size": 16}, False),
        ({"save_steps": 0.2, "steps_per_generation": 4}, False),  # a fifth of 20 steps is 4
        ({"save_strategy": "no", "save_steps": 3, "steps_per_generation": 4}, False),
    ],
)
def test_checkpoints_within_one_batch_of_answers_give_a_warning(settings: dict[str, Any], warns: bool) -> None:
    given = {"save_strategy": "steps", **settings}
    warnings = check_schedule(Schedule(4, 20, 1.0), given, online=True)
    assert [("falls within" in warning) for warning in warnings] == [True] * warns
    assert check_schedule(Schedule(4, 20, 1.0), given, online=False) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"per_device_train_batch_size": 4},
        {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "num_train_epochs": 1.5},
        {"per_device_train_batch_size": 5, "dataloader_drop_last": True},
    ],
)
def test_the_computed_steps_are_those_of_the_run(settings: dict[str, Any], job: Job) -> None:
    trainer = Sft(**settings)
    done = trainer.fit(job())
    assert done["steps"] == compute_schedule(trainer.build_trl_settings(), done["used"], 1).steps


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"steps_per_generation": 2}, {"num_iterations": 2}])
def test_the_computed_steps_of_reinforcement_are_those_of_the_run(
    settings: dict[str, Any], job: Job, reward_folder: Path
) -> None:
    trainer = Rloo(per_device_train_batch_size=8, max_completion_length=4, **settings)
    done = trainer.fit(job(reward_model=reward_folder))
    assert done["steps"] == compute_online_schedule(trainer.build_trl_settings(), done["used"], 1).steps


def test_memory_by_hand() -> None:
    # 1,000 weights, 100 of them trained; 2 layers, 8 hidden units, 50 tokens in the vocabulary; 10 tokens in a pass.
    shape = ModelShape(parameters=1000, trained=100, layers=2, hidden=8, wide=20, vocabulary=50)
    need = compute_memory_need(shape, {"use_cpu": True}, tokens=10, copies=1)
    # (10 x 8 + 4 x 20) x 10 numbers of 4 bytes in each layer; 9 tiles of 10 x 50 logits.
    kept, logits = 2 * 6400, 9 * 10 * 50 * 4
    known = {"weights": 4000, "copies": 4000, "gradients": 400, "optimiser": 800, "libraries": LIBRARIES}
    assert need == MemoryNeed(**known, activations=kept, logits=logits)
    # The gradients, fewer than what a batch keeps, grow while that is freed.
    assert (need.exact, need.total) == (9200, 8800 + LIBRARIES + kept + logits)
    summed = compute_memory_need(shape, {"use_cpu": True, "gradient_accumulation_steps": 2}, 10, 1)
    assert summed.total == need.total + 400
    assert compute_memory_need(shape, {"bf16": True}, 10, 0).activations == kept // 2
    # One layer whole, and its input of 10 x 8 x 4 bytes for each.
    assert compute_memory_need(shape, {"gradient_checkpointing": True}, 10, 0).activations == 6400 + 2 * 320
    # Dropout keeps 12 x 8 + 2 x 20 numbers more per token and layer; on a GPU the tile has its full width.
    drops = compute_memory_need(replace(shape, drops=True), {}, 10, 0)
    assert (drops.activations, drops.logits, drops.libraries) == (kept + 2 * 5440, 10 * 32768 * 4, 0)
    assert compute_memory_need(shape, {"model_init_kwargs": {"dtype": "bfloat16"}}, 10, 0).weights == 2000
    assert compute_memory_need(shape, {}, 10, 0, quantised=True).weights == 900 // 2 + 400
    assert compute_memory_need(shape, {"optim": "adamw_bnb_8bit"}, 10, 0).optimiser == 200
    assert compute_memory_need(shape, {"optim": "adafactor"}, 10, 0).optimiser == 0


def test_sizes_are_those_of_the_model_with_its_adapter(tiny_model: Path) -> None:
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    policy = AutoModelForCausalLM.from_pretrained(tiny_model)
    judge = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
    assert measure_shape(str(tiny_model), Sft()) == ModelShape(
        policy.num_parameters(), policy.num_parameters(), 2, 48, 96, 312
    )
    assert measure_shape(str(tiny_model), Reward()).parameters == judge.num_parameters()
    for trainer, model in ((Sft(lora={"r": 4}), policy), (Reward(lora={"r": 2}), judge)):
        trained, every = get_peft_model(
            model, trainer.lora.make_peft_config(trainer.model_kind == "reward")
        ).get_nb_trainable_parameters()
        shape = measure_shape(str(tiny_model), trainer)
        assert (shape.trained, shape.parameters) == (trained, every)


def test_the_estimate_of_what_a_pass_keeps_is_near_what_it_keeps(tiny_model: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(tiny_model)
    config.hidden_size, config.intermediate_size, config.num_hidden_layers = 128, 344, 4
    config.head_dim = 32
    model = AutoModelForCausalLM.from_config(config)
    ids = torch.randint(3, 300, (4, 64))
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(input_ids=ids, labels=ids).loss
    assert loss.requires_grad
    n = model.num_parameters()
    estimate = compute_memory_need(ModelShape(n, n, 4, 128, 344, config.vocab_size), {}, ids.numel(), 0)
    logits = 2 * 4 * ids.numel() * config.vocab_size  # this loss keeps the whole logits
    assert 0.8 < (estimate.activations + logits) / sum(kept.values()) < 1.25


def test_memory_is_shared_by_processes_on_one_cpu() -> None:
    needed = MemoryNeed(weights=4 * GB, copies=0, gradients=2 * GB, optimiser=0, activations=3 * GB)
    assert check_memory(needed, 20 * GB, "memory", 1) == []
    assert "needs about 14.0 GB of memory" in check_memory(needed, 15 * GB, "memory", 2)[0]
    with pytest.raises(UserError, match=r"optimiser need 12\.0 GB of memory, but only 11\.0 GB are free"):
        check_memory(needed, 11 * GB, "memory", 2)


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_memory, "CGROUP", tmp_path)
    whole, of = measure_free_memory(cpu=True)
    assert whole > 10**6
    assert of == "memory"
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("2000\n")
    assert measure_free_memory(cpu=True)[0] == 3000
    (tmp_path / "memory.max").write_text("max\n")
    assert measure_free_memory(cpu=True)[0] > 3000


def test_disk_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = ModelShape(parameters=GB, trained=GB // 8, layers=1, hidden=1, wide=4, vocabulary=1)
    assert compute_disk_need(shape, Sft(checkpoint=None)) == {"model": 4 * GB, "working": 0}
    # Two checkpoints, and the one that is being written: trained weights and two states of 4 bytes each.
    assert compute_disk_need(shape, Sft()) == {"model": 4 * GB, "working": 3 * 3 * 4 * GB // 8}
    assert compute_disk_need(shape, Sft(lora={}))["model"] == 4 * GB + GB // 2
    assert compute_disk_need(shape, Sft(lora={}, merge_adapter=False))["model"] == GB // 2
    # The saved weights have the type of the model that the step starts from, or the one that the step names.
    half = replace(shape, saved_width=2)
    assert compute_disk_need(half, Sft(checkpoint=None))["model"] == 2 * GB
    assert compute_disk_need(half, Sft(checkpoint=None, saved_dtype="float32"))["model"] == 4 * GB

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, int(9.5 * GB)))
    (tmp_path / "train").mkdir()
    assert check_disk([{"model": 4 * GB, "working": GB}], tmp_path / "train") == []
    (warning,) = check_disk([{"model": 4 * GB, "working": GB}] * 2, tmp_path / "train" / "not yet")
    assert warning == "the run needs 9.0 GB of the 9.5 GB that are free on the disk"
    with pytest.raises(
        UserError,
        match=r"train: the models of 3 training steps need 12\.0 GB of disk and the checkpoints of one step 1\.0",
    ):
        check_disk([{"model": 4 * GB, "working": GB}] * 3, tmp_path / "train")
    # Checkpoints of a step that is resumed will not be written twice; the models of finished steps make no room.
    checkpoint = tmp_path / "train/main/0/.sft.0123456789ab.checkpoints/checkpoint-2"
    checkpoint.mkdir(parents=True)
    for place, expected in ((tmp_path / "train/main/0/reward.bin", 1), (checkpoint / "model.bin", 0)):
        with place.open("wb") as file:
            file.truncate(12 * GB)
        assert len(check_disk([{"model": 4 * GB, "working": GB}] * 2, tmp_path / "train")) == expected
    assert check_disk([], tmp_path / "train") == []
