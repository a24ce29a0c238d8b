"""Answers in order of preference: a list that begins with the best, or a rank number for each answer."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from unipref.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.unify._mapped import Mapped
from unipref.unify._mapping import Path, Paths, answer_text, number, pluck
from unipref.unify._turns import answered

RANK = "rank"
"""The axis of rankings."""


class Ranking(Mapped):
    """A prompt and several answers in order. Either the list itself is the order, or `ranks` has a number for each
    answer and `better` says which end is the best; equal ranks are ties.
    """

    prompt: Paths
    """The prompt."""
    answers: Path | list[Path]
    """Path of the list of answers; or one path for each."""
    response: Path | None = None
    """Path of the text inside an answer, where the answers are mappings."""
    order: Literal["best_first", "worst_first"] | None = None
    """The order of the list, where that is the ranking."""
    ranks: Path | list[Path] | None = None
    """Path of the rank inside an answer that is a mapping; path, in the row, of a list of ranks; or one path each."""
    better: Literal["high", "low"] | None = None
    """Which end of the ranks is better."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {"prompt": "question", "answers": "answers", "order": "best_first"},
        "rows": [{"question": "Name a river.", "answers": ["The Nile.", "Nile maybe?", "A mountain."]}],
    }

    @model_validator(mode="after")
    def _order_is_declared(self) -> "Ranking":
        if (self.order is None) == (self.ranks is None):
            raise ValueError("give either 'order', or 'ranks' and 'better'")
        if self.ranks is not None and self.better is None:
            raise ValueError("say with 'better' whether a high or a low rank is better")
        return self

    def axes(self) -> dict[str, Axis]:
        """The rank: places in the list count from 0, the best."""
        return {RANK: Axis(better="low" if self.better is None else self.better)}

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with all answers and their ranks."""
        items = self._items(row)
        ranks = self._ranks(row, items)
        responses = []
        for i, (item, rank) in enumerate(zip(items, ranks, strict=True)):
            place = f"{self.answers if isinstance(self.answers, str) else self.answers[i]}"
            content = item if self.response is None else pluck(item, self.response)
            scores = {} if rank is None else {RANK: rank}
            responses.append(Response(messages=answered(answer_text(content, place)), scores=scores))
        yield Feedback(prompt=self.ask(row, self.prompt), responses=responses)

    def _items(self, row: Row) -> list[Any]:
        if isinstance(self.answers, list):
            return [pluck(row, path) for path in self.answers]
        items = pluck(row, self.answers)
        if not isinstance(items, list) or not items:
            raise Reject(Reason.WRONG_TYPE, f"expected a list of answers, found {type(items).__name__}", self.answers)
        return items

    def _ranks(self, row: Row, items: list[Any]) -> list[float | None]:
        if self.ranks is None:
            places = range(len(items)) if self.order == "best_first" else range(len(items) - 1, -1, -1)
            return [float(place) for place in places]
        if isinstance(self.ranks, list):
            values: Any = [pluck(row, path) for path in self.ranks]
        elif self.response is not None:
            values = [pluck(item, self.ranks) for item in items]
        else:
            values = pluck(row, self.ranks)
        if not isinstance(values, list) or len(values) != len(items):
            found = len(values) if isinstance(values, list) else type(values).__name__
            raise Reject(
                Reason.WRONG_TYPE, f"expected {len(items)} ranks, one for each answer, found {found}", str(self.ranks)
            )
        return [number(value, str(self.ranks)) for value in values]
