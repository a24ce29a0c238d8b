"""Requests and replies of APIs with the rating of a user, as gateways log them."""

import json
from typing import Any

import pytest

from support.judged_rows import ANSWERS, QUESTIONS
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose

N = len(QUESTIONS)
MARKS = ["good", "bad"] * (N // 2)


def ask(i: int) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": QUESTIONS[i]}]}


def reply(i: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": ANSWERS[i]}
    return {"id": f"x{i}", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


NESTED = ("request.body.messages", "response.body.choices.0.message.content")
FLAT = ("request_body.messages", "response_body.choices.0.message.content")


@pytest.mark.parametrize(
    ("name", "values"), [("feedback_rating", [True, False]), ("feedback", [{"rating": True}, {"rating": False}])]
)
def test_a_flag_beside_a_reply_is_asked_about(name: str, values: list[Any]) -> None:
    rows = [
        {"request_id": f"q{i}", "request": {"body": ask(i)}, "response": {"body": reply(i)}, name: values[i % 3 > 0]}
        for i in range(N)
    ]
    found = propose(rows)
    assert (found.format, (found.map["prompt"], found.map["response"])) == ("thumbs", NESTED)
    assert (found.map["up"], found.map["down"]) == (PLACEHOLDER, PLACEHOLDER)


@pytest.mark.parametrize("values", [(1, 0), (5, 1), (-1, 1)])
def test_a_score_of_the_only_reply_is_thumbs(values: tuple[int, int]) -> None:
    rows = [
        {"request_body": json.dumps(ask(i)), "response_body": json.dumps(reply(i)), "rating": values[i % 3 > 0]}
        for i in range(N)
    ]
    found = propose(rows)
    assert (found.format, (found.map["prompt"], found.map["response"])) == ("thumbs", FLAT)
    assert found.map["literals"] == ["request_body", "response_body"]
    assert (found.map["up"], found.map["down"]) == (PLACEHOLDER, PLACEHOLDER)


def test_several_replies_to_one_prompt_are_rated() -> None:
    rows = [{"request_body": ask(i // 2), "response_body": reply(i), "quality": i % 5} for i in range(N)]
    assert propose(rows).format == "ratings"


def test_a_reply_can_be_a_text() -> None:
    rows = [
        {
            "request": {"prompt": QUESTIONS[i]},
            "response": {"choices": [{"text": ANSWERS[i], "index": 0}]},
            "feedback": MARKS[i],
        }
        for i in range(N)
    ]
    found = propose(rows)
    places = (found.map["prompt"], found.map["response"])
    assert (found.format, places) == ("thumbs", ("request.prompt", "response.choices.0.text"))
    assert (found.map["up"], found.map["down"]) == (["good"], ["bad"])


def test_a_reply_can_be_turns_without_a_question() -> None:
    rows = [
        {"input": QUESTIONS[i], "output": [{"role": "assistant", "content": ANSWERS[i]}], "feedback": MARKS[i]}
        for i in range(N)
    ]
    found = propose(rows)
    assert (found.format, found.map["prompt"], found.map["response"]) == ("thumbs", "input", "output")
