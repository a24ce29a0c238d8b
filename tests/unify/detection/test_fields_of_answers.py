"""Fields that belong to one of several answers: by their names, by their places, or by the values of another field."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, one_answer, two_answers
from unipref.unify.proposal import propose

THIRDS = [f"Ask {name} at the next stop; they keep a list of such things." for name in QUESTIONS]
LINKS = [["https://one.org/a", "https://one.org/b"], ["https://two.org/c", "https://two.org/d"]]


@pytest.mark.parametrize(
    "order", [[["a", "b"], ["b", "a"]], [["response_b", "response_a"], ["response_a", "response_b"]]]
)
def test_a_list_of_places_is_asked_about(order: list[list[str]]) -> None:
    found = propose(two_answers(display_order=order, vote=["left", "right", "right"]))
    assert found.map["where"] == {"display_order.0": "?"}
    assert found.map["codes"] == {"left": "?", "right": "?"}


def test_a_list_of_addresses_holds_no_answers() -> None:
    found = propose(make_rows({"question": QUESTIONS, "links": LINKS, "answer_j": ANSWERS, "answer_k": OTHERS}))
    assert (found.format, found.map["first"], found.map["label"]) == ("pairs", "answer_j", "?")


@pytest.mark.parametrize(
    ("asks", "answers", "roles"),
    [
        ("end-user", "agent", {"end-user": "user", "agent": "assistant"}),
        ("Visitor", "Customer support", {"Visitor": "user", "Customer support": "assistant"}),
        ("client", "bot", {"client": "user"}),
    ],
)
def test_comments_of_two_speakers_are_one_dialogue(asks: str, answers: str, roles: dict[str, str]) -> None:
    talks = [
        [{"sender": asks, "at": n, "body": question}, {"sender": answers, "at": n + 1, "body": answer}]
        for n, (question, answer) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
    ]
    found = propose(make_rows({"no": [*range(12)], "events": talks, "survey": ["good", "bad"]}))
    assert (found.format, found.map["messages"], found.map["label"]) == ("thumbs", "events", "survey")
    assert found.map["turns"] == {"role": "sender", "content": "body"}
    assert found.map["roles"] == roles


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (["mistral", "qwen", "phi"], ["phi", "qwen", "mistral"]),
        (["answer_north", "answer_south", "answer_east"], ["North", "east", "south"]),
    ],
)
def test_the_best_of_three_fields_is_read_by_its_name(names: list[str], values: list[str]) -> None:
    fields = dict(zip(names, (ANSWERS, OTHERS, THIRDS), strict=True))
    found = propose(make_rows({"prompt": QUESTIONS, **fields, "best": values}))
    assert (found.format, found.map["answer"]) == ("multiple_choice", "best")
    by_label = dict(zip(found.map["labels"], found.map["options"], strict=True))
    assert all(value.lower() in by_label[value].lower() for value in values)
    assert {*found.map["options"]} == {*names}


def test_ranks_of_shortly_named_answers_are_read() -> None:
    fields = {"resp_1": ANSWERS, "resp_2": OTHERS, "resp_3": THIRDS}
    ranks = {"rank_1": [1, 2], "rank_2": [2, 3], "rank_3": [3, 1]}
    found = propose(make_rows({"prompt": QUESTIONS, **fields, **ranks}))
    assert (found.format, found.map["answers"], found.map["ranks"]) == ("ranking", [*fields], [*ranks])


def test_a_list_of_two_scores_is_about_two_fields() -> None:
    found = propose(two_answers(scores=[[8.5, 3], [2, 9.5], [7, 4]]))
    (axis,) = found.map["scores"].values()
    assert (found.format, axis) == ("rated_list", {"field": ["scores.0", "scores.1"], "better": "?"})


@pytest.mark.parametrize("names", [("+1", "-1"), ("👍", "👎")])
def test_counted_reactions_are_asked_about(names: tuple[str, str]) -> None:
    reactions: list[Any] = [
        [{"name": names[0], "count": n, "users": ["ann"] * n}, {"name": names[1], "count": 3, "users": ["bo"] * 3}]
        for n in (1, 2, 5)
    ]
    found = propose(one_answer(reactions=reactions))
    assert (found.format, found.map["label"]) == ("thumbs", "?")
    assert any("'reactions.*.name'" in doubt and "'reactions.*.count'" in doubt for doubt in found.doubts)


def test_a_mark_that_is_always_set_hides_no_verdict() -> None:
    notes: list[Any] = [[{"is_valid": True, "form": {"picks": [{"name": name}]}}] for name in ("GOOD", "BAD")]
    found = propose(one_answer(notes=notes))
    assert any("'notes.*.form.picks.*.name'" in text for text in (*found.why, *found.doubts))
    assert found.map["label"] == "?"


@pytest.mark.parametrize("unit", ["gwiazdki", "étoiles", "puntos", "点"])
def test_scores_with_a_unit_in_another_language_are_numbers(unit: str) -> None:
    found = propose(one_answer(rating=[f"{n} {unit}" for n in (5, 1, 3, 4)]))
    assert (found.format, found.map["label"]) == ("thumbs", "rating")
