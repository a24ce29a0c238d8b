"""Answers that rules correct: the corrections themselves, the file, and the preferences made of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from support.fixed_answers import use_answers
from unipref import cli
from unipref.collect import collect, run
from unipref.core import parquet, yaml_files
from unipref.core.answer_checks.constraints import TEMPLATES, Constraint
from unipref.core.answer_checks.corrections import CORRECTIONS, correct_answer, split_sentences
from unipref.core.answer_checks.ifeval import Checks
from unipref.core.errors import UserError
from unipref.pipeline import api
from unipref.unify import inspection

TEXT = "Bread needs flour, water and time. Knead it well. Then bake it for 1,000 seconds. Enjoy your bread with butter!"
OTHER = "Buy it in a shop."


@pytest.fixture(scope="module")
def checks() -> Checks:
    return Checks()


def correct(checks: Checks, *constraints: tuple[str, dict[str, Any]], text: str = TEXT, ended: bool = True) -> Any:
    asked = [Constraint(kind, arguments, "") for kind, arguments in constraints]
    return correct_answer(text, ended, "How do I bake bread?", asked, [OTHER], checks)


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        (
            "keywords:forbidden_words",
            {"forbidden_words": ["time", "oven"]},
            "Knead it well. Then bake it for 1,000 seconds. Enjoy your bread with butter!",
        ),
        (
            "length_constraints:number_words",
            {"num_words": 17, "relation": "less than"},
            "Bread needs flour, water and time. Knead it well. Then bake it for 1,000 seconds.",
        ),
        ("combination:two_responses", {}, f"{TEXT}\n******\n{OTHER}"),
        (
            "length_constraints:number_paragraphs",
            {"num_paragraphs": 2},
            "Bread needs flour, water and time. Knead it well.\n\n***\n\nThen bake it for 1,000 seconds. Enjoy your "
            "bread with butter!",
        ),
        (
            "detectable_format:number_bullet_lists",
            {"num_bullets": 3},
            "* Bread needs flour, water and time.\n* Knead it well.\n* Then bake it for 1,000 seconds.",
        ),
        (
            "detectable_format:multiple_sections",
            {"section_spliter": "Step", "num_sections": 2},
            "Step 1\nBread needs flour, water and time. Knead it well.\n\nStep 2\nThen bake it for 1,000 seconds. "
            "Enjoy your bread with butter!",
        ),
        (
            "detectable_format:number_highlighted_sections",
            {"num_highlights": 2},
            TEXT.replace("seconds", "*seconds*").replace("butter", "*butter*"),
        ),
        (
            "punctuation:no_comma",
            {},
            "Bread needs flour water and time. Knead it well. Then bake it for 1000 seconds. Enjoy your bread with "
            "butter!",
        ),
        ("detectable_format:title", {}, f"<<Bread Needs Flour Water And Time>>\n\n{TEXT}"),
        (
            "detectable_content:postscript",
            {"postscript_marker": "P.S."},
            "Bread needs flour, water and time. Knead it well. Then bake it for 1,000 seconds.\n\nP.S. Enjoy your "
            "bread with butter!",
        ),
        ("startend:end_checker", {"end_phrase": "That is all."}, f"{TEXT} That is all."),
        ("change_case:english_capital", {}, TEXT.upper()),
        ("change_case:english_lowercase", {}, TEXT.lower()),
        ("startend:quotation", {}, f'"{TEXT}"'),
        ("detectable_format:json_format", {}, json.dumps({"answer": TEXT})),
    ],
)
def test_a_correction_changes_the_form_alone(
    checks: Checks, kind: str, arguments: dict[str, Any], expected: str
) -> None:
    assert correct(checks, (kind, arguments)) == expected


LIST = "Here are some tips.\n\n1. Buy fresh flour, please.\n2. Use a scale. It helps.\n\n3. Wait."


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        (
            "detectable_format:number_bullet_lists",
            {"num_bullets": 3},
            "* Buy fresh flour, please.\n* Use a scale. It helps.\n* Wait.",
        ),
        ("punctuation:no_comma", {}, LIST.replace(",", "")),
        (
            "length_constraints:number_paragraphs",
            {"num_paragraphs": 2},
            "Here are some tips.\n\n1. Buy fresh flour, please.\n\n***\n\n2. Use a scale. It helps.\n\n3. Wait.",
        ),
        (
            "keywords:forbidden_words",
            {"forbidden_words": ["flour"]},
            "Here are some tips.\n\n2. Use a scale. It helps.\n\n3. Wait.",
        ),
        (
            "length_constraints:number_words",
            {"num_words": 16, "relation": "less than"},
            "Here are some tips.\n\n1. Buy fresh flour, please.\n2. Use a scale. It helps.",
        ),
        ("detectable_format:json_format", {}, json.dumps({"answer": LIST})),
    ],
)
def test_lists_keep_their_lines_and_numbers(
    checks: Checks, kind: str, arguments: dict[str, Any], expected: str
) -> None:
    text = f"```text\n{LIST}\n```" if kind.endswith("json_format") else LIST
    assert correct(checks, (kind, arguments), text=text) == expected


def test_every_correction_is_of_a_kind_that_prompts_can_ask_for() -> None:
    assert set(CORRECTIONS) <= {name.partition("#")[0] for name in TEMPLATES}


def test_several_constraints_are_corrected_together(checks: Checks) -> None:
    both = [("change_case:english_lowercase", {}), ("detectable_format:title", {}), ("punctuation:no_comma", {})]
    corrected = correct(checks, *both)
    assert corrected.startswith("<<bread needs flour water and time>>\n\nbread needs flour water and time. knead")


@pytest.mark.parametrize(
    "constraints",
    [
        [("length_constraints:number_words", {"num_words": 90, "relation": "at least"})],
        [("keywords:existence", {"keywords": ["yeast"]})],
        [("punctuation:no_comma", {}), ("keywords:existence", {"keywords": ["yeast"]})],
        [("keywords:forbidden_words", {"forbidden_words": ["bread", "it"]})],
        [("length_constraints:number_paragraphs", {"num_paragraphs": 9})],
    ],
)
def test_what_no_rule_can_correct_gives_no_text(checks: Checks, constraints: list[tuple[str, dict[str, Any]]]) -> None:
    assert correct(checks, *constraints) is None


@pytest.mark.parametrize(
    ("kind", "arguments", "text"),
    [
        ("punctuation:no_comma", {}, "Use this:\n```python\ndef f(a, b): ...\n```"),
        ("detectable_content:postscript", {"postscript_marker": "P.S."}, "I like it here.\n\nSincerely,\nJohn Smith"),
        ("detectable_format:title", {}, "Yes."),
        ("startend:end_checker", {"end_phrase": "That is all."}, "So."),
        (
            "length_constraints:number_words",
            {"num_words": 9, "relation": "less than"},
            "Wait. " + "Bake it now, please. " * 5,
        ),
        ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "See:\n| a | b |\n|---|---|\n| c | d |"),
    ],
)
def test_what_a_rule_would_spoil_is_left_alone(checks: Checks, kind: str, arguments: dict[str, Any], text: str) -> None:
    assert correct(checks, (kind, arguments), text=text) is None


@pytest.mark.parametrize(
    ("kind", "arguments", "text", "expected"),
    [
        (
            "punctuation:no_comma",
            {},
            "Take red,green or 1,2,3 of 12,000, please.",
            "Take red green or 1 2 3 of 12000 please.",
        ),
        (
            "detectable_format:title",
            {},
            "Here's a tip.\nI'm happy.",
            "<<Here's A Tip>>\n\nHere's a tip.\nI'm happy.",
        ),
        (
            "detectable_format:number_highlighted_sections",
            {"num_highlights": 2},
            "<<Important things>> **Careful** now: see https://example.com in Müllerstraße.",
            "<<Important things>> **Careful** now: see https://example.com in *Müllerstraße*.",
        ),
        (
            "keywords:forbidden_words",
            {"forbidden_words": ["people"]},
            "I like it. It has people in it.\n\nBake bread with me. Do it at 30. Then rest.",
            "I like it.\n\nBake bread with me. Do it at 30. Then rest.",
        ),
        (
            "startend:end_checker",
            {"end_phrase": "Bye."},
            "One line here.\nTwo lines.",
            "One line here.\nTwo lines.\n\nBye.",
        ),
    ],
)
def test_corrections_of_odd_texts(
    checks: Checks, kind: str, arguments: dict[str, Any], text: str, expected: str
) -> None:
    assert correct(checks, (kind, arguments), text=text) == expected


def test_the_time_of_a_correction_grows_with_the_text(checks: Checks) -> None:
    assert len(split_sentences("a. b. " * 20_000)) == 20_000  # a quadratic search would take minutes
    assert len(split_sentences("It is so. " * 20_000)) == 20_000


def test_an_answer_that_follows_already_gives_no_correction(checks: Checks) -> None:
    assert correct(checks, ("startend:end_checker", {"end_phrase": "butter!"})) is None
    # Also one that was cut off: to shorten it would teach to end early.
    assert correct(checks, ("keywords:existence", {"keywords": ["flour"]}), text=f"{TEXT} And th", ended=False) is None


def test_a_cut_answer_loses_its_unfinished_sentence(checks: Checks) -> None:
    assert correct(checks, ("punctuation:no_comma", {}), text="One, two. Three, fo", ended=False) is None  # two words
    corrected = correct(checks, ("punctuation:no_comma", {}), text="Take one, two or more. Three, fo", ended=False)
    assert corrected == "Take one two or more."
    assert correct(checks, ("punctuation:no_comma", {}), text="no sentence, no end", ended=False) is None
    assert correct(checks, ("punctuation:no_comma", {}), text='{"a": "One, two. Th', ended=False) is None
    end = ("startend:end_checker", {"end_phrase": "Bye."})
    assert correct(checks, end, text="Mix it well first. Then use 2.5 cu", ended=False) == "Mix it well first. Bye."
    assert correct(checks, end, text="1. Mix the flour\n2. Kne", ended=False) == "1. Mix the flour Bye."


def test_corrections_become_preferences_for_the_corrected_text(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: ("One and two go, three.", "One, two and three go.", "One and two go."))
    commas = {"only": ["punctuation:no_comma"], "most": 1}
    own = {**settings, "constraints": commas, "judges": ["checker"], "objective": "form", "corrections": 1}
    out = tmp_path / "out"
    report = collect(own, out)
    file = out / "corrections.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) == 12
    assert {(row["original"], row["corrected"]) for row in rows} == {
        ("One and two go, three.", "One and two go three.")
    }
    assert report["corrections"] == {
        "prompts": 12,
        "corrected_prompts": 12,
        "corrected": 12,
        "repetitive": 0,
        "followed": 0,
        "unchanged": 0,
    }
    assert "Corrected by rule: 12 answers to 12 of 12 prompts" in (out / "report.md").read_text()
    assert "unipref_corrections" in inspection.inspect([file])[0].as_text()
    source = {"name": "own", "dataset": "unipref_corrections", "path": str(file)}
    unified = api.unify_feedback({"sources": [source]}, out / "run")
    found = list(parquet.read_rows(unified, ["prompt", "chosen", "rejected", "objective"], 100))
    assert len(found) == 12
    assert {row["chosen"][-1]["content"] for row in found} == {"One and two go three."}
    assert {row["rejected"][-1]["content"] for row in found} == {"One and two go, three."}
    assert {row["objective"] for row in found} == {"form"}
    assert {row["prompt"][-1]["content"] for row in found} == {row["prompt"][-1]["content"] for row in rows}
    assert collect({**own, "corrections": 0}, out)["corrections"] is None
    assert not file.exists()


def test_corrections_are_written_with_the_answers_and_the_command_names_them(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A policy whose answers all break the rule: no vote decides, and the corrections are the feedback.
    use_answers(monkeypatch, lambda prompt: ("One, two and three.", "Four, five and six.", "Seven, eight and nine."))
    commas = {"only": ["punctuation:no_comma"], "most": 1}
    file = tmp_path / "collect.yaml"
    file.write_text(yaml_files.write({**settings, "constraints": commas, "judges": ["checker"], "corrections": 2}))
    out = tmp_path / "out"
    CliRunner().invoke(cli.app, ["collect", str(file), "-o", str(out), "--until", "answers"], catch_exceptions=False)
    before = (out / "corrections.jsonl").read_bytes()
    assert before.count(b"\n") == 24
    told = CliRunner().invoke(cli.app, ["collect", str(file), "-o", str(out)], catch_exceptions=False)
    assert "It is not a source to train on" in told.stdout
    assert f"{{dataset: unipref_corrections, path: {out / 'corrections.jsonl'}}}" in told.stdout
    assert (out / "corrections.jsonl").read_bytes() == before


def test_an_answer_that_repeats_itself_is_in_no_correction(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = "and the dog and the cat " * 12
    use_answers(monkeypatch, lambda prompt: (loop, "It is a good number.", "It is not a bad number."))
    twice = {"only": ["combination:two_responses"], "most": 1}
    own = {**settings, "constraints": twice, "judges": ["checker"], "corrections": 3}
    report = collect(own, tmp_path / "out")
    assert (report["corrections"]["corrected"], report["corrections"]["repetitive"]) == (24, 12)
    assert "the dog" not in (tmp_path / "out" / "corrections.jsonl").read_text()


def test_a_missing_package_stops_the_run_before_the_policy_answers(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise UserError("the package 'lm_eval' is not installed.")

    def answer(prompt: Any) -> Any:
        raise AssertionError("the policy was asked")

    monkeypatch.setattr(run, "Checks", refuse)
    use_answers(monkeypatch, answer)
    people = [{"people": {"path": "votes.csv"}}]
    own = {**settings, "constraints": {"most": 1}, "judges": people, "corrections": 1}
    with pytest.raises(UserError, match="lm_eval"):
        collect(own, tmp_path / "out")


def test_nothing_to_correct_is_warned_of(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: ("One and two go.", "Two go.", "Three go."))
    commas = {"only": ["punctuation:no_comma"], "most": 1}
    own = {**settings, "constraints": commas, "judges": ["checker"], "corrections": 2}
    report = collect(own, tmp_path / "out")
    assert (report["corrections"]["followed"], report["corrections"]["unchanged"]) == (36, 0)
    assert any("no answer could be corrected" in warning for warning in report["warnings"])


def test_answers_without_pairs_still_give_corrections(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_answers(monkeypatch, lambda prompt: ("First, I count the apples, then the pears.",) * 3)
    commas = {"only": ["punctuation:no_comma"], "most": 1}
    own = {**settings, "constraints": commas, "judges": ["checker"]}
    report = collect({**own, "corrections": 1}, tmp_path / "out")
    assert (report["corrections"]["corrected"], report["answers"]["pairs"]) == (12, 0)
    assert (tmp_path / "out" / "feedback.jsonl").read_text() == ""
    assert "12 prompts" in (tmp_path / "out" / "report.md").read_text()
    with pytest.raises(UserError, match="no prompt has two different answers"):
        collect(own, tmp_path / "without")


def test_corrections_need_constraints(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"corrections: the rules of constraints make.*\n *Set 'constraints' too"):
        collect({**settings, "judges": ["checker"], "corrections": 1}, tmp_path / "out")
