"""Who judged: fields that name them by their name, by their values, or by both; and fields that do not."""

import itertools
from typing import Any

import pytest

from unipref.unify.proposal import Proposed, propose


def rate(name: str, values: list[Any], is_judged_twice: bool = False) -> list[dict[str, Any]]:
    """Twenty rated answers, with a field of these values in turn."""
    turns = itertools.cycle(values)
    rows = []
    for n in range(10):
        good = f"The long and good answer number {n} explains all of it."
        answers = [(good, 5), (good if is_judged_twice else f"The bad answer {n} explains nothing at all.", 2)]
        rows += [
            {"question": f"What is question {n} about?", "answer": answer, "stars": stars, name: next(turns)}
            for answer, stars in answers
        ]
    return rows


def doubts_of(proposed: Proposed) -> str:
    return "\n".join(doubt for doubt in proposed.doubts if "names who judged" in doubt)


@pytest.mark.parametrize("name", ["rater", "rater_id", "grader", "reviewer", "annotator_name", "Gutachter", "평가자"])
def test_a_name_that_says_it_leaves_no_doubt(name: str) -> None:
    proposed = propose(rate(name, ["jo", "ann", "raj"]))
    assert proposed.map["annotator"] == name
    assert not doubts_of(proposed)


@pytest.mark.parametrize("name", ["by", "who", "user", "scored_by", "reviewed_by_user", "wer", "colleague"])
def test_a_name_that_may_say_it_needs_a_few_names_that_repeat(name: str) -> None:
    proposed = propose(rate(name, ["jo", "ann", "raj"]))
    assert proposed.map["annotator"] == name
    assert f"that '{name}' (ann, jo, raj) names who judged: its name may say so" in doubts_of(proposed)
    assert "annotator" not in propose(rate(name, [f"case {n}" for n in range(20)])).map


@pytest.mark.parametrize("values", [["ann@x.org", "bo@x.org"], ["rater_1", "rater_2", "rater_3"], ["User 4", "User 7"]])
def test_values_alone_can_say_it(values: list[str]) -> None:
    proposed = propose(rate("col7", values))
    assert proposed.map["annotator"] == "col7"
    assert "only its values may say so" in doubts_of(proposed)


def test_different_names_for_the_same_answers_say_it() -> None:
    proposed = propose(rate("Kuerzel", ["Eva", "Uwe", "Ida"], is_judged_twice=True))
    assert proposed.map["annotator"] == "Kuerzel"
    assert "only its values may say so" in doubts_of(proposed)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("team", ["North", "South"]),
        ("Kuerzel", ["Eva", "Uwe"]),
        ("reviewed_at", ["2025-01-01", "2025-01-02"]),
        ("agent", ["ann@x.org", "bo@x.org"][:1] * 2),
        ("language", ["German", "French"]),
        ("round", [1, 2]),
        ("ticket", [f"T-{n}" for n in range(20)]),
    ],
)
def test_other_fields_name_nobody(name: str, values: list[Any]) -> None:
    assert "annotator" not in propose(rate(name, values)).map


def test_cells_without_a_name_do_not_matter() -> None:
    assert propose(rate("rater", ["jo", None, "ann", "raj"])).map["annotator"] == "rater"


def test_a_second_field_of_names_is_a_doubt() -> None:
    rows = [{**row, "who": name} for row, name in zip(rate("by", ["jo", "ann"]), itertools.cycle("xyz"), strict=False)]
    proposed = propose(rows)
    assert proposed.map["annotator"] == "by"
    assert any(doubt.startswith("'who' (x, y, z) may name who judged, too") for doubt in proposed.doubts)
