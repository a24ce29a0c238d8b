"""A judgement is recognised wherever it stands: inside `metadata`, deep inside mappings, or under a person's name."""

from typing import Any

import pytest

from support.judged_rows import one_answer
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.inspection import open_questions
from unipref.unify.proposal import propose


def nest(path: str, values: list[Any]) -> dict[str, list[Any]]:
    """Makes a column of nested mappings: the values stand at the end of the path."""
    first, *rest = path.split(".")
    for name in reversed(rest):
        values = [{name: value, "by": "kim"} for value in values]
    return {first: values}


@pytest.mark.parametrize(
    ("path", "values", "up", "down"),
    [
        ("metadata.review.state", ["approved", "rejected"], ["approved"], ["rejected"]),
        ("metadata.verdict", ["good", "bad"], ["good"], ["bad"]),
        ("meta.thumbs", ["up", "down"], ["up"], ["down"]),
        ("info.feedback", ["positive", "negative"], ["positive"], ["negative"]),
        ("info.is_correct", [True, False], [True], [False]),
        ("tags.liked", [1, 0], [1], PLACEHOLDER),
        ("meta.a.b.c.d.verdict", ["👍", "👎"], ["👍"], ["👎"]),
        ("extra.payload.user_reaction", ["👍", "👎"], ["👍"], ["👎"]),
        ("meta.quality", ["low", "high"], PLACEHOLDER, PLACEHOLDER),
    ],
)
def test_the_name_of_a_folder_hides_no_verdict(path: str, values: list[Any], up: list[Any], down: list[Any]) -> None:
    found = propose(one_answer(**nest(path, values)))
    assert (found.format, found.map["label"]) == ("thumbs", path)
    assert (found.map.get("up", [True]), found.map.get("down", [False])) == (up, down)


def test_a_rating_inside_metadata_is_asked_for() -> None:
    found = propose(one_answer(metadata=[{"user_rating": n, "model": "m"} for n in (5, 1, 4, 2)]))
    assert open_questions(found.map, "map")
    assert "metadata.user_rating" in str(found.map) + str(found.doubts)


@pytest.mark.parametrize(
    "column",
    [
        {"metadata": [{"cached": True, "n": 3}, {"cached": False, "n": 4}]},
        {"usage": [{"tokens": 17, "score": 2}, {"tokens": 12, "score": 1}]},
    ],
)
def test_other_fields_of_metadata_are_no_judgements(column: dict[str, Any]) -> None:
    found = propose(one_answer(**column))
    assert (found.format, found.doubts) == ("demonstration", [])


def test_unclear_beside_other_verdicts_is_neither_good_nor_bad() -> None:
    found = propose(one_answer(verdict=["good", "bad", "unclear"]))
    assert (found.map["up"], found.map["down"], found.map["neutral"]) == (["good"], ["bad"], ["unclear"])
    assert propose(one_answer(verdict=["clear", "unclear"])).map["down"] == ["unclear"]


@pytest.mark.parametrize(("name", "is_asked"), [("user_ok", True), ("is_agent", False)])
def test_a_flag_about_more_than_a_person_may_judge(name: str, is_asked: bool) -> None:
    found = propose(one_answer(**{name: [True, False]}))
    assert bool(open_questions(found.map, "map")) is is_asked
