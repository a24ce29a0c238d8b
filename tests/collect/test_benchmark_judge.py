"""Judges on benchmarks: each order is asked, what was said is kept, and a stopped measurement continues."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from support.chat_server import serve
from support.ranked import FirstJudge
from unipref.cli import app
from unipref.core.errors import UserError
from unipref.evaluate.benchmarks.judgebench import JudgeBench
from unipref.evaluate.benchmarks.perplexity import Perplexity
from unipref.pipeline import api


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four pairs; the right answer is called best, and is A in every second one."""
    folder = tmp_path / "data" / "judgebench"
    folder.mkdir(parents=True)
    rows = []
    for number in range(4):
        answers = [f"the best of {number}", f"the worst of {number}"]
        if number % 2:
            answers.reverse()
        rows.append(
            {"question": f"Question {number}?", "source": "livebench-math", "label": "B>A" if number % 2 else "A>B"}
            | {"response_A": answers[0], "response_B": answers[1]}
        )
    (folder / "gpt.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "data"


def whole(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {row["metric"]: row["value"] for row in rows if row["slice"] == "all"}


def test_what_was_judged_is_kept(data: Path, tmp_path: Path) -> None:
    FirstJudge.asked.clear()
    rows = api.evaluate_judges([FirstJudge(label="mine")], ["judgebench"], data, tmp_path / "out")
    assert len(FirstJudge.asked) == 8
    # It takes the best answer in both orders.
    assert whole(rows) == {
        "accuracy": 1.0, "accuracy_strict": 1.0, "both_right": 1.0, "consistency": 1.0, "first_preferred": 0.5,
        "no_verdict": 0.0, "ties": 0.0,
    }  # fmt: skip
    assert {(row["model"], row["mode"], row["precision"]) for row in rows} == {("mine", "judge", None)}
    again = api.evaluate_judges([FirstJudge(label="mine")], ["judgebench"], data, tmp_path / "out")
    assert (again, len(FirstJudge.asked)) == (rows, 8)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["configs"]["judgebench"]["metadata"]["precision"] is None
    compared, notes = api.compare_models([tmp_path / "out", tmp_path / "out"])
    assert {row["gain"] for row in compared if row["metric"] == "accuracy"} == {0.0}
    assert "judgebench: an evaluation (of a judge, or of an earlier version) does not state a precision." in notes


def test_an_endpoint_that_fails_keeps_what_it_said(data: Path, tmp_path: Path) -> None:
    fails = True

    def answer(number: int, body: dict[str, Any]) -> Any:
        content = body["messages"][-1]["content"]
        if fails and number > 3:
            return 401, "no"
        return "Verdict: A" if content.index("best") < content.index("worst") else "Verdict: B"

    with serve(answer) as server:
        judge = {"llm": {"url": server.url, "model": "m", "parallel": 2}}
        file = tmp_path / "judges.yaml"
        file.write_text(json.dumps({"judges": [judge]}))
        with pytest.raises(UserError, match="2 of 4 pairs are judged and kept"):
            api.evaluate_judges(file, ["judgebench"], data, tmp_path / "out")
        fails = False
        before = len(server.requests)
        rows = api.evaluate_judges(file, ["judgebench"], data, tmp_path / "out")
        # Both orders are one judgement: no pair is asked about again.
        assert len(server.requests) - before == 4
    assert whole(rows)["accuracy_strict"] == 1.0


def test_the_command_line_measures_the_judges_of_a_file(data: Path, tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "judges.yaml"
    file.write_text(json.dumps({"judges": [{"likelihood": {"model": str(tiny_model), "label": "tiny"}}]}))
    command = ["evaluate", "--judges", str(file), "--data", str(data), "-b", "judgebench"]
    done = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "out"), "--limit", "2", "--json"])
    assert done.exit_code == 0, done.output
    found = whole(json.loads(done.stdout))
    assert set(found) == {"accuracy", "accuracy_strict", "ties"}
    assert (tmp_path / "out" / "judgebench.jsonl").is_file()
    assert "judges need a folder" in str(CliRunner().invoke(app, command).exception)
    both = CliRunner().invoke(app, [command[0], "model", *command[1:], "-o", str(tmp_path / "out")])
    assert "Give either models or --judges" in str(both.exception)


def test_what_cannot_be_measured_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="judges only what a policy answers"):
        api.evaluate_judges({"judges": [{"people": {"path": "votes.csv"}}]}, ["judgebench"], data, tmp_path / "out")
    with pytest.raises(UserError, match="no benchmark of perplexity measures judges"):
        api.evaluate_judges([FirstJudge()], [Perplexity(data="x", text="t")], data, tmp_path / "out")
    with pytest.raises(UserError, match="two judges are called a"):
        api.evaluate_judges([FirstJudge(label="a")] * 2, [JudgeBench()], data, tmp_path / "out")
