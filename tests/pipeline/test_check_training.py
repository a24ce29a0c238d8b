"""The checks before training as a part of a run: nothing is trained before all of them passed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import unipref
from support.study_files import study_of, write_sources
from unipref import cli
from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.core.progress import ProgressListener
from unipref.pipeline import training_stage


class Hearing(ProgressListener):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, bool]] = []
        self.notes: list[str] = []

    def stage(self, name: str, cached: bool) -> None:
        self.stages.append((name, cached))

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def study(tmp_path: Path, tiny_model: Path) -> dict[str, Any]:
    write_sources(tmp_path)
    return study_of(tmp_path, tiny_model)


@pytest.mark.slow
def test_the_checks_are_made_once_told_and_kept(study: dict[str, Any], tmp_path: Path) -> None:
    first, second = Hearing(), Hearing()
    found = unipref.check_training(study, tmp_path / "run", listener=first)
    assert list(found["main"]["0"]["steps"]) == ["sft", "reward", "rloo", "dpo"]
    assert not (tmp_path / "run" / "train").exists()
    assert [note.split(":")[0] for note in first.notes[-4:]] == ["sft", "reward", "rloo", "dpo"]
    assert json.loads((tmp_path / "run/checked/main/0/preflight.json").read_text()) == found["main"]["0"]

    assert unipref.check_training(study, tmp_path / "run", listener=second) == found
    assert second.stages[-1] == ("checked/main/0", True)
    assert second.notes == first.notes

    report = (tmp_path / "run" / "report.md").read_text()
    assert "Requirements of each step" in report
    assert "before training the model ranks the chosen answer first in" in report


def test_a_fault_in_the_last_variant_stops_the_run_before_the_first_is_trained(
    study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: Any, **__: Any) -> dict[str, Any]:
        raise AssertionError("a step was trained")

    monkeypatch.setattr(training_stage, "train", train)
    study["variants"] = {"wide": {"train": [{"sft": {"max_length": 300}}]}}
    with pytest.raises(UserError, match=r"max_length is 300, but the model takes at most 256 tokens"):
        unipref.run(study, tmp_path / "run")
    assert not (tmp_path / "run" / "evaluated").exists()


@pytest.mark.slow
def test_the_command_line_checks_and_trains_nothing(study: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(yaml_files.write(study))
    given = ["train", str(tmp_path / "study.yaml"), "-o", str(tmp_path / "run"), "--check"]
    shown = CliRunner().invoke(cli.app, given)
    assert shown.exit_code == 0, shown.output
    assert "epochs" in shown.stdout
    answer = json.loads(CliRunner().invoke(cli.app, [*given, "--json"]).stdout)
    assert answer["preflight"]["main"]["0"]["steps"]["sft"]["schedule"]["steps"] == 2
    assert not (tmp_path / "run" / "train").exists()


def test_a_damaged_model_stops_the_run_before_any_data_is_read(tmp_path: Path, tiny_model: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:50_000])
    write_sources(tmp_path)
    study = study_of(tmp_path, model)
    with pytest.raises(UserError, match=r"model\.safetensors: the file is cut or damaged"):
        unipref.run(study, tmp_path / "run")
    assert not (tmp_path / "run" / "unified").exists()
    # The model is not used up to the selection.
    unipref.select_preferences(study, tmp_path / "run")
    assert (tmp_path / "run" / "unified").is_dir()
