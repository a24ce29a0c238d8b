"""What the verdicts show: how far the reviewers agree with the data and with each other."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import msgspec
import numpy as np

from unipref.collect.gold_pairs import compute_agreement
from unipref.collect.review.reasons import SAMPLE
from unipref.collect.review.votes_file import GivenVerdict
from unipref.core.contracts import Opinion
from unipref.core.stats.agreement import krippendorff_alpha
from unipref.core.stats.wilson import wilson
from unipref.report.content import Cell, Table, format_interval, format_number, format_with_interval
from unipref.report.tables import drop_missing, make_table

ALL = "all"


class DataAgreement(msgspec.Struct, frozen=True):
    """How often verdicts agree with the labels of the data.

    Attributes:
        of, name: 'all', 'reviewer', 'source' or 'reason', and its name.
        verdicts: first, second and tie together with both bad.
        agree, against: verdicts for the answer that the data calls better, and for the other one.
        ties, both_bad, skipped: the others; skipped pairs are no verdicts.
        share: agreement, a tie and both bad count half; low, high: its 95 % interval over prompts; None if it is not
            known, as of a single prompt or of ties alone.
        confidence: mean confidence of the data in these labels, where it is known.
    """

    of: str
    name: str
    verdicts: int
    agree: int
    against: int
    ties: int
    both_bad: int
    skipped: int
    share: float | None
    low: float | None
    high: float | None
    confidence: float | None


class ReviewerPair(msgspec.Struct, frozen=True):
    """How often two reviewers gave the same verdict on the pairs that both judged; both bad is a tie."""

    first: str
    second: str
    pairs: int
    same: int
    low: float
    high: float


class ReviewSummary(msgspec.Struct, frozen=True):
    """What the verdicts of a folder show.

    Attributes:
        data: agreement with the data, of all and by reviewer, source and reason.
        reviewers: agreement of each two reviewers.
        alpha: Krippendorff's alpha of all reviewers (nominal); alpha_low, alpha_high: its 95 % interval over pairs.
        alpha_pairs: pairs with two verdicts or more.
        shown_first: verdicts for the answer that was shown first, of `decided` verdicts.
    """

    data: list[DataAgreement]
    reviewers: list[ReviewerPair]
    alpha: float | None
    alpha_low: float | None
    alpha_high: float | None
    alpha_pairs: int
    shown_first: int
    decided: int

    def as_dict(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return dict(msgspec.to_builtins(self))


def summarise(given: Sequence[GivenVerdict]) -> ReviewSummary:
    """Summarises the verdicts of a file; the last one of a reviewer on a pair counts.

    Args:
        given: in the order in which they were given.
    """
    latest = list({(one.reviewer, one.pair): one for one in given}.values())
    groups: list[tuple[str, str, list[GivenVerdict]]] = [(ALL, ALL, latest)]
    groups += [("reviewer", *one) for one in _group(latest, lambda verdict: [verdict.reviewer])]
    groups += [("source", *one) for one in _group(latest, lambda verdict: [verdict.source])]
    groups += [("reason", *one) for one in _group(latest, lambda verdict: verdict.reasons)]
    judged = [one for one in latest if one.vote is not None]
    decided = [one for one in judged if _vote(one) != "tie"]
    votes: dict[str, dict[str, str]] = {}
    for one in judged:
        votes.setdefault(one.reviewer, {})[one.pair] = _vote(one)
    names = {name: code for code, name in enumerate(sorted({one.pair for one in judged}))}
    codes = ("first", "second", "tie")
    alpha = krippendorff_alpha(
        np.array([names[one.pair] for one in judged], dtype=np.int64),
        np.array([codes.index(_vote(one)) for one in judged], dtype=np.float64),
        "nominal",
    )
    return ReviewSummary(
        data=[_compare_with_data(*group) for group in groups],
        reviewers=list(_compare_reviewers(votes)),
        alpha=alpha.alpha,
        alpha_low=alpha.low,
        alpha_high=alpha.high,
        alpha_pairs=alpha.units,
        shown_first=sum(one.vote == one.shown_first for one in decided),
        decided=len(decided),
    )


def _group(
    given: Iterable[GivenVerdict], names: Callable[[GivenVerdict], Sequence[str]]
) -> list[tuple[str, list[GivenVerdict]]]:
    groups: dict[str, list[GivenVerdict]] = {}
    for one in given:
        for name in names(one):
            groups.setdefault(name, []).append(one)
    return sorted(groups.items())


def _vote(verdict: GivenVerdict) -> str:
    """The verdict as a comparison: neither of two bad answers is the better one."""
    return "tie" if verdict.vote in ("both_bad", None) else str(verdict.vote)


def _compare_with_data(of: str, name: str, given: Sequence[GivenVerdict]) -> DataAgreement:
    judged = [one for one in given if one.vote is not None]
    opinions = [
        [Opinion("first" if _vote(o) == "first" else "second" if _vote(o) == "second" else "tie")] for o in judged
    ]
    agreement = compute_agreement([one.data for one in judged], opinions, [one.prompt_key for one in judged])
    known = [one.confidence for one in judged if one.confidence is not None]
    votes = Counter(one.vote for one in given)
    agree = sum(one.vote == one.data for one in judged)
    # Ties alone do not vary, which says nothing of how sure their share is.
    low, high = (None, None) if agreement.low == agreement.high else (agreement.low, agreement.high)
    return DataAgreement(
        of=of,
        name=name,
        verdicts=len(judged),
        agree=agree,
        against=votes["first"] + votes["second"] - agree,
        ties=votes["tie"],
        both_bad=votes["both_bad"],
        skipped=votes[None],
        share=agreement.share,
        low=low,
        high=high,
        confidence=sum(known) / len(known) if known else None,
    )


def _compare_reviewers(votes: Mapping[str, Mapping[str, str]]) -> Iterable[ReviewerPair]:
    for first, second in combinations(sorted(votes), 2):
        shared = votes[first].keys() & votes[second].keys()
        if shared:
            same = sum(votes[first][pair] == votes[second][pair] for pair in shared)
            yield ReviewerPair(first, second, len(shared), same, *wilson(same, len(shared)))


def make_tables(summary: ReviewSummary) -> list[Table]:
    """Makes the tables of a summary."""
    heads = ["what", "verdicts", "agreement", "for", "against", "tie", "bad", "skipped", "data's confidence"]
    rows: list[list[str | Cell]] = []
    for one in summary.data:
        label = ALL if one.of == ALL else f"{one.of} {one.name}"
        counts = (one.agree, one.against, one.ties, one.both_bad, one.skipped)
        agreement = Cell(format_number(one.share), format_interval(one.low, one.high))
        rows.append([label, str(one.verdicts), agreement, *map(str, counts), format_number(one.confidence)])
    by_reviewer: list[list[str | Cell]] = [
        [
            f"{one.first} and {one.second}",
            str(one.pairs),
            Cell(format_number(one.same / one.pairs), format_interval(one.low, one.high)),
        ]
        for one in summary.reviewers
    ]
    return drop_missing(
        make_table("Agreement of the reviewers with the data", heads, rows, NOTE),
        make_table("Agreement among reviewers", ["what", "pairs", "same verdict"], by_reviewer),
    )


PAGE_ONLY = frozenset(("skipped", "data's confidence"))
"""Columns that do not fit a terminal."""
NOTE = (
    "Agreement is the share of verdicts for the answer that the data calls better; a tie and both bad count half, "
    f"chance is .5. The interval (95 %) is over prompts. Only the row of the reason '{SAMPLE}' says how good the data "
    "is as a whole: the other reasons look for doubtful preferences."
)


def describe(summary: ReviewSummary) -> list[str]:
    """Returns sentences about the reviewers."""
    sentences = []
    if summary.alpha is not None:
        alpha = format_with_interval(summary.alpha, summary.alpha_low, summary.alpha_high)
        sentences.append(f"Krippendorff's alpha of all reviewers is {alpha} on {summary.alpha_pairs} pairs.")
    elif summary.reviewers:
        sentences.append("Krippendorff's alpha is not defined: all verdicts on the shared pairs are equal.")
    if summary.decided:
        share = summary.shown_first / summary.decided
        interval = format_with_interval(share, *wilson(summary.shown_first, summary.decided))
        sentences.append(f"Of {summary.decided} decided verdicts, {interval} are for the answer that was shown first.")
    return sentences
