"""Answers in order of preference: an ordered list, or a rank number for each answer."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from unipref.core.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import PLACEHOLDER, Columns, Guess, are_ranks, find_prompt, path_setting
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Path, PathList, Paths, get_path, read_number, values_per_answer
from unipref.unify.mapping.turns import read_answer_turns

RANK_AXIS = "rank"
"""The name of the axis of ranks."""


def _recognise_lists(columns: Columns, prompt: list[str], named: bool) -> Guess | None:
    """Recognises a list of texts that may be in order, or that has a list of ranks in another field."""
    lists = columns.of_kind("texts")
    answers = max(lists, key=lambda c: c.mean_length, default=None)
    if answers is None or answers.share < 0.9 or sum(len(v) > 1 for v in answers.values) < 0.8 * len(answers.values):
        return None
    mapping: dict[str, Any] = {"prompt": path_setting(prompt), "answers": answers.path}
    if (history := next(iter(columns.of_kind("exchanges")), None)) is not None:
        mapping["history"] = history.path
    if (ranks := next((c for c in columns.of_kind("numbers") if are_ranks(c.values)), None)) is not None:
        better = "low" if ranks.has_name("rank", "ranks", "ranking") else PLACEHOLDER
        mapping |= {"ranks": ranks.path, "better": better}
        doubts = [] if better == "low" else [f"whether a high or a low '{ranks.path}' is better"]
        return Guess(
            mapping, 0.9, [f"'{answers.path}' is a list of answers, '{ranks.path}' the list of their ranks"], doubts
        )
    why = [f"'{prompt[0]}' holds the prompt, '{answers.path}' is a list of answers, and no field scores them"]
    doubt = f"whether '{answers.path}' is in order: set best_first or worst_first, or choose another format"
    return Guess({**mapping, "order": PLACEHOLDER}, 0.65 if named or len(lists) == 1 else 0.4, why, [doubt])


class Ranking(Mapped):
    """A prompt and several answers in order. Either the list of answers is in order, or `ranks` holds a number for each
    answer and `better` says which end is the best. Equal ranks are ties.
    """

    prompt: Paths
    """Where the prompt is."""
    answers: Path | PathList
    """Path of the list of answers; or one path per answer."""
    response: Path | None = None
    """Path of the text inside an answer, if the answers are mappings."""
    order: Literal["best_first", "worst_first"] | None = None
    """The order of the list of answers, or of `sequence`."""
    sequence: Path | None = None
    """Path of a list of answer numbers in order of preference, as in [2, 0, 1]; `order` says which end is the best."""
    counted_from: Literal[0, 1] = 0
    """The number of the first answer in `sequence`."""
    ranks: Path | PathList | None = None
    """Path of the rank inside an answer that is a mapping; or path of a list of ranks in the row; or one path per
    answer."""
    better: Literal["high", "low"] | None = None
    """Which end of the ranks is better."""

    needs: ClassVar[tuple[str, ...]] = ("a prompt", "a list of answers")
    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "question", "answers": "answers", "order": "best_first"},
        "rows": [{"question": "Name a river.", "answers": ["The Nile.", "Nile maybe?", "A mountain."]}],
    }

    @model_validator(mode="after")
    def _order_is_declared(self) -> "Ranking":
        if (self.order is None) == (self.ranks is None):
            raise ValueError("give either 'order', or 'ranks' and 'better'")
        if self.sequence is not None and self.order is None:
            raise ValueError("'sequence' needs 'order'")
        if self.ranks is not None and self.better is None:
            raise ValueError("set 'better' to say whether a high or a low rank is better")
        return self

    def axes(self) -> dict[str, Axis]:
        """The axis of ranks: places in the list count from 0, the best."""
        return {RANK_AXIS: Axis(better="low" if self.better is None else self.better)}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a prompt with a list of answers without scores, or with answers and their ranks."""
        prompt, named = find_prompt(columns, [])
        if not prompt:
            return None
        for column in columns.of_kind("items"):
            inner = column.inner_columns()
            answer = max(inner.prose, key=lambda c: c.mean_length, default=None)
            rank_columns = (
                c
                for c in inner.of_kind("code", "number")
                if are_ranks([[i.get(c.path) for i in v] for v in column.values])
            )
            if answer is not None and (rank := next(rank_columns, None)) is not None:
                better = "low" if rank.has_name("rank", "place", "position") else PLACEHOLDER
                ranked = {"response": answer.path, "ranks": rank.path, "better": better}
                doubts = ["'better' is low because of the field's name: 1 (or 0) counts as the best"]
                doubts = doubts if better == "low" else [f"whether a high or a low '{rank.path}' is better"]
                why = [f"'{column.path}' is a list of answers, and '{rank.path}' is the rank of each"]
                return Guess({"prompt": path_setting(prompt), "answers": column.path, **ranked}, 0.92, why, doubts)
        return _recognise_lists(columns, prompt, named)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with all answers and their ranks."""
        items = self._items(row)
        ranks = self._ranks(row, items)
        responses = []
        for i, (item, rank) in enumerate(zip(items, ranks, strict=True)):
            place = f"{self.answers if isinstance(self.answers, str) else self.answers[i]}"
            content = item if self.response is None else get_path(item, self.response)
            scores = {} if rank is None else {RANK_AXIS: rank}
            responses.append(Response(messages=read_answer_turns(content, place, self.roles), scores=scores))
        yield Feedback(prompt=self.read_prompt(row, self.prompt), responses=responses)

    def _items(self, row: Row) -> list[Any]:
        if isinstance(self.answers, list):
            return [get_path(row, path) for path in self.answers]
        items = get_path(row, self.answers)
        if not isinstance(items, list) or not items:
            raise Reject(Reason.WRONG_TYPE, f"expected a list of answers, found {type(items).__name__}", self.answers)
        return items

    def _ranks(self, row: Row, items: list[Any]) -> list[float | None]:
        if self.ranks is None:
            numbers = (
                [float(i) for i in range(len(items))] if self.sequence is None else self._sequence(row, len(items))
            )
            best_first = numbers if self.order == "best_first" else numbers[::-1]
            return [float(best_first.index(place)) for place in range(len(items))]
        if isinstance(self.ranks, list) or self.response is None:
            values = values_per_answer(row, self.ranks, len(items), "ranks")
        else:
            values = [get_path(item, self.ranks) for item in items]
        return [read_number(value, str(self.ranks)) for value in values]

    def _sequence(self, row: Row, count: int) -> list[float]:
        path = self.sequence or ""
        values = get_path(row, path)
        numbers = [read_number(value, path) for value in values] if isinstance(values, list) else []
        places = [value - self.counted_from for value in numbers if value is not None]
        if sorted(places) != list(range(count)):
            detail = f"expected the number of each of the {count} answers once, counted from {self.counted_from}"
            raise Reject(Reason.BAD_LABEL, f"{detail}, found {str(values)[:60]}", path)
        return places
