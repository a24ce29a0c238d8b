"""Feedback -> Preference: a group's partial order, projected to pairs. A pure function of one group.

`best_worst` is the paper's unionization (2.3, A.2): sort by one axis, take best and worst.
"""

import json
from typing import Any, NamedTuple

import msgspec

from unipref.core.records import Axis, AxisPair, Feedback, Preference, Reason, Reject, Response
from unipref.core.text_keys import digest, flat, root_key
from unipref.unify.projection.order import Judged, Order, order_of
from unipref.unify.projection.pairs import Way, chosen_pairs, implied

WEIGHTED = "weighted"
"""The axis that a weighted mean of others makes; in [0, 1], high is better."""


class Projection(msgspec.Struct, frozen=True):
    """What projecting the groups of one source needs to know of that source.

    Attributes:
        source, kind, objective, licence: carried to every preference.
        axis: the axis that decides; None when the format scores nothing.
        axes: the format's axes by name.
        weights: axis -> weight, where a weighted mean decides.
        tie_within: gap, in the axis' units, up to which two answers are equally good.
        pairs, cap: which pairs of a group are kept, and how many at most.
    """

    source: str
    kind: str
    objective: str
    licence: str
    axis: str | None
    axes: dict[str, Axis]
    weights: dict[str, float] = {}
    tie_within: float = 0.0
    pairs: Way = "best_worst"
    cap: int = 10

    def witnesses(self) -> dict[str, Axis]:
        """The axes that can speak for or against a decision: not those whose weighted mean it is. One that decided
        alone is not among a preference's other axes.
        """
        return {name: axis for name, axis in self.axes.items() if name not in self.weights}


class Projected(NamedTuple):
    """One group's preferences; how many ordered pairs its evidence held, and how many follow from those kept."""

    preferences: list[Preference]
    ordered: int
    implied: int = 0


def project(group: Feedback, how: Projection) -> Projected:
    """One group's preferences: pairs, and one-sided rows for verdicts on answers that no pair took.

    Raises:
        Reject: the group has one answer, no order, a tie, or a best and worst of the same text.
    """
    axes = how.axes
    if how.weights:
        group, axes = weighted(group, how), {**axes, WEIGHTED: Axis(better="high", low=0.0, high=1.0)}
    order = order_of(group, how.axis, axes, how.tie_within)
    pairs = chosen_pairs(order, group, how.pairs, how.cap)
    sides: list[tuple[int | None, int | None]] = list(pairs)
    if order.verdicts:
        used = {i for pair in pairs for i in pair}
        sides += [(i, None) for i in order.levels[0] if i not in used]
        sides += [(None, i) for i in order.levels[1] if i not in used]
    preferences = [
        _preference(group, how, better, worse, order) for better, worse in sides if not _same(group, better, worse)
    ]
    if not preferences:
        raise Reject(Reason.SAME_RESPONSE, "chosen and rejected are the same text")
    return Projected(preferences, order.n_ordered(), implied(order, pairs))


def weighted(group: Feedback, how: Projection) -> Feedback:
    """The group with a further score for each answer that has one on every weighted axis.

    The score is the weighted mean of the answer's places on the declared scales: 0 the worst end, 1 the best.
    """
    total = sum(abs(weight) for weight in how.weights.values())
    responses = []
    for response in group.responses:
        if all(axis in response.scores for axis in how.weights):
            place = sum(w * _place(response.scores[axis], how.axes[axis]) for axis, w in how.weights.items()) / total
            response = msgspec.structs.replace(response, scores={**response.scores, WEIGHTED: place})
        responses.append(response)
    return msgspec.structs.replace(group, responses=responses)


def _place(score: float, axis: Axis) -> float:
    if axis.low is None or axis.high is None:
        raise AssertionError("the study is checked to declare both ends of a weighted axis")
    place = (score - axis.low) / (axis.high - axis.low)
    return place if axis.better == "high" else 1.0 - place


def _same(group: Feedback, better: int | None, worse: int | None) -> bool:
    if better is None or worse is None:
        return False
    return flat(group.responses[better].messages) == flat(group.responses[worse].messages)


def _preference(group: Feedback, how: Projection, better: int | None, worse: int | None, order: Order) -> Preference:
    chosen = None if better is None else group.responses[better]
    rejected = None if worse is None else group.responses[worse]
    sides = [r for r in (chosen, rejected) if r is not None]
    known = order.judged((better, worse)) if better is not None and worse is not None else Judged()
    return Preference(
        id=digest(how.source, flat(group.prompt), *(flat(r.messages) if r else "" for r in (chosen, rejected))),
        prompt=group.prompt,
        chosen=chosen.messages if chosen else None,
        rejected=rejected.messages if rejected else None,
        source=how.source,
        kind=how.kind,
        objective=group.objective or how.objective,
        licence=how.licence,
        axis=known.axis,
        chosen_score=known.better,
        rejected_score=known.worse,
        axes=_other_axes(sides, chosen, rejected, known.axis),
        margin=None,
        confidence=known.confidence,
        n_judgements=known.n_judgements,
        n_responses=len(group.responses),
        group=root_key(group, how.source),
        origin=list(dict.fromkeys(place for r in sides for place in r.origin)),
        extra=_extra(group, better, worse),
    )


def _score(response: Response | None, axis: str) -> float | None:
    return None if response is None else response.scores.get(axis)


def _other_axes(
    sides: list[Response], chosen: Response | None, rejected: Response | None, decided: str | None
) -> list[AxisPair]:
    names = sorted({axis for r in sides for axis in r.scores} - {decided})
    return [AxisPair(axis=name, chosen=_score(chosen, name), rejected=_score(rejected, name)) for name in names]


def _extra(group: Feedback, best: int | None, worst: int | None) -> str:
    """What else the group said, as JSON with sorted keys; '{}' when nothing."""
    said: dict[str, Any] = dict(group.extra)
    for name, index in (("chosen", best), ("rejected", worst)):
        if index is not None and group.responses[index].extra:
            said[name] = group.responses[index].extra
    others = [{"scores": r.scores, "origin": r.origin} for i, r in enumerate(group.responses) if i not in (best, worst)]
    if others:
        said["others"] = others
    return json.dumps(said, ensure_ascii=False, sort_keys=True, default=str) if said else "{}"
