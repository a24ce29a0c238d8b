"""Answers to questions of Argilla that are lists: the order of the responses, or several labels."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS
from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import Proposal
from unipref.core.records import Row
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.exports.argilla_2 import Argilla2

ORDERS = [(0, 1, 2), (2, 0, 1), (1, 2, 0), (1, 0, 2)]


def record(i: int, names: tuple[str, ...], order: list[str], is_flat: bool) -> Row:
    texts = (ANSWERS[i], OTHERS[i], "Perhaps.")
    fields = {"instruction": QUESTIONS[i], **dict(zip(names, texts, strict=True))}
    if not is_flat:
        return {"_server_id": f"s{i}", "fields": fields, "responses": {"best": [{"value": order, "user_id": "ann"}]}}
    people = {"best.responses.users": ["ann", "bob"], "best.responses.status": ["submitted", "draft"]}
    return {"_server_id": f"s{i}", **fields, "best.responses": [order, order[::-1]], **people}


def recognise(rows: list[Row]) -> Proposal:
    found = Argilla2.recognise(rows)
    assert found is not None
    return found


@pytest.mark.parametrize("is_flat", [True, False])
@pytest.mark.parametrize("names", [("reply_1", "reply_2", "reply_3"), ("alpha", "beta", "gamma")])
def test_an_order_of_names_asks_which_end_is_the_best(names: tuple[str, ...], is_flat: bool) -> None:
    rows = [record(i, names, [names[n] for n in order], is_flat) for i, order in enumerate(ORDERS)]
    found = recognise(rows)
    assert (found.format, found.map["order"]) == ("ranking", PLACEHOLDER)
    assert found.map["key"] == [{"text": name} for name in names]
    form = registry.make("format", "ranking", {**found.map, "order": "best_first"}, "map")
    for i, order in enumerate(ORDERS):
        ((feedback,), _) = read_row(form, rows[i])
        ranks = [response.scores["rank"] for response in feedback.responses]
        assert sorted(range(3), key=ranks.__getitem__) == [*order]


def test_an_order_that_leaves_a_response_out_is_an_order() -> None:
    names = ("reply_1", "reply_2", "reply_3")
    rows = [record(i, names, [names[n] for n in order[: 2 + i % 2]], False) for i, order in enumerate(ORDERS)]
    assert recognise(rows).format == "ranking"


def test_an_order_of_letters_belongs_to_the_responses_with_these_marks() -> None:
    names = ("reply_a", "reply_b", "reply_c")
    rows = [record(i, names, ["ABC"[n] for n in order], False) for i, order in enumerate(ORDERS)]
    assert recognise(rows).map["key"] == [{"text": "A"}, {"text": "B"}, {"text": "C"}]


@pytest.mark.parametrize("is_flat", [True, False])
def test_several_labels_of_one_answer_are_asked_about(is_flat: bool) -> None:
    def make(i: int, labels: list[str]) -> dict[str, Any]:
        fields = {"user_turn": QUESTIONS[i], "model_turn": ANSWERS[i]}
        if is_flat:
            return {"_server_id": "s", **fields, "issues.responses": [labels], "issues.responses.status": ["submitted"]}
        return {"_server_id": "s", "fields": fields, "responses": {"issues": [{"value": labels, "user_id": "ann"}]}}

    rows = [make(i, labels) for i, labels in enumerate([["none"], ["rude", "false"], ["false"], ["none"]])]
    found = recognise(rows)
    assert (found.format, found.map["up"], found.map["down"]) == ("thumbs", PLACEHOLDER, PLACEHOLDER)
    form = registry.make("format", "thumbs", {**found.map, "up": ["none"], "down": ["rude", "false"]}, "map")
    judged = [[(r.approved, r.n_judgements) for r in read_row(form, row)[0][0].responses] for row in rows]
    assert judged == [[(True, 1)], [(False, 2)], [(False, 1)], [(True, 1)]]
