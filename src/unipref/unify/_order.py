"""A group's evidence -> which answers are better than which: levels of equally good ones, or pairs that were compared.

The order is taken from the first of these that the group has: comparisons between two answers, scores on the deciding
axis, verdicts on single answers. Nothing is guessed: a group whose evidence says nothing, or says both ways equally, is
a reject.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

from unipref.records import Axis, Feedback, Reason, Reject
from unipref.unify._keys import content_key, flat

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
        levels: answers from best to worst, equally good ones together; within a level by content.
        compared: instead of levels, the pairs that were compared, with what is known of each.
        scores: index -> score on the deciding axis, where levels come from scores.
        axis: that axis.
        judgements: index -> how many judgements its score is the mean of.
        verdicts: the levels are answers judged good and bad alone.
    """

    levels: list[list[int]] = field(default_factory=list)
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

    def n_ordered(self) -> int:
        """How many ordered pairs of answers the group has."""
        if self.compared:
            return len(self.compared)
        sizes = [len(level) for level in self.levels]
        return (sum(sizes) ** 2 - sum(size * size for size in sizes)) // 2

    def pairs(self) -> Iterator[Pair]:
        """Every ordered pair, from the best answers down."""
        if self.compared:
            yield from self.compared
            return
        for above, below in combinations(self.levels, 2):
            for better in above:
                for worse in below:
                    yield better, worse


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
    return _from_scores(group, axis, axes, max(tie_within, EPSILON))


def _from_scores(group: Feedback, axis: str | None, axes: dict[str, Axis], tie: float) -> Order:
    scores = {i: r.scores[axis] for i, r in enumerate(group.responses) if axis in r.scores} if axis else {}
    if axis is None or len(scores) < 2:
        detail = f"{len(scores)} of {len(group.responses)} answers have a score" + (f" on '{axis}'" if axis else "")
        raise Reject(Reason.UNSCORED, detail)
    sign = axes[axis].sign
    by_content = sorted(scores, key=lambda i: content_key(group.responses[i]))
    levels: list[list[int]] = []
    for i in sorted(by_content, key=lambda i: -sign * scores[i]):
        if levels and abs(scores[levels[-1][0]] - scores[i]) <= tie:
            levels[-1].append(i)
        else:
            levels.append([i])
    if len(levels) == 1:
        raise Reject(Reason.TIE, f"all {len(scores)} answers have {scores[levels[0][0]]:g} on '{axis}'")
    place = {i: n for n, i in enumerate(by_content)}
    levels = [sorted(level, key=place.__getitem__) for level in levels]
    return Order(levels, {}, scores, axis, {i: group.responses[i].n_judgements for i in scores})


def _from_verdicts(group: Feedback) -> Order:
    by_content = sorted(range(len(group.responses)), key=lambda i: content_key(group.responses[i]))
    good, bad = ([i for i in by_content if group.responses[i].approved is verdict] for verdict in (True, False))
    if {flat(group.responses[i].messages) for i in good} & {flat(group.responses[i].messages) for i in bad}:
        raise Reject(Reason.CONTRADICTION, "the same answer is judged good and bad")
    return Order([good, bad], verdicts=True)


def _from_comparisons(group: Feedback, tie_within: float) -> Order:
    """Majority of the votes between two answers; the mean strength where every judge gave one."""
    by_pair: dict[Pair, list[float]] = {}
    graded = all(c.strength is not None or c.tie for c in group.comparisons)
    known = graded and any(c.strength is not None for c in group.comparisons)
    for c in group.comparisons:
        low, high = min(c.better, c.worse), max(c.better, c.worse)
        size = 0.0 if c.tie else 1.0 if c.strength is None or not graded else c.strength
        by_pair.setdefault((low, high), []).append(size if c.better == low else -size)
    compared: dict[Pair, Judged] = {}
    for (low, high), leads in by_pair.items():
        n = len(leads)
        net = sum(sorted(leads)) / n
        if abs(net) <= max(EPSILON, tie_within if graded else 0.0):
            continue
        pair = (low, high) if net > 0 else (high, low)
        agree = sum(lead * net > 0 for lead in leads) / n if n > 1 else None
        strength = abs(net) if known else None
        nothing = 0.0 if known else None
        compared[pair] = Judged(STRENGTH if known else None, strength, nothing, agree, n)
    if not compared:
        both = any(min(leads) < 0 < max(leads) for leads in by_pair.values())
        detail = f"{len(group.comparisons)} judgements leave neither answer ahead"
        raise Reject(Reason.CONTRADICTION if both else Reason.TIE, detail)
    return Order(compared=compared)
