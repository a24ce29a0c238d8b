"""Lists, numbers and marks beside an answer that are neither answers nor what somebody thought of one."""

import pytest

from support.judged_rows import ANSWERS, QUESTIONS, make_rows, one_answer
from unipref.unify.proposal import propose


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tags", [["env:prod", "version:1.9"], ["env:test", "version:2.0"]]),
        ("locales", [["de-CH", "web"], ["fr-CH", "app"], ["it-CH", "web"]]),
    ],
)
def test_two_marks_of_a_row_are_not_two_answers(name: str, values: list[list[str]]) -> None:
    found = propose(one_answer(**{name: values, "decision": ["accepted", "rejected"]}))
    assert (found.format, found.map["label"], found.map["up"]) == ("thumbs", "decision", ["accepted"])


def test_two_short_answers_may_repeat() -> None:
    rows = make_rows({"question": QUESTIONS, "answers": [["yes", "no"], ["no", "yes"]], "better": ["first", "second"]})
    assert propose(rows).map["first"] == "answers.0"


@pytest.mark.parametrize(("folder", "text", "mark"), [("passages", "text", "used"), ("search_hits", "body", "picked")])
def test_marks_of_passages_rate_no_steps(folder: str, text: str, mark: str) -> None:
    listed = {text: [ANSWERS[0], ANSWERS[1], ANSWERS[2]], mark: [0, 1, 0]}
    rows = make_rows({"question": QUESTIONS, folder: [listed, {**listed, mark: [1, 0, 0]}]})
    assert propose(rows).format != "steps"


@pytest.mark.parametrize(("listed", "text"), [("lines", "line"), ("workings", "content")])
def test_two_numbered_lines_with_a_mark_are_steps(listed: str, text: str) -> None:
    lines = [
        [{"n": 1, text: ANSWERS[i], "mark": "✓"}, {"n": 2, text: ANSWERS[11 - i], "mark": "✓✗"[i % 2]}]
        for i in range(12)
    ]
    found = propose(make_rows({"question": QUESTIONS, listed: lines}))
    assert (found.format, found.map["steps"], found.map["rating"]) == ("steps", listed, "mark")
