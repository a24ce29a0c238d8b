"""Labels that are keys, as Potato writes the choices of its schemes: {"good": "1"}."""

from typing import Any

import pytest

from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import Proposal
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.exports.potato import Potato
from unipref.unify.mapping.paths import collect_values, get_path


def recognise(*annotations: dict[str, Any]) -> Proposal:
    found = Potato.recognise([{"id": f"i{i}", "label_annotations": one} for i, one in enumerate(annotations)])
    assert found is not None
    return found


def test_keys_of_set_values_are_a_list() -> None:
    row = {"choice": {"left": True, "right": False, "none": None}, "by": {"ann": {"A": "1"}, "bob": {"B": 1, "A": 0}}}
    assert get_path(row, "choice.keys()") == ["left"]
    assert [value for _, value in collect_values(row, "by.*.keys()")] == ["A", "B"]
    assert get_path({"choice": {"keys()": 1}}, "choice.keys()") == 1


def test_a_chosen_side_is_a_vote() -> None:
    found = recognise({"preference": {"Reply A": "1"}}, {"preference": {"Reply B": "1"}})
    assert (found.format, found.map["votes"]) == ("votes", "label_annotations.preference.keys()")
    codes = {"Reply A": "first", "Reply B": "second"}
    assert found.map["codes"] == dict.fromkeys(codes, PLACEHOLDER)
    settings = {**found.map, "prompt": "p", "first": "a", "second": "b", "codes": codes}
    row = {"p": "Is it?", "a": "Yes.", "b": "No.", "label_annotations": {"preference": {"Reply B": "1"}}}
    ((feedback,), _) = read_row(registry.make("format", "votes", settings, "map"), row)
    assert [comparison.better for comparison in feedback.comparisons] == [1]


def test_a_verdict_is_thumbs_and_a_degree_is_asked_about() -> None:
    found = recognise({"quality": {"good": "1"}, "why": {"text_box": "so"}}, {"quality": {"bad": "1"}})
    assert (found.format, found.map["up"], found.map["down"]) == ("thumbs", ["good"], ["bad"])
    assert "the scheme 'why' is not read" in found.doubts
    found = recognise({"helpfulness": {"5": "5"}}, {"helpfulness": {"1": "1"}})
    assert (found.format, found.map["up"]) == ("thumbs", PLACEHOLDER)


def test_one_of_several_schemes_is_asked_for() -> None:
    good, bad = {"good": "1"}, {"bad": "1"}
    assert recognise({"quality": good, "tone": bad}, {"quality": bad, "tone": good}).map["label"] == PLACEHOLDER


@pytest.mark.parametrize(
    "scheme", [{"mood": {"sad": "1"}}, {"sentiment": {"positive": "1"}}, {"toxicity": {"toxic": "1"}}]
)
def test_a_class_of_a_text_is_no_verdict_on_an_answer(scheme: dict[str, Any]) -> None:
    assert recognise(scheme).format is None
