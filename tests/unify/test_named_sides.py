"""Labels that name the better side by the value of another field, such as a model's name."""

from typing import Any

import pytest

from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import Format
from unipref.core.errors import UserError
from unipref.core.records import Reason

NAMES = {"first": "model_a", "second": "model_b"}
SIDES = {"prompt": "q", "first": "a", "second": "b", "names": NAMES}


def make(name: str, **settings: Any) -> Format:
    form = registry.make("format", name, settings, "map")
    assert isinstance(form, Format)
    return form


def battle(winner: Any, **more: Any) -> dict[str, Any]:
    return {"q": "Q", "a": "A", "b": "B", "model_a": "gpt-4", "model_b": "llama", "winner": winner, **more}


@pytest.mark.parametrize("name", ["pairs", "votes"])
@pytest.mark.parametrize(
    ("winner", "more", "expected"),
    [
        ("gpt-4", {}, (0, 1, False)),
        ("llama", {}, (1, 0, False)),
        (" llama ", {}, (1, 0, False)),
        ("tie", {}, (0, 1, True)),
        (7, {"model_b": "7"}, (1, 0, False)),
        ("llama", {"model_a": "llama", "model_b": "gpt-4"}, (0, 1, False)),
        ("tie", {"model_a": "llama"}, (0, 1, True)),
    ],
)
def test_a_name_is_looked_up_in_its_own_row(name: str, winner: Any, more: dict[str, Any], expected: Any) -> None:
    field = "label" if name == "pairs" else "votes"
    form = make(name, **SIDES, **{field: "winner"}, codes={"tie": "tie"})
    (feedback,), _ = read_row(form, battle(winner, **more))
    assert [(c.better, c.worse, c.tie) for c in feedback.comparisons] == [expected]


def test_several_votes_by_name() -> None:
    form = make("votes", **SIDES, votes="winner")
    (feedback,), _ = read_row(form, battle(["gpt-4", "llama", None, "llama"]))
    assert [c.better for c in feedback.comparisons] == [0, 1, 1]


@pytest.mark.parametrize(
    ("winner", "more", "reason", "detail"),
    [
        ("gpt-4", {"model_b": "gpt-4"}, Reason.BAD_LABEL, "it can mean first and second"),
        ("tie", {"model_a": "tie"}, Reason.BAD_LABEL, "it can mean first and tie"),
        ("claude", {}, Reason.BAD_LABEL, "names no answer ('gpt-4': first, 'llama': second)"),
        (None, {"model_a": None}, Reason.BAD_LABEL, "is not in codes"),
        ("", {"model_a": ""}, Reason.BAD_LABEL, "is not in codes"),
        ("gpt-4", {"model_a": ...}, Reason.MISSING_FIELD, "the field is missing"),
    ],
)
def test_a_name_that_is_not_clear_is_a_reject(winner: Any, more: dict[str, Any], reason: Reason, detail: str) -> None:
    row = {key: value for key, value in battle(winner, **more).items() if value is not ...}
    _, (reject,) = read_row(make("pairs", **SIDES, label="winner", codes={"tie": "tie"}), row)
    assert reject.reason == reason
    assert detail in reject.detail


def test_the_text_of_an_answer_can_be_its_name() -> None:
    form = make("pairs", prompt="q", first="a", second="b", label="winner", names={"first": "a", "second": "b"})
    assert read_row(form, battle("B"))[0][0].comparisons[0].better == 1


def test_both_sides_need_a_name() -> None:
    with pytest.raises(UserError, match="'names' needs both sides"):
        make("pairs", prompt="q", first="a", second="b", label="winner", names={"first": "model_a"})
    with pytest.raises(UserError, match="a label needs"):
        make("pairs", prompt="q", first="a", second="b", label="winner")
