"""Cells as people write them into sheets: odd ones among scores, abbreviations of "no value", ticks, percent signs."""

from typing import Any

import pytest

from support.judged_rows import one_answer, two_answers
from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import read_all
from unipref.core.errors import UserError
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.inspection import open_questions
from unipref.unify.proposal import propose

MARKS_OF_SCHOOL = ["1", "5", "2", "6", "3", "2-", "1", "4", "6", "5"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Voto (1-10)", ["9", "2", "8", "3", "n/d", "7", "1", "10", "4", "6"]),
        ("Schulnote", MARKS_OF_SCHOOL),
        ("rating", ["4", "tbd", "1", "2", "5 or so", "3", "1", "5", "2", "4"]),
        ("score", ["7", "later", "2", "10", "3"]),
    ],
)
def test_an_odd_cell_hides_no_score_of_a_short_file(name: str, values: list[str]) -> None:
    found = propose(one_answer(**{name: values})[: len(values)])
    assert (found.format, found.map["label"]) == ("thumbs", name)
    assert open_questions(found.map, "map")


@pytest.mark.parametrize(
    ("name", "values", "label"), [("Tevreden?", ["ja", "nee", "nvt"], "Tevreden?"), ("ok", ["oui", "non", "s/o"], "?")]
)
def test_an_abbreviation_of_no_value_is_no_verdict(name: str, values: list[str], label: str) -> None:
    found = propose(one_answer(**{name: [*values, *values[:2]]}))
    assert (found.format, found.map["label"]) == ("thumbs", label)
    assert any("are rejected: they hold no verdict" in doubt for doubt in found.doubts)


@pytest.mark.parametrize("values", [["ja", "nee", "weet ik niet"], [0, 1, 7], ["yes", "no", "later"]])
def test_an_entry_without_judgements_stops_at_what_may_judge(values: list[Any]) -> None:
    found = propose(one_answer(settled=values))
    assert found.format != "demonstration" or found.map["where"] == {"settled": "?"}
    assert open_questions(found.map, "map")


def test_further_criteria_in_a_list_of_scores_are_named() -> None:
    reviews = [
        [{"who": "ann", "fluency": n, "mood": 6 - n}, {"who": "bo", "fluency": 5, "mood": 1}] for n in (1, 2, 3, 4, 5)
    ]
    found = propose(one_answer(reviews=reviews))
    assert "reviews.*.mood" in str([found.map, found.doubts]) or "left out of the entry" in str(found.doubts)
    assert any("mood" in doubt for doubt in found.doubts)


def test_ticks_beside_each_of_two_answers_are_named_with_the_mend() -> None:
    rows = two_answers(**{"a is better": ["x", None, None], "b is better": [None, "x", "x"]})
    found = propose(rows)
    assert (found.format, found.map["label"], "names" in found.map) == ("pairs", "?", False)
    assert any("where: {'a is better': ['x']}" in doubt and "the other way round" in doubt for doubt in found.doubts)


@pytest.mark.parametrize("values", [["85%", "0%", "60%"], ["9 points", "2 points", "7 points"]])
def test_numbers_with_a_unit_get_the_pattern_that_bounds_need(values: list[str]) -> None:
    found = propose(one_answer(rating=values))
    assert (found.map["up"], found.map["down"]) == ("?", "?")
    filled = {**found.map, "up": {"at_least": 60}, "down": {"at_most": 59}}
    form = registry.make("format", "thumbs", filled, "map")
    assert [getattr(item, "reason", None) for item in read_all(form, one_answer(rating=values))] == [None] * 12


def test_a_number_with_a_unit_is_rejected_with_the_mend() -> None:
    settings = {"prompt": "question", "response": "answer", "label": "rating"}
    form = registry.make("format", "thumbs", {**settings, "up": {"at_least": 80}, "down": {"at_most": 20}}, "map")
    (reject,) = read_all(form, one_answer(rating=["85 %"])[:1])
    assert "Bounds need numbers: set pattern: " in reject.detail


def test_bounds_in_a_list_are_an_error_in_one_line() -> None:
    settings = {"prompt": "question", "response": "answer", "label": "rating"}
    with pytest.raises(UserError) as error:
        registry.make("format", "thumbs", {**settings, "up": [{"at_least": 4}], "down": [{"at_most": 2}]}, "map")
    assert str(error.value).count("remove the dash before them") == 2
    assert len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize(
    ("cells", "up", "down"),
    [
        (["4,5 pkt", "2,0 pkt", "3 pkt"], {"at_least": 4, "decimal": "comma"}, {"at_most": 2, "decimal": "comma"}),
        (["4.5 pts", "2.0 pts", "3 pts"], {"at_least": 4}, {"at_most": 2}),
        (["4 von 5", "2 von 5", "3 von 5"], {"at_least": 4}, {"at_most": 2}),
        (["85,5 %", "20,1 %", "50 %"], {"at_least": 80, "decimal": "comma"}, {"at_most": 30, "decimal": "comma"}),
        (["4,5", "2,0", "3,5"], {"at_least": 4, "decimal": "comma"}, {"at_most": 2, "decimal": "comma"}),
    ],
)
def test_bounds_read_the_numbers_in_cells(cells: list[str], up: dict[str, Any], down: dict[str, Any]) -> None:
    rows = one_answer(rating=cells)
    found = propose(rows)
    assert (found.format, found.map["up"], found.map["down"]) == ("thumbs", PLACEHOLDER, PLACEHOLDER)
    assert any("decimal: comma" in doubt for doubt in found.doubts) == ("decimal" in up)
    form = registry.make("format", "thumbs", {**found.map, "up": up, "down": down}, "map")
    judged = [[r.approved for f in read_row(form, row)[0] for r in f.responses] for row in rows[:3]]
    assert judged == [[True], [False], []]


@pytest.mark.parametrize("cells", [["4,5", "2.0"], ["4,5 pkt", "2.5 pkt"], ["3/5", "7/10"]])
def test_cells_that_bounds_cannot_compare_are_a_doubt(cells: list[str]) -> None:
    found = propose(one_answer(rating=cells))
    assert "pattern" not in found.map
    assert any("several scales" in doubt for doubt in found.doubts)
