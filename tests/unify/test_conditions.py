"""Conditions on rows (`where`) and on items of lists (`where_items`): values, bounds, places and counts."""

import time
from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference, unify_case
from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import Format
from unipref.core.errors import UserError
from unipref.core.records import Feedback, Reason, Reject
from unipref.unify.mapping.conditions import Condition
from unipref.unify.mapping.item_filter import ItemFilter

PAIRS = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}


def pair(**fields: Any) -> dict[str, Any]:
    return {"prompt": "q?", "chosen": "good", "rejected": "bad", **fields}


def make(name: str, **settings: Any) -> Format:
    form = registry.make("format", name, settings, "map")
    assert isinstance(form, Format)
    return form


def rejects_of(form: Format, row: dict[str, Any]) -> list[tuple[Reason, str | None]]:
    return [(reject.reason, reject.field) for reject in read_row(form, row)[1]]


@pytest.mark.parametrize(
    ("condition", "accepted", "left_out"),
    [
        ({"at_least": 4}, [4, 5, "4", " 4.0 ", 4.5], [3.99, 0, -5, None, ""]),
        ({"at_most": 2}, [2, "1", -7], [2.01, 3, None]),
        ({"above": 4}, [4.01, 5], [4, "4", 3]),
        ({"below": 2}, [1.99, "1"], [2, "2", 3]),
        ({"at_least": 2, "below": 4}, [2, 3.9], [1, 4]),
        ({"at_least": 1, "not": [3]}, [1, 2, 4], [3, "3", 3.0, 0]),
        ({"not": ["discarded", None]}, ["submitted", "", 0], ["discarded", " discarded ", None, float("nan")]),
        ({"one_of": [1, 2, 3], "not": [2]}, [1, "3"], [2, 4]),
        (["a", None], ["a", None], ["b", ""]),
        ({"at_least": 4, "decimal": "comma"}, ["4,5", "4", 5], ["3,9", 1]),
    ],
)
def test_a_condition_accepts_values_and_bounds(condition: Any, accepted: list[Any], left_out: list[Any]) -> None:
    form = make("pairs", **PAIRS, where={"x": condition})
    for value in accepted:
        assert len(read_row(form, pair(x=value))[0]) == 1, value
    for value in left_out:
        assert rejects_of(form, pair(x=value)) == [(Reason.LEFT_OUT, "x")], value


@pytest.mark.parametrize("value", ["N/A", "4,5", "five", True, [4], "1_000"])
def test_a_value_that_is_not_a_number_is_left_out_for_a_reason_of_its_own(value: Any) -> None:
    form = make("pairs", **PAIRS, where={"x": {"at_least": 4}})
    assert rejects_of(form, pair(x=value)) == [(Reason.WRONG_TYPE, "x")]


