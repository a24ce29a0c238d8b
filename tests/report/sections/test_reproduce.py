"""Cost, and what it takes to run it again: sums by hand, hashes of every input, commands without a path."""

import json
from pathlib import Path
from typing import Any

import pytest

import unipref
from support.run_records import manifest_from
from support.study_files import manifest_of, write_sources
from unipref.core.hashing import tree_hash
from unipref.core.run_folder import Manifest
from unipref.report.sections.reproduce import make_commands, make_reproduce_sections


def stage(folder: str, seconds: float, cpu: float | None, peak: float) -> dict[str, Any]:
    kind = folder.split("/")[0]
    return {"stage": kind, "folder": folder, "seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak, "cached": False}


def rows_of(table: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_what_the_stages_cost_together(tmp_path: Path) -> None:
    stages = [
        stage("unified", 1.0, 2.0, 10),
        stage("train/main/0/sft", 2.5, 4.0, 30),
        stage("train/other/1/sft", 3.5, 1.0, 40),
        stage("evaluated/main/0/sft/bbq", 1.0, None, 20),
    ]
    (section,) = make_reproduce_sections(manifest_from({"stages": stages}), tmp_path)
    kinds, every = section.tables
    assert rows_of(kinds) == [
        ["unified", "1", "1.0", "2.0", "10"],
        ["train/sft", "2", "6.0", "5.0", "40"],
        ["evaluated/bbq", "1", "1.0", "–", "20"],
        ["all", "4", "8.0", "–", "40"],
    ]
    assert every.folded
    assert len(every.rows) == 4


def test_inputs_and_commands(tmp_path: Path, nasty: str) -> None:
    (tmp_path / "study.yaml").write_text("name: x\n")
    results = tmp_path / "evaluated" / "base" / "bbq"
    results.mkdir(parents=True)
    known = {"configs": {"bbq": {"metadata": {"data_hash": "cafe"}}}}
    (results / "results.json").write_text(json.dumps(known))
    manifest = {
        "unipref": "0.1.0",
        "python": "3.11.7",
        "model": "models/m",
        "model_hash": "beef",
        "seeds": [0, 1],
        "data_root": "/home/someone/data",
        "machine": {"system": "Linux", "processor": "x86_64", "cores": 2},
        "versions": {"torch": "2.13.0+cpu"},
        "sources": {nasty: {"files": ["a", "b", "c", "d"], "hash": "face"}, "old": {}},
        "evaluated": [
            {"benchmark": "bbq", "folder": "evaluated/base/bbq"},
            {"benchmark": "gone", "folder": "evaluated/base/gone"},
        ],
        "stages": [{**stage("clean", 1.0, 1.0, 1), "content": "c1ea"}, {**stage("train/main/0/s", 1.0, 1.0, 1)}],
    }
    _, section = make_reproduce_sections(manifest_from(manifest), tmp_path)
    inputs, versions, _, made = section.tables
    assert rows_of(inputs) == [
        ["model", "models/m", "beef"],
        [f"source {nasty}", "a, b, c and 1 more", "face"],
        ["source old", "–", "–"],
        ["benchmark bbq", "–", "cafe"],
    ]
    assert rows_of(versions) == [["unipref", "0.1.0"], ["python", "3.11.7"], ["torch", "2.13.0+cpu"]]
    assert rows_of(made) == [["clean", "c1ea"]]
    assert section.paragraphs[0].startswith("Seeds: 0, 1. Machine: Linux, x86_64, 2 cores. ")
    assert make_commands(manifest_from(manifest)).splitlines()[:2] == [
        "# unipref 0.1.0: pip install . in its source folder",
        "pip install 'torch==2.13.0'",
    ]
    assert "pip install '" not in make_commands(Manifest())
    assert "someone" not in str(section)


def test_nothing_known_nothing_said(tmp_path: Path) -> None:
    assert make_reproduce_sections(Manifest(), tmp_path) == []


def test_a_run_leaves_what_is_needed(tmp_path: Path) -> None:
    write_sources(tmp_path)
    pairs = {"name": "pairs", "path": "pairs.jsonl", "format": "pairs", "map": {"prompt": "prompt"}}
    study = {"data_root": str(tmp_path), "sources": [pairs]}
    hashes = []
    for place in ("one", "two"):
        unipref.select_preferences(study, tmp_path / place)
        manifest = manifest_of(tmp_path / place)
        hashes.append(manifest["sources"]["pairs"]["hash"])
        assert manifest["seeds"] == [0]
        assert manifest["machine"]["cores"] >= 1
        unified = next(stage for stage in manifest["stages"] if stage["folder"] == "unified")
        assert unified["cpu_seconds"] >= 0
        made = {stage["folder"]: stage["content"] for stage in manifest["stages"]}
        hashes.append(made)
        text = (tmp_path / place / "report.md").read_text()
        assert f"| source pairs | pairs.jsonl | {manifest['sources']['pairs']['hash']} |" in text
        assert f"| unified | {made['unified']} |" in text
    assert hashes[:2] == hashes[2:]
    (tmp_path / "pairs.jsonl").write_text((tmp_path / "pairs.jsonl").read_text().replace("cat", "rat"))
    unipref.select_preferences(study, tmp_path / "two")
    assert manifest_of(tmp_path / "two")["sources"]["pairs"]["hash"] != hashes[0]


@pytest.mark.slow
def test_a_trained_model_is_known_by_its_files(tmp_path: Path, tiny_model: Path) -> None:
    write_sources(tmp_path)
    pairs = {"name": "pairs", "path": "pairs.jsonl", "format": "pairs", "map": {"prompt": "prompt"}}
    study = {"data_root": str(tmp_path), "sources": [pairs], "model": str(tiny_model)}
    study |= {"evaluate": [{"preference_accuracy": {"split": "test"}}]}
    manifest = manifest_of(unipref.run(study, tmp_path / "run"))
    assert manifest["model_hash"] == tree_hash(tiny_model)
    text = (tmp_path / "run" / "report.md").read_text()
    assert f"| {manifest['model_hash']} |" in text
    results = json.loads((tmp_path / "run/evaluated/base/preference_accuracy/results.json").read_text())
    hash_ = results["configs"]["preference_accuracy"]["metadata"]["data_hash"]
    assert f"| benchmark preference_accuracy | – | {hash_} |" in text
