"""What the names of fields and the words of labels in exports say: never a side or a verdict that they do not tell."""

from typing import Any

import pytest

from unipref.core.records import Row
from unipref.unify.detection.export_fields import Roles, find_roles, find_side_codes, find_verdicts, names_praise

FEATURES = {
    "response_model": "claude",
    "answer_source": "Wikipedia, the free encyclopedia",
    "output_url": "https://example.org/1",
    "user": "ann",
    "system_prompt": "You answer in one sentence.",
}


def roles_of(*names: str, **values: str) -> Roles:
    rows: list[Row] = [{name: values.get(name, f"The {name} of row {n}.") for name in names} for n in range(3)]
    return find_roles(rows, list(names))


def test_what_describes_an_answer_is_no_answer() -> None:
    roles = roles_of("prompt", "response", *FEATURES, **FEATURES)
    assert roles == Roles(["prompt"], ["response"], None, "system_prompt")


def test_the_last_word_of_a_name_says_what_a_text_is() -> None:
    assert roles_of("user_message", "model_output") == Roles(["user_message"], ["model_output"])
    assert roles_of("user_message", "model_output", model_output="Io.").answers == ["model_output"]
    assert roles_of("input", "output", "expected_output", output="Io.", expected_output="Io.").answers == ["output"]
    assert roles_of("question", "answer", "correct_answer").answers == ["answer"]
    assert roles_of("german_text", "english_text") == Roles([], [])
    assert roles_of("conversation", "candidate_1", "candidate_2").prompt == ["conversation"]
    assert roles_of("input", "output", "reference_output").answers == ["output"]


@pytest.mark.parametrize(
    ("names", "first", "marks"),
    [
        (("model_b_response", "model_a_response"), "model_a_response", ("a", "b")),
        (("answer_b_text", "answer_a_text"), "answer_a_text", ("a", "b")),
        (("candidate_2", "candidate_1"), "candidate_1", ("1", "2")),
        (("gpt_answer", "claude_answer"), "gpt_answer", ("gpt", "claude")),
        (("response_2", "response_3"), "response_2", None),
        (("response_b", "response_c"), "response_b", None),
    ],
)
def test_two_answers_are_told_apart_by_the_marks_in_their_names(
    names: tuple[str, str], first: str, marks: tuple[str, str] | None
) -> None:
    roles = roles_of("question", *names)
    assert (roles.answers[0], roles.marks) == (first, marks)


@pytest.mark.parametrize(
    ("values", "answers", "marks", "codes"),
    [
        (["A", "B", "tie"], ["answer_a", "answer_b"], ("a", "b"), {"A": "first", "B": "second", "tie": "tie"}),
        (["A is worse", "B loses"], ["answer_a", "answer_b"], ("a", "b"), {"A is worse": "second", "B loses": "first"}),
        (["A>B", "B>>A"], ["answer_a", "answer_b"], ("a", "b"), {"A>B": "first", "B>>A": "second"}),
        (["a bit better: second"], ["answer_a", "answer_b"], ("a", "b"), {"a bit better: second": "?"}),
        (["only a draft"], ["answer_a", "answer_b"], ("a", "b"), {"only a draft": "?"}),
        (["not A"], ["answer_a", "answer_b"], ("a", "b"), {"not A": "?"}),
        (["A", "B"], ["answer1", "answer2"], ("1", "2"), {"A": "?", "B": "?"}),
        (["left", "right"], ["answer1", "answer2"], ("1", "2"), {"left": "?", "right": "?"}),
        (["first", "second"], ["answer1", "answer2"], ("1", "2"), {"first": "first", "second": "second"}),
        (["first", "second"], ["answer0", "answer1"], ("0", "1"), {"first": "?", "second": "?"}),
        ([1, 2], ["answer1", "answer2"], ("1", "2"), {1: "first", 2: "second"}),
        ([0, 1], ["answer1", "answer2"], ("1", "2"), {0: "?", 1: "?"}),
        ([1], ["answer0", "answer1"], ("0", "1"), {1: "?"}),
        (["2"], ["response_2", "response_3"], None, {2: "?"}),
        (["response_3"], ["response_2", "response_3"], None, {"response_3": "second"}),
        (["gpt", "claude"], ["gpt_answer", "claude_answer"], ("gpt", "claude"), {"gpt": "first", "claude": "second"}),
    ],
)
def test_a_label_names_a_side_only_if_it_repeats_what_the_names_say(
    values: list[Any], answers: list[str], marks: tuple[str, str] | None, codes: dict[Any, str]
) -> None:
    assert find_side_codes(values, "preference", answers, marks, is_about_better=True)[0] == codes


@pytest.mark.parametrize(
    ("values", "name", "settings"),
    [
        (["Good", "Bad", "Unsure"], "verdict", {"up": ["Good"], "down": ["Bad"], "neutral": ["Unsure"]}),
        (["Yes", "No"], "helpful", {"up": ["Yes"], "down": ["No"]}),
        (["Yes", "No"], "harmful", {"up": "?", "down": "?"}),
        (["Yes", "No"], "harmful_answer", {"up": ["No"], "down": ["Yes"]}),
        (["Yes", "No"], "inaccurate", {"up": ["No"], "down": ["Yes"]}),
        (["Yes", "No"], "not_helpful", {"up": "?", "down": "?"}),
        (["Yes", "No"], "checked", {"up": "?", "down": "?"}),
        ([0, 1], "user-feedback", {"up": [1], "down": [0]}),
        ([0, 1], "correctness", {"up": [1], "down": [0]}),
        ([0, 1], "hallucination", {"up": "?", "down": "?"}),
        ([True, False], "hallucination", {"up": "?", "down": "?"}),
        ([0, 1], "complaint_feedback", {"up": "?", "down": "?"}),
        ([-1, 0, 1], "thumbs", {"up": [1], "down": [-1], "neutral": [0]}),
        (["👍", "👎", "🤔"], "reaction", {"up": ["👍"], "down": ["👎"]}),
        (["positive", "negative"], "sentiment", {"up": "?", "down": "?"}),
        (["wrong"], "correct", {"up": "?", "down": ["wrong"]}),
    ],
)
def test_a_label_is_praise_only_if_it_or_its_name_says_so(
    values: list[Any], name: str, settings: dict[str, Any]
) -> None:
    assert find_verdicts(values, name).settings == settings


def test_a_label_without_a_verdict_beside_verdicts_is_named() -> None:
    (doubt,) = find_verdicts(["👍", "👎", "🤔"], "reaction").doubts
    assert "'🤔'" in doubt


@pytest.mark.parametrize("name", ["user_complaint", "feedback_type", "negative_vote", "toxicity", "user_score"])
def test_a_name_with_any_other_word_is_no_praise(name: str) -> None:
    assert not names_praise(name)
