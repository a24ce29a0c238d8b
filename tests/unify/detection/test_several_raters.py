"""The fields of several people are read together, or asked for: never the first one alone."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, QUESTIONS, make_rows, one_answer, rival_answers
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose


@pytest.mark.parametrize(
    "people",
    [
        {"rater_1": ["good", "bad"], "rater_2": ["good", "good"], "rater_3": ["bad", ""]},
        {"annotator_a": ["up", "down"], "annotator_b": ["down", "down"], "annotator_c": ["down", "up"]},
        {"vote1": ["👍", "👎"], "vote2": ["👎", "👎"]},
        {"rater_ann": ["accept", "reject"], "rater_bob": ["reject", "reject"]},
        {"Bewerter 1": ["gut", "schlecht"], "Bewerter 2": ["gut", "gut"]},
        {"label_annotator_1": ["correct", "incorrect"], "label_annotator_2": ["incorrect", "correct"]},
    ],
)
def test_the_verdicts_of_several_people_are_read_together(people: dict[str, list[Any]]) -> None:
    found = propose(one_answer(**people))
    assert (found.format, found.map["label"]) == ("thumbs", [*people])
    assert PLACEHOLDER not in [*found.map["up"], *found.map["down"]]
    assert any("several people" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    "people",
    [{"rater_1": ["yes", "no"], "rater_2": ["no", "no"]}, {"judge_a": [True, False], "judge_b": [False, True]}],
)
def test_words_that_need_a_name_are_asked_for_but_all_people_are_read(people: dict[str, list[Any]]) -> None:
    found = propose(one_answer(**people))
    assert (found.format, found.map["label"], found.map["up"]) == ("thumbs", [*people], PLACEHOLDER)


def test_fields_that_may_be_people_or_criteria_are_asked_for() -> None:
    found = propose(one_answer(ann=["good", "bad", "good"], bob=["bad", "bad", "good"], eve=["good", "good", "bad"]))
    assert (found.format, found.map["label"]) == ("thumbs", PLACEHOLDER)
    assert any("[ann, bob, eve]" in doubt for doubt in found.doubts)


def test_grades_in_words_of_several_people_are_one_axis() -> None:
    grades = ["excellent", "good", "poor", "fair"]
    rows = make_rows({"prompt": QUESTIONS[:3], "completion": ANSWERS, "rater_1": grades, "rater_2": grades[::-1]})
    found = propose(rows)
    (axis,) = found.map["scores"].values()
    assert (found.format, axis["field"]) == ("ratings", ["rater_1", "rater_2"])


def test_numbered_ratings_are_one_axis_and_not_the_first_alone() -> None:
    found = propose(rival_answers(rating_1=[1, 5, 3], rating_2=[2, 4, 4]))
    assert found.map["scores"]["rating"]["field"] == ["rating_1", "rating_2"]


def test_the_scores_of_one_mapping_are_criteria_and_not_people() -> None:
    scores = [{"stars": 4.5, "downvotes": 0.5, "colour": 1}, {"stars": 1.5, "downvotes": 3.5, "colour": 2}]
    found = propose(rival_answers(scores=scores))
    assert all(isinstance(axis["field"], str) for axis in found.map["scores"].values())
    found = propose(one_answer(votes=[{"ann": "good", "bob": "bad"}, {"ann": "bad", "bob": "bad"}]))
    assert found.map["label"] == ["votes.ann", "votes.bob"]
    found = propose(one_answer(labels=[{"tone": "good", "facts": "bad"}, {"tone": "bad", "facts": "good"}]))
    assert found.map["label"] == PLACEHOLDER
