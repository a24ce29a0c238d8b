"""Tasks of Prodigy whose label is a word: accept of a bad label is no praise."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, QUESTIONS
from unipref.core.contracts import Proposal
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.exports.prodigy import Prodigy

ASKED = (PLACEHOLDER, PLACEHOLDER)


def recognise(**fields: Any) -> Proposal:
    rows = [
        {
            **{name: make(i) if callable(make) else make for name, make in fields.items()},
            "_task_hash": i,
            "answer": ("accept", "reject")[i % 3 > 0],
        }
        for i in range(6)
    ]
    found = Prodigy.recognise(rows)
    assert found is not None
    return found


@pytest.mark.parametrize("label", ["UNHELPFUL", "BAD", "Toxic", "GOOD", "not helpful"])
def test_what_accept_of_a_label_means_is_asked(label: str) -> None:
    for prompt in ({"prompt": QUESTIONS.__getitem__}, {"meta": lambda i: {"prompt": QUESTIONS[i], "source": "a log"}}):
        found = recognise(text=ANSWERS.__getitem__, label=label, **prompt)
        name = "prompt" if "prompt" in prompt else "meta.prompt"
        assert (found.format, found.map["prompt"], found.map["response"]) == ("thumbs", name, "text")
        assert (found.map["up"], found.map["down"]) == ASKED
        # Later tasks may have another label.
        assert found.map["where"] == {"label": [label]}


def test_a_task_without_a_field_for_the_prompt_asks_for_it_or_cuts_its_text() -> None:
    found = recognise(text=ANSWERS.__getitem__, label="UNHELPFUL")
    assert (found.map["prompt"], found.map["response"]) == (PLACEHOLDER, "text")
    found = recognise(text=lambda i: f"Question: {QUESTIONS[i]}\nAnswer: {ANSWERS[i]}", label="UNHELPFUL")
    assert (found.map["messages"], "cut" in found.map) == ("text", True)
    assert (found.map["up"], found.map["down"]) == ASKED
    assert recognise(text=ANSWERS.__getitem__, label="PERSON").format is None


def test_accept_without_a_label_is_praise_of_the_answer() -> None:
    found = recognise(text=ANSWERS.__getitem__, meta=lambda i: {"question": QUESTIONS[i]})
    assert (found.map["prompt"], found.map["up"], found.map["down"]) == ("meta.question", ["accept"], ["reject"])
