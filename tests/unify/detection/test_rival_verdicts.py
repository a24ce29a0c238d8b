"""Several fields that may say which answer is better: copies of an answer, earlier and later votes, quizzes."""

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose


def _mixed(turn: int) -> list[str]:
    return [(ANSWERS, OTHERS)[(i + turn) % 2][i] for i in range(12)]


@pytest.mark.parametrize("name", ["participant_chose", "student_answer", "quiz_choice"])
def test_what_people_chose_in_a_quiz_is_asked_about(name: str) -> None:
    options = {"option_1": ANSWERS, "option_2": OTHERS, "option_3": ANSWERS[::-1]}
    found = propose(make_rows({"question": QUESTIONS, **options, name: [3, 1, 2]}))
    assert (found.format, found.map["answer"]) == ("multiple_choice", PLACEHOLDER)
    assert any(name in doubt for doubt in found.doubts)


@pytest.mark.parametrize("names", [("reject", "accept"), ("old_side", "new_side")])
def test_copies_of_both_answers_do_not_say_which_is_better(names: tuple[str, str]) -> None:
    sides = {"A": [{"text": t} for t in ANSWERS], "B": [{"text": t} for t in OTHERS]}
    copies = {name: [{"text": t} for t in _mixed(turn)] for turn, name in enumerate(names)}
    found = propose(
        make_rows({"input": [{"text": q} for q in QUESTIONS], **sides, **copies, "answer": ["accept", "reject"]})
    )
    assert found.map.get("label", PLACEHOLDER) == PLACEHOLDER or PLACEHOLDER in found.map["codes"].values()


@pytest.mark.parametrize("copy", ["ideal_human_summary", "reference_text"])
def test_a_named_verdict_counts_before_a_copy_of_an_answer(copy: str) -> None:
    texts = {"summary_for_comparison_A": ANSWERS, "summary_for_comparison_B": OTHERS, copy: _mixed(0)}
    found = propose(make_rows({"post": QUESTIONS, **texts, "preference": ["Summary A", "Summary B"]}))
    assert (found.map["label"], found.map["codes"]) == ("preference", {"Summary A": "first", "Summary B": "second"})
    assert any(copy in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("first", "later", "counts"),
    [
        ("first_vote", "final", "final"),
        ("winner", "overall_winner", "overall_winner"),
        ("winner_monday", "winner_friday", PLACEHOLDER),
    ],
)
def test_of_two_votes_that_differ_the_final_one_counts(first: str, later: str, counts: str) -> None:
    votes = {first: ["one", "two", "one"], later: ["one", "two", "two"]}
    found = propose(make_rows({"q": QUESTIONS, "one": ANSWERS, "two": OTHERS, **votes}))
    assert found.map.get("label", found.map.get("votes")) == counts
    assert any(first in doubt and later in doubt for doubt in found.doubts)


def test_the_side_of_a_model_does_not_contradict_the_winner() -> None:
    votes = {"winner": ["A", "B", "A"], "our_side": ["B", "B", "A"]}
    found = propose(make_rows({"prompt": QUESTIONS, "answer_A": ANSWERS, "answer_B": OTHERS, **votes}))
    assert found.map["label"] == "winner"
