"""A group's evidence -> which answers are better than which: levels of equally good ones, or pairs that were compared.

The order is taken from the first of these that the group has: comparisons between two answers, scores on the deciding
axis, verdicts on single answers. Nothing is guessed: a group whose evidence says nothing, or says both ways equally, is
a reject.
"""

import math
from dataclasses import dataclass, field
from itertools import accumulate

from unipref.core.records import Axis, Feedback, Reason, Reject
from unipref.core.text_keys import answer_hash, flat

EPSILON = 1e-9
"""Scores closer than this are tied: means over raters differ in the last digits between machines."""

STRENGTH = "strength"
"""The axis of graded comparisons: how far the grade is from a tie, in the source's own units."""

Pair = tuple[int, int]
"""(better, worse): indices of answers."""


@dataclass(frozen=True)
class Judged:
    """What is known of one ordered pair.

    Attributes:
        axis: the axis that decided; None where none did.
        better, worse: both answers' scores on it.
        confidence: share of the judgements that agree; None when there was only one.
        n_judgements: how many there were.
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
        heights: how high each level stands, falling; an answer is better than another when the gap between their
            levels' heights is wider than `tie`.
        tie: gap up to which two answers are equally good.
        compared: instead of levels, the pairs that were compared, with what is known of each.
        scores: index -> score on the deciding axis, where levels come from scores.
        axis: that axis.
        judgements: index -> how many judgements its score is the mean of.
        verdicts: the levels are answers judged good and bad alone.
    """

    levels: list[list[int]] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    tie: float = 0.0
    compared: dict[Pair, Judged] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    axis: str | None = None
    judgements: dict[int, int] = field(default_factory=dict)
    verdicts: bool = False

    def judged(self, pair: Pair) -> Judged:
        """What is known of an ordered pair."""
        if self.compared:
            return self.compared[pair]
        if self.axis is None:
            return Judged()
        better, worse = pair
        n = min(self.judgements[better], self.judgements[worse])
        return Judged(self.axis, self.scores[better], self.scores[worse], None, n)

    def first_below(self) -> list[int]:
        """For each level the first one that is worse, not merely within the tie; the number of levels for none."""
        first, found = 0, []
        for height in self.heights:
            while first < len(self.heights) and height - self.heights[first] <= self.tie:
                first += 1
            found.append(first)
        return found

    def n_ordered(self) -> int:
        """How many ordered pairs of answers the group has."""
        if self.compared:
            return len(self.compared)
        sizes = [len(level) for level in self.levels]
        up_to = [0, *accumulate(sizes)]
        return sum(size * (up_to[-1] - up_to[below]) for size, below in zip(sizes, self.first_below(), strict=True))


def order_of(group: Feedback, axis: str | None, axes: dict[str, Axis], tie_within: float) -> Order:
    """The order a group's evidence gives.

    Args:
        group: answers to one prompt.
        axis: the axis that decides; None when the format scores nothing.
        axes: the axes by name.
        tie_within: gap, in the axis' units, up to which two answers are equally good.

    Raises:
        Reject: one answer, no evidence, a tie, or a contradiction.
    """
    if group.comparisons:
        return _from_comparisons(group, tie_within)
    if any(r.approved is not None for r in group.responses):
        return _from_verdicts(group)
    if len(group.responses) < 2:
        raise Reject(Reason.ONE_RESPONSE, "the prompt has one answer; a preference needs two")
    return _from_scores(group, axis, axes, tie_within + EPSILON)


def _from_scores(group: Feedback, axis: str | None, axes: dict[str, Axis], tie: float) -> Order:
    scores = {i: r.scores[axis] for i, r in enumerate(group.responses) if axis in r.scores} if axis else {}
    if axis is None or len(scores) < 2:
        detail = f"{len(scores)} of {len(group.responses)} answers have a score" + (f" on '{axis}'" if axis else "")
        raise Reject(Reason.UNSCORED, detail)
    by_content = sorted(scores, key=lambda i: answer_hash(group.responses[i]))
    height = {i: axes[axis].sign * score for i, score in scores.items()}
    levels: list[list[int]] = []
    for i in sorted(by_content, key=lambda i: -height[i]):
        if levels and height[levels[-1][0]] - height[i] <= EPSILON:
            levels[-1].append(i)
        else:
            levels.append([i])
    heights = [height[level[0]] for level in levels]
    if heights[0] - heights[-1] <= tie:
        ends = sorted(scores[level[0]] for level in (levels[0], levels[-1]))
        said = f"have {ends[0]:g}" if len(levels) == 1 else f"lie between {ends[0]:g} and {ends[1]:g}"
        raise Reject(Reason.TIE, f"all {len(scores)} answers {said} on '{axis}'")
    place = {i: n for n, i in enumerate(by_content)}
    levels = [sorted(level, key=place.__getitem__) for level in levels]
    judgements = {i: group.responses[i].n_judgements for i in scores}
    return Order(levels, heights, tie, {}, scores, axis, judgements)


def _from_verdicts(group: Feedback) -> Order:
    by_content = sorted(range(len(group.responses)), key=lambda i: answer_hash(group.responses[i]))
    good, bad = ([i for i in by_content if group.responses[i].approved is verdict] for verdict in (True, False))
    if {flat(group.responses[i].messages) for i in good} & {flat(group.responses[i].messages) for i in bad}:
        raise Reject(Reason.CONTRADICTION, "the same answer is judged good and bad")
    return Order([good, bad], [1.0, 0.0], verdicts=True)


def _from_comparisons(group: Feedback, tie_within: float) -> Order:
    """The side with most votes between two answers, a tie being one; the mean strength where every judge gave one."""
    texts = [flat(response.messages) for response in group.responses]
    told = [c for c in group.comparisons if texts[c.better] != texts[c.worse]]
    if not told:
        raise Reject(Reason.SAME_RESPONSE, "the answers that were compared are the same text")
    by_pair: dict[Pair, list[float]] = {}
    graded = all(c.strength is not None or c.tie for c in told)
    known = graded and any(c.strength is not None for c in told)
    for c in told:
        low, high = min(c.better, c.worse), max(c.better, c.worse)
        size = 0.0 if c.tie else 1.0 if c.strength is None or not graded else c.strength
        by_pair.setdefault((low, high), []).append(size if c.better == low else -size)
    compared: dict[Pair, Judged] = {}
    for (low, high), leads in by_pair.items():
        n = len(leads)
        net = math.fsum(leads) / n  # exact, so that the order of judgements and answers does not matter
        if abs(net) <= EPSILON + (tie_within if graded else 0.0):
            continue
        pair = (low, high) if net > 0 else (high, low)
        ahead = sum(lead * net > 0 for lead in leads)
        if not graded and sum(lead == 0.0 for lead in leads) > ahead:
            continue  # most of the judges found no difference
        agree = ahead / n if n > 1 else None
        strength = abs(net) if known else None
        nothing = 0.0 if known else None
        compared[pair] = Judged(STRENGTH if known else None, strength, nothing, agree, n)
    if not compared:
        both = any(min(leads) < 0 < max(leads) for leads in by_pair.values())
        detail = f"{len(told)} judgements leave neither answer ahead"
        raise Reject(Reason.CONTRADICTION if both else Reason.TIE, detail)
    return Order(compared=compared)
