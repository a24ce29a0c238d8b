"""A command that is not asked to change a finished run leaves its records as they are, to the byte."""

import json
from pathlib import Path
from typing import Any

import pytest

import unipref
from support.study_files import study_of, write_sources
from unipref.pipeline import api


@pytest.fixture
def study(tmp_path: Path, tiny_model: Path) -> dict[str, Any]:
    write_sources(tmp_path)
    study: dict[str, Any] = study_of(tmp_path, tiny_model)
    study["train"] = study["train"][:1]
    return study


def finish(run: Path) -> dict[str, bytes]:
    """Makes a run that stopped after select look like one with a model and scores; returns its records."""
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["train"] = {"main": {"0": {"sft": {"folder": "train/main/0/sft"}}}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    for name in ("scores.json", "verdicts.json", "against_base.json", "report.html"):
        (run / name).write_text("[]")
    return records(run)


def records(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


def test_unify_select_and_a_dry_run_leave_a_finished_run_as_it_is(study: dict[str, Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    unipref.select_preferences(study, run)
    before = finish(run)
    unipref.unify_feedback(study, run)
    assert records(run) == before
    unipref.select_preferences(study, run)
    assert records(run) == before
    api.dry_run(study, run)
    assert records(run) == before
    # Other settings of evaluation change no data.
    unipref.select_preferences(study | {"evaluate": []}, run)
    assert records(run) == before


def test_other_data_are_recorded(study: dict[str, Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    unipref.select_preferences(study, run)
    before = finish(run)
    unipref.select_preferences(study, run, overrides=["select.cluster_quality.fraction=0.9"])
    assert records(run)["study.yaml"] != before["study.yaml"]
    assert records(run)["manifest.json"] != before["manifest.json"]


def test_a_check_leaves_a_finished_run_as_it_is(study: dict[str, Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    unipref.select_preferences(study, run)
    before = finish(run)
    checks = api.check_training(study, run)
    assert checks["main"]["0"]["steps"]["sft"]["rows"] > 0
    now = records(run)
    assert now.pop("manifest.json") != before.pop("manifest.json")  # it has these checks now
    assert now == before
    again = records(run)
    assert api.check_training(study, run) == checks
    assert records(run) == again
