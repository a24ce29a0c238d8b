"""Verdicts with bounds and a neutral zone: what is neither up nor down is counted and never learned."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from support.golden import Case, check, preference
from unipref.core import yaml_files
from unipref.core.records import Reason, Reject
from unipref.unify.mapping.scores import Scale
from unipref.unify.mapping.verdicts import Verdicts


def outcome(verdicts: Verdicts, label: Any) -> str:
    try:
        return "up" if verdicts.read_verdict(label, "label") else "down"
    except Reject as reject:
        return reject.reason.value


@pytest.mark.parametrize(
    ("settings", "outcomes"),
    [
        (
            {"up": {"at_least": 4}, "down": {"at_most": 2}},
            {5: "up", "4": "up", 4.5: "up", 3: "neutral", "3.5": "neutral", 2: "down", "1": "down", -1: "down"},
        ),
        (
            {"up": {"at_most": 2}, "down": {"at_least": 4}},  # 1 is the best grade
            {1: "up", 2: "up", 3: "neutral", 4: "down", 6: "down"},
        ),
        (
            {"up": {"above": 0}, "down": {"below": 0}},
            {0.1: "up", 0: "neutral", -0.1: "down"},
        ),
        (
            {"up": {"at_least": 4, "at_most": 5}, "down": {"at_least": 1, "at_most": 2}},
            {5: "up", 3: "neutral", 1: "down", 7: "bad_label", 0: "bad_label"},
        ),
        (
            {"up": {"at_least": 4}, "down": [1, 2]},
            {4: "up", 3: "neutral", 1: "down", 1.5: "bad_label", 0: "bad_label"},
        ),
        (
            {"up": ["helpful"], "down": ["unhelpful"], "neutral": ["neutral", None, ""]},
            {
                "helpful": "up",
                "unhelpful": "down",
                "neutral": "neutral",
                None: "neutral",
                "": "neutral",
                1: "bad_label",
            },
        ),
        ({"up": [1], "down": [-1], "neutral": [0]}, {1: "up", "-1": "down", 0: "neutral", 2: "bad_label"}),
        ({"up": [5], "down": [1]}, {5: "up", 3: "bad_label", 1: "down"}),
        ({}, {True: "up", False: "down", "true": "up", "yes": "bad_label"}),
        ({"up": ["yes"], "down": ["no"]}, {"yes": "up", "no": "down", True: "bad_label", "Yes": "bad_label"}),
        (
            {"up": {"at_least": 4}, "down": {"at_most": 2}, "neutral": ["N/A"]},
            {"N/A": "neutral", "n/a": "bad_label", None: "unscored", "": "unscored", "4,5": "bad_label"},
        ),
        (
            {"up": {"at_least": 4, "decimal": "comma"}, "down": {"at_most": 2}},
            {"4,5": "up", "3,5": "neutral", "1": "down"},
        ),
        (
            {"up": {"not": ["bad", "n/a"]}, "down": ["bad"], "neutral": ["n/a"]},
            {
                "fine": "up",
                "bad": "down",
                "n/a": "neutral",
                None: "unscored",
                float("nan"): "unscored",
                " ": "unscored",
            },
        ),
        ({"up": ["ok"], "down": [""]}, {"ok": "up", "": "down", " ": "down", None: "unscored"}),
        ({}, {None: "unscored", float("nan"): "unscored", "": "unscored", " \n": "unscored", "nan": "bad_label"}),
    ],
)
def test_values_and_bounds_give_verdicts(settings: dict[str, Any], outcomes: dict[Any, str]) -> None:
    verdicts = Verdicts(**settings)
    assert {label: outcome(verdicts, label) for label in outcomes} == outcomes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"up": {"at_least": 3}, "down": {"at_most": 3}}, "'3' is in both 'up' and 'down'"),
        ({"up": {"at_least": 2}, "down": {"at_most": 4}}, "in both 'up' and 'down'"),
        ({"up": {"above": 2}, "down": {"below": 4}}, "in both 'up' and 'down'"),
        ({"up": {"at_least": 4}, "down": {"at_least": 5}}, "in both 'up' and 'down'"),
        ({"up": {"at_least": 4}, "down": [5]}, "'5' is in both"),
        ({"up": {"at_least": 4}, "down": {"at_most": 2}, "neutral": [2]}, "in both 'down' and 'neutral'"),
        ({"up": ["yes", 1], "down": [1.0]}, "'1' is in both 'up' and 'down'"),
        ({"up": {"not": [0]}, "down": [0, 1]}, "'1' is in both 'up' and 'down'"),
        ({"up": {"at_least": 4}}, "set 'down' too"),
        ({"down": {"at_most": 4}}, "set 'up' too"),
        ({"up": [None]}, "null is no verdict"),
    ],
)
def test_sides_that_overlap_are_an_error(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Verdicts(**settings)


NAN = float("nan")


@pytest.mark.parametrize("missing", [None, NAN, "", "  "])
def test_a_person_without_a_verdict_does_not_count(missing: Any) -> None:
    verdicts = Verdicts(up=["good"], down=["bad"])
    paths = verdicts.count_verdicts({"a": missing, "b": "good"}, ["a", "b"])
    a_list = verdicts.count_verdicts({"v": ["good", missing, missing]}, "v")
    mappings = verdicts.count_verdicts({"v": [{"x": missing}, {"x": "good"}, {}]}, "v.*.x")
    assert [paths[:3], a_list[:3], mappings[:3]] == [(1, 0, [])] * 3
    for row in ({"v": missing}, {"v": [missing]}):
        with pytest.raises(Reject) as caught:
            verdicts.count_verdicts(row, "v")
        assert caught.value.reason is Reason.UNSCORED


def test_an_empty_text_in_a_list_has_the_meaning_that_the_study_gives_it() -> None:
    verdicts = Verdicts(up=["ok"], down=[""])
    assert verdicts.count_verdicts({"v": ["ok", "", " ", None]}, "v")[:2] == (1, 2)


def test_yes_and_no_in_a_study_are_texts() -> None:
    settings = yaml_files.parse("{up: [yes], down: [no], neutral: [on]}", "study.yaml")
    verdicts = Verdicts(**settings)
    assert [outcome(verdicts, label) for label in ("yes", "no", "on", True)] == ["up", "down", "neutral", "bad_label"]
    codes = yaml_files.parse("{better: high, codes: {yes: 1, no: 0}}", "study.yaml")
    assert Scale(**codes).read("yes", "s") == 1
    quoted = Verdicts(**yaml_files.parse("{up: [true], down: ['no']}", "study.yaml"))
    assert [outcome(quoted, label) for label in ("true", "no")] == ["up", "down"]


STARS = {"prompt": "q", "response": "a", "label": "stars", "up": {"at_least": 4}, "down": {"at_most": 2}}
CASES = [
    Case(
        "stars as thumbs: 3 is neutral, 'N/A' and a blank are no verdict; none of them is learned",
        "q,a,stars\nQ1,good,5\nQ1,so-so,3\nQ1,bad,1\nQ1,what,N/A\nQ1,hm,\n",
        [preference(["user: Q1"], ["assistant: good"], ["assistant: bad"], origin=[1, 3])],
        [("row", "neutral", "stars", [2]), ("row", "bad_label", "stars", [4]), ("row", "unscored", "stars", [5])],
        settings=STARS,
    ),
    Case(
        "an answer judged both good and bad is rejected alone; the others to its prompt go on",
        [
            {"q": "Under the lawn?", "a": "Grass.", "stars": 5},
            {"q": "Under the lawn?", "a": "Gold.", "stars": 1},
            {"q": "Under the lawn?", "a": "Soil.", "stars": 5},
            {"q": "Under the lawn?", "a": "Soil.", "stars": 2},
            {"q": "Only this?", "a": "Soil.", "stars": 5},
            {"q": "Only this?", "a": "Soil.", "stars": 2},
        ],
        [
            preference(
                ["user: Under the lawn?"],
                ["assistant: Grass."],
                ["assistant: Gold."],
                n_responses=4,
                origin=[1, 2],
                extra={"others": [{"origin": ["d.jsonl:3"], "scores": {}}, {"origin": ["d.jsonl:4"], "scores": {}}]},
            )
        ],
        [("part", "contradiction", None, [3, 4]), ("group", "contradiction", None, [5, 6])],
        settings=STARS,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_neutral_and_contradictory_answers(case: Case, tmp_path: Path) -> None:
    check(case, "thumbs", tmp_path)
