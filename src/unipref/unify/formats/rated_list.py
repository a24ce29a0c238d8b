"""Several answers with their scores in one row: a list of answers, two lists side by side, or two fields each."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from unipref.core.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import ASK, Columns, Guess, are_ranks, asked_in, axes_of, direction, paths, scores_in
from unipref.unify.detection.two_answers import judgement, two_answers
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Path, Paths, Scale, answer_text, get_path, one_each
from unipref.unify.mapping.turns import assistant_turn

FEW_STEPS = {-1.0, 0.0, 1.0}
"""Ratings of steps rather than scores of answers."""


def _of_items(columns: Columns) -> Guess | None:
    """Answers that are mappings with numbers in them."""
    for column in columns.of("items"):
        inner = column.inner()
        answer = max(inner.prose, key=lambda c: c.mean_length, default=None)
        prompt, named = asked_in(columns, [])
        scores = [c for c in scores_in(inner) if not {*c.numbers} <= FEW_STEPS]
        by_answer = {c.path: [[_or_none(item, c.path) for item in items] for items in column.values] for c in scores}
        scores = [c for c in scores if not are_ranks(by_answer[c.path])]
        if answer is None or not prompt or not scores:
            continue
        axes, doubts = axes_of(scores)
        mapping = {"prompt": paths(prompt), "answers": column.path, "response": answer.path, "scores": axes}
        why = [f"'{column.path}' is a list of answers ('{answer.path}') with scores: {', '.join(axes)}"]
        return Guess(mapping, 0.9 if named else 0.75, why, doubts)
    return None


def _or_none(item: Any, path: str) -> Any:
    try:
        return get_path(item, path)
    except Reject:
        return None


def _of_lists(columns: Columns) -> Guess | None:
    """Answers in one list, their scores in others of the same length."""
    for answers in columns.of("texts"):
        prompt, _ = asked_in(columns, [])
        lengths = dict(zip(answers.rows, map(len, answers.values), strict=True))
        axes: dict[str, Any] = {}
        for scores in columns.of("numbers"):
            beside = [lengths.get(i) == len(v) for i, v in zip(scores.rows, scores.values, strict=True)]
            few = {float(n) for v in scores.values for n in v} <= FEW_STEPS
            if sum(beside) > 0.9 * len(beside) and not few and not are_ranks(scores.values):
                axes[scores.name] = {"field": scores.path, "better": direction(scores.path, scores.words)}
        if prompt and axes:
            doubts = [
                f"the data cannot tell whether a high '{n}' is better" for n, a in axes.items() if a["better"] == ASK
            ]
            why = [f"'{answers.path}' is a list of answers, and {', '.join(axes)} beside it has a number for each"]
            return Guess({"prompt": paths(prompt), "answers": answers.path, "scores": axes}, 0.8, why, doubts)
    return None


def _of_two(columns: Columns) -> Guess | None:
    """Two answers with a score for each."""
    if (sides := two_answers(columns)) is None or not sides.prompt or (told := judgement(columns, sides)) is None:
        return None
    if told.kind != "scores":
        return None
    mapping = {"prompt": paths(sides.prompt), "answers": [sides.first, sides.second], "scores": told.map}
    return Guess(mapping, 0.9, [sides.why, told.why], ["'better' is taken from the name of the score"])


class ListAxis(Scale):
    """Where one axis of scores is, for all answers of a row."""

    field: Path | list[Path]
    """Where the answers are mappings: the path of the score inside one. Where they are texts: the path, in the row, of
    a list of scores in the same order. Or one path, in the row, for each answer."""


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
        return {name: axis.axis() for name, axis in self.scores.items()}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """A list of answers with numbers in or beside it, or two answers with a number each."""
        return _of_items(columns) or _of_lists(columns) or _of_two(columns)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """One feedback with all answers and their scores; a reject for an answer that cannot be used."""
        items, places = self._items(row)
        tables = {name: self._column(row, axis, items) for name, axis in self.scores.items()}
        responses: list[Response] = []
        rejects: list[Reject] = []
        for i, (item, place) in enumerate(zip(items, places, strict=True)):
            try:
                content = item if self.response is None else get_path(item, self.response)
                scores = {
                    name: score
                    for name, axis in self.scores.items()
                    if (score := axis.read(tables[name][i], f"{place}.{name}")) is not None
                }
                responses.append(Response(messages=assistant_turn(answer_text(content, place)), scores=scores))
            except Reject as reject:
                rejects.append(reject)
        if not responses:
            raise rejects[0] if rejects else Reject(Reason.EMPTY_RESPONSE, "the list of answers is empty", places[0])
        yield Feedback(prompt=self.ask(row, self.prompt), responses=responses)
        yield from rejects

    def _items(self, row: Row) -> tuple[list[Any], list[str]]:
        if isinstance(self.answers, list):
            return [get_path(row, path) for path in self.answers], self.answers
        items = get_path(row, self.answers)
        if not isinstance(items, list):
            raise Reject(Reason.WRONG_TYPE, f"expected a list of answers, found {type(items).__name__}", self.answers)
        if not items:
            raise Reject(Reason.EMPTY_RESPONSE, "the list of answers is empty", self.answers)
        return items, [f"{self.answers}.{i}" for i in range(len(items))]

    def _column(self, row: Row, axis: ListAxis, items: list[Any]) -> list[Any]:
        """One value for each answer; None where an answer has none."""
        if isinstance(axis.field, list) or self.response is None:
            return one_each(row, axis.field, len(items), "scores")
        return [_or_none(item, axis.field) for item in items]
