"""The command `unipref collect`."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from support.fixed_answers import use_answers
from unipref.cli import app
from unipref.core.errors import UserError


@pytest.fixture
def file(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_answers(monkeypatch, lambda prompt: ("One, two.", "One and two.", "Three, four."))
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps({**settings, "constraints": {"only": ["punctuation:no_comma"]}, "judges": ["checker"]}))
    return path


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["collect", *words], standalone_mode=False, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_it_prints_the_report_and_where_the_feedback_is(file: Path, tmp_path: Path) -> None:
    output = run(str(file), "-o", str(tmp_path / "out"))
    # One of the three answers has no comma.
    assert "| checker | 36 | 12 | 12 | 12 | 0 | 0.3333 | its rule decides by itself |" in output
    assert f"Feedback: {tmp_path / 'out' / 'feedback.jsonl'}" in output
    assert "dataset: unipref_collect" in output
    assert (tmp_path / "out" / "report.md").read_text() in output


def test_json_is_the_report(file: Path, tmp_path: Path) -> None:
    output = run(str(file), "-o", str(tmp_path / "out"), "--json", "--set", "prompts.most=5")
    assert json.loads(output) == json.loads((tmp_path / "out" / "collect.json").read_text())
    assert json.loads(output)["rows"] == 15


def test_it_can_stop_after_the_prompts(file: Path, tmp_path: Path) -> None:
    assert "Written to" in run(str(file), "-o", str(tmp_path / "out"), "--until", "prompts")
    assert len((tmp_path / "out" / "rules.jsonl").read_text().splitlines()) == 12
    assert not (tmp_path / "out" / "answers.jsonl").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        run(str(tmp_path / "none.yaml"), "-o", str(tmp_path / "out"))
