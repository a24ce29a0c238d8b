"""A full disk, a read-only folder and an unreadable file end in one message; what is done needs no room."""

import errno
import json
import shutil
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

import unipref
from support.study_files import study_of, write_sources
from unipref import cli, report
from unipref.core import hashing, json_files, stage_cache
from unipref.core.errors import ResourceError
from unipref.pipeline import data_stages

NO_ROOM = OSError(errno.ENOSPC, "No space left on device")
usage = namedtuple("usage", "total used free")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [{"prompt": f"{at}?", "chosen": f"yes {at}", "rejected": "no"} for at in range(20)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    source = "{name: a, path: a.jsonl, format: pairs, map: {prompt: prompt}}"
    (tmp_path / "s.yaml").write_text(f"sources: [{source}]\nworkers: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["unipref", *words])
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = int(stop.code or 0)
    return status, capsys.readouterr().err


def failing(error: Exception) -> Any:
    def fail(*given: Any, **options: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("stage", ["unify", "clean", "choose"])
def test_a_full_disk_in_a_stage_is_a_message_and_the_run_goes_on_when_there_is_room(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(data_stages, stage, failing(NO_ROOM))
        status, err = run(patched, capsys, "select", "s.yaml", "-o", "run")
    name = {"unify": "unified", "clean": "clean", "choose": "selected/main/0"}[stage]
    assert status == 2
    assert f"{name}: No space left on device.\n  Make room" in err
    assert not list((folder / "run").rglob("*.partial-*"))
    assert run(monkeypatch, capsys, "select", "s.yaml", "-o", "run")[0] == 0


@pytest.mark.parametrize(
    ("module", "name", "error", "message"),
    [
        (json_files, "replace_file", NO_ROOM, "unified: No space left on device."),
        (report, "write", OSError(errno.EROFS, "Read-only file system", "run/x"), "run/x: Read-only file system."),
        (hashing, "file_hash", PermissionError(errno.EACCES, "Permission denied", "a.jsonl"), "a.jsonl: Perm"),
        (
            hashing,
            "file_hash",
            FileNotFoundError(errno.ENOENT, "Gone", "a.jsonl"),
            "a.jsonl: the file cannot be read: Gone.",
        ),
    ],
)
def test_other_errors_of_the_system_are_messages_too(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: Any,
    name: str,
    error: Exception,
    message: str,
) -> None:
    monkeypatch.setattr(module, name, failing(error))
    status, err = run(monkeypatch, capsys, "unify", "s.yaml", "-o", "run")
    assert (status, message in err) == (2, True), err


def test_a_bug_keeps_its_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data_stages, "clean", failing(KeyError("x")))
    status, err = run(monkeypatch, capsys, "unify", "s.yaml", "-o", "run")
    assert status == 1
    assert "Traceback (most recent call last)" in err
    assert "KeyError: 'x'" in err


def test_a_run_that_is_done_needs_no_room(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capsys, "select", "s.yaml", "-o", "run")[0] == 0
    monkeypatch.setattr(json_files, "replace_file", failing(NO_ROOM))
    status, err = run(monkeypatch, capsys, "select", "s.yaml", "-o", "run")
    assert (status, "the report was not written again: No space left on device." in err) == (0, True), err


@pytest.mark.slow
def test_the_disk_check_counts_only_what_is_to_be_trained(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sources(tmp_path)
    study = study_of(tmp_path, tiny_model)
    study["train"] = [{"sft": {"max_steps": 2, "per_device_train_batch_size": 4, "checkpoint": {"every": 1}}}]
    unipref.train_models(study, tmp_path / "run")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 1000))
    unipref.train_models(study, tmp_path / "run")
    with pytest.raises(ResourceError, match="the models of 1 training steps need"):
        unipref.train_models({**study, "seeds": [0, 1]}, tmp_path / "run")
    assert stage_cache.checkpoint_dir(tmp_path / "run/train/main/0/sft", "0" * 12).exists() is False
