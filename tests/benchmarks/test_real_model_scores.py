"""Scores of runs that are kept in one file without texts."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

import unipref
from support.scripts import BENCHMARKS, open_script
from support.study_files import study_of, write_sources
from unipref.core.run_folder import RunFolder
from unipref.evaluate.benchmarks.winogenerated import Winogenerated
from unipref.evaluate.compare import compare
from unipref.evaluate.example_files import write_example


@pytest.fixture(scope="module")
def scores() -> Iterator[ModuleType]:
    with open_script(BENCHMARKS / "real_model_scores.py", "real_model_scores") as script:
        yield script


@pytest.fixture(scope="module")
def more() -> Iterator[ModuleType]:
    with open_script(BENCHMARKS / "real_model_more.py", "real_model_more") as script:
        yield script


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A run that measured the base model and a trained one."""
    folder = tmp_path_factory.mktemp("kept")
    write_sources(folder)
    write_example(Winogenerated, folder / "winogenerated")
    study = study_of(folder, tiny_model) | {"evaluate": [{"winogenerated": {"data": "winogenerated", "framings": 1}}]}
    study |= {"train": [{"sft": {"max_steps": 1}}], "seeds": [3], "report": {"examples": 0}}
    return unipref.run(study, folder / "run")


def call(script: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr("sys.argv", [f"{script.__name__}.py", *map(str, words)])
    script.main()


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

    sft = [row for row in RunFolder(opened).paired() if row.variant == "main"]
    assert {row: row.verdict for row in sft}.items() <= {row: row.verdict for row in RunFolder(run).paired()}.items()
    assert {row.metric for row in sft} >= {"stereotype_choice", "female_choice"}

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


PROMPTS = [
    {"split": "test", "key": 1, "instructions": ["punctuation:no_comma"], "strict": [True], "loose": [True]},
    {"split": "test", "key": 2, "instructions": ["length_constraints:number_sentences"], "unchecked": "punkt_tab"},
]


def write_ifeval(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Adds a table of IFEval to an evaluation."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {"configs": {}, "versions_of_packages": {}}
    about = {"benchmark": "ifeval", "settings": {}, "data_hash": "one", "precision": "float32"}
    results["configs"]["ifeval"] = {"metadata": about}
    file.write_text(json.dumps(results))
    (folder / "ifeval.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_prompts_that_need_the_table_are_written(
    more: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"key": row["key"], "instruction_id_list": row["instructions"]}) for row in PROMPTS]
    (tmp_path / "input_data.jsonl").write_text("\n".join(lines) + "\n")
    call(more, monkeypatch, "prompts", tmp_path, tmp_path / "rest")
    assert (tmp_path / "rest" / "input_data.jsonl").read_text() == lines[1] + "\n"


def test_measurements_of_all_sentences_and_of_further_prompts_join_a_run(
    more: ModuleType, scores: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(scores, monkeypatch, "keep", tmp_path / "kept.tar.xz", run)
    opened, measured = tmp_path / "opened", tmp_path / "measured"
    call(scores, monkeypatch, "open", tmp_path / "kept.tar.xz", opened)
    model = f"main/3/sft={run / 'train' / 'main' / '3' / 'sft'}"
    call(more, monkeypatch, "measure", measured, "--winogenerated", run.parent / "winogenerated", model)
    write_ifeval(opened / "evaluated" / "main" / "3" / "sft" / "ifeval", PROMPTS)
    further = {name: value for name, value in PROMPTS[1].items() if name != "unchecked"}
    found = measured / "main" / "3" / "sft"
    write_ifeval(found, [further | {"strict": [False], "loose": [True]}])

    for _ in range(2):  # joined twice, nothing is there twice
        call(more, monkeypatch, "join", opened, measured)
    rows = {(row.benchmark, row.metric): row for row in RunFolder(opened).scores() if row.slice == "all"}
    assert rows["ifeval_all", "inst_level_strict_acc"].value == 0.5
    assert rows["ifeval_all", "inst_level_loose_acc"].value == 1.0
    assert {row.seed for row in rows.values() if row.benchmark == "ifeval_all"} == {3}
    labels = [(one.benchmark, one.step) for one in RunFolder(opened).manifest.evaluated]
    assert sorted(labels) == [
        ("ifeval_all", "sft"),
        ("winogenerated", "base"),
        ("winogenerated", "sft"),
        ("winogenerated_all", "sft"),
    ]
    assert rows["winogenerated_all", "stereotype_choice"] == msgspec.structs.replace(
        rows["winogenerated", "stereotype_choice"], benchmark="winogenerated_all", model=""
    )
    (found / "ifeval.jsonl").write_text(json.dumps(further | {"key": 9, "strict": [False], "loose": [True]}) + "\n")
    with pytest.raises(SystemExit, match="or left unchecked: 2, 9"):
        call(more, monkeypatch, "join", opened, measured)


def test_measurements_of_another_model_are_refused(
    more: ModuleType, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    table = other / "evaluated" / "main" / "3" / "sft" / "winogenerated" / "winogenerated.jsonl"
    shutil.copytree(table.parent, tmp_path / "measured" / "main" / "3" / "sft")
    table.write_text(table.read_text().replace('"log_p_male":-', '"log_p_male":-1', 1))
    with pytest.raises(SystemExit, match="this is not the model of the run"):
        call(more, monkeypatch, "join", other, tmp_path / "measured")
