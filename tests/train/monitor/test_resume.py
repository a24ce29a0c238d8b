"""A step that was cut off and taken up again ends as one that never was: the same weights, the same curve."""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unipref.core.contracts import Trainer, TrainJob
from unipref.core.errors import ResourceError
from unipref.train import train
from unipref.train.fit import CURVE
from unipref.train.monitor.checkpoints import (
    PROGRESS_FILE,
    RunProgress,
    choose_checkpoint,
    count_passes_done,
    find_fault,
    find_resume_checkpoint,
    list_checkpoints,
    parse_step,
    write_progress,
)
from unipref.train.row_order import skip_done_passes
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.grpo import Grpo
from unipref.train.trainers.kto import Kto
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.rloo import Rloo
from unipref.train.trainers.sft import Sft
from unipref.train.trl_trainer import TrlTrainer

Job = Callable[..., TrainJob]
FEW: dict[str, Any] = {
    "per_device_train_batch_size": 4,
    "max_steps": 7,
    "learning_rate": 1e-3,
    "logging_steps": 3,
    "checkpoint": {"every": 2},
}
LORA: dict[str, Any] = {"r": 4, "lora_dropout": 0.2}


class Cut(BaseException):
    """What stops a step in these tests; nothing in the code waits for it."""


def cut_at(last: int) -> Callable[..., None]:
    def progress(step: int, steps: int, figures: dict[str, Any]) -> None:
        if step == last:
            raise Cut

    return progress


def timeless(curve: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in point.items() if key != "step_time"} for point in curve]


def weights_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.safetensors"))}


# Within an epoch (5), and for one of each way of training at a checkpoint as well (6).
@pytest.mark.slow
@pytest.mark.parametrize(
    ("trainer", "ats"),
    [
        (Sft(**FEW), (5, 6)),
        (Sft(**FEW, lora=LORA), (5,)),
        # 18 rows are 5 forward passes: the cut is in the second epoch.
        (Sft(**FEW, gradient_accumulation_steps=2), (5,)),
        (Dpo(**FEW), (5,)),
        (Dpo(**FEW, lora=LORA, merge_adapter=False), (5, 6)),
        (Reward(**FEW), (5,)),
        (Reward(**FEW, lora=LORA), (5,)),
        (Kto(**FEW), (5,)),
        (Rloo(**FEW, max_completion_length=48), (5, 6)),
        (Grpo(**FEW, num_generations=4, max_completion_length=48), (5,)),
        # 18 prompts, six or nine at a time: the checkpoint is within the second pass, and at its end.
        (Rloo(**{**FEW, "per_device_train_batch_size": 24}, max_completion_length=24), (5,)),
        (Rloo(**{**FEW, "per_device_train_batch_size": 36}, max_completion_length=24), (5,)),
    ],
    ids=[
        *("sft", "sft lora", "sft accumulated", "dpo", "dpo lora", "reward", "reward lora", "kto"),
        *("rloo", "grpo", "rloo in pass 2", "rloo after pass 2"),
    ],
)
def test_a_resumed_step_equals_an_uninterrupted_one(
    trainer: Trainer, ats: tuple[int, ...], job: Job, ending: Path, reward_folder: Path, tmp_path: Path
) -> None:
    unbroken = job(to="unbroken", policy=ending, reward_model=reward_folder)
    whole = train(trainer, unbroken)
    assert whole["resumed_at"] is None
    # Reinforcement is also probed, before the first step and at five others.
    assert {2, 3, 4, 6, 7} <= {point["step"] for point in whole["curve"]}
    assert any(point.get("grad_norm", 0) > 0 for point in whole["curve"])
    for at in ats:
        folder = tmp_path / f"checkpoints {at}"
        cut = job(to=f"cut {at}", policy=ending, reward_model=reward_folder, checkpoint_dir=folder)
        with pytest.raises(Cut):
            train(trainer, cut, progress=cut_at(at))
        assert [path.name for path in cut.out.iterdir()] == [CURVE]  # what `unipref watch` showed
        # The step at which it was cut had not been saved yet.
        assert [parse_step(path) for path in list_checkpoints(folder)] == [2, 4]
        again = train(trainer, cut)
        assert again["resumed_at"] == 4
        assert weights_of(cut.out) == weights_of(unbroken.out) != {}
        assert timeless(again["curve"]) == timeless(whole["curve"])
        assert {key: again[key] for key in ("used", "left_out", "tokens", "steps")} == {
            key: whole[key] for key in ("used", "left_out", "tokens", "steps")
        }
        lines = [json.loads(line) for line in (cut.out / "curve.jsonl").read_text().splitlines()]
        assert lines == again["curve"]


