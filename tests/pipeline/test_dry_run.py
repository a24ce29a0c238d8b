"""What a dry run says of stages that it cannot know to be done."""

import json
import os
from pathlib import Path
from typing import Any

import unipref
from support.study_files import study_of, write_sources
from unipref.core.hashing import RECORD
from unipref.core.stage_cache import PendingStage
from unipref.pipeline.dry_run import estimate, find_maybe_done, format_estimate, read_plans


def test_stages_behind_unknown_content_may_be_done_and_those_behind_a_key_are_not() -> None:
    pending = [
        PendingStage("unified", "a1", {"settings": {}}),
        PendingStage("clean", "b2", {"unified": "a1"}),
        PendingStage("selected/main/0", "c3", {"cleaned": "of b2"}),
        PendingStage("train/main/0/sft", "d4", {"rows": ["train of c3"]}),
        PendingStage("evaluated/main/0/sft/x", "e5", {"model": "d4"}),
        PendingStage("evaluated/base/x", "f6", {"model": "other"}),
    ]
    assert find_maybe_done(pending) == ["selected/main/0", "train/main/0/sft", "evaluated/main/0/sft/x"]
    assert find_maybe_done(pending[:1]) == []


def test_an_estimate_that_is_a_limit_says_at_most() -> None:
    stage: dict[str, Any] = {"done": False, "may_be_done": False, "seconds": 60.0, "bytes": 10, "memory": None}
    stages = [stage | {"name": "clean"}, stage | {"name": "train", "may_be_done": True, "seconds": None}]
    about: dict[str, Any] = {"stages": stages, "to_do": 2, "seconds": 60.0, "bytes": 10, "unknown": 0, "free": 1000}
    about["memory"] = None
    text = format_estimate(about | {"maybe_done": 1})
    assert "\nAt most about 60 s and" in text
    assert "1 of the stages to do ('perhaps done') have results of an earlier run." in text
    assert "\ntrain  perhaps done, else time not known\n" in text
    assert text.startswith("clean  about 60 s, 0 kB of disk\n")
    text = format_estimate(about | {"maybe_done": 0})
    assert "\nAbout 60 s and" in text
    assert "perhaps" not in text.partition("\n\n")[2]


def test_training_steps_have_the_costs_of_their_check_times_how_long_finished_ones_took(tmp_path: Path) -> None:
    def write(place: str, value: dict[str, Any], time: float) -> None:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(json.dumps(value))
        os.utime(tmp_path / place, (time, time))

    def check(seconds: float | None) -> dict[str, Any]:
        return {"steps": {"sft": {"seconds": seconds, "memory": {"total": 7}, "disk": {"model": 5}}, "own": {}}}

    write("checked/main/0/preflight.json", check(40.0), 100)
    write("checked/main/1/preflight.json", check(None), 100)
    assert read_plans(tmp_path)["train/main/0/sft"] == {"seconds": 40.0, "memory": 7, "bytes": 5}
    assert read_plans(tmp_path)["train/main/1/sft"] == {"memory": 7, "bytes": 5}
    # Seed 2 took 1.5 times as long as estimated; seed 3 was trained with settings before its check.
    for seed, seconds, trained in ((2, 60.0, 200), (3, 4000.0, 50)):
        write(f"checked/main/{seed}/preflight.json", check(40.0), 100)
        write(f"train/main/{seed}/sft/{RECORD}", {"seconds": seconds}, trained)
    assert read_plans(tmp_path)["train/main/0/sft"]["seconds"] == 60.0


def test_memory_is_shown_for_each_stage_and_for_the_run() -> None:
    stage: dict[str, Any] = {"name": "train/main/0/sft", "done": False, "may_be_done": False, "seconds": None}
    stages = [stage | {"bytes": 10, "memory": 2_000_000_000}]
    about: dict[str, Any] = {"stages": stages, "to_do": 1, "seconds": 0, "bytes": 0, "unknown": 1, "free": 1000}
    text = format_estimate(about | {"maybe_done": 0, "memory": 2_000_000_000}, jobs=2)
    assert "time not known, 2.0 GB of memory\n" in text
    assert "Up to about 2.0 GB of memory in each process." in text
    assert "'unipref train STUDY --check' estimates the training steps" in text


def test_stages_with_a_result_of_an_earlier_run_may_be_done(tmp_path: Path, tiny_model: Path) -> None:
    write_sources(tmp_path)
    study = study_of(tmp_path, tiny_model) | {"train": [], "evaluate": [], "select": {"random": {"fraction": 0.5}}}
    del study["model"]
    unipref.run(study, tmp_path / "run")

    def list_rows(**changes: Any) -> dict[str, tuple[bool, bool]]:
        rows = estimate(study | changes, tmp_path / "run")["stages"]
        return {row["name"]: (row["done"], row["may_be_done"]) for row in rows}

    assert set(list_rows().values()) == {(True, False)}
    changed = list_rows(split={"dev": 0.15, "test": 0.15, "seed": 1}, seeds=[0, 1])
    assert changed["unified"] == (True, False)
    assert changed["clean"] == (False, False)
    assert changed["selected/main/0"] == (False, True)
    assert changed["selected/main/1"] == (False, False)
