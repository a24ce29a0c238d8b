"""Batch arithmetic against TRL's own; memory and disk against what the tensors and the files take."""

import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.train import check_disk
from unipref.train.checks import memory
from unipref.train.checks.memory import Need, Shape, check_memory, disk_of, free_memory, need, shape_of
from unipref.train.data.batch_math import Schedule, doubts, online_schedule, schedule
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
    assert schedule(given, rows, processes) == Schedule(*expected)


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
    assert online_schedule(given | settings, prompts, processes) == Schedule(*expected)


def test_answers_in_no_whole_groups_over_several_processes() -> None:
    given = {"per_device_train_batch_size": 3, "max_steps": -1, "num_train_epochs": 1.0, "num_generations": 4}
    assert online_schedule(given, 100, 4).batch == 12
    with pytest.raises(UserError, match=r"6 answers written at once .* x 2 processes\) are not whole groups"):
        online_schedule(given, 100, 2)
    with pytest.raises(UserError, match="generation_batch_size is 8, no multiple of the 6 answers"):
        online_schedule(given | {"generation_batch_size": 8}, 100, 2)


def test_odd_schedules_are_told() -> None:
    assert doubts(Schedule(8, 100, 25.0), {}, online=False) == ["100 steps of 8 see each row 25.0 times"]
    assert doubts(Schedule(8, 10, 0.25), {}, online=False) == ["10 steps of 8 see only 25% of the rows"]
    assert doubts(Schedule(8, 10, 0.25), {"warmup_steps": 0.1}, online=True) == []
    (said,) = doubts(Schedule(8, 10, 1.0), {"warmup_steps": 10}, online=False)
    assert "still being warmed up" in said


@pytest.mark.parametrize(
    ("settings", "told"),
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
def test_checkpoints_between_answers_written_are_told(settings: dict[str, Any], told: bool) -> None:
    given = {"save_strategy": "steps", **settings}
    found = doubts(Schedule(4, 20, 1.0), given, online=True)
    assert [("falls between answers written" in said) for said in found] == [True] * told
    assert doubts(Schedule(4, 20, 1.0), given, online=False) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"per_device_train_batch_size": 4},
        {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "num_train_epochs": 1.5},
        {"per_device_train_batch_size": 5, "dataloader_drop_last": True},
    ],
)
def test_the_steps_foreseen_are_those_that_are_done(settings: dict[str, Any], job: Job) -> None:
    trainer = Sft(**settings)
    done = trainer.fit(job())
    assert done["steps"] == schedule(trainer.for_trl(), done["used"], 1).steps


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"steps_per_generation": 2}, {"num_iterations": 2}])
def test_the_steps_of_reinforcement_foreseen_are_those_that_are_done(
    settings: dict[str, Any], job: Job, reward_folder: Path
) -> None:
    trainer = Rloo(per_device_train_batch_size=8, max_completion_length=4, **settings)
    done = trainer.fit(job(reward_model=reward_folder))
    assert done["steps"] == online_schedule(trainer.for_trl(), done["used"], 1).steps


def test_memory_by_hand() -> None:
    # 1,000 weights, 100 of them trained; 2 layers, 8 hidden units, 50 tokens in the vocabulary; 10 tokens in a pass.
    shape = Shape(parameters=1000, trained=100, layers=2, hidden=8, vocabulary=50)
    found = need(shape, {}, tokens=10, copies=1)
    # 34 x 10 x 8 x 2 bytes in a layer of 32 bit; the logits 10 x 50 x 4 bytes, twice.
    assert found == Need(weights=4000, copies=4000, gradients=400, optimiser=800, activations=2 * 5440 + 4000)
    assert (found.certain, found.total) == (9200, 9200 + 14880)
    assert need(shape, {"bf16": True}, 10, 0).activations == 2 * 2720 + 4000
    # One layer whole, and its input of 10 x 8 x 4 bytes for each.
    assert need(shape, {"gradient_checkpointing": True}, 10, 0).activations == 5440 + 2 * 320 + 4000
    assert need(shape, {"model_init_kwargs": {"dtype": "bfloat16"}}, 10, 0).weights == 2000
    assert need(shape, {}, 10, 0, quantised=True).weights == 900 // 2 + 400
    assert need(shape, {"optim": "adamw_bnb_8bit"}, 10, 0).optimiser == 200
    assert need(shape, {"optim": "adafactor"}, 10, 0).optimiser == 0


def test_sizes_are_those_of_the_model_with_its_adapter(tiny_model: Path) -> None:
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    policy = AutoModelForCausalLM.from_pretrained(tiny_model)
    judge = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
    assert shape_of(str(tiny_model), Sft()) == Shape(policy.num_parameters(), policy.num_parameters(), 2, 48, 312)
    assert shape_of(str(tiny_model), Reward()).parameters == judge.num_parameters()
    for trainer, model in ((Sft(lora={"r": 4}), policy), (Reward(lora={"r": 2}), judge)):
        trained, every = get_peft_model(
            model, trainer.lora.peft_config(trainer.makes == "reward")
        ).get_nb_trainable_parameters()
        found = shape_of(str(tiny_model), trainer)
        assert (found.trained, found.parameters) == (trained, every)


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
    estimate = need(Shape(n, n, 4, 128, config.vocab_size), {}, ids.numel(), 0).activations
    assert 0.5 < estimate / sum(kept.values()) < 2.0


def test_memory_is_shared_by_processes_on_one_cpu() -> None:
    needed = Need(weights=4 * GB, copies=0, gradients=2 * GB, optimiser=0, activations=3 * GB)
    assert check_memory(needed, 20 * GB, "memory", 1) == []
    assert "18.0 GB of memory will be needed" in check_memory(needed, 19 * GB, "memory", 2)[0]
    with pytest.raises(UserError, match=r"optimiser take 12\.0 GB, and 11\.0 GB of memory are free"):
        check_memory(needed, 11 * GB, "memory", 2)


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    whole, of = free_memory(cpu=True)
    assert whole > 10**6
    assert of == "memory"
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("2000\n")
    assert free_memory(cpu=True)[0] == 3000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(cpu=True)[0] > 3000


def test_disk_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape(parameters=GB, trained=GB // 8, layers=1, hidden=1, vocabulary=1)
    assert disk_of(shape, Sft()) == {"model": 4 * GB, "working": 0}
    assert disk_of(shape, Sft(lora={}))["model"] == 4 * GB + GB // 2
    assert disk_of(shape, Sft(lora={}, merge_adapter=False))["model"] == GB // 2

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, int(9.5 * GB)))
    (tmp_path / "train").mkdir()
    assert check_disk([{"model": 4 * GB, "working": GB}], tmp_path / "train") == []
    (said,) = check_disk([{"model": 4 * GB, "working": GB}] * 2, tmp_path / "train" / "not yet")
    assert said == "9.0 GB of the 9.5 GB that are free on the disk will be needed"
    with pytest.raises(
        UserError, match=r"train: the models of 3 training steps take 12\.0 GB, the checkpoints of one 1\.0"
    ):
        check_disk([{"model": 4 * GB, "working": GB}] * 3, tmp_path / "train")
    # What is there already will not be written twice.
    with (tmp_path / "train" / "model").open("wb") as file:
        file.truncate(12 * GB)
    assert check_disk([{"model": 4 * GB, "working": GB}] * 3, tmp_path / "train") == []
