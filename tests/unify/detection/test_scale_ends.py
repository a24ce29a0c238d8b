"""The ends of scales of scores, and numbers outside of them that may mean that nobody judged."""

from typing import Any

import pytest

from unipref.unify.detection.scale_ends import find_ends
from unipref.unify.proposal import propose

USUAL = [1, 2, 3, 4, 5] * 8


def rated(name: str, values: list[Any]) -> list[dict[str, Any]]:
    """Two answers to each of many prompts, with these scores."""
    return [
        {
            "question": f"What is question {n // 2} about, please?",
            "answer": f"The answer number {n} explains all of it.",
            name: value,
        }
        for n, value in enumerate(values)
    ]


@pytest.mark.parametrize("stray", [0, -1, 99, 6])
def test_a_stray_number_among_stars_is_rejected_with_a_doubt(stray: int) -> None:
    proposed = propose(rated("csat", [*USUAL, stray]))
    axis = proposed.map["scores"]["csat"]
    assert (proposed.format, axis["low"], axis["high"], axis["better"]) == ("ratings", 1, 5, "high")
    assert f"that 'csat' goes from 1 to 5: rows with {stray} (1 row) are rejected" in proposed.doubts


@pytest.mark.parametrize("stray", [0, -1, 99])
def test_a_stray_number_under_another_name_is_asked_for(stray: int) -> None:
    proposed = propose(rated("rating", [*USUAL, stray]))
    axis = proposed.map["scores"]["rating"]
    assert (axis["low"], axis["high"], axis["better"]) == ("?", "?", "?")
    assert any(f"{stray} (1 row) mean that nobody judged" in doubt for doubt in proposed.doubts)


def test_many_zeros_among_stars_are_asked_for() -> None:
    proposed = propose(rated("stars", [*USUAL, *[0] * 12]))
    assert proposed.map["scores"]["stars"]["low"] == "?"
    assert any("0 in 'stars' (12 rows)" in doubt for doubt in proposed.doubts)


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["rating"], [*range(1, 11)] * 4),
        (["rating"], USUAL),
        (["likes"], [*USUAL, 99]),
        (["rank"], [*USUAL, 99]),
        (["quality"], [0.1, 0.7, 0.4, 0.9] * 9),
        (["score"], []),
    ],
)
def test_other_numbers_tell_no_ends(words: list[str], numbers: list[float]) -> None:
    assert find_ends(words, map(float, numbers)) is None


def test_a_stray_number_without_rivals_is_neither_praise_nor_blame() -> None:
    rows = [{**row, "question": f"{row['question']} {n}"} for n, row in enumerate(rated("stars", [*USUAL, 99, 0]))]
    proposed = propose(rows)
    assert proposed.format == "thumbs"
    assert proposed.map["up"] == {"at_least": 4, "at_most": 5}
    assert proposed.map["down"] == {"at_least": 1, "at_most": 2}


def test_texts_that_say_that_there_is_no_score_are_no_score() -> None:
    proposed = propose(rated("stars", [*USUAL, "N/A", "-", "five"]))
    assert proposed.map["scores"]["stars"]["codes"] == {"-": None, "N/A": None}
    assert any(doubt.startswith("rows with 'five' in 'stars' are rejected") for doubt in proposed.doubts)
