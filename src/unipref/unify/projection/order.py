"""Orders the answers of a group by its evidence: levels of equally good answers, or pairs that were compared.

The order comes from the first kind of evidence that the group has: comparisons between two answers, verdicts on single
answers, scores on the deciding axis. Nothing is guessed: a group without evidence is rejected. One with as much
evidence for one answer as for the other is undecided: the judgements of all sources may order it.
"""

import math
from dataclasses import dataclass, field
from itertools import accumulate, combinations, islice

from unipref.core.records import Axis, Feedback, Preference, Reason, Reject
from unipref.core.text_keys import answer_hash, join_turns

EPSILON = 1e-9
"""Scores closer than this are tied, because means over raters differ in the last digits between machines."""

MOST_OPEN = 64
"""Most pairs of tied answers of a group whose order is left open."""

STRENGTH = "strength"
"""The axis of is_graded comparisons: how far the grade is from a tie, in the source's own units."""

Pair = tuple[int, int]
"""(better, worse): indices of answers."""


@dataclass(frozen=True)
class PairJudgement:
    """The judgement of one ordered pair.

    Attributes:
        axis: the axis that decided; None if no axis did.
        better, worse: the scores of both answers on it.
        confidence: share of the judgements that agree; None if there was only one.
        n_judgements: number of judgements.
    """

    axis: str | None = None
    better: float | None = None
    worse: float | None = None
    confidence: float | None = None
    n_judgements: int = 1


@dataclass(frozen=True)
class Order:
    """Which answers of a group are better than which.

    Attributes:
        levels: answers from best to worst, equal scores together; within a level by content.
        heights: height of each level, descending; an answer is better than another if the gap between the heights of
            their levels is wider than `tie`.
        tie: gap up to which two answers are equally good.
        pair_judgements: instead of levels, the compared pairs with their judgements.
        scores: index -> score on the deciding axis, if levels come from scores.
        axis: that axis.
        judgements: index -> number of judgements of which its score is the mean, or that its verdict rests on.
        shares: index -> share of these that agree with its verdict; those judged once have none.
        undecided: the compared pairs, in no order, whose judgements contradict each other and decide nothing.
        outvoted: index -> index of the copy of this answer that has the opposite, less frequent verdict.
        has_verdicts: whether the levels are the answers judged good and the answers judged bad.
        unused: index -> why the answer has no place in the order.
    """

    levels: list[list[int]] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    tie: float = 0.0
    pair_judgements: dict[Pair, PairJudgement] = field(default_factory=dict)
    undecided: dict[Pair, PairJudgement] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    axis: str | None = None
    judgements: dict[int, int] = field(default_factory=dict)
    shares: dict[int, float] = field(default_factory=dict)
    outvoted: dict[int, int] = field(default_factory=dict)
    has_verdicts: bool = False
    unused: dict[int, Reject] = field(default_factory=dict)

    def judgement_of(self, better: int | None, worse: int | None) -> PairJudgement:
        """Returns the judgement of an ordered pair, or of one judged answer.

        Verdicts on two answers are as certain as the less certain one of them.
        """
        sides = [index for index in (better, worse) if index is not None]
        if self.has_verdicts:
            shares = [self.shares[index] for index in sides if index in self.shares]
            n = min((self.judgements.get(index, 1) for index in sides), default=1)
            return PairJudgement(confidence=min(shares, default=None), n_judgements=max(n, 1))
        if better is None or worse is None:
            return PairJudgement()
        if (pair := (better, worse)) in self.undecided:
            return self.undecided[pair]
        if self.pair_judgements:
            return self.pair_judgements[pair]
        if self.axis is None:
            return PairJudgement()
        n = min(self.judgements[better], self.judgements[worse])
        return PairJudgement(self.axis, self.scores[better], self.scores[worse], None, n)

    def first_worse_levels(self) -> list[int]:
        """Returns, per level, the index of the first level worse by more than the tie, or the number of levels."""
        first, firsts = 0, []
        for height in self.heights:
            while first < len(self.heights) and height - self.heights[first] <= self.tie:
                first += 1
            firsts.append(first)
        return firsts

    def count_ordered_pairs(self) -> int:
        """Counts the ordered pairs of answers in the group."""
        if self.pair_judgements:
            return len(self.pair_judgements)
        sizes = [len(level) for level in self.levels]
        up_to = [0, *accumulate(sizes)]
        return sum(
            size * (up_to[-1] - up_to[below]) for size, below in zip(sizes, self.first_worse_levels(), strict=True)
        )


