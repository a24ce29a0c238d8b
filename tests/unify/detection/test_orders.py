"""Fields that put answers in order: by their ids, their numbers or their letters, the best or the worst first."""

import time
from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows
from unipref.core import registry
from unipref.core.contracts import read_all
from unipref.core.records import Feedback
from unipref.unify.detection.columns import Columns
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.orders import find_order, read_order_name
from unipref.unify.proposal import propose

THIRD = [f"Look it up: {question}" for question in QUESTIONS]
LISTS = [list(three) for three in zip(ANSWERS, OTHERS, THIRD, strict=True)]


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("order_worst_to_best", "worst_first"),
        ("best_to_worst", "best_first"),
        ("rankedBestFirst", "best_first"),
        ("least_to_most_preferred", "worst_first"),
        ("worst_first", "worst_first"),
        ("ranking", None),
        ("best_answer", None),
    ],
)
def test_a_name_can_say_which_end_comes_first(name: str, order: str | None) -> None:
    assert read_order_name(name) == order


def test_a_list_of_ids_orders_the_answers_and_is_no_list_of_answers() -> None:
    items = [
        [{"id": f"c{i}{k}", "text": t} for k, t in zip("xyz", three, strict=True)] for i, three in enumerate(LISTS)
    ]
    ranking = [[f"c{i}z", f"c{i}x", f"c{i}y"] for i in range(len(items))]
    found = propose(make_rows({"prompt": QUESTIONS, "candidates": items, "ranking": ranking}))
    expected = {"answers": "candidates", "response": "text", "key": "id", "sequence": "ranking", "order": PLACEHOLDER}
    assert (found.format, found.map) == ("ranking", {"prompt": "prompt", **expected})


def test_numbers_in_order_are_a_sequence_if_the_name_says_it() -> None:
    rows = make_rows({"prompt": QUESTIONS, "responses": LISTS, "order_worst_to_best": [[1, 2, 0], [2, 0, 1]]})
    found = propose(rows)
    assert (found.map["sequence"], found.map["order"], found.format) == (
        "order_worst_to_best",
        "worst_first",
        "ranking",
    )
    form = registry.make("format", "ranking", found.map, "map")
    (feedback, *_) = [item for item in read_all(form, rows) if isinstance(item, Feedback)]
    assert [response.scores["rank"] for response in feedback.responses] == [0.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("name", "values", "settings"),
    [
        ("ranks", [[2, 3, 1], [3, 1, 2]], {"ranks": "ranks", "better": "low"}),
        ("ranking", [[2, 1, 3], [3, 2, 1]], {"ranks": "ranking", "better": "low"}),
        ("ranking", [[2, 3, 1], [3, 1, 2]], dict.fromkeys(("ranks", "better", "sequence", "order"), PLACEHOLDER)),
        ("sorted_order", [[2, 3, 1]], {"sequence": "sorted_order", "counted_from": 1, "order": PLACEHOLDER}),
    ],
)
def test_numbers_that_are_ranks_or_an_order_are_asked_for(
    name: str, values: list[Any], settings: dict[str, Any]
) -> None:
    found = propose(make_rows({"prompt": QUESTIONS, "responses": LISTS, name: values}))
    assert found.map == {"prompt": "prompt", "answers": "responses", **settings}


def test_letters_in_order_name_the_answers_of_their_fields() -> None:
    texts = {"question": QUESTIONS, "answer_A": ANSWERS, "answer_B": OTHERS, "answer_C": THIRD}
    found = propose(make_rows({**texts, "ranking": [["B", "A", "C"], ["C", "A", "B"]]}))
    assert (found.format, found.map["sequence"], found.map["order"]) == ("ranking", "ranking", PLACEHOLDER)
    rows = make_rows({**texts, "ranking": [["B", "A", "C"], ["C", "A", "B"]]})
    form = registry.make("format", "ranking", {**found.map, "order": "best_first"}, "map")
    (feedback, *_) = [item for item in read_all(form, rows) if isinstance(item, Feedback)]
    assert [response.scores["rank"] for response in feedback.responses] == [1.0, 0.0, 2.0]


