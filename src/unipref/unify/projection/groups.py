"""Merges the feedback of several rows into one group: the answers to one prompt, or the votes on one pair."""

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from unipref.core.contracts import Grouping
from unipref.core.records import Comparison, Feedback, Response
from unipref.core.text_keys import join_turns, text_hash

BY_ROW = "by_row"
"""The field of a group's `extra` that lists, per row, the fields on which its rows differ."""


def group_key(feedback: Feedback, grouping: Grouping, prompt: str, row: str) -> str:
    """Returns the key that all feedback of one group shares.

    Args:
        feedback: the feedback on a prompt.
        grouping: which rows form a group. A pair's key does not depend on the order of its answers. Rows that declare
            different objectives or twins are not about the same thing.
        prompt: the `prompt_key` of its prompt.
        row: the key of its row.
    """
    if grouping == "row":
        return row
    is_plain = feedback.objective is None and feedback.twins is None
    about = b"" if is_plain else repr((feedback.objective, feedback.twins)).encode()
    if grouping == "prompt":
        return prompt + about.hex()
    answers = sorted([text_hash(join_turns(response.messages)) for response in feedback.responses])
    return prompt + b"".join([*answers, about]).hex()


def merge_feedback(parts: Sequence[Feedback]) -> Feedback:
    """Merges the feedback of one group. An answer that occurs twice, in one row or several, counts once,
    with the mean of its scores. If prompts differ only in what `prompt_key` ignores, the first in sort order is kept.
    Only the order of the answers and of their origins depends on the order of the rows.
    """
    if len(parts) == 1 and _are_different(parts[0].responses):
        return parts[0]
    order: dict[str, int] = {}
    copies_of: list[list[Response]] = []
    comparisons: list[Comparison] = []
    for part in parts:
        places = []
        for response in part.responses:
            key = _identify(response)
            places.append(order.setdefault(key, len(order)))
            copies_of.extend([[]] if places[-1] == len(copies_of) else [])
            copies_of[places[-1]].append(response)
        comparisons += [
            msgspec.structs.replace(c, better=places[c.better], worse=places[c.worse]) for c in part.comparisons
        ]
    first = min(parts, key=lambda part: join_turns(part.prompt))
    extra_of = _collect_answer_extra(copies_of)
    return Feedback(
        first.prompt,
        [_merge_copies(copies, extra_of) for copies in copies_of],
        comparisons,
        first.twins,
        first.objective,
        _merge_extra(parts),
    )


def _merge_extra(parts: Sequence[Feedback]) -> dict[str, Any]:
    """Returns the fields that all parts share; those on which they differ are listed by row under `BY_ROW`."""
    return _merge_fields([part.extra for part in parts])


def _collect_answer_extra(copies_of: Sequence[Sequence[Response]]) -> dict[str, dict[str, Any]]:
    """Returns text of an answer -> the fields of all rows about it, whatever their verdict."""
    fields_of: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
    for copies in copies_of:
        for copy in copies:
            of_rows = fields_of.setdefault(join_turns(copy.messages), {})
            of_rows[(*copy.origin, _to_text(copy.extra))] = copy.extra
    return {text: _merge_fields([*of_rows.values()]) for text, of_rows in fields_of.items()}


def _to_text(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, default=str)


def _merge_fields(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the fields that all rows share; those on which they differ are listed by row, sorted by content."""
    first, *others = rows
    if not others:
        return first
    shared = {
        name: value for name, value in first.items() if all(name in extra and extra[name] == value for extra in others)
    }
    by_row = [{name: value for name, value in extra.items() if name not in shared} for extra in rows]
    by_row.sort(key=_to_text)
    return {**shared, BY_ROW: by_row} if any(by_row) else shared


def _identify(response: Response) -> str:
    """Returns a text that is equal for copies of an answer. A liked and a disliked copy stay separate, so that the
    projection can report the contradiction.
    """
    return f"{join_turns(response.messages)}\x1f{response.approved}"


def _are_different(responses: Sequence[Response]) -> bool:
    return len({_identify(response) for response in responses}) == len(responses)


def _merge_copies(copies: list[Response], extra_of: dict[str, dict[str, Any]]) -> Response:
    extra = extra_of[join_turns(copies[0].messages)]
    if len(copies) == 1:
        return msgspec.structs.replace(copies[0], extra=extra)
    axes = dict.fromkeys(axis for copy in copies for axis in copy.scores)
    rated = {axis: [copy for copy in copies if axis in copy.scores] for axis in axes}
    means = {axis: _mean(copies_with_score, axis) for axis, copies_with_score in rated.items()}
    n_judgements = sum(copy.n_judgements for copy in copies)
    raters = {axis: sum(copy.judgements_on(axis) for copy in rated[axis]) for axis in axes}
    if not any(copy.raters for copy in copies):
        raters = {}
    origin = list(dict.fromkeys(place for copy in copies for place in copy.origin))
    return Response(copies[0].messages, means, copies[0].approved, origin, n_judgements, extra, raters)


def _mean(copies: list[Response], axis: str) -> float:
    """Returns the mean score of all judgements, exact, so that neither order nor sign of the scale matters."""
    counts = [copy.judgements_on(axis) for copy in copies]
    return math.fsum(n * copy.scores[axis] for n, copy in zip(counts, copies, strict=True)) / sum(counts)
