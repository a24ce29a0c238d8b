"""Dialogues that go on after the answer that is judged: the entry asks which answer that is."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, QUESTIONS
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose

IS_GOOD = [(i * 5 + 3) % 7 < 4 for i in range(len(QUESTIONS))]
THANKS = ["Thanks!" if is_good else "That is useless." for is_good in IS_GOOD]


def thread(i: int, keys: tuple[str, str], speakers: tuple[str, str], is_longer: bool) -> list[dict[str, str]]:
    texts = [QUESTIONS[i], ANSWERS[i], *([THANKS[i]] if is_longer else [])]
    return [{keys[0]: speakers[n % 2], keys[1]: text} for n, text in enumerate(texts)]


SHAPES = [
    (("speaker", "said"), ("Customer", "Agent")),
    (("role", "content"), ("user", "assistant")),
    (("from", "value"), ("human", "gpt")),
    (("author", "body"), ("client", "support")),
]


@pytest.mark.parametrize(("keys", "speakers"), SHAPES)
@pytest.mark.parametrize("every", [1, 2])
def test_the_end_of_dialogues_that_end_with_thanks_is_asked_for(
    keys: tuple[str, str], speakers: tuple[str, str], every: int
) -> None:
    rows = [
        {"thread": thread(i, keys, speakers, i % every == 0), "thumbs": "up" if is_good else "down"}
        for i, is_good in enumerate(IS_GOOD)
    ]
    found = propose(rows)
    assert (found.format, found.map["messages"], found.map["until"]) == ("thumbs", "thread", {"answer": PLACEHOLDER})
    assert (found.map["up"], found.map["down"]) == (["up"], ["down"])
    assert any("answer: last" in doubt for doubt in found.doubts)


def test_a_few_dialogues_that_end_with_thanks_are_a_doubt() -> None:
    rows = [
        {"thread": thread(i, *SHAPES[1], i == 1), "thumbs": "up" if good else "down"} for i, good in enumerate(IS_GOOD)
    ]
    found = propose(rows)
    assert "until" not in found.map
    assert any("1 of 12 dialogues" in doubt and "are rejected" in doubt for doubt in found.doubts)


def test_a_score_of_dialogues_that_end_with_thanks_is_thumbs() -> None:
    rows: list[dict[str, Any]] = [
        {"thread": thread(i, *SHAPES[0], True), "nps": 10 if is_good else 2} for i, is_good in enumerate(IS_GOOD)
    ]
    found = propose(rows)
    assert (found.format, found.map["label"], found.map["until"]) == ("thumbs", "nps", {"answer": PLACEHOLDER})
    assert PLACEHOLDER in (found.map["up"], found.map["up"][0])


def test_a_transcript_that_ends_with_thanks_is_a_dialogue() -> None:
    rows = [
        {"text": f"Customer: {QUESTIONS[i]}\nAgent: {ANSWERS[i]}\nCustomer: {THANKS[i]}", "csat": 5 if good else 1}
        for i, good in enumerate(IS_GOOD)
    ]
    found = propose(rows)
    assert (found.format, found.map["messages"], found.map["until"]) == ("thumbs", "text", {"answer": PLACEHOLDER})
    assert found.map["marks"] == {"user": "\nCustomer:", "assistant": "\nAgent:"}


def test_prompts_without_an_answer_are_no_dialogues() -> None:
    assert propose([{"messages": thread(i, *SHAPES[1], False)[:1], "score": i} for i in range(12)]).format is None
    assert propose([{"messages": thread(i, *SHAPES[1], True)} for i in range(12)]).format is None
