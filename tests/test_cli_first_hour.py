"""The command line as somebody meets it first: completion, JSON, options, and what it says when it is stopped."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unipref import cli
from unipref.cli import shared
from unipref.core.errors import UserError
from unipref.pipeline import api
from unipref.study import options

ROWS = [
    {"prompt": f"What is {n}?", "chosen": f"It is the number {n}.", "rejected": f"I do not know {n}."} for n in range(9)
]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


def invoke(*words: str) -> Any:
    return CliRunner().invoke(cli.app, list(words))


def test_init_gives_the_study_and_its_comments_as_json(pairs: Path) -> None:
    found = json.loads(invoke("init", str(pairs), "--json").stdout)
    assert found["study"]["sources"][0]["format"] == "pairs"
    assert any("unipref inspect" in comment for comment in found["comments"])
    assert invoke("init", str(pairs)).stdout.startswith("#")


def test_report_gives_its_page_and_the_model_as_json(tmp_path: Path) -> None:
    manifest = {"train": {"main": {"0": {"sft": {"folder": "train/main/0/sft"}}}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    found = json.loads(invoke("report", str(tmp_path), "--json").stdout)
    assert found["report"] == str(tmp_path / "report.html")
    assert (found["model"]["step"], found["model"]["folder"]) == ("sft", "train/main/0/sft")
    assert found["warnings"] == []
    (tmp_path / "manifest.json").write_text("{}")
    assert json.loads(invoke("report", str(tmp_path), "--json").stdout)["model"] is None


def test_run_folders_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("runs/first", "runs/second", "other", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs/first/manifest.json").write_text("{}")
    (tmp_path / "runs/file").write_text("")
    assert shared.complete_runs("") == ["other/", "runs/"]
    assert shared.complete_runs("ru") == ["runs/"]
    assert shared.complete_runs("runs/") == ["runs/first", "runs/second/"]
    assert shared.complete_runs("runs/f") == ["runs/first"]
    assert shared.complete_runs(f"{tmp_path}/runs/f") == [f"{tmp_path}/runs/first"]
    assert shared.complete_runs("missing/x") == []


def test_names_of_choices_are_completed() -> None:
    assert shared.complete_choices("benchmark")("wino") == ["winobias", "winogender", "winogenerated", "winogrande"]
    assert shared.complete_kinds("s") == ["scorers", "strategies"]


def test_the_help_of_list_names_all_that_can_be_listed() -> None:
    text = " ".join(invoke("list", "--help").stdout.split())
    assert all(kind in text for kind in options.list_kinds())


def test_new_tokens_reach_benchmarks_that_generate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = {}

    def evaluate(model: str, benchmarks: Any, **more: Any) -> list[Any]:
        seen.update({one.name(): getattr(one, "new_tokens", None) for one in benchmarks})
        return []

    monkeypatch.setattr(api, "evaluate", evaluate)
    names = ["ifeval", "instructions", "winobias", "lm_eval:gsm8k", "stereoset"]
    api.evaluate_model("m", names, tmp_path, new_tokens=9)
    assert seen == {"ifeval": 9, "instructions": 9, "winobias": 9, "lm_eval": 9, "stereoset": None}
    with pytest.raises(UserError, match="none of the benchmarks generates answers: stereoset"):
        api.evaluate_model("m", ["stereoset"], tmp_path, new_tokens=9)
