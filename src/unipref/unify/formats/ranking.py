"""Answers in order of preference: a list that begins with the best, or a rank number for each answer."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from unipref.core.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import ASK, Columns, Guess, are_ranks, asked_in, paths
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Path, Paths, answer_text, get_path, number, one_each
from unipref.unify.mapping.turns import assistant_turn

RANK = "rank"
"""The axis of rankings."""


def _of_lists(columns: Columns, prompt: list[str], named: bool) -> Guess | None:
    """A list of texts in the row, which may be in order, or has a list of places beside it."""
    lists = columns.of("texts")
    answers = max(lists, key=lambda c: c.mean_length, default=None)
    if answers is None or answers.share < 0.9 or sum(len(v) > 1 for v in answers.values) < 0.8 * len(answers.values):
        return None
    mapping: dict[str, Any] = {"prompt": paths(prompt), "answers": answers.path}
    if (earlier := next(iter(columns.of("exchanges")), None)) is not None:
        mapping["history"] = earlier.path
    if (ranks := next((c for c in columns.of("numbers") if are_ranks(c.values)), None)) is not None:
        better = "low" if ranks.called("rank", "ranks", "ranking") else ASK
        mapping |= {"ranks": ranks.path, "better": better}
        doubts = [] if better == "low" else [f"whether a high or a low '{ranks.path}' is better"]
        return Guess(
            mapping, 0.9, [f"'{answers.path}' is a list of answers, '{ranks.path}' one of their places"], doubts
        )
    why = [f"'{prompt[0]}' asks, '{answers.path}' is a list of answers, and nothing scores them"]
    doubt = f"whether '{answers.path}' is in order: say best_first or worst_first, or take another format"
    return Guess({**mapping, "order": ASK}, 0.65 if named or len(lists) == 1 else 0.4, why, [doubt])


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
    """The order of the list, where that is the ranking; or of `sequence`."""
    sequence: Path | None = None
    """Path of a list of the answers' numbers in order of preference, as in [2, 0, 1]; `order` says from which end."""
    counted_from: Literal[0, 1] = 0
    """The first answer's number in `sequence`."""
    ranks: Path | list[Path] | None = None
    """Path of the rank inside an answer that is a mapping; path, in the row, of a list of ranks; or one path each."""
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
            raise ValueError("'sequence' goes with 'order'")
        if self.ranks is not None and self.better is None:
            raise ValueError("say with 'better' whether a high or a low rank is better")
        return self

    def axes(self) -> dict[str, Axis]:
        """The rank: places in the list count from 0, the best."""
        return {RANK: Axis(better="low" if self.better is None else self.better)}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """A prompt and a list of answers that nothing scores, or answers with their places."""
        prompt, named = asked_in(columns, [])
        if not prompt:
            return None
        for column in columns.of("items"):
            inner = column.inner()
            answer = max(inner.prose, key=lambda c: c.mean_length, default=None)
            placed = (
                c for c in inner.of("code", "number") if are_ranks([[i.get(c.path) for i in v] for v in column.values])
            )
            if answer is not None and (rank := next(placed, None)) is not None:
                better = "low" if rank.called("rank", "place", "position") else ASK
                ranked = {"response": answer.path, "ranks": rank.path, "better": better}
                doubts = ["'better' is low because of the name: 1 (or 0) is taken for the best"]
                doubts = doubts if better == "low" else [f"whether a high or a low '{rank.path}' is better"]
                why = [f"'{column.path}' is a list of answers, and '{rank.path}' has the place of each"]
                return Guess({"prompt": paths(prompt), "answers": column.path, **ranked}, 0.92, why, doubts)
        return _of_lists(columns, prompt, named)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with all answers and their ranks."""
        items = self._items(row)
        ranks = self._ranks(row, items)
        responses = []
        for i, (item, rank) in enumerate(zip(items, ranks, strict=True)):
            place = f"{self.answers if isinstance(self.answers, str) else self.answers[i]}"
            content = item if self.response is None else get_path(item, self.response)
            scores = {} if rank is None else {RANK: rank}
            responses.append(Response(messages=assistant_turn(answer_text(content, place)), scores=scores))
        yield Feedback(prompt=self.ask(row, self.prompt), responses=responses)

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
            values = one_each(row, self.ranks, len(items), "ranks")
        else:
            values = [get_path(item, self.ranks) for item in items]
        return [number(value, str(self.ranks)) for value in values]

    def _sequence(self, row: Row, count: int) -> list[float]:
        path = self.sequence or ""
        values = get_path(row, path)
        numbers = [number(value, path) for value in values] if isinstance(values, list) else []
        places = [found - self.counted_from for found in numbers if found is not None]
        if sorted(places) != list(range(count)):
            detail = f"expected each number of {count} answers once, counted from {self.counted_from}"
            raise Reject(Reason.BAD_LABEL, f"{detail}, found {str(values)[:60]}", path)
        return places
