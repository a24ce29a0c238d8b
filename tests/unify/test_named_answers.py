"""Scores, ranks and orders that belong to answers by name: by model or id, not by place."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference
from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import Format
from unipref.core.errors import UserError
from unipref.core.records import Feedback, Reason


def make(name: str, **settings: Any) -> Format:
    form = registry.make("format", name, settings, "map")
    assert isinstance(form, Format)
    return form


def read(form: Format, row: dict[str, Any]) -> tuple[dict[str, dict[str, float]], list[tuple[Reason, str | None]]]:
    """Returns text -> scores of each answer, and the rejects."""
    feedback, rejects = read_row(form, row)
    scores = {r.messages[0]["content"]: r.scores for item in feedback for r in item.responses}
    return scores, [(reject.reason, reject.field) for reject in rejects]


ANSWERS = [{"model": "gpt-4", "text": "Four."}, {"model": "llama", "text": "Five."}, {"model": 7, "text": "Six."}]
RATED = {"prompt": "q", "answers": "answers", "response": "text", "key": "model"}


@pytest.mark.parametrize(
    ("axis", "scores"),
    [
        ({"field": "scores"}, {"llama": 2, "gpt-4": 5}),
        ({"field": "scores.*.help"}, {"llama": {"help": 2}, "gpt-4": {"help": 5}}),
        ({"field": "scores.*.help", "key": "scores.*.m"}, [{"m": "llama", "help": 2}, {"m": "gpt-4", "help": 5}]),
        ({"field": "scores.values", "key": "scores.of"}, {"values": [2, 5], "of": ["llama", "gpt-4"]}),
        (
            {"field": "scores.*.help", "key": "scores.*.m"},
            [{"m": m, "help": s} for m, s in (("llama", 1), ("gpt-4", 5), ("llama", 3), ("gpt-4", None))],
        ),
    ],
)
def test_scores_are_matched_by_key_whatever_their_order(axis: dict[str, Any], scores: Any) -> None:
    form = make("rated_list", **RATED, scores={"help": {**axis, "better": "high"}})
    found, rejects = read(form, {"q": "2 + 2?", "answers": ANSWERS, "scores": scores})
    assert found == {"Four.": {"help": 5.0}, "Five.": {"help": 2.0}, "Six.": {}}
    assert rejects == []


def test_a_key_of_another_type_is_the_same_key() -> None:
    form = make("rated_list", **RATED, scores={"help": {"field": "scores", "better": "high"}})
    found, _ = read(form, {"q": "2 + 2?", "answers": ANSWERS, "scores": {"7": 3}})
    assert found["Six."] == {"help": 3.0}


@pytest.mark.parametrize(
    ("answers", "scores", "found", "rejects"),
    [
        (  # a score of a model that has no answer
            ANSWERS[:2], {"gpt-4": 5, "llama": 2, "claude": 4},
            {"Four.": {"help": 5.0}, "Five.": {"help": 2.0}}, [(Reason.NO_ANSWER, "scores.claude")],
        ),
        (  # two answers of one model: the score cannot be theirs
            [*ANSWERS[:2], {"model": "llama", "text": "Nine."}], {"gpt-4": 5, "llama": 2},
            {"Four.": {"help": 5.0}, "Five.": {}, "Nine.": {}}, [(Reason.BAD_LABEL, "scores.llama")],
        ),
        (  # an answer without a model has no score
            [ANSWERS[0], {"text": "Five."}], {"gpt-4": 5, "llama": None},
            {"Four.": {"help": 5.0}, "Five.": {}}, [],
        ),
        (  # a score that is no number costs its answer alone
            ANSWERS[:2], {"gpt-4": 5, "llama": "N/A"},
            {"Four.": {"help": 5.0}}, [(Reason.WRONG_TYPE, "answers.1.help")],
        ),
        ([{"text": "Four."}, {"text": "Five."}], {"gpt-4": 5}, {}, [(Reason.MISSING_FIELD, "answers.0.model")]),
        (ANSWERS, [5, 2, 1], {}, [(Reason.WRONG_TYPE, "scores")]),
        (ANSWERS, None, {}, [(Reason.WRONG_TYPE, "scores")]),
    ],
)  # fmt: skip
def test_what_does_not_match_is_counted(answers: Any, scores: Any, found: Any, rejects: Any) -> None:
    form = make("rated_list", **RATED, scores={"help": {"field": "scores", "better": "high"}})
    assert read(form, {"q": "2 + 2?", "answers": answers, "scores": scores}) == (found, rejects)


def test_answers_can_be_the_values_of_a_mapping() -> None:
    row = {"q": "2 + 2?", "answers": {"gpt-4": "Four.", "llama": "Five."}, "scores": {"llama": 1, "gpt-4": 4, "x": 2}}
    axis = {"help": {"field": "scores", "better": "high"}}
    form = make("rated_list", prompt="q", answers="answers", scores=axis)
    expected = {"Four.": {"help": 4.0}, "Five.": {"help": 1.0}}
    assert read(form, row) == (expected, [(Reason.NO_ANSWER, "scores.x")])
    nested = {"gpt-4": {"text": "Four.", "help": 4}, "llama": {"text": "Five.", "help": 1}}
    form = make(
        "rated_list",
        prompt="q",
        answers="answers",
        response="text",
        scores={"help": {"field": "help", "better": "high"}},
    )
    assert read(form, {**row, "answers": nested}) == (expected, [])
    form = make("rated_list", prompt="q", answers="answers", response="text", key="key", scores=axis)
    assert read(form, {**row, "answers": nested})[0] == expected


@pytest.mark.parametrize(
    ("answers", "key"),
    [(["a", "b"], ["model_a", "model_b"]), (["a", "b"], [{"text": "m1"}, {"text": "m2"}]), (["a", "b"], "models")],
)
def test_answers_in_fields_of_their_own_have_their_names_in_the_row(answers: Any, key: Any) -> None:
    form = make("rated_list", prompt="q", answers=answers, key=key, scores={"s": {"field": "s", "better": "high"}})
    row = {
        "q": "Q",
        "a": "A",
        "b": "B",
        "model_a": "m1",
        "model_b": "m2",
        "models": ["m1", "m2"],
        "s": {"m2": 1, "m1": 3},
    }
    assert read(form, row)[0] == {"A": {"s": 3.0}, "B": {"s": 1.0}}


RANKER = {
    "prompt": "data.prompt",
    "answers": "data.items",
    "response": "body",
    "key": "id",
    "sequence": "annotations.0.result.0.value.ranker.rank",
    "order": "best_first",
}


def ranked_task(*orders: Any) -> dict[str, Any]:
    items = [
        {"id": "m1", "body": "Nine minutes."},
        {"id": "m2", "body": "Microwave it."},
        {"id": "m3", "body": "Boil."},
    ]
    annotations = [{"was_cancelled": False, "result": [{"value": {"ranker": {"rank": order}}}]} for order in orders]
    return {"data": {"prompt": "How do I boil an egg?", "items": items}, "annotations": annotations}


def ranked(ranks: tuple[float, float], rejected: str, **rest: Any) -> dict[str, Any]:
    return preference(
        ["user: How do I boil an egg?"],
        ["assistant: Nine minutes."],
        [f"assistant: {rejected}"],
        axis="rank",
        chosen_score=ranks[0],
        rejected_score=ranks[1],
        n_responses=3,
        margin_percentile=0.5,
        **rest,
    )


def others(rank: float | None) -> dict[str, Any]:
    return {"others": [{"origin": ["d.jsonl:1"], "scores": {} if rank is None else {"rank": rank}}]}


CASES = [
    Case(
        "a ranker's order of ids: the first is the best, the last the worst, not by their place among the answers",
        [ranked_task(["m1", "m3", "m2"])],
        [ranked((0.0, 2.0), "Microwave it.", extra=others(1.0))],
        settings=RANKER,
    ),
    Case(
        "worst first",
        [ranked_task(["m2", "m3", "m1"])],
        [ranked((0.0, 2.0), "Microwave it.", extra=others(1.0))],
        settings={**RANKER, "order": "worst_first"},
    ),
    Case(
        "an answer that the order leaves out has no rank and is counted; an id without an answer is counted",
        [ranked_task(["m1", "m9", "m3"])],
        [ranked((0.0, 2.0), "Boil.", extra=others(None))],
        [
            ("part", "no_answer", "annotations.0.result.0.value.ranker.rank.1", [1]),
            ("part", "unscored", None, [1]),
        ],
        settings=RANKER,
    ),
    Case(
        "an id that occurs twice, an order that is a text, ids that no answer has, all answers equally good",
        [
            ranked_task(["m1", "m1", "m3"]),
            ranked_task("m1, m3, m2"),
            ranked_task(["x", "y"]),
            ranked_task([["m1", "m2", "m3"]]),
            ranked_task(["m1", None]),
        ],
        [],
        [
            ("row", "bad_label", "annotations.0.result.0.value.ranker.rank", [1]),
            ("row", "bad_label", "annotations.0.result.0.value.ranker.rank", [2]),
            ("row", "no_answer", "annotations.0.result.0.value.ranker.rank.0", [3]),
            ("row", "bad_label", "annotations.0.result.0.value.ranker.rank", [5]),
            ("group", "tie", None, [4]),
        ],
        settings=RANKER,
    ),
    Case(
        "orders of several people: the mean place decides",
        [ranked_task(["m1", "m3", "m2"], ["m1", "m2", "m3"], ["m3", "m1", "m2"])],
        [ranked((1 / 3, 5 / 3), "Microwave it.", confidence=1.0, n_judgements=3, extra=others(1.0))],
        settings={
            **{k: v for k, v in RANKER.items() if k != "sequence"},
            "sequences": "annotations.*.result.0.value.ranker.rank",
        },
    ),
    Case(
        "people who ordered different answers cannot be combined",
        [ranked_task(["m1", "m3", "m2"], ["m3", "m1"])],
        [],
        [("row", "bad_label", "annotations.*.result.0.value.ranker.rank", [1])],
        settings={
            **{k: v for k, v in RANKER.items() if k != "sequence"},
            "sequences": "annotations.*.result.0.value.ranker.rank",
        },
    ),
    Case(
        "ranks in a mapping model -> rank",
        [{"data": ranked_task()["data"], "ranks": {"m2": 3, "m1": 1, "m3": 2}}],
        [ranked((1.0, 3.0), "Microwave it.", extra=others(2.0))],
        settings={
            **{k: RANKER[k] for k in ("prompt", "answers", "response", "key")},
            "ranks": "ranks",
            "better": "low",
        },
    ),
]


@pytest.mark.parametrize("case", [case for case in CASES if case.preferences], ids=lambda case: case.about)
def test_rankings_by_name(case: Case, tmp_path: Path) -> None:
    check(case, "ranking", tmp_path)


@pytest.mark.parametrize("case", [case for case in CASES if not case.preferences], ids=lambda case: case.about)
def test_orders_that_cannot_be_read(case: Case, tmp_path: Path) -> None:
    usable = {"data": ranked_task()["data"], "annotations": ranked_task(["m1", "m3", "m2"])["annotations"]}
    case = Case(case.about, [*case.rows, usable], [], case.rejects, case.settings)
    rows = len(case.rows)
    # An order with all answers in one place is half a vote for each side.
    confidence = 0.75 if any(reason == "tie" for _, reason, _, _ in case.rejects) else None
    case.preferences = [
        {**ranked((0.0, 2.0), "Microwave it.", confidence=confidence), "origin": [rows]}
        | {"extra": {"others": [{"origin": [f"d.jsonl:{rows}"], "scores": {"rank": 1.0}}]}}
    ]
    check(case, "ranking", tmp_path)


def test_an_order_of_texts_and_letters() -> None:
    texts = make("ranking", prompt="q", answers="a", key=".", sequence="order", order="best_first")
    assert read(texts, {"q": "Q", "a": ["x", "y"], "order": ["y", "x"]})[0] == {"x": {"rank": 1.0}, "y": {"rank": 0.0}}
    letters = make(
        "ranking", prompt="q", answers=["a", "b"], key=[{"text": "A"}, {"text": "B"}], sequence="o", order="best_first"
    )
    assert read(letters, {"q": "Q", "a": "x", "b": "y", "o": ["B", "A"]})[0] == {"x": {"rank": 1.0}, "y": {"rank": 0.0}}


def test_ids_without_a_key_name_the_setting() -> None:
    form = make("ranking", **{name: value for name, value in RANKER.items() if name != "key"})
    _, (reject,) = read_row(form, ranked_task(["m1", "m3", "m2"]))
    assert "set 'key' to where an answer holds its own" in reject.detail


def test_equal_places_are_ties() -> None:
    (feedback,), _ = read_row(make("ranking", **RANKER), ranked_task(["m1", ["m2", "m3"]]))
    assert isinstance(feedback, Feedback)
    assert [response.scores["rank"] for response in feedback.responses] == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sequence": "s", "sequences": "t", "order": "best_first", "key": "id"}, "either 'sequence' or 'sequences'"),
        ({"sequences": "t", "ranks": "r", "better": "low"}, "need 'order'"),
        ({"order": "best_first", "key": "id"}, "'key' needs 'sequence'"),
        ({"ranks": "r", "better": "low", "ranks_key": "k"}, "'ranks_key' needs 'key'"),
    ],
)
def test_settings_that_do_not_fit_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make("ranking", prompt="q", answers="a", response="text", **settings)


PEOPLE = {"field": "people.*.s", "key": "people.*.n", "better": "high"}


@pytest.mark.parametrize(
    ("people", "scores"),
    [
        ([{"s": [1, 3], "n": ["a", "b"]}, {"s": [5], "n": ["b"]}], {"a": 1.0, "b": 4.0}),
        ([{"s": [1], "n": ["b"]}, {"s": 5, "n": "b"}, {"s": 2, "n": ["a"]}], {"a": 2.0, "b": 3.0}),
        ([{"s": None, "n": ["a", "b"]}, {"n": ["a", "b"]}, {"s": [5, 1], "n": ["b", "a"]}], {"a": 1.0, "b": 5.0}),
        ({"ann": {"s": [1], "n": ["b"]}, "bob": {"s": [2, 4], "n": ["a", "b"]}}, {"a": 2.0, "b": 2.5}),
        ([{"s": [1], "n": ["a", "b"]}, {"s": [5, 1], "n": ["b"]}], "people.0.s"),
        ([{"s": [5, 4], "n": "a"}, {"s": [1, 2], "n": "b"}], {"a": 4.5, "b": 1.5}),
    ],
)
def test_values_of_a_person_belong_to_the_names_of_this_person(people: Any, scores: Any) -> None:
    form = make("rated_list", prompt="q", answers="answers", response="text", key="model", scores={"help": PEOPLE})
    row = {"q": "Q", "answers": [{"model": "a", "text": "a"}, {"model": "b", "text": "b"}], "people": people}
    found, rejects = read(form, row)
    if isinstance(scores, str):
        assert (found, rejects) == ({}, [(Reason.WRONG_TYPE, scores)])
    else:
        assert ({name: score["help"] for name, score in found.items()}, rejects) == (scores, [])


def test_a_person_without_names_costs_no_other_person() -> None:
    form = make("rated_list", prompt="q", answers="answers", response="text", key="model", scores={"help": PEOPLE})
    row = {"q": "Q", "answers": [{"model": m, "text": m} for m in "ab"]}
    found, rejects = read(form, {**row, "people": [{"s": [1, 2], "n": ["a", "b"]}, {"s": [5]}]})
    assert found == {"a": {"help": 1.0}, "b": {"help": 2.0}}
    assert rejects == [(Reason.MISSING_FIELD, "people.1.s.0")]


def test_names_in_one_list_are_those_of_each_person() -> None:
    axis = {**PEOPLE, "key": "models"}
    form = make("rated_list", prompt="q", answers="answers", response="text", key="model", scores={"help": axis})
    row = {"q": "Q", "answers": [{"model": m, "text": m} for m in "ab"], "models": ["a", "b"]}
    found, _ = read(form, {**row, "people": [{"s": [5, 1]}, {"s": [4, 2]}, {"s": []}]})
    assert found == {"a": {"help": 4.5}, "b": {"help": 1.5}}
    for unclear in ([{"s": [5]}, {"s": [1]}], [{"s": [5, 1]}, {"s": [4, 2]}], [{"s": [5, 4, 3]}, {"s": [1]}]):
        assert read(form, {**row, "people": unclear}) == ({}, [(Reason.WRONG_TYPE, "people.*.s")])


@pytest.mark.parametrize("nothing", [[], None, "", float("nan")])
def test_a_person_without_an_order_costs_no_other_person(nothing: Any) -> None:
    form = make("ranking", prompt="q", answers="a", key="k", sequences="orders.*.o", order="best_first")
    row = {"q": "Q", "a": ["A", "B"], "k": ["x", "y"]}
    found, rejects = read(form, {**row, "orders": [{"o": ["y", "x"]}, {"o": nothing}, {}]})
    assert (found, rejects) == ({"A": {"rank": 1.0}, "B": {"rank": 0.0}}, [])
    assert read(form, {**row, "orders": [{"o": nothing}]}) == ({}, [(Reason.UNSCORED, "orders.*.o")])
