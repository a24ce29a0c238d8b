"""Every field is accounted for: what is not read and looks as if it mattered is a doubt."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, one_answer
from unipref.unify.detection.columns import Columns
from unipref.unify.detection.unread import account_for_columns, used_paths
from unipref.unify.inspection import open_questions
from unipref.unify.proposal import propose

PAIR = {"prompt": QUESTIONS, "chosen": ANSWERS, "rejected": OTHERS}


def test_a_system_text_and_earlier_turns_are_proposed() -> None:
    found = propose(make_rows({"system": ["You are a poet.", "Answer in French."], **PAIR}))
    assert (found.format, found.map["system"]) == ("pairs", "system")
    earlier = [[["Hello there.", "Good day."]], []]
    found = propose(one_answer(system_prompt=["You are a poet.", "Be short."], history=earlier))
    assert (found.map["system"], found.map["history"]) == ("system_prompt", "history")


def test_a_system_text_is_not_proposed_beside_system_turns() -> None:
    talk = [
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": q}, {"role": "assistant", "content": a}]
        for q, a in zip(QUESTIONS, ANSWERS, strict=True)
    ]
    found = propose(make_rows({"system": ["You are a poet."], "messages": talk, "liked": [True, False]}))
    assert "system" not in found.map
    assert any("'system' looks like a system text" in doubt for doubt in found.doubts)


def test_an_answer_with_the_word_system_in_its_name_is_no_system_text() -> None:
    found = propose(make_rows({"source": QUESTIONS, "system_output": ANSWERS, "stars": [1, 5, 3]}))
    assert (found.map["response"], "system" in found.map) == ("system_output", False)


@pytest.mark.parametrize(
    "column",
    [
        {"thumbs": ["👍", "👎"]},
        {"quality": ["good", "bad", "fair"]},
        {"votes": [[{"by": "ann", "verdict": "good"}], [{"by": "bob", "verdict": "bad"}]]},
        {"review": [{"rating": 1}, {"rating": 5}]},
    ],
)
def test_a_judgement_besides_the_one_that_is_read_is_a_doubt_and_lowers_the_confidence(column: dict[str, Any]) -> None:
    found = propose(make_rows({**PAIR, **column}))
    (name,) = column
    assert found.format == "pairs"
    assert any(f"'{name}" in doubt and "is not read" in doubt for doubt in found.doubts)
    assert found.confidence == 0.5


def test_a_second_spelling_of_the_judgement_that_is_read_is_no_doubt() -> None:
    found = propose(one_answer(emoji=["👍", "👎"], alias=[":+1:", ":-1:"]))
    assert (found.format, found.doubts) == ("thumbs", [])


def test_no_demonstration_runs_over_a_judgement_inside_the_turns() -> None:
    talk = [
        [
            {"role": "user", "content": q},
            {"role": "assistant", "content": a, "annotation": ("good", "bad", "ok")[i % 3]},
        ]
        for i, (q, a) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
    ]
    found = propose(make_rows({"messages": talk}))
    assert found.format != "demonstration" or open_questions(found.map, "map")
    assert found.format is not None


def test_paths_inside_a_list_that_is_read_are_used_together_with_the_path_of_the_list() -> None:
    mapping = {"answers": "completions", "response": "text", "scores": {"help": {"field": "marks.help"}}}
    assert {"completions", "completions.*.text", "completions.*.marks.help"} <= {*used_paths(mapping)}
    rows = [
        {
            "prompt": q,
            "completions": [{"text": a, "marks": {"help": i % 5, "safety": i % 3}, "vote": ("👍", "👎")[i % 2]}],
        }
        for i, (q, a) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
    ]
    account = account_for_columns(Columns(rows), {"prompt": "prompt", **mapping}, is_judged=True)
    assert account.judgements == ["completions.*.marks.safety"]


def test_fields_beyond_the_limit_are_a_doubt() -> None:
    wide = {f"field_{i}": [f"Some text that fills the field number {i}."] for i in range(400)}
    found = propose(make_rows({**PAIR, **wide}))
    assert any("more fields of the rows were not looked at" in doubt for doubt in found.doubts)
    assert found.confidence <= 0.5
