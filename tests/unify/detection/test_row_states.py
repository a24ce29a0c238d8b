"""Fields about whole rows: failed requests, contested labels and discarded rows are asked for before a run."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, one_answer
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("status", [200, 200, 500]),
        ("http_status", ["200", "404"]),
        ("status", ["success", "failed"]),
        ("state", ["completed", "timeout", "error"]),
        ("error", [None, "Connection reset by peer after 30 seconds.", None]),
        ("error_code", [None, "E17", ""]),
        ("error", [None, {"code": 1, "message": "Timeout"}]),
        ("level", ["INFO", "ERROR"]),
    ],
)
def test_answers_of_failed_requests_are_no_good_answers(name: str, values: list[Any]) -> None:
    found = propose(one_answer(**{name: values}))
    assert (found.format, found.map["where"]) == ("demonstration", {name: PLACEHOLDER})
    assert any(f"'{name}" in doubt and "requests failed" in doubt for doubt in found.doubts)


def test_cut_answers_are_a_doubt() -> None:
    found = propose(one_answer(finish_reason=["stop", "length"]))
    assert "where" not in found.map
    assert any("'finish_reason' (length, stop) says that some answers are cut" in doubt for doubt in found.doubts)


def test_a_field_that_only_failed_rows_have_is_a_doubt() -> None:
    rows = one_answer()
    rows[3]["error"] = "Out of memory on device 3."
    found = propose(rows)
    assert "where" not in found.map
    assert any("'error'" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("reviewer_agrees", [True, True, False]),
        ("disputed", ["no", "yes"]),
        ("is_valid", [1, 0]),
        ("spam", [0, 1]),
        ("adjudicator", ["upheld", "overturned"]),
        ("reviewer_label", ["correct", "wrong"]),
        ("agreement", [True, False]),
    ],
)
def test_contested_and_discarded_pairs_are_asked_for(name: str, values: list[Any]) -> None:
    found = propose(make_rows({"prompt": QUESTIONS, "chosen": ANSWERS, "rejected": OTHERS, name: values}))
    assert (found.format, found.map["where"]) == ("pairs", {name: PLACEHOLDER})


def test_another_version_of_the_answer_is_a_doubt() -> None:
    versions = [None, *[f"{answer} Really." for answer in ANSWERS[1:5]]]
    found = propose(one_answer(feedback=["good", "bad"], corrected_answer=versions))
    assert found.format == "thumbs"
    assert any("'corrected_answer' looks like another version of the answer" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("name", "values", "up", "down"),
    [
        ("flagged_by_user", ["TRUE", "FALSE"], PLACEHOLDER, ["TRUE"]),
        ("flagged_by_user", ["TRUE", "FALSE", None], ["FALSE"], ["TRUE"]),
        ("reported", [True, False], PLACEHOLDER, [True]),
        ("downvoted", [1, 0], PLACEHOLDER, [1]),
        ("upvoted", [1, 0], [1], PLACEHOLDER),
        ("error", [True, False], PLACEHOLDER, PLACEHOLDER),
    ],
)
def test_an_answer_without_a_mark_was_perhaps_not_judged(
    name: str, values: list[Any], up: list[Any], down: list[Any]
) -> None:
    found = propose(one_answer(**{name: values}))
    assert (found.format, found.map["up"], found.map["down"]) == ("thumbs", up, down)


def test_tags_that_judge_are_asked_for() -> None:
    found = propose(one_answer(tags=[["faq", "good answer"], ["faq", "wrong"], ["billing", "good answer"]]))
    assert (found.format, found.map["label"], found.map["up"]) == ("thumbs", "tags.*", PLACEHOLDER)
    assert any("{tags: {'.': [good answer, wrong]}}" in doubt for doubt in found.doubts)
    assert propose(one_answer(tags=[["faq", "news"], ["billing"]])).format == "demonstration"


def test_verdicts_of_people_in_a_list_are_read_together() -> None:
    votes = [[{"by": "ann", "verdict": "good"}, {"by": "bob", "verdict": "bad"}], [{"by": "eve", "verdict": "good"}]]
    found = propose(one_answer(votes=votes))
    assert (found.format, found.map["label"], found.map["up"]) == ("thumbs", "votes.*.verdict", ["good"])


@pytest.mark.parametrize(
    ("field", "up", "down"),
    [
        ([{"score": 1}, {"score": -1}, None], [1], [-1]),
        ([{"value": "👍"}, {"value": "👎"}, None], ["👍"], ["👎"]),
        ([{"is_helpful": "yes"}, {"is_helpful": "no"}, None], ["yes"], ["no"]),
        ([{"score": 1}, {"score": 0}, None], PLACEHOLDER, PLACEHOLDER),
    ],
)
def test_verdicts_inside_a_field_of_the_turns_are_read(field: list[Any], up: list[Any], down: list[Any]) -> None:
    talks = [
        [{"role": "user", "content": q}, {"role": "assistant", "content": a, "feedback": field[i % 3]}]
        for i, (q, a) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
    ]
    found = propose(make_rows({"messages": talks}))
    assert (found.format, found.map["label"]) == ("rated_turns", f"feedback.{next(iter(field[0]))}")
    assert (found.map["up"], found.map["down"]) == (up, down)


def test_one_odd_emoji_hides_no_thumbs() -> None:
    found = propose(one_answer(reaction=["👍", "👎", "😂"]))
    assert (found.format, found.map["up"], found.map["down"]) == ("thumbs", ["👍"], ["👎"])
    assert any("'😂'" in doubt for doubt in found.doubts)


@pytest.mark.parametrize("issues", [[["hallucination"], []], [["tone", "length"], ["tone"], []]])
def test_a_list_of_faults_is_asked_for_and_no_condition_looks_into_it(issues: list[Any]) -> None:
    found = propose(one_answer(issues=issues))
    assert (found.format, found.map["label"], "where" in found.map) == ("thumbs", PLACEHOLDER, False)


def test_a_judgement_in_lists_of_turns_is_asked_for_without_a_condition() -> None:
    talks = [
        [
            {"role": "user", "content": q},
            {"role": "assistant", "content": a, "notes": [{"by": "ann", "verdict": ("good", "bad")[i % 2]}]},
        ]
        for i, (q, a) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
    ]
    found = propose(make_rows({"messages": talks}))
    assert (found.format, found.map["label"], "where" in found.map) == ("rated_turns", PLACEHOLDER, False)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ASSIGNMENT:status", ["APPROVED", "APPROVED", "REJECTED"]),
        ("AssignmentStatus", ["Approved", "Rejected", "Submitted"]),
        ("status", ["accepted", "rejected"]),
        ("submission_status", ["approved", "returned", "awaiting review"]),
        ("qa_status", ["passed", "discarded"]),
    ],
)
def test_work_that_was_not_accepted_is_asked_for(name: str, values: list[str]) -> None:
    sides = {"first_answer": ANSWERS, "second_answer": OTHERS, "better": ["first", "second", "second"]}
    found = propose(make_rows({"prompt": QUESTIONS, **sides, name: values}))
    assert found.map["where"] == {name: PLACEHOLDER}
    assert sum(f"'{name}'" in doubt for doubt in found.doubts) == 1


@pytest.mark.parametrize("values", [["open", "closed"], ["approved", "approved"], ["draft", "pending"]])
def test_other_states_of_rows_are_not_asked_for(values: list[str]) -> None:
    found = propose(make_rows({"prompt": QUESTIONS, "chosen": ANSWERS, "rejected": OTHERS, "status": values}))
    assert "where" not in found.map


@pytest.mark.parametrize("signs", [["◎", "×", "○", "△"], ["five stars", "one star"], ["x", "+", "o"]])
def test_an_entry_that_uses_only_good_answers_names_the_format_for_both(signs: list[str]) -> None:
    found = propose(one_answer(verdict=signs))
    if found.format == "demonstration":
        (doubt,) = (doubt for doubt in found.doubts if "'thumbs' uses bad ones too" in doubt)
        assert all(sign in doubt for sign in signs)
        assert "label: verdict" in doubt
    else:
        assert (found.format, PLACEHOLDER in str(found.map)) == ("thumbs", True)


@pytest.mark.parametrize("values", [["y", "n"], [True, False]])
def test_a_field_that_is_asked_about_is_not_called_unread(values: list[Any]) -> None:
    found = propose(one_answer(checked=values))
    about = [doubt for doubt in found.doubts if "'checked'" in doubt]
    assert any("is thumbs up" in doubt for doubt in about)
    assert not any("is not read" in doubt for doubt in about)
