"""Projects the partial order of one group of feedback to preferences. A pure function of the group.

`best_worst` is the paper's unionization (2.3, A.2): sort by one axis and pair the best with the worst answer.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from unipref.core.records import Axis, AxisPair, Feedback, Preference, Reason, Reject, Response
from unipref.core.text_keys import digest, join_turns, root_key
from unipref.unify.projection.order import MOST_OPEN, Order, Pair, Tied, Undecided, build_order
from unipref.unify.projection.pairs import PairMethod, choose_pairs, count_implied_pairs

WEIGHTED = "weighted"
"""The name of the axis of a weighted mean of other axes; in [0, 1], high is better."""


TAKES_OPEN_PAIRS = ("all", "adjacent")
"""The methods that keep more than one pair of a group, and so also those that other judgements order."""


class Projection(msgspec.Struct, frozen=True):
    """The settings with which the groups of one source are projected.

    Attributes:
        source, kind, objective, licence: copied to every preference.
        axis: the axis that decides; None if the format has no scores.
        axes: the format's axes by name.
        weights: axis -> weight, if a weighted mean decides.
        tie_within: gap, in the axis' units, up to which two answers are equally good.
        pairs, cap: how pairs of a group are chosen, and how many at most.
    """

    source: str
    kind: str
    objective: str
    licence: str
    axis: str | None
    axes: dict[str, Axis]
    weights: dict[str, float] = {}
    tie_within: float = 0.0
    pairs: PairMethod = "best_worst"
    cap: int = 10

    def independent_axes(self) -> dict[str, Axis]:
        """Returns the axes that can support or contradict a decision: all but those whose weighted mean decided. An
        axis that decided alone is not in a preference's `axes`.
        """
        return {name: axis for name, axis in self.axes.items() if name not in self.weights}


class UnusedAnswer(NamedTuple):
    """An answer of a group that is in no preference because of its judgement: why, and the rows that held it."""

    reject: Reject
    origin: list[str]


class Projected(NamedTuple):
    """What comes from one group.

    Attributes:
        preferences: of the chosen pairs, and one-sided ones.
        ordered: number of ordered pairs; implied: of those that follow from the chosen ones.
        unused: the answers that could not be ordered.
        candidates: preferences of the pairs that the group's own judgements leave open, if the method wants them; their
            two answers may have to be exchanged.
    """

    preferences: list[Preference]
    ordered: int
    implied: int = 0
    unused: list[UnusedAnswer] = []
    candidates: list[Preference] = []


def project(group: Feedback, projection: Projection) -> Projected:
    """Projects one group to preferences: pairs, and one-sided preferences for judged answers that are in no pair.

    Raises:
        Undecided: the group's judgements contradict each other and give no order; it holds the pairs that others may
            order.
        Reject: the group has one answer, no order, a tie, or a best and worst answer with the same text.
    """
    group, axes = _weigh(group, projection)
    try:
        order = build_order(group, projection.axis, axes, projection.tie_within)
        pairs = choose_pairs(order, group, projection.pairs, projection.cap)
    except Undecided as undecided:
        undecided.candidates = _make_pairs(group, projection, undecided.order, undecided.pairs)
        raise
    sides: list[tuple[int | None, int | None]] = list(pairs)
    if order.has_verdicts:
        used = {i for pair in pairs for i in pair}
        sides += [(i, None) for i in order.levels[0] if i not in used]
        sides += [(None, i) for i in order.levels[1] if i not in used]
    preferences = [
        _make_preference(group, projection, better, worse, order)
        for better, worse in sides
        if not _is_same_text(group, better, worse)
    ]
    if not preferences:
        raise Reject(Reason.SAME_RESPONSE, "chosen and rejected have the same text")
    is_open = projection.pairs in TAKES_OPEN_PAIRS and len(preferences) < projection.cap
    return Projected(
        preferences,
        order.count_ordered_pairs(),
        count_implied_pairs(order, pairs),
        _list_unused(group, order.unused),
        _make_pairs(group, projection, order, order.undecided) if is_open else [],
    )


def list_alternatives(group: Feedback, projection: Projection) -> list[Preference]:
    """Returns the preferences of the ordered pairs that the method did not choose, the widest gaps first."""
    group, axes = _weigh(group, projection)
    order = build_order(group, projection.axis, axes, projection.tie_within)
    chosen = choose_pairs(order, group, projection.pairs, projection.cap)
    others = [pair for pair in choose_pairs(order, group, "all", MOST_OPEN) if pair not in chosen]
    return _make_pairs(group, projection, order, others)


def _weigh(group: Feedback, projection: Projection) -> tuple[Feedback, dict[str, Axis]]:
    """Returns the group and its axes, with the weighted mean if that decides."""
    if not projection.weights:
        return group, projection.axes
    weighted = Axis(better="high", low=0.0, high=1.0)
    return add_weighted_scores(group, projection), {**projection.axes, WEIGHTED: weighted}


def _make_pairs(group: Feedback, projection: Projection, order: Order, pairs: Iterable[Pair]) -> list[Preference]:
    """Makes a preference of each pair whose answers differ."""
    return [
        _make_preference(group, projection, better, worse, order)
        for better, worse in pairs
        if not _is_same_text(group, better, worse)
    ]


def list_unscored(group: Feedback, reject: Reject) -> list[UnusedAnswer]:
    """Lists the answers without a score in a group whose other answers cannot be ordered."""
    if isinstance(reject, Tied):
        return _list_unused(group, reject.unused)
    return _list_unused(group, reject.order.unused) if isinstance(reject, Undecided) else []


def _list_unused(group: Feedback, unused: Mapping[int, Reject]) -> list[UnusedAnswer]:
    """Lists the answers that could not be ordered; copies of one answer, as in a contradiction, are listed once."""
    origins: dict[str, tuple[Reject, list[str]]] = {}
    for index, reject in unused.items():
        response = group.responses[index]
        origins.setdefault(join_turns(response.messages), (reject, []))[1].extend(response.origin)
    return [UnusedAnswer(reject, list(dict.fromkeys(origin))) for reject, origin in origins.values()]


def add_weighted_scores(group: Feedback, projection: Projection) -> Feedback:
    """Adds a weighted score to each answer that has a score on every weighted axis; returns the new group.

    The score is the weighted mean of the answer's positions on the declared scales: 0 is the worst end, 1 the best.
    """
    total = sum(abs(weight) for weight in projection.weights.values())
    responses = []
    for response in group.responses:
        if all(axis in response.scores for axis in projection.weights):
            place = (
                sum(
                    w * _position_on_scale(response.scores[axis], projection.axes[axis])
                    for axis, w in projection.weights.items()
                )
                / total
            )
            response = msgspec.structs.replace(response, scores={**response.scores, WEIGHTED: place})
        responses.append(response)
    return msgspec.structs.replace(group, responses=responses)


def _position_on_scale(score: float, axis: Axis) -> float:
    if axis.low is None or axis.high is None:
        raise AssertionError("the study check requires both ends of a weighted axis")
    place = (score - axis.low) / (axis.high - axis.low)
    return place if axis.better == "high" else 1.0 - place


def _is_same_text(group: Feedback, better: int | None, worse: int | None) -> bool:
    if better is None or worse is None:
        return False
    return join_turns(group.responses[better].messages) == join_turns(group.responses[worse].messages)


def _make_preference(
    group: Feedback, projection: Projection, better: int | None, worse: int | None, order: Order
) -> Preference:
    chosen = None if better is None else group.responses[better]
    rejected = None if worse is None else group.responses[worse]
    sides = [r for r in (chosen, rejected) if r is not None]
    judgement = order.judgement_of(better, worse)
    copies = [order.outvoted[i] for i in (better, worse) if i in order.outvoted]
    sources = [*sides, *(group.responses[i] for i in copies)]
    return Preference(
        id=digest(
            projection.source,
            join_turns(group.prompt),
            *(join_turns(r.messages) if r else "" for r in (chosen, rejected)),
        ),
        prompt=group.prompt,
        chosen=chosen.messages if chosen else None,
        rejected=rejected.messages if rejected else None,
        source=projection.source,
        kind=projection.kind,
        objective=group.objective or projection.objective,
        licence=projection.licence,
        axis=judgement.axis,
        chosen_score=judgement.better,
        rejected_score=judgement.worse,
        axes=_other_axes(sides, chosen, rejected, judgement.axis),
        margin=None,
        margin_percentile=None,
        confidence=judgement.confidence,
        n_judgements=judgement.n_judgements,
        n_annotators=None,
        n_responses=len(group.responses) - len(order.outvoted),
        group=root_key(group, projection.source),
        origin=list(dict.fromkeys(place for r in sources for place in r.origin)),
        extra=_collect_extra(group, better, worse, copies),
    )


def _score(response: Response | None, axis: str) -> float | None:
    return None if response is None else response.scores.get(axis)


def _other_axes(
    sides: list[Response], chosen: Response | None, rejected: Response | None, deciding_axis: str | None
) -> list[AxisPair]:
    names = sorted({axis for r in sides for axis in r.scores} - {deciding_axis})
    return [AxisPair(axis=name, chosen=_score(chosen, name), rejected=_score(rejected, name)) for name in names]


def _collect_extra(group: Feedback, best: int | None, worst: int | None, copies: list[int]) -> str:
    """Collects the group's extra fields as JSON with sorted keys; '{}' if there are none. `copies` are of these two
    answers.
    """
    extra: dict[str, Any] = dict(group.extra)
    for name, index in (("chosen", best), ("rejected", worst)):
        if index is not None and group.responses[index].extra:
            extra[name] = group.responses[index].extra
    others = [
        {"scores": response.scores, "origin": response.origin}
        for i, response in enumerate(group.responses)
        if i not in (best, worst, *copies)
    ]
    if others:
        extra["others"] = others
    return json.dumps(extra, ensure_ascii=False, sort_keys=True, default=str) if extra else "{}"
