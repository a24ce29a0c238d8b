"""The command `unipref review`."""

import csv
import json
import re
import signal
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.command_line import start
from support.review_run import HOSTILE, make_rows, write_run
from unipref.cli import app
from unipref.core.errors import UserError

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", make_rows(4))


def review(*words: object) -> str:
    result = CliRunner().invoke(app, ["review", *map(str, words)], standalone_mode=False, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def vote(sheet: Path, annotator: str) -> None:
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = [[*row[:4], "first", annotator] for row in list(csv.reader(file))[1:]]
    with sheet.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def test_the_same_command_writes_a_sheet_and_then_reads_it(run: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    assert "4 of 4 preferences are in the list: random sample 4" in review(run, "--sheet", sheet)
    vote(sheet, "ann")
    output = review(run, "--sheet", sheet)
    assert "4 votes are new, 0 were read before." in output
    assert "reviewer ann" in output
    assert str((run / "review" / "votes.jsonl").resolve()) in output.replace("\n", "")
    summary = json.loads(review(run, "--summary", "--json"))
    assert summary["data"][0]["verdicts"] == 4
    assert summary["shown_first"] == 4
    assert "dataset: unipref_review" in summary["source"]


def test_hostile_names_and_texts_reach_no_output(tmp_path: Path) -> None:
    rows = make_rows(2)
    rows[0]["source"] = f"s{HOSTILE}"
    run, sheet = write_run(tmp_path / "run", rows), tmp_path / "s.csv"
    output = review(run, "--sheet", sheet)
    vote(sheet, "ann")
    vote(sheet, f"eve{HOSTILE}")
    output += review(run, "--sheet", sheet) + review(run, "--summary") + review(run, "--summary", "--json")
    assert CONTROL.findall(output) == []
    assert "count for nothing" in output


def test_what_is_missing_is_named(run: Path, tmp_path: Path) -> None:
    for words, message in (
        ((tmp_path / "runs",), "this folder does not exist"),
        ((tmp_path / "runs",), "Did you mean 'run'"),
        ((run, "--summary"), "nobody has judged anything yet"),
        ((run, "--summary", "--sheet", "x.csv"), "--sheet excludes --summary"),
        ((run, "--sheet", tmp_path / "x.xlsx"), "written as CSV"),
        ((run, "--reviewer", "\x1b"), "the name of a reviewer"),
    ):
        with pytest.raises(UserError, match=message):
            review(*words)


@pytest.mark.slow
def test_a_verdict_outlives_a_kill_and_an_interrupt_ends_the_review_with_its_summary(run: Path, tmp_path: Path) -> None:
    for end, status in ((signal.SIGKILL, -9), (signal.SIGINT, 0)):
        process = start(tmp_path, "review", str(run), "--reviewer", "ann")
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("http://127.0.0.1:"))
        address = line.split()[0]
        with urllib.request.urlopen(address) as answer:
            pair = re.search(r'name="pair" value="(\w+)"', answer.read().decode())
        assert pair is not None
        form = urllib.parse.urlencode({"pair": pair[1], "answer": "left"}).encode()
        with urllib.request.urlopen(f"{address}verdict", form) as answer:
            assert "Answer 1 was recorded." in answer.read().decode()
        process.send_signal(end)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == status
    assert "reviewer ann" in out
    assert "dataset: unipref_review" in out
    assert len((run / "review" / "votes.jsonl").read_text().splitlines()) == 2
