"""Prompt and answer in one text, each after a mark."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, QUESTIONS
from support.read_rows import read_row
from unipref.core import registry
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.one_text import find_cut
from unipref.unify.proposal import propose

PAIRS = [*zip(QUESTIONS, ANSWERS, strict=True)]
CONTEXT = "Context: Vitamin A: none.\nQuestion: {question}"


def texts(template: str) -> list[str]:
    return [template.format(question=question, answer=answer) for question, answer in PAIRS]


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("Question: {question}\nAnswer: {answer}", "{question}"),
        ("Q: {question} A: {answer}", "{question}"),
        ("Frage: {question}\n\nAntwort: {answer}", "{question}"),
        ("### Instruction:\n{question}\n\n### Response:\n{answer}", "{question}"),
        ("**Prompt:** {question}\n**Reply:** {answer}", "{question}"),
        (CONTEXT + "\nAnswer: {answer}", CONTEXT),
    ],
)
def test_a_text_is_cut_at_the_mark_of_the_answer(template: str, prompt: str) -> None:
    rows = [{"id": i, "text": text, "label": ("good", "bad")[i % 2]} for i, text in enumerate(texts(template))]
    found = propose(rows)
    assert (found.format, found.map["up"], found.map["down"]) == ("thumbs", ["good"], ["bad"])
    form = registry.make("format", "thumbs", found.map, "map")
    for i, (question, answer) in enumerate(PAIRS):
        (feedback,), rejects = read_row(form, rows[i])
        assert not rejects
        assert [m["content"] for m in feedback.prompt] == [prompt.format(question=question)]
        assert [m["content"] for m in feedback.responses[0].messages] == [answer]


def test_a_number_beside_one_text_is_asked_about() -> None:
    rows = [{"text": text, "label": i % 2} for i, text in enumerate(texts("Question: {question}\nAnswer: {answer}"))]
    found = propose(rows)
    assert (found.format, found.map["up"], found.map["down"]) == ("thumbs", PLACEHOLDER, PLACEHOLDER)


@pytest.mark.parametrize(
    "template",
    [
        "{question} {answer}",
        "Note: {question}\nDate: {answer}",
        "Q: {question} A: Yes. B: {answer}",
        "Question: {question}\nAnswer 1: {answer}\nAnswer 2: no",
        "User: {question}\nBot: {answer}\nUser: Why?\nBot: {answer}",
    ],
)
def test_other_texts_are_not_cut(template: str) -> None:
    values: list[Any] = texts(template)
    assert find_cut(values) is None
    assert find_cut([*values, 1]) is None
