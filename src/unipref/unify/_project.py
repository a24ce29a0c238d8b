"""Feedback -> Preference: a group's partial order, projected to pairs. A pure function of one group.

Which answer is better is taken from the first of these that the group has: comparisons (votes between two answers), the
scores on the deciding axis, verdicts on single answers. Nothing is guessed: a group whose evidence says nothing, or
says both ways equally, is a reject.

`best_worst` is the paper's unionization (2.3, A.2): sort by one axis, take best and worst.
"""

import bisect
import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import xxhash

from unipref.records import (
    Axis,
    AxisPair,
    Comparison,
    Feedback,
    Messages,
    Preference,
    Reason,
    Reject,
    Response,
)

EPSILON = 1e-9
"""Scores closer than this are tied: means over raters differ in the last digits between machines."""


class Projection(msgspec.Struct, frozen=True):
    """What projecting the groups of one source needs to know of that source."""

    source: str
    kind: str
    objective: str
    licence: str
    axis: str | None
    """The axis that decides; None when the format scores nothing."""
    axes: dict[str, Axis]


class Projected(NamedTuple):
    """One group's preferences, and how many ordered pairs of answers the data held."""

    preferences: list[Preference]
    ordered: int


def digest(*parts: str) -> str:
    """A content hash of several texts, 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode("utf-8", "surrogatepass"))


_SPACES = re.compile(r"[ \t\n\r\f\v\u00a0]{2,}|[\t\n\r\f\v\u00a0]")


def normalised(content: str) -> str:
    """A text with Unicode forms, case and white space made alike: for telling prompts apart, never for training."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", content)).strip().casefold()


def flat(messages: Messages | None) -> str:
    """Messages as one text, for hashing."""
    return "" if messages is None else "\x1e".join(f"{m['role']}\x1f{m['content']}" for m in messages)


def prompt_key(prompt: Messages) -> str:
    """What answers to the same prompt share: the hash of all its turns, normalised."""
    return digest(*(f"{m['role']}:{normalised(m['content'])}" for m in prompt))


def root_key(feedback: Feedback, source: str) -> str:
    """What must stay on one side of the split: the declared twins, else the first user turn, normalised."""
    if feedback.twins is not None:
        return digest("twins", source, feedback.twins)
    first = next(m["content"] for m in feedback.prompt if m["role"] == "user")
    return digest("root", normalised(first))


def merged(parts: Sequence[Feedback]) -> Feedback:
    """Feedback on one prompt from several rows as one group; an answer given twice counts once, its scores averaged."""
    if len(parts) == 1:
        return parts[0]
    order: dict[str, int] = {}
    gathered: list[list[Response]] = []
    comparisons: list[Comparison] = []
    for part in parts:
        places = []
        for response in part.responses:
            # A liked and a disliked copy stay apart: they contradict each other, and projection has to say so.
            key = f"{flat(response.messages)}\x1f{response.approved}"
            places.append(order.setdefault(key, len(order)))
            gathered.extend([[]] if places[-1] == len(gathered) else [])
            gathered[places[-1]].append(response)
        comparisons += [
            Comparison(places[c.better], places[c.worse], c.tie, c.strength, c.annotator) for c in part.comparisons
        ]
    extra: dict[str, Any] = {}
    for part in parts:
        extra |= part.extra
    first = parts[0]
    return Feedback(
        first.prompt, [_averaged(copies) for copies in gathered], comparisons, first.twins, first.objective, extra
    )


def _averaged(copies: list[Response]) -> Response:
    if len(copies) == 1:
        return copies[0]
    axes = dict.fromkeys(axis for copy in copies for axis in copy.scores)
    means = {axis: _mean([copy.scores[axis] for copy in copies if axis in copy.scores]) for axis in axes}
    origin = [place for copy in copies for place in copy.origin]
    return Response(
        copies[0].messages, means, copies[0].approved, origin, sum(c.n_judgements for c in copies), copies[0].extra
    )


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)  # exact, so that neither order nor sign of the scale matters


def project(group: Feedback, how: Projection) -> Projected:
    """One group's preferences: best against worst, and one-sided rows for verdicts on single answers.

    Raises:
        Reject: the group has one answer, no order, a tie, or a best and worst of the same text.
    """
    responses = group.responses
    if group.comparisons:
        return _from_comparisons(group, how)
    if any(r.approved is not None for r in responses):
        return _from_verdicts(group, how)
    if len(responses) < 2:
        raise Reject(Reason.ONE_RESPONSE, "the prompt has one answer; a preference needs two")
    return _from_scores(group, how)


