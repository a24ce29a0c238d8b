"""What other fields add: images of the prompt, who judged, and where on the screen each answer stood."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, one_answer, two_answers
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose

PICTURES = [f"https://example.org/{i}.png" for i in range(12)]


@pytest.mark.parametrize(
    ("columns", "is_proposed"),
    [
        ({"image": PICTURES}, True),
        ({"author_avatar": PICTURES}, False),
        ({"file_name": [f"chart_{i}.png" for i in range(12)]}, False),
        ({"user_image": PICTURES}, False),
    ],
)
def test_images_are_proposed_only_if_the_prompt_is_about_them(columns: dict[str, Any], is_proposed: bool) -> None:
    found = propose(one_answer(liked=[True, False], **columns))
    (name,) = columns
    assert ("images" in found.map) is is_proposed
    assert any(f"'{name}' holds paths of images" in doubt for doubt in found.doubts) is not is_proposed


def test_a_mark_in_the_prompts_says_that_they_have_images() -> None:
    questions = [f"<image> {question}" for question in QUESTIONS]
    found = propose(make_rows({"question": questions, "answer": ANSWERS, "liked": [True, False], "file": PICTURES}))
    assert found.map["images"] == "file"


@pytest.mark.parametrize(
    ("name", "values", "is_annotator"),
    [
        ("rater", ["ann", "bob"], True),
        ("annotator_id", [17, 23, 4], True),
        ("annotator_agreement", [0.8, 0.6], False),
        ("rater_count", [3, 5, 4], False),
        ("judge_confidence", [0.9, 0.2], False),
        ("reviewer_time", [12.5, 80.0], False),
        ("user_id", [f"u{n}" for n in range(40)], False),
    ],
)
def test_only_names_of_people_are_annotators(name: str, values: list[Any], is_annotator: bool) -> None:
    found = propose(two_answers(winner=["A", "B", "tie"], **{name: values}))
    assert found.format == "votes"
    assert (found.map.get("annotator") == name) is is_annotator


def test_a_user_is_the_annotator_if_several_judged_the_same_answers() -> None:
    pairs = {
        "question": [QUESTIONS[i // 3] for i in range(12)],
        "answer_a": [ANSWERS[i // 3] for i in range(12)],
        "answer_b": [OTHERS[i // 3] for i in range(12)],
    }
    rows = make_rows({**pairs, "verdict": ["A", "B", "same", "A"], "user_id": ["u1", "u2", "u3"]})
    found = propose(rows)
    assert (found.format, found.map["annotator"]) == ("votes", "user_id")


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ("shown_left", ["control", "treatment"]),
        ("left", ["answer_control", "answer_treatment"]),
        ("display_order", ["control-treatment", "treatment-control"]),
        ("swapped", [True, False]),
    ],
)
def test_places_on_the_screen_are_asked_for_with_the_field_that_tells_them(place: str, values: list[Any]) -> None:
    texts = {"question": QUESTIONS, "answer_control": ANSWERS, "answer_treatment": OTHERS}
    found = propose(make_rows({**texts, place: values, "choice": ["left", "right", "both bad"]}))
    assert (found.format, found.map["where"]) == ("votes", {place: PLACEHOLDER})
    assert found.map["codes"] == {"left": PLACEHOLDER, "right": PLACEHOLDER, "both bad": "tie"}
    assert any(f"'{place}'" in doubt and "where it stood" in doubt for doubt in found.doubts)


def test_labels_that_repeat_the_names_of_the_answers_are_no_places() -> None:
    texts = {"question": QUESTIONS, "answer_left": ANSWERS, "answer_right": OTHERS}
    found = propose(make_rows({**texts, "left_model": ["m1", "m2"], "choice": ["left", "right", "tie"]}))
    assert found.map["codes"] == {"left": "first", "right": "second", "tie": "tie"}
    texts = {"question": QUESTIONS, "answer_control": ANSWERS, "answer_treatment": OTHERS}
    rows = make_rows({**texts, "shown_left": ["control", "treatment"], "winner": ["control", "treatment", "tie"]})
    assert "where" not in propose(rows).map


@pytest.mark.parametrize(
    ("people", "votes"),
    [
        ({"annotator_1": ["A", "B", "tie"], "annotator_2": ["A", "A", "B"], "annotator_3": ["A", "B", "B"]}, None),
        ({"ann": ["A", "B", "tie"], "bob": ["B", "B", "A"]}, None),
        ({"winner_ann": ["A", "B", "tie"], "winner_bob": ["B", "B", "A"]}, PLACEHOLDER),
    ],
)
def test_votes_of_several_people_are_never_the_first_alone(people: dict[str, Any], votes: str | None) -> None:
    found = propose(two_answers(**people))
    assert (found.format, found.map["votes"]) == ("votes", votes or [*people])