def test_an_order_in_one_text_is_named_and_asked_for() -> None:
    texts = {"question": QUESTIONS, "answer_A": ANSWERS, "answer_B": OTHERS, "answer_C": THIRD}
    found = propose(make_rows({**texts, "ranking": ["B > C > A", "A > B = C", "C>A>B"]}))
    assert (found.format, found.map["sequence"]) == ("ranking", PLACEHOLDER)
    assert any("'ranking' (A > B = C) is an order of the answers in one text" in doubt for doubt in found.doubts)


def name_items(name: str = "id") -> list[list[dict[str, str]]]:
    """Makes the lists of three answers with ids that differ in every row."""
    return [
        [{name: f"c{i}{key}", "text": text} for key, text in zip("xyz", three, strict=True)]
        for i, three in enumerate(LISTS)
    ]


def test_the_id_of_the_best_answer_chooses_among_the_answers() -> None:
    rows = make_rows({"prompt": QUESTIONS, "candidates": name_items(), "best": [f"c{i}z" for i in range(len(LISTS))]})
    found = propose(rows)
    expected = {"options": "candidates.*.text", "answer": "best", "labels": "candidates.*.id"}
    assert (found.format, found.map) == ("multiple_choice", {"prompt": "prompt", **expected})
    form = registry.make("format", "multiple_choice", found.map, "map")
    (feedback, *_) = [item for item in read_all(form, rows) if isinstance(item, Feedback)]
    assert {comparison.better for comparison in feedback.comparisons} == {2}
    worst = propose(make_rows({"prompt": QUESTIONS, "candidates": name_items(), "least_preferred": ["c0z", "c1y"] * 6}))
    assert worst.map.get("answer") != "least_preferred"


def test_equal_ids_in_an_inner_list_are_an_order_too() -> None:
    ranking = [[f"c{i}z", [f"c{i}x", f"c{i}y"]] for i in range(len(LISTS))]
    found = propose(make_rows({"prompt": QUESTIONS, "candidates": name_items(), "ranking": ranking}))
    assert (found.map["key"], found.map["sequence"]) == ("id", "ranking")


def test_ranks_of_numbered_answers_are_no_order() -> None:
    items = [[{"index": k, "text": text} for k, text in enumerate(three)] for three in LISTS]
    found = propose(make_rows({"prompt": QUESTIONS, "candidates": items, "ranks": [[2, 0, 1], [1, 2, 0]]}))
    assert "sequence" not in found.map


def test_answers_under_letters_are_named_by_them() -> None:
    answers = [dict(zip("abc", three, strict=True)) for three in LISTS]
    ranking = [["b", "a", "c"], ["c", "a", "b"]]
    found = propose(make_rows({"prompt": QUESTIONS, "responses": answers, "ranking": ranking}))
    assert (found.format, found.map["sequence"]) == ("ranking", "ranking")


def test_the_time_grows_with_the_fields_and_not_with_the_product_of_fields_and_lists() -> None:
    def item(row: int, k: int) -> dict[str, str]:
        return {"text": f"Answer {k} of {row} is long.", **{f"f{j}": f"v{row}_{k}_{j}" for j in range(120)}}

    rows = [
        {
            "prompt": f"What is thing number {row} about?",
            "answers": [item(row, k) for k in range(3)],
            **{f"c{c}": [f"x{row}_{c}", f"y{row}"] for c in range(200)},
        }
        for row in range(40)
    ]
    columns = Columns(rows)
    for column in columns.all:
        columns.role(column)
    columns.inner(columns.answer_lists[0])
    start = time.process_time()
    assert find_order(columns) is None
    assert time.process_time() - start < 0.5


def test_lists_of_mappings_without_any_order_are_not_compared() -> None:
    answers = [{"id": "a1", "text": "An answer."}, {"id": "a2", "text": "Another answer."}]
    columns = Columns([{"prompt": f"Why is {i} so?", **{f"l{c}": answers for c in range(50)}} for i in range(5)])
    assert find_order(columns) is None
    assert not columns._inner
