"""What verdicts show: agreement with the data and among reviewers."""

from typing import Any

import pytest

from unipref.collect.review.summary import ReviewSummary, describe, make_tables, summarise
from unipref.collect.review.votes_file import GivenVerdict


def verdict(number: int, vote: Any, reviewer: str = "ann", **changes: Any) -> GivenVerdict:
    values: dict[str, Any] = {"pair": f"p{number}", "prompt_key": f"p{number}", "preference": f"{number}"}
    values |= {"shown_first": "first", "source": "a", "objective": "o", "reasons": ["near tie"], "data": "first"}
    return GivenVerdict(vote=vote, reviewer=reviewer, **(values | changes))


def find(summary: ReviewSummary, of: str, name: str) -> Any:
    return next(one for one in summary.data if (one.of, one.name) == (of, name))


def test_agreement_counts_a_tie_half_and_skipped_pairs_not() -> None:
    votes = ["first"] * 6 + ["second"] * 2 + ["tie", "both_bad", None]
    summary = summarise([verdict(number, vote, confidence=0.75) for number, vote in enumerate(votes)])
    one = find(summary, "all", "all")
    assert (one.verdicts, one.agree, one.against, one.ties, one.both_bad, one.skipped) == (10, 6, 2, 1, 1, 1)
    assert one.share == pytest.approx(0.7)
    assert 0.3 < one.low < 0.7 < one.high < 1
    assert one.confidence == 0.75
    assert (summary.shown_first, summary.decided) == (6, 8)


def test_sources_reasons_and_reviewers_have_their_own_rows() -> None:
    given = [
        verdict(0, "first", reasons=["near tie", "random sample"]),
        verdict(1, "second", source="b"),
        verdict(1, "first", "bob", source="b"),
        verdict(2, "second", data="second", reasons=["random sample"]),
    ]
    summary = summarise(given)
    assert [(one.of, one.name, one.verdicts, one.agree) for one in summary.data] == [
        ("all", "all", 4, 3),
        ("reviewer", "ann", 3, 2),
        ("reviewer", "bob", 1, 1),
        ("source", "a", 2, 2),
        ("source", "b", 2, 1),
        ("reason", "near tie", 3, 2),
        ("reason", "random sample", 2, 2),
    ]
    tables = make_tables(summary)
    assert [row[0].text for row in tables[0].rows][1:4] == ["reviewer ann", "reviewer bob", "source a"]
    assert [[cell.text for cell in row] for row in tables[1].rows] == [["ann and bob", "1", "0.000"]]


def test_verdicts_on_one_prompt_are_less_than_as_many_on_many() -> None:
    votes = ["first", "second", "first", "first"] * 5
    wide = summarise([verdict(number, vote, prompt_key=f"{number // 10}") for number, vote in enumerate(votes)])
    narrow = summarise([verdict(number, vote) for number, vote in enumerate(votes)])
    assert wide.data[0].high - wide.data[0].low > narrow.data[0].high - narrow.data[0].low


def test_reviewers_are_compared_on_the_pairs_that_both_judged() -> None:
    ann = ["first", "first", "tie", "both_bad", "second", None, "first"]
    bob = ["first", "second", "both_bad", "tie", "second", "first"]
    given = [verdict(number, vote) for number, vote in enumerate(ann)]
    given += [verdict(number, vote, "bob") for number, vote in enumerate(bob)]
    summary = summarise(given)
    (one,) = summary.reviewers
    assert (one.first, one.second, one.pairs, one.same) == ("ann", "bob", 5, 4)
    assert 0 < one.low < 0.8 < one.high < 1
    # By hand: observed disagreement 1/5 of 10 values; expected 1 - (3*2 + 4*3 + 3*2) / 90 = .7333.
    assert summary.alpha == pytest.approx(1 - 0.2 / (1 - 24 / 90))
    assert summary.alpha_pairs == 5
    assert describe(summary)[0].startswith("Krippendorff's alpha of all reviewers is 0.727 [")


def test_ties_alone_have_no_interval_and_equal_verdicts_a_wide_one() -> None:
    ties = summarise([verdict(number, "tie") for number in range(3)]).data[0]
    assert (ties.share, ties.low, ties.high) == (0.5, None, None)
    equal = summarise([verdict(number, "first") for number in range(3)]).data[0]
    assert (equal.share, equal.high) == (1.0, 1.0)
    assert equal.low < 0.5


def test_the_last_verdict_on_a_pair_counts() -> None:
    given = [verdict(0, None), verdict(0, "first"), verdict(1, "tie")]
    one = summarise(given).data[0]
    assert (one.verdicts, one.skipped) == (2, 0)


def test_equal_verdicts_have_no_alpha() -> None:
    given = [verdict(0, "first"), verdict(0, "first", "bob")]
    assert "not defined" in describe(summarise(given))[0]
    assert describe(summarise([verdict(0, "tie")])) == []