def _from_scores(group: Feedback, how: Projection) -> Projected:
    axis = how.axis
    scored = [(i, r.scores[axis]) for i, r in enumerate(group.responses) if axis in r.scores] if axis else []
    if axis is None or len(scored) < 2:
        detail = f"{len(scored)} of {len(group.responses)} answers have a score" + (f" on '{axis}'" if axis else "")
        raise Reject(Reason.UNSCORED, detail)
    sign = how.axes[axis].sign
    ranked = sorted(scored, key=lambda item: _tie_break(group.responses[item[0]]))
    best = max(ranked, key=lambda item: sign * item[1])
    worst = min(reversed(ranked), key=lambda item: sign * item[1])
    if abs(best[1] - worst[1]) <= EPSILON:
        raise Reject(Reason.TIE, f"all {len(scored)} answers have {best[1]:g} on '{axis}'")
    # Means within EPSILON of the best are as good as the best: the content decides, not the last digit.
    best = next(item for item in ranked if abs(item[1] - best[1]) <= EPSILON)
    worst = next(item for item in reversed(ranked) if abs(item[1] - worst[1]) <= EPSILON)
    judgements = min(group.responses[i].n_judgements for i in (best[0], worst[0]))
    preference = _preference(group, how, best[0], worst[0], (None, judgements))
    return Projected(preferences=[preference], ordered=_ordered_pairs([score for _, score in scored]))


def _ordered_pairs(scores: list[float]) -> int:
    """How many pairs of scores differ by more than `EPSILON`; n log n, for prompts with very many answers."""
    rising = sorted(scores)
    return sum(len(rising) - bisect.bisect_right(rising, score + EPSILON, lo=i) for i, score in enumerate(rising))


def _from_comparisons(group: Feedback, how: Projection) -> Projected:
    wins: Counter[tuple[int, int]] = Counter()
    ties: Counter[tuple[int, int]] = Counter()
    for c in group.comparisons:
        if c.tie:
            ties[min(c.better, c.worse), max(c.better, c.worse)] += 1
        else:
            wins[c.better, c.worse] += 1
    beats = {(a, b) for a, b in wins if wins[a, b] > wins[b, a]}
    if not beats:
        both = any(wins[b, a] for a, b in wins)
        reason = Reason.CONTRADICTION if both else Reason.TIE
        raise Reject(reason, f"{sum(wins.values())} judgements one way or the other, {sum(ties.values())} ties")
    # Copeland's count: how many answers each one beats, less how many beat it.
    standing = Counter(dict.fromkeys(range(len(group.responses)), 0))
    for a, b in beats:
        standing[a] += 1
        standing[b] -= 1
    by_content = sorted(standing, key=lambda i: _tie_break(group.responses[i]))
    best = max(by_content, key=lambda i: standing[i])
    if standing[best] <= 0:
        raise Reject(Reason.CONTRADICTION, "the judgements go round in a circle: no answer stands above the others")
    worst = min((i for i in reversed(by_content) if (best, i) in beats), key=lambda i: standing[i])
    total = wins[best, worst] + wins[worst, best] + ties[min(best, worst), max(best, worst)]
    confidence = wins[best, worst] / total if total > 1 else None
    return Projected(preferences=[_preference(group, how, best, worst, (confidence, total))], ordered=len(beats))


def _from_verdicts(group: Feedback, how: Projection) -> Projected:
    by_content = sorted(range(len(group.responses)), key=lambda i: _tie_break(group.responses[i]))
    liked = [i for i in by_content if group.responses[i].approved is True]
    disliked = [i for i in by_content if group.responses[i].approved is False]
    texts = {flat(group.responses[i].messages) for i in liked} & {flat(group.responses[i].messages) for i in disliked}
    if texts:
        raise Reject(Reason.CONTRADICTION, "the same answer is judged good and bad")
    ordered = len(liked) * len(disliked)
    pairs: list[tuple[int | None, int | None]] = []
    if liked and disliked:
        pairs.append((liked.pop(0), disliked.pop(0)))
    pairs += [(i, None) for i in liked] + [(None, i) for i in disliked]
    return Projected(preferences=[_preference(group, how, up, down, (None, 1)) for up, down in pairs], ordered=ordered)


def _tie_break(response: Response) -> str:
    return digest(flat(response.messages))


def _preference(
    group: Feedback, how: Projection, best: int | None, worst: int | None, judged: tuple[float | None, int]
) -> Preference:
    chosen = None if best is None else group.responses[best]
    rejected = None if worst is None else group.responses[worst]
    if chosen and rejected and flat(chosen.messages) == flat(rejected.messages):
        raise Reject(Reason.SAME_RESPONSE, "chosen and rejected are the same text")
    sides = [r for r in (chosen, rejected) if r is not None]
    two_sided_axis = how.axis if len(sides) == 2 and all(how.axis in r.scores for r in sides) else None
    confidence, n_judgements = judged
    return Preference(
        id=digest(how.source, flat(group.prompt), *(flat(r.messages) if r else "" for r in (chosen, rejected))),
        prompt=group.prompt,
        chosen=chosen.messages if chosen else None,
        rejected=rejected.messages if rejected else None,
        source=how.source,
        kind=how.kind,
        objective=group.objective or how.objective,
        licence=how.licence,
        axis=two_sided_axis,
        chosen_score=_score(chosen, two_sided_axis),
        rejected_score=_score(rejected, two_sided_axis),
        axes=_other_axes(sides, chosen, rejected, two_sided_axis),
        margin=None,
        confidence=confidence,
        n_judgements=n_judgements,
        n_responses=len(group.responses),
        group=root_key(group, how.source),
        origin=list(dict.fromkeys(place for r in sides for place in r.origin)),
        extra=_extra(group, best, worst),
    )


def _score(response: Response | None, axis: str | None) -> float | None:
    return None if response is None or axis is None else response.scores.get(axis)


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