class Undecided(Reject):
    """A group whose own judgements contradict each other and so give no order.

    Args:
        reason, detail: as of a reject; what becomes of the group if nothing else orders it.
        order: what is known of the pairs.
        pairs: those that other judgements may order, in the order of their content.

    Attributes:
        candidates: their preferences, whose two answers may have to be exchanged.
    """

    def __init__(self, reason: Reason, detail: str, order: Order, pairs: list[Pair]) -> None:
        super().__init__(reason, detail)
        self.order, self.pairs = order, pairs
        self.candidates: list[Preference] = []


class Tied(Reject):
    """A group whose scores are equal; `unused` are the answers without a score, by index."""

    def __init__(self, detail: str, unused: dict[int, Reject]) -> None:
        super().__init__(Reason.TIE, detail)
        self.unused = unused


def build_order(group: Feedback, axis: str | None, axes: dict[str, Axis], tie_within: float) -> Order:
    """Orders the answers of a group by its evidence.

    Args:
        group: answers to one prompt.
        axis: the axis that decides; None if the format has no scores.
        axes: the axes by name.
        tie_within: gap, in the axis' units, up to which two answers are equally good.

    Raises:
        Undecided: the judgements contradict each other, and neither side is ahead.
        Reject: the group has one answer, no evidence or a tie.
    """
    if group.comparisons:
        return _order_by_comparisons(group, tie_within)
    if any(r.approved is not None for r in group.responses):
        return _order_by_verdicts(group)
    if len(group.responses) < 2:
        raise Reject(Reason.ONE_RESPONSE, "the prompt has only one answer; a preference needs two")
    return _order_by_scores(group, axis, axes, tie_within + EPSILON)


def _order_by_scores(group: Feedback, axis: str | None, axes: dict[str, Axis], tie: float) -> Order:
    scores = {i: r.scores[axis] for i, r in enumerate(group.responses) if axis in r.scores} if axis else {}
    if axis is None or len(scores) < 2:
        detail = f"{len(scores)} of {len(group.responses)} answers have a score" + (f" on '{axis}'" if axis else "")
        raise Reject(Reason.UNSCORED, detail)
    unused = {
        i: Reject(Reason.UNSCORED, f"the answer has no score on '{axis}', other answers to the prompt have one")
        for i in range(len(group.responses))
        if i not in scores
    }
    by_content = sorted(scores, key=lambda i: answer_hash(group.responses[i]))
    height = {i: axes[axis].sign * score for i, score in scores.items()}
    judgements = {i: group.responses[i].judgements_on(axis) for i in scores}
    levels: list[list[int]] = []
    for i in sorted(by_content, key=lambda i: -height[i]):
        if levels and height[levels[-1][0]] - height[i] <= EPSILON:
            levels[-1].append(i)
        else:
            levels.append([i])
    heights = [height[level[0]] for level in levels]
    if heights[0] - heights[-1] <= tie:
        ends = sorted(scores[level[0]] for level in (levels[0], levels[-1]))
        scores_text = f"have {ends[0]:g}" if len(levels) == 1 else f"lie between {ends[0]:g} and {ends[1]:g}"
        detail = f"all {len(scores)} answers {scores_text} on '{axis}'"
        if max(judgements.values()) == 1:
            raise Tied(detail, unused)
        # The means of several people's scores are equal: which of these people count more is not known here.
        tied = Order(scores=scores, axis=axis, judgements=judgements, unused=unused)
        pairs = math.comb(len(by_content), 2)
        if pairs > MOST_OPEN:
            detail += f" ({MOST_OPEN} of their {pairs:,} pairs are looked at)"
        raise Undecided(Reason.TIE, detail, tied, list(islice(combinations(by_content, 2), MOST_OPEN)))
    place = {i: n for n, i in enumerate(by_content)}
    levels = [sorted(level, key=place.__getitem__) for level in levels]
    return Order(levels, heights, tie, scores=scores, axis=axis, judgements=judgements, unused=unused)