def test_a_decimal_comma_under_a_bound_names_the_setting() -> None:
    with pytest.raises(Reject, match="set 'decimal: comma'"):
        list(make("pairs", **PAIRS, where={"x": {"at_least": 4}}).read(pair(x="4,5")))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({">=": 4}, r"write {at_least: 4} instead of the key '>='"),
        ({"$lt": 4}, r"write {below: 4} instead of the key '\$lt'"),
        ({"max": 4}, r"write {at_most: 4} instead of the key 'max'"),
        ({"!=": "x"}, r"write {not: \['x'\]} instead of the key '!='"),
        (">= 4", r"write {at_least: 4} instead of '>= 4'"),
        ("train", r"expected a list of values, as in \[train, dev\], or bounds"),
        ({}, "the condition is empty"),
        ({"at_leest": 4}, "unknown key. Did you mean 'at_least'"),
        ({"at_least": 4, "above": 3}, "give either 'at_least' or 'above'"),
        ({"at_least": 4, "at_most": 3}, "no number is accepted"),
        ({"above": 4, "at_most": 4}, "no number is accepted"),
        ({"at_least": "four"}, "valid number"),
    ],
)
def test_a_condition_that_cannot_be_read_says_how_to_write_it(condition: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make("pairs", **PAIRS, where={"x": condition})
    with pytest.raises(UserError, match=message):
        make("pairs", **PAIRS, where_items={"list": {"x": condition}})


@pytest.mark.parametrize(
    "condition",
    [[1, "a", None, True], {"at_least": 4.0, "not": [5]}, {"below": 2.5, "decimal": "comma"}, {"not": ["x"]}],
)
def test_a_condition_is_stored_as_it_is_written(condition: Any) -> None:
    stored = make("pairs", **PAIRS, where={"x": condition}).model_dump(mode="json")["where"]
    assert stored == {"x": condition}
    assert make("pairs", **PAIRS, where=stored) == make("pairs", **PAIRS, where={"x": condition})


def test_a_text_that_was_meant_as_a_bound_is_explained() -> None:
    with pytest.raises(Reject, match=r"'>= 4' is a text here: for a bound, write {at_least: 4}"):
        list(make("pairs", **PAIRS, where={"x": [">= 4"]}).read(pair(x=5)))


def test_where_on_a_list_points_to_where_items() -> None:
    with pytest.raises(Reject, match="where_items"):
        list(make("pairs", **PAIRS, where={"a.*.ok": [True]}).read(pair(a=[{"ok": True}])))


VOTES = {
    "prompt": "data.q",
    "first": "data.a",
    "second": "data.b",
    "votes": "annotations.*.result.0.value.selected",
    "codes": {"left": "first", "right": "second"},
    "where_items": {"annotations": {"was_cancelled": [False, None]}},
}


def task(*votes: tuple[str, Any]) -> dict[str, Any]:
    """A task of a labelling tool: (vote, whether it was cancelled), None for a tool that does not say."""
    annotations = [
        {
            **({} if cancelled is None else {"was_cancelled": cancelled}),
            "result": [{"type": "pairwise", "value": {"selected": side}}] if side else [],
        }
        for side, cancelled in votes
    ]
    return {"data": {"q": "What is rain?", "a": "Water.", "b": "A fish."}, "annotations": annotations}


VOTE_CASES = [
    Case(
        "cancelled annotations do not vote; each one is counted",
        [task(("left", False), ("right", True), ("right", True))],
        [preference(["user: What is rain?"], ["assistant: Water."], ["assistant: A fish."])],
        [("part", "left_out", "annotations.1", [1]), ("part", "left_out", "annotations.2", [1])],
        settings=VOTES,
    ),
    Case(
        "a missing field counts as null; a cancelled annotation without a result is no fault",
        [task(("", True), ("left", None), ("left", False))],
        [
            preference(
                ["user: What is rain?"], ["assistant: Water."], ["assistant: A fish."], confidence=1.0, n_judgements=2
            )
        ],
        [("part", "left_out", "annotations.0", [1])],
        settings=VOTES,
    ),
    Case(
        "places in messages count in the row as it was",
        [task(("right", True), ("left", False), ("right", True), ("maybe", False)), task(("left", False))],
        [preference(["user: What is rain?"], ["assistant: Water."], ["assistant: A fish."], origin=[2])],
        [
            ("row", "bad_label", "annotations.3.result.0.value.selected", [1]),
            ("part", "left_out", "annotations.0", [1]),
            ("part", "left_out", "annotations.2", [1]),
        ],
        settings=VOTES,
    ),
    Case(
        "a row whose items are all left out is rejected",
        [task(("right", True)), task(("left", False))],
        [preference(["user: What is rain?"], ["assistant: Water."], ["assistant: A fish."], origin=[2])],
        [
            ("row", "unscored", "annotations.*.result.0.value.selected", [1]),
            ("part", "left_out", "annotations.0", [1]),
        ],
        settings=VOTES,
    ),
]


@pytest.mark.parametrize("case", VOTE_CASES, ids=lambda case: case.about)
def test_votes_of_a_labelling_tool(case: Case, tmp_path: Path) -> None:
    check(case, "votes", tmp_path)


def test_votes_of_people_who_skipped_or_wrote_a_list() -> None:
    form = make("votes", **{**VOTES, "votes": "annotations.*.result.*.value.choices", "where_items": {}})
    row = task()
    row["annotations"] = [
        {"result": [{"value": {"choices": ["left"]}}, {"value": {"text": ["why"]}}]},
        {"result": []},
        {},
        {"result": [{"value": {"choices": ["right"]}}]},
    ]
    (feedback,), rejects = read_row(form, row)
    assert [(c.better, c.annotator) for c in feedback.comparisons] == [(0, None), (1, None)]
    assert rejects == []


def test_the_reject_of_an_emptied_list_says_how_many_items_were_left_out(tmp_path: Path) -> None:
    case = Case("", [task(("right", True), ("left", True)), task(("left", False))], settings=VOTES)
    unified = unify_case(case, "votes", tmp_path)
    reject, *parts = unified.rejects
    assert [(part["level"], part["reason"]) for part in parts] == [("part", "left_out")] * 2
    assert unified.counts["parts_rejected"] == {"left_out": 2}
    assert reject["detail"] == "nobody voted; 'where_items' left out 2 of 2 items of 'annotations'"


RATED = {
    "prompt": "q",
    "answers": "answers",
    "response": "text",
    "scores": {"help": {"field": "score", "better": "high"}},
}


def answer(text: str, score: Any, status: str = "submitted") -> dict[str, Any]:
    return {"text": text, "score": score, "status": status}


@pytest.mark.parametrize(
    ("conditions", "kept", "left_out"),
    [
        ({"status": {"not": ["discarded"]}}, ["a", "c"], ["answers.1"]),
        ({"score": {"at_least": 2}}, ["b", "c"], ["answers.0"]),
        ({"status": ["submitted"], "score": {"below": 3}}, ["a"], ["answers.1", "answers.2"]),
    ],
)
def test_items_are_filtered_by_values_and_bounds(
    conditions: dict[str, Any], kept: list[str], left_out: list[str]
) -> None:
    form = make("rated_list", **RATED, where_items={"answers": conditions})
    row = {"q": "Q", "answers": [answer("a", 1), answer("b", 2, "discarded"), answer("c", 3)]}
    (feedback,), rejects = read_row(form, row)
    assert isinstance(feedback, Feedback)
    assert [response.messages[0]["content"] for response in feedback.responses] == kept
    assert [(reject.reason, reject.field) for reject in rejects] == [(Reason.LEFT_OUT, place) for place in left_out]
    assert len(row["answers"]) == 3


def test_an_item_whose_value_is_not_a_number_is_left_out_and_says_so() -> None:
    form = make("rated_list", **RATED, where_items={"answers": {"score": {"at_least": 1}}})
    row = {"q": "Q", "answers": [answer("a", "N/A"), answer("b", 2), answer("c", None)]}
    (feedback,), rejects = read_row(form, row)
    assert [response.messages[0]["content"] for response in feedback.responses] == ["b"]
    assert [(r.reason, r.field) for r in rejects] == [
        (Reason.WRONG_TYPE, "answers.0"),
        (Reason.LEFT_OUT, "answers.2"),
    ]
    assert "expected a number, found the text 'N/A'" in rejects[0].detail


def test_rejects_of_kept_items_have_their_place_in_the_raw_row() -> None:
    form = make("rated_list", **RATED, where_items={"answers": {"status": ["submitted"]}})
    row = {"q": "Q", "answers": [answer("a", 1, "draft"), answer("b", 2), answer("c", 3, "draft"), answer("", 4)]}
    places = {(reason.value, field) for reason, field in rejects_of(form, row)}
    assert places == {("empty_response", "answers.3"), ("left_out", "answers.0"), ("left_out", "answers.2")}


INNER = {"annotations.*.result": {"from_name": ["prefer"]}, "annotations": {"was_cancelled": [False]}}


@pytest.mark.parametrize("outer_first", [True, False])
def test_lists_inside_items_are_filtered_in_any_order(outer_first: bool) -> None:
    conditions = dict(sorted(INNER.items(), reverse=not outer_first))
    form = make("votes", **{**VOTES, "where_items": conditions})

    def annotation(cancelled: bool, *sides: tuple[str, str]) -> dict[str, Any]:
        result = [{"from_name": name, "value": {"selected": side}} for name, side in sides]
        return {"was_cancelled": cancelled, "result": result}

    row = task()
    row["annotations"] = [
        annotation(True, ("prefer", "right")),
        annotation(False, ("fluency", "right"), ("prefer", "left")),
        annotation(False, ("fluency", "right"), ("prefer", "oops")),
    ]
    first, *parts = rejects_of(form, row)
    assert first == (Reason.BAD_LABEL, "annotations.2.result.1.value.selected")
    assert {place for _, place in parts} == {"annotations.0", "annotations.1.result.0", "annotations.2.result.0"}
    row["annotations"][2]["result"][1]["value"]["selected"] = "left"
    (feedback,), rejects = read_row(form, row)
    assert [(c.better, c.worse) for c in feedback.comparisons] == [(0, 1), (0, 1)]
    assert {reject.field for reject in rejects} == {"annotations.0", "annotations.1.result.0", "annotations.2.result.0"}


def test_items_that_are_texts_and_items_of_a_mapping() -> None:
    texts = make("groups", prompt="q", good="good", bad="bad", where_items={"good": {".": {"not": ["n/a"]}}})
    (feedback,), rejects = read_row(texts, {"q": "Q", "good": ["Yes.", "n/a"], "bad": ["No."]})
    assert [response.approved for response in feedback.responses] == [True, False]
    assert [reject.field for reject in rejects] == ["good.1"]
    mapping = make("pairs", **PAIRS, where_items={"people": {"active": [True]}}, keep=["people"])
    (feedback,), rejects = read_row(mapping, pair(people={"ann": {"active": True}, "bob": {"active": False}}))
    assert feedback.extra == {"people": {"ann": {"active": True}}}
    assert [reject.field for reject in rejects] == ["people.bob"]


def test_a_list_beside_the_items_can_hold_their_status() -> None:
    form = make(
        "ratings",
        prompt="q",
        response="a",
        scores={"rating": {"field": "rating.responses", "better": "high"}},
        where_items={"rating.responses": {"^rating.responses.status": ["submitted"]}},
    )
    row = {
        "q": "Q",
        "a": "A",
        "rating.responses": [5, 1, 4],
        "rating.responses.status": ["submitted", "discarded", "submitted"],
    }
    (feedback,), rejects = read_row(form, row)
    assert feedback.responses[0].scores == {"rating": 4.5}
    assert [(reject.reason, reject.field) for reject in rejects] == [(Reason.LEFT_OUT, "rating.responses.1")]
    row["rating.responses.status"] = ["submitted"]
    assert rejects_of(form, row) == [(Reason.WRONG_TYPE, "rating.responses.status")]


@pytest.mark.parametrize(
    ("value", "reason", "message"),
    [
        ("[1]", Reason.WRONG_TYPE, r"set literals: \[list\]"),
        (3, Reason.WRONG_TYPE, "expected a list"),
        (..., Reason.MISSING_FIELD, "'where_items' needs it"),
    ],
)
def test_a_path_that_leads_to_no_list_is_a_reject(value: Any, reason: Reason, message: str) -> None:
    form = make("pairs", **PAIRS, where_items={"list": {"x": [1]}})
    with pytest.raises(Reject, match=message) as caught:
        list(form.read(pair(**({} if value is ... else {"list": value}))))
    assert caught.value.reason == reason


def test_a_null_list_has_no_items() -> None:
    assert read_row(make("pairs", **PAIRS, where_items={"list": {"x": [1]}}), pair(list=None))[1] == []


def test_many_filtered_lists_take_linear_time() -> None:
    conditions = {"messages.*.notes": {"ok": [True]}}
    form = make("demonstration", messages="messages", keep=["messages.*.notes.0.text"], where_items=conditions)
    turns = [
        {"role": ("user", "assistant")[i % 2], "content": "x", "notes": [{"ok": False}, {"ok": True, "text": "t"}]}
        for i in range(2000)
    ]
    started = time.perf_counter()
    (feedback,), rejects = read_row(form, {"messages": turns})
    assert len(feedback.prompt) == 1999
    assert [reject.field for reject in rejects] == [f"messages.{i}.notes.0" for i in range(2000)]
    del turns[-1]["notes"][1]["text"]
    reject, *parts = read_row(form, {"messages": [*turns[:-1], {**turns[-1], "content": 7}]})[1]
    assert reject.field == "messages.1999.content"
    assert len(parts) == 2000
    assert time.perf_counter() - started < 5  # one regular expression per list took minutes


def test_a_reject_under_a_star_counts_the_items_of_all_lists() -> None:
    row = {"people": [{"votes": [{"ok": False}, {"ok": True}]} for _ in range(5)]}
    items = ItemFilter(row, {"people.*.votes": {"ok": Condition(one_of=[True])}})
    reject = items.restore_places(Reject(Reason.BAD_LABEL, "bad", "people.*.votes.0.side"))
    assert reject.field == "people.*.votes.0.side"
    assert reject.detail == "bad; 'where_items' left out 5 of 10 items of 'people.*.votes'"
    inner = items.restore_places(Reject(Reason.BAD_LABEL, "bad", "people.4.votes.0.side"))
    assert inner.field == "people.4.votes.1.side"
