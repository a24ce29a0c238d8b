"""Whose judgement a row holds: the annotator's, or that of the row itself. A judgement that is repeated counts once."""

from collections.abc import Sequence
from typing import Any

import msgspec
import xxhash

from unipref.core.records import Feedback, Row
from unipref.core.text_keys import answer_hash

_pack = msgspec.msgpack.Encoder().encode


class JudgeNamer:
    """Names the judge of feedback that names none by the hash of its raw row, so that copies of a row are recognised.

    A row is hashed once, not for each of its feedback, and so is the row around several rows (`parent`).
    """

    def __init__(self) -> None:
        self._parent: Any = None
        self._parent_hash = ""
        self._row: Any = None
        self._row_hash = ""

    def name(self, feedbacks: Sequence[Feedback], row: Row) -> list[Feedback]:
        """Returns the feedback of a raw row with its judge.

        A row from memory that cannot be packed has no hash, and so differs from every other one.
        """
        if all(feedback.annotator is not None for feedback in feedbacks):
            return [_with_judge(feedback, f"annotator {feedback.annotator}") for feedback in feedbacks]
        try:
            row_hash = self.hash_row(row)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return list(feedbacks)
        return [
            _with_judge(feedback, row_hash if feedback.annotator is None else f"annotator {feedback.annotator}")
            for feedback in feedbacks
        ]

    def hash_row(self, row: Row) -> str:
        """Returns the hash of a raw row; raises what msgspec raises if it cannot be packed."""
        if row is not self._row:
            self._row_hash, self._row = self._hash_anew(row), row
        return self._row_hash

    def _hash_anew(self, row: Row) -> str:
        parent = row.get("parent")
        if isinstance(parent, dict):
            if parent is not self._parent:
                self._parent, self._parent_hash = parent, xxhash.xxh3_128_hexdigest(_pack(parent))
            row = {**row, "parent": self._parent_hash}
        return xxhash.xxh3_128_hexdigest(_pack(row))


def _with_judge(feedback: Feedback, judge: str) -> Feedback:
    return feedback if feedback.judge is not None else msgspec.structs.replace(feedback, judge=judge)


def name_judges(feedbacks: Sequence[Feedback], row: Row, namer: JudgeNamer) -> list[Feedback]:
    """Returns the feedback of a raw row with its judge."""
    return namer.name(feedbacks, row) if isinstance(row, dict) else list(feedbacks)


def drop_repeated_judgements(parts: Sequence[Feedback]) -> tuple[list[Feedback], int]:
    """Removes judgements that repeat those of the same judge on the same answers; returns the parts and their number.

    The parts stay, because the origins of their answers are part of the group.
    """
    if len(parts) == 1:
        return list(parts), 0
    kept: list[Feedback] = []
    seen: set[tuple[str, tuple[Any, ...]]] = set()
    repeated = 0
    for part in parts:
        if part.judge is not None and (part.comparisons or has_verdicts(part)):
            judgement = part.judge, (*_describe_comparisons(part), *_describe_verdicts(part))
            if judgement in seen:
                judged = [response for response in part.responses if response.approved is not None]
                repeated += len(part.comparisons) + sum(response.n_judgements for response in judged)
                responses = [
                    response if response.approved is None else msgspec.structs.replace(response, n_judgements=0)
                    for response in part.responses
                ]
                part = msgspec.structs.replace(part, comparisons=[], responses=responses)
            seen.add(judgement)
        kept.append(part)
    return kept, repeated


def cancel_opposites(parts: Sequence[Feedback]) -> tuple[list[Feedback], int]:
    """Removes the opposite judgements of one named person on the same pair, or on the same answer; returns the parts
    and their number. Which of them the person means is not known.

    Where nothing else is left, the comparisons stay: they contradict each other, whoever gave them.
    """
    named = [part for part in parts if _names_somebody(part)]
    if sum(len(part.comparisons) + len(part.responses) * has_verdicts(part) for part in named) < 2:
        return list(parts), 0
    both: dict[Any, set[bool]] = {}
    for part in named:
        for key, is_positive in (*_sides_of_comparisons(part), *_sides_of_verdicts(part)):
            if key is not None and is_positive is not None:
                both.setdefault(key, set()).add(is_positive)
    opposite = {key for key, sides in both.items() if len(sides) == 2}
    if not opposite:
        return list(parts), 0
    kept, count = [], 0
    for part in parts:
        comparisons = [
            comparison
            for comparison, (key, _) in zip(part.comparisons, _sides_of_comparisons(part), strict=True)
            if key not in opposite
        ]
        responses = []
        for response, (key, _) in zip(part.responses, _sides_of_verdicts(part), strict=True):
            is_out = key in opposite
            count += response.n_judgements if is_out else 0
            responses.append(msgspec.structs.replace(response, n_judgements=0) if is_out else response)
        count += len(part.comparisons) - len(comparisons)
        kept.append(msgspec.structs.replace(part, comparisons=comparisons, responses=responses))
    if any(part.comparisons for part in parts) and not any(part.comparisons for part in kept):
        return list(parts), count
    return kept, count


def _names_somebody(part: Feedback) -> bool:
    return part.annotator is not None or any(c.annotator for c in part.comparisons)


def _sides_of_comparisons(part: Feedback) -> list[tuple[tuple[str, str, str] | None, bool | None]]:
    """Returns, per comparison, the person and the two answers, None for nobody known; and whether the first of these
    answers is better, None for a tie.
    """
    sides: list[tuple[tuple[str, str, str] | None, bool | None]] = []
    keys = [answer_hash(response) for response in part.responses] if part.comparisons else []
    for c in part.comparisons:
        person = c.annotator or part.annotator
        low, high = sorted((keys[c.better], keys[c.worse]))
        sides.append((None if person is None else (person, low, high), None if c.tie else keys[c.better] == low))
    return sides


def _sides_of_verdicts(part: Feedback) -> list[tuple[tuple[str, str] | None, bool | None]]:
    """Returns, per answer, the person and the answer, None for nobody known; and whether it is judged good."""
    is_named = part.annotator is not None and has_verdicts(part)
    return [
        (
            (str(part.annotator), answer_hash(response)) if is_named and response.n_judgements == 1 else None,
            response.approved,
        )
        for response in part.responses
    ]


def has_verdicts(feedback: Feedback) -> bool:
    """Whether people judged single answers of the feedback good or bad."""
    return any(response.approved is not None and response.n_judgements for response in feedback.responses)


def _describe_verdicts(feedback: Feedback) -> tuple[Any, ...]:
    judged = [response for response in feedback.responses if response.approved is not None]
    return tuple((answer_hash(response), response.approved, response.n_judgements) for response in judged)


def _describe_comparisons(feedback: Feedback) -> tuple[Any, ...]:
    """Returns the comparisons in a form that does not depend on the order of the answers."""
    keys = [answer_hash(response) for response in feedback.responses]
    return tuple(
        (*(sorted((keys[c.better], keys[c.worse])) if c.tie else (keys[c.better], keys[c.worse])), c.tie, c.strength)
        for c in feedback.comparisons
    )
