"""Judgements of one person that contradict each other tell nothing, in whatever sources they are."""

from typing import Any

import numpy as np

from unipref.core.aggregation import Aggregation, AnnotatorReport
from unipref.core.judgements import Judgements
from unipref.unify.aggregates.majority import Majority
from unipref.unify.judging.opposites import find_opposites
from unipref.unify.judging.summary import summarise_judging


def pair(who: str | None, value: float, source: str = "s", group: str = "q", **rest: Any) -> dict[str, Any]:
    answers = rest.pop("answers", ["x", "y"])
    return {"group": group, "answers": answers, "kind": "pair", "value": value, "annotator": who, "source": source}


def thumb(who: str | None, up: bool) -> dict[str, Any]:
    return {"group": "q", "answers": ["x"], "kind": "thumb", "value": float(up), "annotator": who, "source": "s"}


def opposite_rows(rows: list[dict[str, Any]]) -> list[int]:
    """Returns the places of the rows that their annotator contradicts."""
    judgements = Judgements.from_rows(rows)
    return sorted(judgements.row[find_opposites(judgements)].tolist())


def test_both_ways_across_sources_and_sides_is_opposite() -> None:
    turned = pair("ann", 1.0, "two", answers=["y", "x"])
    assert opposite_rows([pair("ann", 1.0, "one"), turned, pair("bob", 1.0)]) == [0, 1]
    same = pair("ann", -1.0, "two", answers=["y", "x"])
    assert opposite_rows([pair("ann", 1.0, "one"), same]) == []


def test_grades_ties_other_pairs_and_unknown_people_are_not() -> None:
    rows = [pair("ann", 2.0), pair("ann", 1.0), pair("ann", 0.0)]
    rows += [pair("ann", -1.0, group="other"), pair(None, 1.0), pair(None, -1.0)]
    assert opposite_rows(rows) == []
    assert opposite_rows([]) == []


def test_a_thumb_up_and_a_thumb_down_are_opposite() -> None:
    rows = [thumb("ann", True), thumb("ann", False), thumb("bob", True), thumb(None, True), thumb(None, False)]
    assert opposite_rows(rows) == [0, 1]


def test_what_is_left_has_the_same_codes_and_the_report_counts_all() -> None:
    judgements = Judgements.from_rows([pair("ann", 1.0), pair("ann", -1.0), pair("bob", 1.0), pair("cyd", 1.0)])
    is_opposite = find_opposites(judgements)
    left = judgements.take(~is_opposite)
    assert len(left) == 2
    assert left.annotators.tolist() == judgements.annotators.tolist()
    aggregation = Majority().aggregate(left)
    assert aggregation.pair_probability.tolist() == [1.0]
    summary = summarise_judging("majority", judgements, aggregation, (), is_opposite)
    assert [(one["name"], one["n_judgements"], one["n_opposite"]) for one in summary["annotators"]] == [
        ("ann", 2, 2),
        ("bob", 1, 0),
        ("cyd", 1, 0),
    ]


def test_without_opposites_the_report_is_that_of_the_aggregate() -> None:
    judgements = Judgements.from_rows([pair("ann", 1.0)])
    nothing, codes = np.empty(0), np.empty(0, dtype=int)
    report = AnnotatorReport("ann", 1, 0, None, 0)
    aggregation = Aggregation(nothing, codes, codes, nothing, codes, annotators=(report,))
    (one,) = summarise_judging("latent", judgements, aggregation)["annotators"]
    assert (one["n_judgements"], one["n_opposite"]) == (1, 0)
