"""The order of the rows of a file changes no preference, except the order of origins and of the other answers."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, unify_case
from unipref.core.records import Feedback
from unipref.unify.formats.thumbs import Thumbs

SIDES = {"prompt": "q", "first": "a", "second": "b"}
SETTINGS: dict[str, dict[str, Any]] = {
    "thumbs": {"prompt": "q", "response": "a", "label": "up", "annotator": "who"},
    "ratings": {"prompt": "q", "response": "a", "scores": {"s": {"field": "s", "better": "high"}}},
    "votes": {**SIDES, "votes": "v", "codes": {"1": "first", "2": "second", "0": "tie"}},
    "ranking": {"prompt": "q", "answers": "list", "order": "best_first"},
}


def make_rows(chance: random.Random, count: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(count):
        a, b = chance.sample(["one", "two", "three"], 2)
        judged = {"up": chance.random() < 0.6, "s": chance.choice([1, 2.5, 4, 0.1]), "v": chance.choice([0, 1, 1, 2])}
        question, who, aim = f"Q{chance.randrange(4)}", f"p{chance.randrange(5)}", chance.choice(["help", "harm"])
        rows.append({"q": question, "a": a, "b": b, "list": [a, b], "who": who, "aim": aim, "id": number, **judged})
    return rows


def outcome(rows: list[dict[str, Any]], name: str, settings: dict[str, Any], folder: Path) -> list[str]:
    """Returns the preferences and rejects as sorted texts, with the ids of their rows in place of origins."""
    folder.mkdir()

    def rename(origins: list[str]) -> list[int]:
        return sorted(rows[int(origin.split(":")[1]) - 1]["id"] for origin in origins)

    result = unify_case(Case("", rows, settings=settings), name, folder)
    for one in [*result.preferences, *result.rejects]:
        one["origin"] = rename(one["origin"])
    for one in result.preferences:
        extra = json.loads(one["extra"])
        others = [{**other, "origin": rename(other["origin"])} for other in extra.get("others", [])]
        one["extra"] = {**extra, "others": sorted(others, key=str)}
    return sorted(json.dumps(one, sort_keys=True) for one in [*result.preferences, *result.rejects])


@pytest.mark.parametrize("more", [{"keep": ["who", "s"]}, {"objective": "aim"}, {"twins": {"field": "aim"}}])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_order_of_the_rows_changes_nothing(name: str, more: dict[str, Any], tmp_path: Path) -> None:
    chance = random.Random(f"{name} {more}")
    rows = make_rows(chance, 60)
    settings = {**SETTINGS[name], **more}
    expected = outcome(rows, name, settings, tmp_path / "given")
    assert len(expected) >= 4
    for number in range(2):
        chance.shuffle(rows)
        assert outcome(rows, name, settings, tmp_path / str(number)) == expected


def test_kept_fields_of_all_rows_about_an_answer_are_kept(tmp_path: Path) -> None:
    votes = [("eve", True), ("ann", True), ("bob", False)]
    rows = [{"q": "Q", "a": "A", "who": who, "topic": "t", "up": up} for who, up in votes]
    (one,) = unify_case(
        Case("", rows, settings={**SETTINGS["thumbs"], "keep": ["who", "topic"]}), "thumbs", tmp_path
    ).preferences
    by_row = [{"who": "ann"}, {"who": "bob"}, {"who": "eve"}]
    assert json.loads(one["extra"])["chosen"] == {"topic": "t", "by_row": by_row}


def test_rows_with_another_objective_are_not_about_the_same_thing(tmp_path: Path) -> None:
    rows = [{"q": "Q", "a": a, "up": up, "aim": aim} for a, up, aim in (("A", True, "help"), ("B", False, "harm"))]
    settings = {"prompt": "q", "response": "a", "label": "up", "objective": "aim"}
    found = unify_case(Case("", rows, settings=settings), "thumbs", tmp_path).preferences
    assert {(one["objective"], one["chosen"] is None) for one in found} == {("help", False), ("harm", True)}


def test_a_kept_field_that_one_item_lacks_is_null_there() -> None:
    form = Thumbs(prompt="q", response="a", label="up", keep=["people.*.who", "people.*.age"])
    row = {"q": "Q", "a": "A", "up": True, "people": [{"who": "ann"}, {"age": 7}]}
    (feedback,) = form.read(row)
    assert isinstance(feedback, Feedback)
    assert feedback.responses[0].extra == {"people.*.who": ["ann", None], "people.*.age": [None, 7]}
