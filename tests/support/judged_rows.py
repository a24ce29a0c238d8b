"""Rows of questions and answers to which tests add the fields that judge them."""

from collections.abc import Mapping, Sequence
from typing import Any

THINGS = ["rain", "snow", "wind", "sun", "fog", "hail", "tide", "moon", "star", "leaf", "stone", "fire"]
QUESTIONS = [f"What can you tell me about {thing} number {i}?" for i, thing in enumerate(THINGS)]
ANSWERS = [
    f"Well, {thing} is a thing that {('rarely', 'often')[i % 2]} shows up {i} times in songs."
    for i, thing in enumerate(THINGS)
]
OTHERS = [f"My aunt wrote a book on {thing}; on page {i} she says that nobody knows." for i, thing in enumerate(THINGS)]


def make_rows(columns: Mapping[str, Any], count: int = len(THINGS)) -> list[dict[str, Any]]:
    """Makes rows of columns: a list is repeated over the rows, any other value is the same in all of them."""
    return [{k: v[i % len(v)] if isinstance(v, list) else v for k, v in columns.items()} for i in range(count)]


def one_answer(**columns: Sequence[Any]) -> list[dict[str, Any]]:
    """Makes rows of a question and an answer with further columns."""
    return make_rows({"question": QUESTIONS, "answer": ANSWERS, **columns})


def rival_answers(**columns: Sequence[Any]) -> list[dict[str, Any]]:
    """Makes rows of a question and an answer with further columns; each question has two answers."""
    return make_rows({"question": [QUESTIONS[i // 2] for i in range(len(QUESTIONS))], "answer": ANSWERS, **columns})


def two_answers(**columns: Sequence[Any]) -> list[dict[str, Any]]:
    """Makes rows of a prompt and two answers, `response_a` and `response_b`, with further columns."""
    return make_rows({"prompt": QUESTIONS, "response_a": ANSWERS, "response_b": OTHERS, **columns})


def numbered_answers(**columns: Sequence[Any]) -> list[dict[str, Any]]:
    """Makes rows of an input and two answers, `output_1` and `output_2`, with further columns."""
    return make_rows({"input": QUESTIONS, "output_1": ANSWERS, "output_2": OTHERS, **columns})