@pytest.mark.slow
def test_a_checkpoint_by_time_changes_neither_the_curve_nor_the_weights(job: Job, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    by_time = FEW | {"checkpoint": {"minutes": 1e-9}}
    whole = train(Sft(**FEW | {"checkpoint": None}), unbroken := job(to="unbroken"))
    cut = job(to="cut", checkpoint_dir=folder)
    with pytest.raises(Cut):
        train(Sft(**by_time), cut, progress=cut_at(5))
    assert [parse_step(path) for path in list_checkpoints(folder)] == [3]
    again = train(Sft(**by_time), cut)
    assert again["resumed_at"] == 3
    assert weights_of(cut.out) == weights_of(unbroken.out) != {}
    assert timeless(again["curve"]) == timeless(whole["curve"])
    assert [point["step"] for point in again["curve"]] == [3, 6, 7]


def test_checkpoints_are_saved_every_five_minutes_unless_told_otherwise() -> None:
    assert Sft().checkpoint_seconds == 300
    assert Sft().build_save_settings() == {"save_strategy": "no", "save_total_limit": 2}
    assert Sft().checkpoints_kept == 2
    assert Sft(checkpoint=None).checkpoint_seconds is None
    assert Sft(checkpoint=None).checkpoints_kept == 0
    assert Sft(save_steps=20).checkpoint_seconds is None
    assert Sft(save_steps=20).build_save_settings()["save_strategy"] == "steps"
    assert Sft(save_strategy="no").checkpoints_kept == 0
    assert Rloo(max_steps=40).checkpoint_seconds is None
    assert Rloo(max_steps=40, checkpoint={"minutes": 1}).checkpoint_seconds == 60


@pytest.mark.parametrize("settings", [{}, {"every": 3, "minutes": 2}, {"minutes": 0}])
def test_a_checkpoint_needs_one_interval(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"either 'every'|greater than 0"):
        Sft(checkpoint=settings)


def test_a_resumed_run_keeps_the_order_of_later_passes(tmp_path: Path) -> None:
    from trl.trainer.utils import RepeatSampler

    class Reinforcement:
        def _get_train_sampler(self, dataset: Any = None) -> Any:
            return RepeatSampler(range(7), mini_repeat_count=2, batch_size=3, repeat_count=2, seed=5)

    unbroken = Reinforcement()._get_train_sampler()
    orders = [list(unbroken) for _ in range(4)]
    assert len({tuple(order) for order in orders}) == 4
    for epoch, expected in ((0.5, 0), (1.0, 1), (1.5, 1), (2.9999999999, 3)):
        (tmp_path / "trainer_state.json").write_text(json.dumps({"epoch": epoch}))
        resumed = Reinforcement()
        skip_done_passes(resumed, count_passes_done(tmp_path))
        assert list(resumed._get_train_sampler()) == orders[expected]


@pytest.mark.slow
def test_a_step_that_had_done_all_its_steps_is_not_trained_further(job: Job, tmp_path: Path) -> None:
    trainer, folder = Sft(**FEW), tmp_path / "checkpoints"
    unbroken, cut = job(to="unbroken"), job(to="cut", checkpoint_dir=folder)
    whole = train(trainer, unbroken)
    train(trainer, cut)
    shutil.rmtree(cut.out)
    cut.out.mkdir()
    assert [parse_step(path) for path in list_checkpoints(folder)] == [6, 7]
    again = train(trainer, cut)
    assert (again["resumed_at"], again["steps"], again["tokens"]) == (7, 7, whole["tokens"])
    assert weights_of(cut.out) == weights_of(unbroken.out)
    assert again["curve"] == whole["curve"]


def test_a_checkpoint_that_was_being_written_is_none(tmp_path: Path) -> None:
    assert find_resume_checkpoint(tmp_path / "nowhere") is None
    for step, whole in ((2, True), (10, True), (12, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
        if whole:
            (folder / PROGRESS_FILE).write_text(json.dumps({"threads": 1}))
    assert find_resume_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-2"]


def make_checkpoint(folder: Path, with_hashes: bool) -> None:
    """Writes the files of a checkpoint: small, but each readable by the library that reads it."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    save_file({"weight": torch.ones(4)}, folder / "model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        torch.save({"a": torch.ones(100)}, folder / name)
    (folder / "trainer_state.json").write_text(json.dumps({"epoch": 0.5, "global_step": parse_step(folder)}))
    write_progress(folder, RunProgress(step=parse_step(folder), steps=9, threads=1, curve=[], dev=[]))
    if not with_hashes:
        progress = json.loads((folder / PROGRESS_FILE).read_text())
        (folder / PROGRESS_FILE).write_text(json.dumps({**progress, "files": {}}))


def cut_file(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "cut weights": ("model.safetensors", cut_file),
    "empty weights": ("model.safetensors", lambda path: path.write_bytes(b"")),
    "cut optimiser": ("optimizer.pt", cut_file),
    "empty random state": ("rng_state.pth", lambda path: path.write_bytes(b"")),
    "changed optimiser": ("optimizer.pt", flip_a_bit),
    "no state": ("trainer_state.json", lambda path: path.unlink()),
    "cut state": ("trainer_state.json", cut_file),
    "state without its step": ("trainer_state.json", lambda path: path.write_text("{}")),
    "state that is a list": ("trainer_state.json", lambda path: path.write_text("[]")),
    "cut progress": (PROGRESS_FILE, cut_file),
    "progress that is a list": (PROGRESS_FILE, lambda path: path.write_text("[]")),
}


@pytest.mark.parametrize("with_hashes", [True, False], ids=["hashes", "formats"])
@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(name: str, with_hashes: bool, tmp_path: Path) -> None:
    for step in (2, 4, 6):
        make_checkpoint(tmp_path / f"checkpoint-{step}", with_hashes)
    assert choose_checkpoint(tmp_path) == (tmp_path / "checkpoint-6", [])
    file, damage = DAMAGES[name]
    damage(tmp_path / "checkpoint-6" / file)
    chosen, warnings = choose_checkpoint(tmp_path)
    assert chosen == tmp_path / "checkpoint-4"
    assert len(warnings) == 1
    assert warnings[0].startswith("checkpoint-6 is damaged: ")
    assert warnings[0].endswith("; the step resumes from checkpoint-4")
    assert [parse_step(path) for path in list_checkpoints(tmp_path)] == [2, 4]
    for step in (2, 4):
        damage(tmp_path / f"checkpoint-{step}" / file)
    chosen, warnings = choose_checkpoint(tmp_path)
    assert chosen is None
    assert [warning.rpartition("; ")[2] for warning in warnings] == ["the step starts at the beginning"] * 2


def test_hashes_find_a_changed_weight(tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "checkpoint-2", with_hashes=True)
    flip_a_bit(tmp_path / "checkpoint-2" / "model.safetensors")
    assert find_fault(tmp_path / "checkpoint-2") == "model.safetensors was changed or cut"


def test_a_checkpoint_that_this_machine_cannot_read_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    make_checkpoint(tmp_path / "checkpoint-2", with_hashes=True)
    monkeypatch.setattr("unipref.core.hashing.file_hash", refuse)
    with pytest.raises(ResourceError, match="Permission denied"):
        choose_checkpoint(tmp_path)
    assert list_checkpoints(tmp_path) == [tmp_path / "checkpoint-2"]


@pytest.mark.slow
def test_a_step_with_a_damaged_checkpoint_ends_as_one_that_was_not_cut_off(job: Job, tmp_path: Path) -> None:
    trainer, folder = Sft(**FEW, lora=LORA), tmp_path / "checkpoints"
    unbroken, cut = job(to="unbroken"), job(to="cut", checkpoint_dir=folder)
    train(trainer, unbroken)
    with pytest.raises(Cut):
        train(trainer, cut, progress=cut_at(5))
    (folder / "checkpoint-4" / "optimizer.pt").write_bytes(b"")
    again = train(trainer, cut)
    assert again["resumed_at"] == 2
    assert "checkpoint-4 is damaged: optimizer.pt was changed or cut; the step resumes from" in again["warnings"][0]
    assert weights_of(cut.out) == weights_of(unbroken.out) != {}


@pytest.mark.parametrize(
    ("settings", "saving", "kept"),
    [
        ({}, {"save_strategy": "no"}, 2),
        ({"checkpoint": None}, {"save_strategy": "no"}, 0),
        ({"checkpoint": {"every": 5}}, {"save_strategy": "steps", "save_steps": 5.0}, 2),
        ({"checkpoint": {"every": 0.1, "keep": 1}}, {"save_steps": 0.1, "save_total_limit": 1}, 1),
        ({"save_steps": 7}, {"save_strategy": "steps", "save_steps": 7.0, "save_total_limit": 2}, 2),
        ({"save_strategy": "epoch", "save_total_limit": 3}, {"save_strategy": "epoch", "save_total_limit": 3}, 3),
    ],
)
def test_when_a_step_is_saved_on_its_way(settings: dict[str, Any], saving: dict[str, Any], kept: int) -> None:
    trainer: TrlTrainer = Sft(**settings)
    given = trainer.build_trl_settings()
    assert {key: str(given[key]) for key in saving} == {key: str(value) for key, value in saving.items()}
    assert trainer.checkpoints_kept == kept


def test_saving_is_set_once() -> None:
    with pytest.raises(ValueError, match="'save_steps' and 'checkpoint' set the same thing"):
        Sft(checkpoint={"every": 5}, save_steps=3)


@pytest.mark.parametrize(
    ("settings", "every"),
    [
        # A tenth of 24 steps is 2.4; answers written at once last 8 steps, so that the next whole one is 8.
        ({"max_steps": 24, "steps_per_generation": 8}, 8),
        # They last 8 x 2 forward passes, of which a step takes 4: 4 steps; a tenth of 100 is 10, up to 12.
        (
            {"max_steps": 100, "steps_per_generation": 8, "num_iterations": 2, "gradient_accumulation_steps": 4},
            12,
        ),
        ({"max_steps": 20}, 2),
        # 32 answers at once, 4 in a pass: 8 passes; with one checkpoint alone there may be no good state to go back to.
        ({"max_steps": 24, "generation_batch_size": 32}, 8),
        ({"max_steps": 15, "generation_batch_size": 32}, 0.1),
        # No place before the end at which they are used up; what the user says; how many steps there are is not known.
        ({"max_steps": 8, "steps_per_generation": 8}, 0.1),
        ({"max_steps": 24, "steps_per_generation": 8, "checkpoint": {"every": 3}}, 3),
        ({"steps_per_generation": 8}, 0.1),
    ],
)
def test_reinforcement_is_saved_where_its_answers_are_used_up(settings: dict[str, Any], every: float) -> None:
    trainer = Rloo(per_device_train_batch_size=4, **settings)
    assert trainer.build_trl_settings()["save_steps"] == every
