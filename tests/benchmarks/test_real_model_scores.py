"""Scores of runs that are kept in one file without texts."""

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

import unipref
from support.study_files import study_of, write_sources
from unipref.core.run_folder import RunFolder
from unipref.evaluate.benchmarks.winogenerated import Winogenerated
from unipref.evaluate.compare import compare
from unipref.evaluate.example_files import write_example

FILE = Path(__file__).parents[2] / "benchmarks" / "real_model_scores.py"


@pytest.fixture(scope="module")
def scores() -> ModuleType:
    spec = importlib.util.spec_from_file_location("real_model_scores", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A run that measured the base model alone."""
    folder = tmp_path_factory.mktemp("kept")
    write_sources(folder)
    write_example(Winogenerated, folder / "winogenerated")
    study = study_of(folder, tiny_model) | {"evaluate": [{"winogenerated": {"data": "winogenerated"}}]}
    return unipref.run(study | {"train": [], "report": {"examples": 0}}, folder / "run")


def call(scores: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr("sys.argv", ["real_model_scores.py", *map(str, words)])
    scores.main()


def test_kept_scores_are_those_of_the_runs_and_have_no_text(
    scores: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "LONGEST", 12)  # the sentences of the example are short
    file, opened = tmp_path / "kept.tar.xz", tmp_path / "opened"
    call(scores, monkeypatch, "keep", file, run, f"{run}@base=copy")
    call(scores, monkeypatch, "open", file, opened)

    table = opened / "evaluated" / "base" / "winogenerated" / "winogenerated.jsonl"
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    assert "log_p_female" in rows[0]
    assert "sentence" not in rows[0]
    assert str(run.parent) not in "".join(path.read_text() for path in opened.rglob("*") if path.is_file())
    before = {(row.metric, row.slice, row.mode): row.value for row in RunFolder(run).scores()}
    kept = RunFolder(opened).scores()
    assert {row.variant for row in kept} == {"base", "copy"}
    assert all(before[row.metric, row.slice, row.mode] == row.value for row in kept)
    differences, _ = compare([run / "evaluated" / "base", opened / "evaluated" / "copy"])
    assert {row["is_same"] for row in differences} == {True}

    again = tmp_path / "again.tar.xz"
    call(scores, monkeypatch, "keep", again, opened)
    assert again.read_bytes() == file.read_bytes()


def test_runs_that_disagree_on_a_model_are_refused(
    scores: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    rows = json.loads((other / "scores.json").read_text())
    rows[0]["value"] += 0.1
    (other / "scores.json").write_text(json.dumps(rows))
    with pytest.raises(SystemExit, match="one run has"):
        call(scores, monkeypatch, "keep", tmp_path / "kept.tar.xz", run, other)
