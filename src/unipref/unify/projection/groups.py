"""Merges the feedback on one prompt from several rows into one group."""

import math
from collections.abc import Sequence
from typing import Any

from unipref.core.records import Comparison, Feedback, Response
from unipref.core.text_keys import join_turns


def merge_feedback(parts: Sequence[Feedback]) -> Feedback:
    """Merges feedback on one prompt into one group. An answer that occurs twice, in one row or several, counts once,
    with the mean of its scores. If prompts differ only in what `prompt_key` ignores, the first in sort order is kept.
    """
    order: dict[str, int] = {}
    copies_of: list[list[Response]] = []
    comparisons: list[Comparison] = []
    for part in parts:
        places = []
        for response in part.responses:
            # A liked and a disliked copy stay separate, so that projection can report the contradiction.
            key = f"{join_turns(response.messages)}\x1f{response.approved}"
            places.append(order.setdefault(key, len(order)))
            copies_of.extend([[]] if places[-1] == len(copies_of) else [])
            copies_of[places[-1]].append(response)
        comparisons += [
            Comparison(places[c.better], places[c.worse], c.tie, c.strength, c.annotator) for c in part.comparisons
        ]
    extra: dict[str, Any] = {}
    for part in parts:
        extra |= part.extra
    first = min(parts, key=lambda part: join_turns(part.prompt))
    return Feedback(
        first.prompt, [_merge_copies(copies) for copies in copies_of], comparisons, first.twins, first.objective, extra
    )


def _merge_copies(copies: list[Response]) -> Response:
    if len(copies) == 1:
        return copies[0]
    axes = dict.fromkeys(axis for copy in copies for axis in copy.scores)
    rated = {axis: [copy for copy in copies if axis in copy.scores] for axis in axes}
    means = {axis: _mean(copies_with_score, axis) for axis, copies_with_score in rated.items()}
    n_judgements = sum(copy.n_judgements for copy in copies)
    raters = {axis: sum(copy.judgements_on(axis) for copy in rated[axis]) for axis in axes}
    if not any(copy.raters for copy in copies):
        raters = {}
    origin = list(dict.fromkeys(place for copy in copies for place in copy.origin))
    return Response(copies[0].messages, means, copies[0].approved, origin, n_judgements, copies[0].extra, raters)


def _mean(copies: list[Response], axis: str) -> float:
    """Returns the mean score of all judgements, exact, so that neither order nor sign of the scale matters."""
    counts = [copy.judgements_on(axis) for copy in copies]
    return math.fsum(n * copy.scores[axis] for n, copy in zip(counts, copies, strict=True)) / sum(counts)
