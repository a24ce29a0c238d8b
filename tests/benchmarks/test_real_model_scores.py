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
    """A run that measured the base model and a trained one."""
    folder = tmp_path_factory.mktemp("kept")
    write_sources(folder)
    write_example(Winogenerated, folder / "winogenerated")
    study = study_of(folder, tiny_model) | {"evaluate": [{"winogenerated": {"data": "winogenerated"}}]}
    study |= {"train": [{"sft": {"max_steps": 1}}], "seeds": [3], "report": {"examples": 0}}
    return unipref.run(study, folder / "run")


def call(scores: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr("sys.argv", ["real_model_scores.py", *map(str, words)])
    scores.main()


def test_kept_scores_are_those_of_the_runs_and_have_no_text(
    scores: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, opened = tmp_path / "kept.tar.xz", tmp_path / "opened"
    call(scores, monkeypatch, "keep", file, run, f"{run}@main=copy")
    call(scores, monkeypatch, "open", file, opened)

    assert {path.relative_to(opened).as_posix() for path in opened.glob("evaluated/**/*.jsonl")} == {
        f"evaluated/{place}/winogenerated/winogenerated.jsonl" for place in ("base", "main/3/sft", "copy/3/sft")
    }
    rows = (opened / "evaluated/main/3/sft/winogenerated/winogenerated.jsonl").read_text().splitlines()
    assert {"log_p_female", "occupation"} <= json.loads(rows[0]).keys()
    assert "sentence" not in json.loads(rows[0])
    assert str(run.parent) not in "".join(path.read_text() for path in opened.rglob("*") if path.is_file())
    before = {(row.step, row.metric, row.slice, row.mode): row.value for row in RunFolder(run).scores()}
    kept = RunFolder(opened).scores()
    assert {(row.variant, row.seed) for row in kept} == {("base", None), ("main", 3), ("copy", 3)}
    assert all(before[row.step, row.metric, row.slice, row.mode] == row.value for row in kept)
    differences, _ = compare([run / "evaluated" / "main" / "3" / "sft", opened / "evaluated" / "copy" / "3" / "sft"])
    assert {row["is_same"] for row in differences} == {True}

    again = tmp_path / "again.tar.xz"
    call(scores, monkeypatch, "keep", again, opened)
    assert again.read_bytes() == file.read_bytes()
    with pytest.raises(SystemExit):
        call(scores, monkeypatch, "open", file, opened)


def test_runs_that_disagree_on_a_model_are_refused(
    scores: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    rows = json.loads((other / "scores.json").read_text())
    rows[0]["value"] += 0.1
    (other / "scores.json").write_text(json.dumps(rows))
    with pytest.raises(SystemExit, match="one run has"):
        call(scores, monkeypatch, "keep", tmp_path / "kept.tar.xz", run, other)
    shutil.copy(run / "scores.json", other)
    table = next((other / "evaluated" / "base").rglob("*.jsonl"))
    table.write_text(table.read_text().replace('"log_p_male":-', '"log_p_male":-1'))
    with pytest.raises(SystemExit, match="two runs measured it with different results"):
        call(scores, monkeypatch, "keep", tmp_path / "kept.tar.xz", run, other)


def test_variants_with_other_settings_are_refused(
    scores: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["variants"]["main"]["settings_hash"] = "another"
    (other / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SystemExit, match="'main' has other settings"):
        call(scores, monkeypatch, "keep", tmp_path / "kept.tar.xz", run, other)
