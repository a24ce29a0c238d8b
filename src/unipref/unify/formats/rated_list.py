"""Several answers with their scores in one row: a list of answers, two parallel lists, or two fields per answer."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from unipref.core.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import (
    PLACEHOLDER,
    Columns,
    Guess,
    are_ranks,
    find_prompt,
    find_scores,
    guess_axes,
    guess_direction,
    path_setting,
)
from unipref.unify.detection.two_answers import find_judgement, find_two_answers
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.mapping.fields import Path, PathList, Paths, Scale, get_path, values_per_answer
from unipref.unify.mapping.turns import read_answer_turns

STEP_RATINGS = {-1.0, 0.0, 1.0}
"""Values that rate reasoning steps rather than answers."""


def _recognise_items(columns: Columns) -> Guess | None:
    """Recognises a list of answers that are mappings with numbers in them."""
    for column in columns.of_kind("items"):
        inner = column.inner_columns()
        answer = max(inner.prose, key=lambda c: c.mean_length, default=None)
        prompt, named = find_prompt(columns, [])
        scores = [c for c in find_scores(inner) if not {*c.numbers} <= STEP_RATINGS]
        by_answer = {
            c.path: [[_get_or_none(item, c.path) for item in items] for items in column.values] for c in scores
        }
        scores = [c for c in scores if not are_ranks(by_answer[c.path])]
        if answer is None or not prompt or not scores:
            continue
        axes, doubts = guess_axes(scores)
        mapping = {"prompt": path_setting(prompt), "answers": column.path, "response": answer.path, "scores": axes}
        why = [f"'{column.path}' is a list of answers ('{answer.path}') with scores: {', '.join(axes)}"]
        return Guess(mapping, 0.9 if named else 0.75, why, doubts)
    return None


def _get_or_none(item: Any, path: str) -> Any:
    try:
        return get_path(item, path)
    except Reject:
        return None


def _recognise_lists(columns: Columns) -> Guess | None:
    """Recognises answers in one list and their scores in other lists of the same length."""
    for answers in columns.of_kind("texts"):
        prompt, _ = find_prompt(columns, [])
        lengths = dict(zip(answers.rows, map(len, answers.values), strict=True))
        axes: dict[str, Any] = {}
        for scores in columns.of_kind("numbers"):
            same_length = [lengths.get(i) == len(v) for i, v in zip(scores.rows, scores.values, strict=True)]
            few = {float(n) for v in scores.values for n in v} <= STEP_RATINGS
            if sum(same_length) > 0.9 * len(same_length) and not few and not are_ranks(scores.values):
                axes[scores.name] = {"field": scores.path, "better": guess_direction(scores.path, scores.words)}
        if prompt and axes:
            doubts = [
                f"the data cannot tell whether a high '{n}' is better"
                for n, a in axes.items()
                if a["better"] == PLACEHOLDER
            ]
            why = [f"'{answers.path}' is a list of answers, and {', '.join(axes)} has a number for each of them"]
            return Guess({"prompt": path_setting(prompt), "answers": answers.path, "scores": axes}, 0.8, why, doubts)
    return None


def _recognise_two_fields(columns: Columns) -> Guess | None:
    """Recognises two answers with a score for each."""
    if (
        (sides := find_two_answers(columns)) is None
        or not sides.prompt
        or (judgement := find_judgement(columns, sides)) is None
    ):
        return None
    if judgement.kind != "scores":
        return None
    mapping = {"prompt": path_setting(sides.prompt), "answers": [sides.first, sides.second], "scores": judgement.map}
    return Guess(mapping, 0.9, [sides.why, judgement.why], ["'better' follows from the name of the score"])


class ListAxis(Scale):
    """Where the scores of one axis are, for all answers of a row."""

    field: Path | PathList
    """If the answers are mappings: path of the score inside an answer. If they are texts: path of a list of scores in
    the row, in the same order. Or one path per answer, in the row."""


class RatedList(Mapped):
    """A prompt and several answers with their scores on one or many axes, all in one row."""

    prompt: Paths
    """Where the prompt is."""
    answers: Path | PathList
    """Path of the list of answers; or one path per answer."""
    response: Path | None = None
    """Path of the text inside an answer, if the answers are mappings."""
    scores: dict[str, ListAxis] = Field(min_length=1)
    """Axis name -> where its scores are. The first axis decides unless the source sets `axis`."""

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
        """Recognises a list of answers with numbers in it or in a parallel list, or two answers with a number each."""
        return _recognise_items(columns) or _recognise_lists(columns) or _recognise_two_fields(columns)

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with all answers and their scores, and a reject for each answer that cannot be used."""
        items, places = self._items(row)
        values = {name: self._axis_values(row, axis, items) for name, axis in self.scores.items()}
        responses: list[Response] = []
        rejects: list[Reject] = []
        for i, (item, place) in enumerate(zip(items, places, strict=True)):
            try:
                content = item if self.response is None else get_path(item, self.response)
                scores = {
                    name: score
                    for name, axis in self.scores.items()
                    if (score := axis.read(values[name][i], f"{place}.{name}")) is not None
                }
                responses.append(Response(messages=read_answer_turns(content, place, self.roles), scores=scores))
            except Reject as reject:
                rejects.append(reject)
        if not responses:
            raise rejects[0] if rejects else Reject(Reason.EMPTY_RESPONSE, "the list of answers is empty", places[0])
        yield Feedback(prompt=self.read_prompt(row, self.prompt), responses=responses)
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

    def _axis_values(self, row: Row, axis: ListAxis, items: list[Any]) -> list[Any]:
        """Returns one value per answer; None where an answer has none."""
        if isinstance(axis.field, list) or self.response is None:
            return values_per_answer(row, axis.field, len(items), "scores")
        return [_get_or_none(item, axis.field) for item in items]
