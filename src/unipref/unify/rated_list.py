"""Several answers with their scores in one row: a list of answers, two lists side by side, or two fields each."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from unipref.contracts import Settings
from unipref.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.unify._mapped import Mapped
from unipref.unify._mapping import Path, Paths, answer_text, pluck, within
from unipref.unify._turns import answered


class ListAxis(Settings):
    """Where one axis of scores is, for all answers of a row."""

    field: Path | list[Path]
    """Where the answers are mappings: the path of the score inside one. Where they are texts: the path, in the row, of
    a list of scores in the same order. Or one path, in the row, for each answer."""
    better: Literal["high", "low"]
    """Which end of the scale is better."""
    low: float | None = None
    """Lowest possible score."""
    high: float | None = None
    """Highest possible score."""


class RatedList(Mapped):
    """A prompt and several answers with their scores on one or many axes, all in one row."""

    prompt: Paths
    """The prompt."""
    answers: Path | list[Path]
    """Path of the list of answers; or one path for each."""
    response: Path | None = None
    """Path of the text inside an answer, where the answers are mappings."""
    scores: dict[str, ListAxis] = Field(min_length=1)
    """Axis name -> where its scores are; the first axis decides unless the source's `axis` says otherwise."""

    example: ClassVar[dict[str, Any]] = {
        "settings": {
            "prompt": "question",
            "answers": "answers",
            "response": "text",
            "scores": {"help": {"field": "help", "low": 1, "high": 5, "better": "high"}},
        },
        "rows": [
            {"question": "How far is it?", "answers": [{"text": "Two miles.", "help": 5}, {"text": "Far.", "help": 2}]},
        ],
    }

    def axes(self) -> dict[str, Axis]:
        """The declared axes, in order."""
        return {name: Axis(better=a.better, low=a.low, high=a.high) for name, a in self.scores.items()}

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with all answers and their scores; a reject for an answer that cannot be used."""
        items, places = self._items(row)
        tables = {name: self._column(row, axis, items) for name, axis in self.scores.items()}
        responses: list[Response] = []
        rejects: list[Reject] = []
        for i, (item, place) in enumerate(zip(items, places, strict=True)):
            try:
                content = item if self.response is None else pluck(item, self.response)
                scores = {
                    name: score
                    for name, axis in self.scores.items()
                    if (score := within(tables[name][i], axis.low, axis.high, f"{place}.{name}")) is not None
                }
                responses.append(Response(messages=answered(answer_text(content, place)), scores=scores))
            except Reject as reject:
                rejects.append(reject)
        if not responses:
            raise rejects[0] if rejects else Reject(Reason.EMPTY_RESPONSE, "the list of answers is empty", places[0])
        yield Feedback(prompt=self.ask(row, self.prompt), responses=responses)
        yield from rejects

    def _items(self, row: Row) -> tuple[list[Any], list[str]]:
        if isinstance(self.answers, list):
            return [pluck(row, path) for path in self.answers], self.answers
        items = pluck(row, self.answers)
        if not isinstance(items, list):
            raise Reject(Reason.WRONG_TYPE, f"expected a list of answers, found {type(items).__name__}", self.answers)
        if not items:
            raise Reject(Reason.EMPTY_RESPONSE, "the list of answers is empty", self.answers)
        return items, [f"{self.answers}.{i}" for i in range(len(items))]

    def _column(self, row: Row, axis: ListAxis, items: list[Any]) -> list[Any]:
        """One value for each answer; None where an answer has none."""
        if isinstance(axis.field, list):
            values: Any = [pluck(row, path) for path in axis.field]
        elif self.response is not None:
            return [_or_none(item, axis.field) for item in items]
        else:
            values = pluck(row, axis.field)
        if not isinstance(values, list) or len(values) != len(items):
            found = len(values) if isinstance(values, list) else type(values).__name__
            raise Reject(
                Reason.WRONG_TYPE, f"expected {len(items)} scores, one for each answer, found {found}", str(axis.field)
            )
        return values


def _or_none(item: Any, path: str) -> Any:
    try:
        return pluck(item, path)
    except Reject:
        return None