def _order_by_verdicts(group: Feedback) -> Order:
    """Orders answers by the verdict that most people gave; copies of one answer differ in their verdict."""
    by_content = sorted(range(len(group.responses)), key=lambda i: answer_hash(group.responses[i]))
    verdicts_on: dict[str, dict[bool, int]] = {}
    for i in by_content:
        response = group.responses[i]
        if response.approved is not None:
            verdicts_on.setdefault(join_turns(response.messages), {})[response.approved] = i
    levels: list[list[int]] = [[], []]
    order = Order(levels, [1.0, 0.0], has_verdicts=True)
    for index_of in verdicts_on.values():
        counts = {is_good: group.responses[index].n_judgements for is_good, index in index_of.items()}
        if len(counts) > 1 and counts[True] == counts[False]:
            order.unused.update(dict.fromkeys(index_of.values(), _contradiction(counts[True])))
            continue
        is_good = max(counts, key=counts.__getitem__)
        index, total = index_of[is_good], sum(counts.values())
        levels[0 if is_good else 1].append(index)
        order.judgements[index] = total
        if total > 1:
            order.shares[index] = counts[is_good] / total
        if len(counts) > 1:
            order.outvoted[index] = index_of[not is_good]
    if not any(levels):
        raise next(iter(order.unused.values()))
    return order


def _contradiction(n_each: int) -> Reject:
    count = f", {n_each} times each" if n_each > 1 else ""
    return Reject(Reason.CONTRADICTION, f"the same answer is judged both good and bad{count}")


def _order_by_comparisons(group: Feedback, tie_within: float) -> Order:
    """Orders pairs by most votes, where a tie is a vote too; or by mean strength, if every judge gave one."""
    texts = [join_turns(response.messages) for response in group.responses]
    judgements = [c for c in group.comparisons if texts[c.better] != texts[c.worse]]
    if not judgements:
        raise Reject(Reason.SAME_RESPONSE, "the compared answers are the same text")
    by_pair: dict[Pair, list[float]] = {}
    is_graded = all(c.strength is not None or c.tie for c in judgements)
    has_strength = is_graded and any(c.strength is not None for c in judgements)
    for c in judgements:
        low, high = min(c.better, c.worse), max(c.better, c.worse)
        size = 0.0 if c.tie else 1.0 if c.strength is None or not is_graded else c.strength
        by_pair.setdefault((low, high), []).append(size if c.better == low else -size)
    compared: dict[Pair, PairJudgement] = {}
    undecided: dict[Pair, PairJudgement] = {}
    for (low, high), leads in by_pair.items():
        n = len(leads)
        net = math.fsum(leads) / n  # exact, so that the order of judgements and answers does not matter
        ahead = sum(lead * net > 0 for lead in leads)
        is_tie = abs(net) <= EPSILON + (tie_within if is_graded else 0.0)
        # A tie too, if more judges voted for it than for the better answer.
        if is_tie or (not is_graded and sum(lead == 0.0 for lead in leads) > ahead):
            if min(leads) < 0 < max(leads):
                undecided[low, high] = PairJudgement(n_judgements=n)
            continue
        pair = (low, high) if net > 0 else (high, low)
        agree = ahead / n if n > 1 else None
        strength = abs(net) if has_strength else None
        zero = 0.0 if has_strength else None
        compared[pair] = PairJudgement(STRENGTH if has_strength else None, strength, zero, agree, n)
    order = Order(pair_judgements=compared, undecided=undecided)
    if compared:
        return order
    count = "1 judgement" if len(judgements) == 1 else f"{len(judgements)} judgements"
    detail = f"{count}, and neither answer is ahead"
    if undecided:
        raise Undecided(Reason.CONTRADICTION, detail, order, list(undecided))
    raise Reject(Reason.TIE, detail)
