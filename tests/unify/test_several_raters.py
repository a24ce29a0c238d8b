"""Scores of several raters: lists, items of lists and several fields; the mean or the median, and how many rated."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, check, preference
from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import Format, read_all
from unipref.core.errors import UserError
from unipref.core.records import Axis, Feedback, Reason, Reject, Response
from unipref.unify.mapping.scores import AxisSpec, Scale
from unipref.unify.projection.groups import merge_feedback
from unipref.unify.projection.order import build_order

STARS = {"low": 1, "high": 5, "better": "high"}


@pytest.mark.parametrize(
    ("field", "row", "rating"),
    [
        ("stars", {"stars": 4}, (4.0, 1)),
        ("stars", {"stars": [5, 4, 5]}, (14 / 3, 3)),
        ("stars", {"stars": ["5", "", None, 4]}, (4.5, 2)),
        ("stars", {"stars": []}, (None, 0)),
        ("stars", {"stars": [None, ""]}, (None, 0)),
        ("stars", {}, (None, 0)),
        ("stars.*", {"stars": [5, 4]}, (4.5, 2)),
        ("stars.*", {"stars": {"ann": 5, "bob": 2}}, (3.5, 2)),
        ("raters.*.stars", {"raters": [{"stars": 5}, {"note": "later"}, {"stars": 4}]}, (4.5, 2)),
        ("raters.*.marks.*.stars", {"raters": [{"marks": [{"stars": 5}, {}]}, {"marks": [{"stars": 2}]}]}, (3.5, 2)),
        ("raters.*.stars", {"raters": [{"stars": [5, 4]}, {"stars": [3]}]}, (4.0, 3)),
        ("raters.*.stars", {}, (None, 0)),
        ("raters.*.stars", {"raters": None}, (None, 0)),
        (["ann.*", "bob"], {"ann": [5, 4], "bob": 3}, (4.0, 3)),
        (["ann", "bob", "eve"], {"ann": 5, "bob": None}, (5.0, 1)),
        (["stars.0", "stars.1"], {"stars": [1, 2]}, (1.5, 2)),
    ],
)
def test_the_mean_of_the_raters_who_gave_a_score(field: Any, row: dict[str, Any], rating: Any) -> None:
    read = AxisSpec(field=field, **STARS).rate_row(row)
    assert (read.score, read.raters) == rating


def test_the_median_is_a_setting_and_missing_replaces_the_score_of_nobody() -> None:
    assert AxisSpec(field="s", better="high", raters="median").rate_row({"s": [1, 5, 5, 4]}).score == 4.5
    assert AxisSpec(field="s", better="high", missing=0).rate_row({"s": [None]})[:2] == (0, 0)
    codes = Scale(better="high", codes={"good": 1, "bad": 0, "N/A": None})
    assert codes.rate(["good", "N/A", "bad"], "s")[:3] == (0.5, 2, [1.0, 0.0])


@pytest.mark.parametrize(
    ("value", "reason", "place"),
    [
        ([5, 9], Reason.BAD_SCORE, "s.1"),
        ([5, "N/A"], Reason.WRONG_TYPE, "s.1"),
        ([[5]], Reason.WRONG_TYPE, "s.0"),
        ([True], Reason.WRONG_TYPE, "s.0"),
        ({"ann": 5}, Reason.WRONG_TYPE, "s"),
        ({"score": {"s": 1}}, Reason.WRONG_TYPE, "s"),
    ],
)
def test_a_rating_that_cannot_be_read_names_its_place(value: Any, reason: Reason, place: str) -> None:
    with pytest.raises(Reject) as caught:
        AxisSpec(field="s", **STARS).rate_row({"s": value})
    assert (caught.value.reason, caught.value.field) == (reason, place)


def test_decimal_commas_are_a_setting_that_the_reject_names() -> None:
    with pytest.raises(Reject, match="set 'decimal: comma'"):
        Scale(**STARS).read("4,5", "s")
    comma = Scale(**STARS, decimal="comma")
    assert [comma.read(value, "s") for value in ("4,5", " 3 ", 4.5, 2, "")] == [4.5, 3, 4.5, 2, None]
    assert Scale(better="high", decimal="comma", pattern=r"Note: ([\d,]+)").read("Note: 4,5 von 5", "s") == 4.5
    for value in ("4.5", "1.234,5"):
        with pytest.raises(Reject, match="a number has no point"):
            comma.read(value, "s")
    with pytest.raises(Reject, match="expected a number") as caught:
        Scale(better="high").read("1,234,567", "s")
    assert "decimal" not in caught.value.detail


def test_a_score_in_words_names_the_setting_codes() -> None:
    with pytest.raises(Reject, match=r"codes: {'N/A': null} for no score"):
        Scale(**STARS).read("N/A", "s")


def test_an_unknown_way_to_combine_raters_is_an_error() -> None:
    settings = {"prompt": "q", "response": "a", "scores": {"s": {"field": "s", "better": "high", "raters": "max"}}}
    with pytest.raises(UserError, match="raters"):
        registry.make("format", "ratings", settings, "map")


RATINGS = {"prompt": "q", "response": "a", "scores": {"stars": {"field": "stars", **STARS}}}


CASES = [
    Case(
        "stars of several people in a list: the mean decides, the number of raters is kept",
        [
            {"q": "What is rain?", "a": "Water.", "stars": [5, 4, 5]},
            {"q": "What is rain?", "a": "A fish.", "stars": [1, 2]},
        ],
        [
            preference(
                ["user: What is rain?"],
                ["assistant: Water."],
                ["assistant: A fish."],
                axis="stars",
                chosen_score=14 / 3,
                rejected_score=1.5,
                margin_percentile=0.5,
                n_judgements=2,
                origin=[1, 2],
            )
        ],
        settings=RATINGS,
    ),
    Case(
        "an answer in several rows: the mean over all its raters, not over its rows",
        [
            {"q": "Q", "a": "A", "stars": [5, 5, 5]},
            {"q": "Q", "a": "A", "stars": [1]},
            {"q": "Q", "a": "B", "stars": 3},
        ],
        [
            preference(
                ["user: Q"],
                ["assistant: A"],
                ["assistant: B"],
                axis="stars",
                chosen_score=4.0,
                rejected_score=3.0,
                margin_percentile=0.5,
                n_judgements=1,
                origin=[1, 2, 3],
            )
        ],
        settings=RATINGS,
    ),
    Case(
        "an exported table of stars: 'N/A' and a blank are rejects of their own",
        'q,a,stars\nQ,good,5\nQ,bad, 1 \nQ,blank,\nQ,none,N/A\nQ,comma,"4,5"\n',
        [
            preference(
                ["user: Q"],
                ["assistant: good"],
                ["assistant: bad"],
                axis="stars",
                chosen_score=5.0,
                rejected_score=1.0,
                margin_percentile=0.5,
                origin=[1, 2],
            )
        ],
        [
            ("row", "unscored", "stars", [3]),
            ("row", "wrong_type", "stars", [4]),
            ("row", "wrong_type", "stars", [5]),
        ],
        settings=RATINGS,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_ratings(case: Case, tmp_path: Path) -> None:
    check(case, "ratings", tmp_path)


def test_each_axis_counts_its_own_raters() -> None:
    form = registry.make(
        "format",
        "ratings",
        {"prompt": "q", "response": "a", "scores": {n: {"field": n, "better": "high"} for n in ("help", "truth")}},
        "map",
    )
    assert isinstance(form, Format)
    rows = [
        {"q": "Q", "a": a, "help": help_, "truth": truth} for a, help_, truth in (("A", [1, 2], 5), ("B", [3, 4], 1))
    ]
    group = merge_feedback([item for row in rows for item in read_row(form, row)[0]])
    axes = {name: Axis() for name in ("help", "truth")}
    assert build_order(group, "help", axes, 0.0).judgements == {0: 2, 1: 2}
    assert build_order(group, "truth", axes, 0.0).judgements == {0: 1, 1: 1}


def test_copies_of_an_answer_are_weighted_by_their_raters() -> None:
    copies = [Response([], {"s": 1.0}), Response([], {"s": 4.0}, raters={"s": 2})]
    (merged,) = merge_feedback([Feedback([], [copy]) for copy in copies]).responses
    assert (merged.scores, merged.raters, merged.n_judgements) == ({"s": 3.0}, {"s": 3}, 2)


def people_of(settings: dict[str, Any], row: dict[str, Any]) -> list[tuple[str | None, dict[str, float]]]:
    """Returns person -> scores of each feedback that `ratings` reads from a row."""
    form = registry.make("format", "ratings", {"prompt": "q", "response": "a", **settings}, "source")
    assert isinstance(form, Format)
    read = read_all(form, [{"q": "How?", "a": "So.", **row}])
    return [(one.annotator, one.responses[0].scores) if isinstance(one, Feedback) else (one.detail, {}) for one in read]


def test_the_score_of_a_missing_one_stays_where_people_are_named() -> None:
    scores = {name: {"field": f"r.*.{name}", "better": "high", "missing": 1} for name in ("help", "tone")}
    named = {"scores": scores, "annotator": "r.*.who"}
    row = {"r": [{"who": "ann", "help": 5, "tone": None}, {"who": "bob", "help": 3, "tone": None}]}
    assert people_of(named, row) == [("ann", {"help": 5.0}), ("bob", {"help": 3.0}), (None, {"tone": 1.0})]
    nothing = {"r": [{"who": "ann", "help": None, "tone": None}]}
    assert people_of(named, nothing) == [(None, {"help": 1.0, "tone": 1.0})]


def test_a_single_score_has_the_name_of_a_list_with_one_name() -> None:
    settings = {"scores": {"help": {"field": "s", "better": "high"}}, "annotator": "names.*"}
    assert people_of(settings, {"s": 3, "names": ["ann"]}) == [("ann", {"help": 3.0})]
    assert people_of(settings, {"s": 3, "names": ["ann", "bob"]}) == [
        ("expected one name per vote, found 2 names and 1 votes", {})
    ]
