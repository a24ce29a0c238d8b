"""Spans of Phoenix: as texts, as messages or flattened to columns, with their annotations."""

from collections.abc import Callable
from typing import Any

import pytest

from support.judged_rows import ANSWERS, QUESTIONS
from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import Proposal
from unipref.core.records import Row
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.exports.phoenix import Phoenix

MESSAGES = "attributes.llm.{}_messages"
N = 4
SYSTEM = "Be short."
LABELS = ("thumbs-down", "thumbs-up")


def annotate(i: int, name: str = "quality", kind: str = "HUMAN") -> dict[str, Any]:
    return {"name": name, "annotator_kind": kind, "result": {"label": LABELS[i % 2], "score": i % 2}}


def turn(role: str, text: str) -> dict[str, str]:
    return {"message.role": role, "message.content": text}


def as_values(i: int) -> Row:
    return {"attributes.input.value": QUESTIONS[i], "attributes.output.value": ANSWERS[i]}


def as_messages(i: int) -> Row:
    inputs = [turn("system", SYSTEM), turn("user", QUESTIONS[i])]
    return {MESSAGES.format("input"): inputs, MESSAGES.format("output"): [turn("assistant", ANSWERS[i])]}


def as_columns(i: int) -> Row:
    return {
        f"{side}.{n}.{key}": text
        for side, messages in as_messages(i).items()
        for n, message in enumerate(messages)
        for key, text in message.items()
    }


def as_mappings(i: int) -> Row:
    inputs, outputs = as_messages(i).values()
    return {"attributes": {"llm": {"input_messages": inputs, "output_messages": outputs}}}


def spans(shape: Callable[[int], Row], annotations: Callable[[int], Row]) -> list[Row]:
    return [{"context.span_id": f"s{i}", **shape(i), **annotations(i)} for i in range(N)]


def recognise(rows: list[Row]) -> Proposal:
    found = Phoenix.recognise(rows)
    assert found is not None
    return found


@pytest.mark.parametrize("shape", [as_values, as_messages, as_columns, as_mappings])
@pytest.mark.parametrize(
    ("annotations", "label"),
    [
        (lambda i: {"annotations": [annotate(i)]}, "annotations.*.result.label"),
        (lambda i: {"annotations": {"quality": {"label": LABELS[i % 2]}}}, "annotations.quality.label"),
        (lambda i: {"annotations.quality.label": LABELS[i % 2]}, "annotations.quality.label"),
        (lambda i: {"annotations.0.result.label": LABELS[i % 2]}, "annotations.0.result.label"),
    ],
)
def test_every_shape_of_a_span_is_read(
    shape: Callable[[int], Row], annotations: Callable[[int], Row], label: str
) -> None:
    rows = spans(shape, annotations)
    found = recognise(rows)
    assert (found.format, found.map["label"]) == ("thumbs", label)
    form = registry.make("format", "thumbs", found.map, "map")
    for i, row in enumerate(rows):
        ((feedback,), _) = read_row(form, row)
        assert [m["content"] for m in feedback.prompt] == [*([SYSTEM] if shape is not as_values else []), QUESTIONS[i]]
        assert [(r.messages[-1]["content"], r.approved) for r in feedback.responses] == [(ANSWERS[i], i % 2 == 1)]


def test_the_name_of_the_only_annotation_is_a_condition() -> None:
    """Later spans may have another annotation with the same labels."""
    listed = recognise(spans(as_messages, lambda i: {"annotations": [annotate(i)]}))
    assert listed.map["where_items"] == {"annotations": {"name": ["quality"]}}
    rows = spans(as_values, lambda i: {"annotation_name": "correct", "result.label": LABELS[i % 2]})
    joined = recognise(rows)
    assert joined.map["where"] == {"annotation_name": ["correct"]}
    form = registry.make("format", "thumbs", joined.map, "map")
    assert [len(read_row(form, row)[0]) for row in (rows[1], {**rows[1], "annotation_name": "rude"})] == [1, 0]


def test_one_of_several_annotations_is_asked_for() -> None:
    rows = spans(as_messages, lambda i: {"annotations": [annotate(i), annotate(i + 1, "rude", "LLM")]})
    assert recognise(rows).map["where_items"] == {"annotations": {"name": PLACEHOLDER}}
    columns = recognise(spans(as_values, lambda i: {"annotations.a.label": "good", "annotations.b.label": "bad"}))
    assert columns.map["label"] == PLACEHOLDER


def test_the_score_of_a_fault_is_asked_about_and_who_judged_is_named() -> None:
    def toxicity(i: int) -> Row:
        result = {"label": None, "score": i % 2}
        return {"annotations": [{"name": "toxicity", "annotator_kind": "LLM", "result": result}]}

    found = recognise(spans(as_messages, toxicity))
    assert (found.map["up"], found.map["down"]) == (PLACEHOLDER, PLACEHOLDER)
    assert any("annotator_kind' is LLM" in doubt for doubt in found.doubts)


def test_spans_of_several_turns_in_columns_ask_for_the_prompt() -> None:
    more = {f"{MESSAGES.format('input')}.2.message.{key}": value for key, value in turns_of("user", "So?").items()}
    found = recognise(spans(as_columns, lambda i: {**more, "annotations.quality.label": LABELS[i % 2]}))
    assert found.map["prompt"] == PLACEHOLDER
    assert recognise(spans(as_messages, lambda i: {"annotations": []})).format is None


def turns_of(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}
