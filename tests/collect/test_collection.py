"""From prompts to a feedback file, and from that file to preferences."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from support.chat_server import prefer, serve
from support.fixed_answers import use_answers
from unipref.cli import app
from unipref.collect import collect
from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.pipeline import api
from unipref.unify import inspection

COMMAS = {"only": ["punctuation:no_comma"], "most": 1}
THREE = ("One, two.", "One and two.", "Three, four, five.")


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def unify(out: Path, **source: Any) -> list[dict[str, Any]]:
    """Unifies the feedback of a collection as a study does."""
    entry = {"name": "own", "path": str(out / "feedback.jsonl"), **(source or {"dataset": "unipref_collect"})}
    file = api.unify_feedback({"sources": [entry]}, out / "run")
    columns = ["prompt", "chosen", "rejected", "n_annotators", "objective"]
    return list(parquet.read_rows(file, columns, 100))


def test_the_feedback_of_a_rule_becomes_the_right_preferences(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    report = collect({**settings, "constraints": COMMAS, "judges": ["checker"], "objective": "form"}, tmp_path / "out")
    rows = read(tmp_path / "out" / "feedback.jsonl")
    assert report["rows"] == len(rows) == 12 * 3
    assert {row["judge"] for row in rows} == {"checker"}
    assert sorted({(row["first"], row["second"], row["vote"], row["first_score"]) for row in rows}) == [
        ("One and two.", "Three, four, five.", "first", 1.0),
        ("One, two.", "One and two.", "second", 0.0),
        ("One, two.", "Three, four, five.", "tie", 0.0),
    ]
    preferences = unify(tmp_path / "out")
    assert len(preferences) == 24
    assert {row["chosen"][-1]["content"] for row in preferences} == {"One and two."}
    assert {row["rejected"][-1]["content"] for row in preferences} == {"One, two.", "Three, four, five."}
    assert {(row["n_annotators"], row["objective"]) for row in preferences} == {(1, "form")}
    assert all(row["prompt"][-1]["content"].count("omma") == 1 for row in preferences)


def test_inspect_recognises_the_file(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    collect({**settings, "constraints": COMMAS, "judges": ["checker"]}, tmp_path / "out")
    finding = inspection.inspect([tmp_path / "out" / "feedback.jsonl"])[0]
    assert "unipref_collect" in finding.as_text()


def test_judges_are_annotators_of_one_scale(
    settings: dict[str, Any], gold: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: ("a good one, too", "a plain one", "bad, bad"))
    with serve(prefer("good")) as server:
        llm = {"llm": {"url": server.url, "model": "m", "label": "m-judge"}}
        both = {**settings, "gold": gold, "constraints": COMMAS, "judges": ["checker", llm]}
        report = collect(both, tmp_path / "out")
    by_name = {judge["judge"]: judge for judge in report["judges"]}
    assert by_name["m-judge"]["gold"]["share"] == 1.0
    assert by_name["m-judge"]["gold"]["low"] > 0.9
    # The rule calls the plain answer better than both others; the model only agrees on none of them.
    assert by_name["m-judge"]["own_answers"]["checker"]["share"] == pytest.approx(0.25)
    assert by_name["m-judge"]["cost"]["requests"] == len(server.requests) == 2 * (36 + 40)
    judgements = tmp_path / "out" / "run" / "unified" / "judgements.parquet"
    unify(tmp_path / "out")
    names = {row["annotator"] for row in parquet.read_rows(judgements, ["annotator"], 100)}
    assert names == {"checker", "m-judge"}


def test_a_judge_at_chance_judges_nothing_unless_told_to(
    settings: dict[str, Any], gold: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    with serve(lambda number, body: "Verdict: A") as server:
        judges = ["checker", {"llm": {"url": server.url, "model": "m"}}]
        own = {**settings, "constraints": COMMAS, "judges": judges}
        report = collect({**own, "gold": gold}, tmp_path / "out")
        assert len(server.requests) == 2 * 40
        assert {row["judge"] for row in read(tmp_path / "out" / "feedback.jsonl")} == {"checker"}
        assert any("llm is not clearly better than chance" in warning for warning in report["warnings"])
        assert report["judges"][1]["place"] == {"pairs": 40, "same_verdict": 0.0, "chose_shown_first": 1.0}
        report = collect({**own, "gold": {"sources": gold, "keep_weak": True}}, tmp_path / "out")
        assert len(server.requests) == 2 * (40 + 36)
    assert {row["judge"] for row in read(tmp_path / "out" / "feedback.jsonl")} == {"checker", "llm"}
    assert any("keep_weak" in warning for warning in report["warnings"])


def test_no_secret_is_written(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    with serve(prefer("and")) as server:
        monkeypatch.setenv("MY_JUDGE_KEY", "very-secret-value")
        monkeypatch.setenv("OTHER_KEY", "secret-in-the-address")
        judge = {"url": f"{server.url}?key=secret-in-the-address", "model": "m", "key": "MY_JUDGE_KEY", "retries": 0}
        collect({**settings, "judges": [{"llm": judge}]}, tmp_path / "out")
    texts = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(texts) > 5
    assert not [text for text in texts if "very-secret" in text or "secret-in-the-address" in text]


def test_a_judge_without_gold_pairs_is_called_untested(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    with serve(prefer("and")) as server:
        report = collect({**settings, "judges": [{"llm": {"url": server.url, "model": "m"}}]}, tmp_path / "out")
    assert any("llm is not tested: there are no gold pairs" in warning for warning in report["warnings"])
    assert "there are no gold pairs" in (tmp_path / "out" / "report.md").read_text()


def test_a_judge_that_fails_loses_nothing_and_goes_on_where_it_stopped(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    state: dict[str, Any] = {"ends": 21}

    def answer(number: int, body: dict[str, Any]) -> Any:
        return prefer("and")(number, body) if number < state["ends"] else (403, "not today")

    with serve(answer) as server:
        judge = {"url": server.url, "model": "m", "wait": 0, "parallel": 1}
        own = {**settings, "constraints": COMMAS, "judges": ["checker", {"llm": judge}]}
        with pytest.raises(UserError, match=r"llm stopped: .*HTTP 403.*not today"):
            collect(own, tmp_path / "out")
        rows = read(tmp_path / "out" / "feedback.jsonl")
        assert sum(row["judge"] == "llm" for row in rows) == 10
        assert sum(row["judge"] == "checker" for row in rows) == 36
        state["ends"] = 10**6
        collect(own, tmp_path / "out")
        # 20 replies were kept; the 21st was of a pair that was asked again.
        assert len(server.requests) == 22 + 72 - 20
        collect(own, tmp_path / "whole")
    assert (tmp_path / "out" / "feedback.jsonl").read_bytes() == (tmp_path / "whole" / "feedback.jsonl").read_bytes()


def test_a_spent_budget_ends_the_run_in_order(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    with serve(prefer("and")) as server:
        judge = {"url": server.url, "model": "m", "budget": {"requests": 10}}
        report = collect({**settings, "judges": [{"llm": judge}]}, tmp_path / "out")
        assert report["rows"] == 5
        assert any("budget is spent: 10 of 10 requests. 5 of 36 pairs are judged" in one for one in report["warnings"])
        report = collect({**settings, "judges": [{"llm": {**judge, "budget": {"requests": 20}}}]}, tmp_path / "out")
        assert report["rows"] == 10
        assert len(server.requests) == 20


def test_more_prompts_do_not_ask_about_the_earlier_ones_again(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    with serve(prefer("and")) as server:
        own = {**settings, "judges": [{"llm": {"url": server.url, "model": "m"}}]}
        collect({**own, "prompts": {"most": 4}}, tmp_path / "out")
        assert len(server.requests) == 2 * 3 * 4
        assert collect(own, tmp_path / "out")["rows"] == 36
        assert len(server.requests) == 2 * 3 * 12


def test_a_cut_answer_is_never_preferred(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE, ended=lambda text: text != "One and two.")
    with serve(prefer("and")) as server:
        judges = ["checker", {"llm": {"url": server.url, "model": "m"}}]
        report = collect({**settings, "constraints": COMMAS, "judges": judges}, tmp_path / "out")
    rows = read(tmp_path / "out" / "feedback.jsonl")
    for row in rows:
        assert row["vote"] == "tie" or row[f"{row['vote']}_ended"]
    assert [judge["pairs"] for judge in report["judges"]] == [36, 12]


def test_a_policy_that_never_ends_or_always_repeats_is_a_clear_error(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {**settings, "judges": [{"likelihood": {"model": settings["model"]}}]}
    use_answers(monkeypatch, lambda prompt: THREE, ended=lambda text: False)
    with pytest.raises(UserError, match="no two answers to a prompt ended within 256 tokens"):
        collect(own, tmp_path / "out")
    assert len(read(tmp_path / "out" / "answers.jsonl")) == 12
    use_answers(monkeypatch, lambda prompt: ("Yes.",) * 3)
    with pytest.raises(UserError, match="no prompt has two different answers: 12 prompts have equal ones"):
        collect(own, tmp_path / "out")
    use_answers(monkeypatch, lambda prompt: ("", "", ""))
    with pytest.raises(UserError, match="36 answers are empty"):
        collect(own, tmp_path / "out")


def test_answers_that_go_round_in_circles_are_named(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: ("I am a cat and " * 20, "A short one.", "Another, with a comma."))
    report = collect({**settings, "constraints": COMMAS, "judges": ["checker"]}, tmp_path / "out")
    assert report["answers"]["repetitive"] == 12
    assert any("12 of 36 answers repeat themselves" in warning for warning in report["warnings"])


def test_a_setting_that_is_wrong_is_named(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown judge 'cheker'\.\n  Did you mean 'checker'"):
        collect({**settings, "judges": ["cheker"]}, tmp_path / "out")
    with pytest.raises(UserError, match="two judges are called checker"):
        collect({**settings, "judges": ["checker", "checker"]}, tmp_path / "out")
    with pytest.raises(UserError, match="the model folder does not exist"):
        collect({**settings, "model": "./nowhere", "judges": ["checker"]}, tmp_path / "out")
    with pytest.raises(UserError, match=r"answers\.k"):
        collect({**settings, "answers": {"k": 1}, "judges": ["checker"]}, tmp_path / "out")


def test_what_a_judge_lacks_is_named_before_the_policy_answers(settings: dict[str, Any], tmp_path: Path) -> None:
    faults: dict[str, Any] = {
        "no prompt has a rule": "checker",
        "the prompts cannot be read": {"checker": {"path": "nowhere.jsonl"}},
        "the model folder does not exist": {"likelihood": {"model": "./nowhere"}},
        "the model folder does not exist.": {"reward_model": {"model": "./nowhere"}},
        "variable NO_SUCH_JUDGE_KEY is not set": {
            "llm": {"url": "http://a/v1", "model": "m", "key": "NO_SUCH_JUDGE_KEY"}
        },
    }
    for what, judge in faults.items():
        with pytest.raises(UserError, match=what):
            collect({**settings, "judges": [judge]}, tmp_path / "out")
    assert not (tmp_path / "out" / "answers.jsonl").exists()


def test_feedback_of_an_earlier_policy_is_set_aside_before_anything_can_stop_the_next_one(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: THREE)
    out = tmp_path / "out"
    first = {**settings, "constraints": COMMAS, "judges": ["checker"]}
    report = collect(first, out)
    before = (out / "feedback.jsonl").read_bytes()
    collect({**first, "prompts": {"most": 5}}, out, until="answers")
    assert (out / "feedback.jsonl").read_bytes() == before, "the same policy"
    judges = [{"likelihood": {"model": settings["model"]}}]
    other = {**settings, "answers": {"k": 3, "temperature": 0.5}, "judges": judges}
    collect(other, out, until="answers")
    assert not any((out / name).exists() for name in ("feedback.jsonl", "collect.json", "report.md", "rules.jsonl"))
    kept = out / "earlier" / report["policy_key"][:16] / "feedback.jsonl"
    assert kept.read_bytes() == before
    assert collect(first, out) == report
    assert (out / "feedback.jsonl").read_bytes() == before


def test_votes_that_all_tie_are_no_source(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: ("One.", "Two.", "Three."))
    file = tmp_path / "own.yaml"
    file.write_text(json.dumps({**settings, "constraints": COMMAS, "judges": ["checker"]}))
    told = CliRunner().invoke(app, ["collect", str(file), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert told.exit_code == 0
    report = json.loads((tmp_path / "out" / "collect.json").read_text())
    assert (report["rows"], report["decided"]) == (36, 0)
    assert "all 36 votes are ties, so no preference can be made of them" in report["warnings"][-1]
    assert "It is not a source to train on" in told.stdout
    assert "dataset: unipref_collect" not in told.stdout
