"""Which answer was shown first: read from the rows, used by `latent`, and reported for each annotator."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from support.golden import resolve_source, run_unify
from support.voters import VOTE, read, write
from unipref.core.errors import UserError
from unipref.core.judge_reports import AnnotatorReport
from unipref.unify.judging.odd_annotators import describe_odd_annotators
from unipref.unify.judging.places import find_favoured_places
from unipref.unify.judging.summary import describe_judging

PAIR = {"prompt": "q", "chosen": "good", "rejected": "bad"}
GRADED = {"prompt": "q", "first": "good", "second": "bad", "grade": "grade", "scale": {"first": 2, "second": -2}}


def shown_of(form: str, settings: dict[str, Any], row: dict[str, Any], folder: Path) -> list[dict[str, int] | None]:
    """Returns the places at which the answers were shown, per judgement."""
    row = {"q": "Q?", "good": "g", "bad": "b", **row}
    run_unify([resolve_source(form, settings, write(folder / "d.jsonl", [row]))], folder / "out", aggregate=None)
    keys = dict(zip(judged_order(folder), "gb", strict=True))
    return [
        None if one["shown"] is None else {keys[key]: at for key, at in zip(one["answers"], one["shown"], strict=True)}
        for one in read(folder / "out", "judgements")
    ]


def judged_order(folder: Path) -> list[str]:
    """Returns the keys of the better and the worse answer; the rows of these tests prefer `good`."""
    (one,) = read(folder / "out", "judgements")
    answers: list[str] = one["answers"] if one["value"] > 0 else one["answers"][::-1]
    return answers


@pytest.mark.parametrize(
    ("form", "settings", "row", "expected"),
    [
        ("pairs", PAIR, {}, None),
        ("pairs", {**PAIR, "shown_first": "top"}, {"top": "chosen"}, {"g": 0, "b": 1}),
        ("pairs", {**PAIR, "shown_first": "top"}, {"top": "rejected"}, {"g": 1, "b": 0}),
        ("pairs", {**PAIR, "shown_first": "top"}, {"top": None}, None),
        ("graded_pair", {**GRADED, "shown_first": {"always": "first"}}, {"grade": 1}, {"g": 0, "b": 1}),
        ("graded_pair", {**GRADED, "shown_first": {"always": "second"}}, {"grade": 1}, {"g": 1, "b": 0}),
        (
            "votes",
            {
                **{"prompt": "q", "first": "bad", "second": "good", "votes": "v", "codes": {"x": "second"}},
                "shown_first": {"field": "swapped", "codes": {"true": "second", "false": "first"}},
            },
            {"v": "x", "swapped": True},
            {"g": 0, "b": 1},
        ),
    ],
)
def test_the_order_on_the_screen_is_read(
    tmp_path: Path, form: str, settings: dict[str, Any], row: dict[str, Any], expected: Any
) -> None:
    assert shown_of(form, settings, row, tmp_path) == [expected]


def test_an_unknown_order_is_counted_and_the_judgement_stays(tmp_path: Path) -> None:
    row = {"q": "Q?", "good": "g", "bad": "b", "top": "left"}
    source = resolve_source("pairs", {**PAIR, "shown_first": "top"}, write(tmp_path / "d.jsonl", [row]))
    counts = run_unify([source], tmp_path / "out")["d"]
    assert (counts["preferences"], counts["parts_rejected"]) == (1, {"bad_label": 1})
    (reject,) = read(tmp_path / "out", "rejects")
    assert reject["field"] == "top"
    assert "found 'left', which is not in codes ('first': first" in reject["detail"]


@pytest.mark.parametrize(
    "value", [{}, {"always": "first", "field": "top"}, {"always": "first", "codes": {"a": "first"}}, {"always": "left"}]
)
def test_a_setting_that_says_nothing_or_two_things_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(UserError, match="shown_first"):
        resolve_source("pairs", {**PAIR, "shown_first": value}, tmp_path / "d.jsonl")


def test_who_chooses_the_first_answer_is_found_and_hardly_counts(tmp_path: Path) -> None:
    """Emil chooses what is shown first. His votes alone decide nothing; the order is random."""
    draw = random.Random(5)
    rows = []
    for n in range(120):
        for who in ("ann", "bob", "cyd", "emil"):
            is_good_first = draw.random() < 0.5
            is_right = draw.random() < 0.9
            takes_first = draw.random() < 0.95 if who == "emil" else is_right == is_good_first
            a, b = ("good", "bad") if is_good_first else ("bad", "good")
            rows.append({"q": f"Q{n}?", "a": f"{a} {n}", "b": f"{b} {n}", "vote": "BA"[takes_first], "who": who})
    source = resolve_source("votes", {**VOTE, "shown_first": {"always": "first"}}, write(tmp_path / "d.jsonl", rows))
    run_unify([source], tmp_path / "out", aggregate="latent")
    judging = json.loads((tmp_path / "out/judging.json").read_text())
    by_name = {one["name"]: one for one in judging["annotators"]}
    assert {name: one["favours_place"] for name, one in by_name.items()} == {
        **dict.fromkeys(("ann", "bob", "cyd")),
        "emil": "first",
    }
    emil = by_name["emil"]
    chosen = sum(row["vote"] == "A" for row in rows if row["who"] == "emil")
    assert (emil["n_shown"], emil["chose_first"]) == (120, chosen / 120)
    assert emil["shift"] > 1 > max(abs(one["shift"]) for name, one in by_name.items() if name != "emil")
    lines = list(describe_judging(tmp_path / "out"))
    assert f"emil chose the answer shown first in {chosen / 120:.0%} of 120 pairs" in " ".join(lines)


@pytest.mark.parametrize(
    ("shown", "first", "expected"),
    [
        ([100, 100, 100], [50, 55, 95], [None, None, "first"]),
        ([100, 100, 100], [50, 55, 4], [None, None, "last"]),
        ([100, 100, 100], [95, 93, 96], [None, None, None]),  # the good answers come first
        ([100], [95], [None]),  # nobody to compare with
        ([100, 4, 0], [50, 4, 0], [None, None, None]),  # too few
    ],
)
def test_a_place_is_favoured_if_the_others_choose_it_less(shown: Any, first: Any, expected: Any) -> None:
    import numpy as np

    assert find_favoured_places(np.array(shown), np.array(first)) == expected


def test_odd_annotators_are_named_in_one_sentence_each() -> None:
    def report(name: str, **rest: Any) -> AnnotatorReport:
        return AnnotatorReport(name, 100, 100, 0.5, 100, **rest)

    dora = report("dora", reliability=0.1, low=-0.1, high=0.3)
    emil = report("emil", reliability=0.0, low=-0.1, high=0.1, n_shown=160, chose_first=0.93, favours_place="first")
    finn = report("finn", reliability=-0.9, low=-1.0, high=-0.8)
    gus = report("gus", reliability=0.9, low=0.8, high=1.0, n_opposite=2)
    assert list(describe_odd_annotators([emil, dora, finn, gus])) == [
        "2 annotators judge about at random and hardly count: dora, emil",
        "emil chose the answer shown first in 93% of 160 pairs, clearly more often than the others",
        "2 judgements of 1 annotator contradict others of the same person and do not count: gus",
    ]
