"""Exports whose question or control blames, judges the prompt, or compares by something else than quality."""

from typing import Any

import pytest

from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.exports.argilla_2 import Argilla2
from unipref.unify.exports.label_studio import LabelStudio
from unipref.unify.exports.langsmith import Langsmith
from unipref.unify.exports.prodigy import Prodigy

PROMPTS = ["Name a moon of Jupiter.", "Is ice cold?", "What is rain?", "Where is Rome?"]


def prodigy_options(**more: Any) -> list[dict[str, Any]]:
    return [
        {
            "text": prompt,
            "options": [{"id": name, "text": f"{name} says of it: {prompt}"} for name in "AB"],
            "accept": ["AB"[i % 2]],
            "answer": "accept",
            "_input_hash": i,
            "_task_hash": i,
            **more,
        }
        for i, prompt in enumerate(PROMPTS)
    ]


@pytest.mark.parametrize(
    ("more", "is_asked"),
    [
        ({"label": "MORE_TOXIC"}, True),
        ({"instructions": "Which answer is more harmful?"}, True),
        ({"html": "Choose the least helpful answer"}, True),
        ({"label": "LONGER"}, True),
        ({"label": "BETTER"}, False),
        ({"instructions": "Choose the better answer."}, False),
        ({}, False),
    ],
)
def test_options_are_the_better_answer_unless_the_tasks_say_something_else(
    more: dict[str, str], is_asked: bool
) -> None:
    found = Prodigy.recognise(prodigy_options(**more))
    assert found is not None
    assert (found.map["answer"] == PLACEHOLDER) is is_asked


def test_accept_is_no_praise_if_the_tasks_ask_for_a_fault() -> None:
    rows = [
        {"prompt": p, "response": f"It is {i} of them.", "answer": ("accept", "reject")[i % 2], "_input_hash": i}
        for i, p in enumerate(PROMPTS)
    ]
    found = Prodigy.recognise([{**row, "instructions": "Is this answer harmful?"} for row in rows])
    assert found is not None
    assert found.map["up"] == PLACEHOLDER
    found = Prodigy.recognise(rows)
    assert found is not None
    assert found.map["up"] == ["accept"]


def test_a_question_of_all_tasks_is_no_prompt_of_labels() -> None:
    rows = [
        {
            "question": "Does the text contain an error?",
            "text": f"It is number {i} of all of them.",
            "options": [{"id": "Correct", "text": "Correct"}, {"id": "Wrong", "text": "Wrong"}],
            "accept": [("Correct", "Wrong")[i % 2]],
            "answer": "accept",
            "_input_hash": i,
        }
        for i in range(4)
    ]
    found = Prodigy.recognise(rows)
    assert found is not None
    assert (found.map["prompt"], found.map["up"]) == (PLACEHOLDER, PLACEHOLDER)


def label_studio(data: dict[str, Any], *results: dict[str, Any]) -> dict[str, Any]:
    return {"id": 1, "data": data, "annotations": [{"id": 9, "was_cancelled": False, "result": list(results)}]}


def ranker(control: str, bucket: str) -> list[dict[str, Any]]:
    items = [{"id": f"m{i}", "body": f"Answer {i} to it."} for i in range(3)]
    value: Any = {"ranker": {bucket: ["m2", "m1", "m0"]}}
    result = {"from_name": control, "to_name": "list", "type": "ranker", "value": value}
    return [label_studio({"prompt": prompt, "items": items}, result) for prompt in PROMPTS]


@pytest.mark.parametrize(
    ("control", "bucket", "order"),
    [
        ("rank", "rank", "best_first"),
        ("rank", "worst_to_best", "worst_first"),
        ("rank", "best_first", "best_first"),
        ("rank", "bad", PLACEHOLDER),
        ("length", "rank", PLACEHOLDER),
        ("toxicity", "rank", PLACEHOLDER),
        ("rank", "most_toxic_first", PLACEHOLDER),
    ],
)
def test_the_names_of_a_ranker_say_which_end_comes_first(control: str, bucket: str, order: str) -> None:
    found = LabelStudio.recognise(ranker(control, bucket))
    assert found is not None
    assert found.map["order"] == order


@pytest.mark.parametrize("kind", ["choices", "rating"])
@pytest.mark.parametrize("control", ["quality", "verdict", "stars"])
def test_a_control_of_the_question_does_not_judge_the_answer(kind: str, control: str) -> None:
    values: Any = [{"choices": ["Good"]}, {"choices": ["Bad"]}] if kind == "choices" else [{"rating": 5}, {"rating": 1}]

    def make(tag: str) -> list[dict[str, Any]]:
        return [
            label_studio(
                {"question": prompt, "answer": f"It is {i}."},
                {"from_name": control, "to_name": tag, "type": kind, "value": values[i % 2]},
            )
            for i, prompt in enumerate(PROMPTS)
        ]

    asked, read = LabelStudio.recognise(make("question")), LabelStudio.recognise(make("answer"))
    assert asked is not None
    assert asked.map["up"] == PLACEHOLDER
    assert read is not None
    assert read.map["label"] == asked.map["label"]
    assert kind == "rating" or read.map["up"] == ["Good"]


def test_stars_for_a_fault_have_no_bounds() -> None:
    rows = [
        label_studio(
            {"question": prompt, "answer": f"It is {i}."},
            {"from_name": "toxic_stars", "to_name": "answer", "type": "rating", "value": {"rating": 1 + 4 * (i % 2)}},
        )
        for i, prompt in enumerate(PROMPTS)
    ]
    found = LabelStudio.recognise(rows)
    assert found is not None
    assert found.map["up"] == PLACEHOLDER


@pytest.mark.parametrize(
    ("name", "better"),
    [("preference", "low"), ("quality", "low"), ("order", "low"), ("length", PLACEHOLDER), ("toxicity", PLACEHOLDER)],
)
def test_an_order_by_something_else_is_asked_about(name: str, better: str) -> None:
    order = [{"rank": i + 1, "value": f"response_{2 - i}"} for i in range(2)]
    rows = [
        {
            "id": str(i),
            "_server_id": str(i),
            "fields": {"prompt": prompt, "response_1": f"It is {i}.", "response_2": f"It may be {i}."},
            "suggestions": {},
            "responses": {name: [{"value": order, "user_id": "ann"}]},
        }
        for i, prompt in enumerate(PROMPTS)
    ]
    found = Argilla2.recognise(rows)
    assert found is not None
    assert found.map["better"] == better


def test_feedback_of_a_run_does_not_depend_on_the_order_of_its_items() -> None:
    items = [{"key": "user_score", "score": 1}, {"key": "user_score", "score": 0}]
    items += [{"key": "user_score", "score": None, "value": None, "comment": "no"}]
    for several in (items, items[::-1]):
        rows = [
            {
                "id": str(i),
                "run_type": "chain",
                "inputs": {"question": PROMPTS[i]},
                "outputs": {"output": f"It is {i}."},
                "feedback": [item],
            }
            for i, item in enumerate(several)
        ]
        found = Langsmith.recognise(rows)
        assert found is not None
        assert found.map["label"] == "feedback.*.score"
