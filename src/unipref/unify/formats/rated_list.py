"""Several answers with their scores in one row: a list of answers, two parallel lists, or two fields per answer."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field, model_validator

from unipref.core.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import (
    MAX_WEAK_CONFIDENCE,
    PLACEHOLDER,
    Columns,
    Guess,
    are_ranks,
    ask_for_scores,
    describe_scale,
    doubt_direction,
    find_prompt,
    find_scores,
    guess_axes,
    guess_direction,
    path_setting,
    suggest_direction,
)
from unipref.unify.detection.judgements import find_judgement
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import METADATA_NAMES
from unipref.unify.detection.twins import find_named_numbers, find_number_series, find_scored_texts, find_series
from unipref.unify.detection.two_answers import SAMPLE_NAMES, find_inner_answer, find_two_answers
from unipref.unify.format_bases.several_answers import Item, SeveralAnswers
from unipref.unify.mapping.fields import Path, PathList
from unipref.unify.mapping.named_values import match_names, read_named_values
from unipref.unify.mapping.paths import get_or_none, values_per_answer
from unipref.unify.mapping.scores import Scale, raters_of, scores_of, scores_of_each

STEP_RATINGS = {-1.0, 0.0, 1.0}
"""Values that rate reasoning steps rather than answers."""


def _recognise_items(columns: Columns) -> Guess | None:
    """Recognises a list of answers that are mappings with numbers in them."""
    for column in columns.answer_lists:
        inner = columns.inner(column)
        answer = find_inner_answer(inner)
        prompt, named = find_prompt(columns, [])
        are_answers = bool({*column.words} & SAMPLE_NAMES)
        possible = [c for c in find_scores(inner) if are_answers or not {*c.numbers} <= STEP_RATINGS]
        scores = [c for c in possible if inner.role(c) != "unknown"] or possible
        by_answer = {c.path: [[get_or_none(item, c.path) for item in items] for items in column.values] for c in scores}
        scores = [c for c in scores if {*c.numbers} <= STEP_RATINGS or not are_ranks(by_answer[c.path])]
        if answer is None or not prompt or not scores:
            continue
        have_names = any(inner.role(c) != "unknown" for c in scores)
        axes, doubts = guess_axes(scores) if have_names else ask_for_scores(scores)
        mapping = {"prompt": path_setting(prompt), "answers": column.path, "response": answer.path, "scores": axes}
        why = [f"'{column.path}' is a list of answers ('{answer.path}') with scores: {', '.join(axes)}"]
        confidence = 0.9 if named else 0.75
        confidence = confidence if have_names else MAX_WEAK_CONFIDENCE
        return Guess(mapping, confidence, why, doubts)
    return None


def _recognise_lists(columns: Columns) -> Guess | None:
    """Recognises answers in one list and their scores in other lists of the same length."""
    for answers in columns.of_kind("texts"):
        prompt, _ = find_prompt(columns, [])
        lengths = dict(zip(answers.rows, map(len, answers.values), strict=True))
        axes: dict[str, Any] = {}
        doubts: list[str] = []
        for scores in [c for c in columns.of_kind("numbers") if not {*c.words} & METADATA_NAMES]:
            same_length = [lengths.get(i) == len(v) for i, v in zip(scores.rows, scores.values, strict=True)]
            few = {float(n) for v in scores.values for n in v} <= STEP_RATINGS
            if sum(same_length) > 0.9 * len(same_length) and not few and not are_ranks(scores.values):
                axes[scores.name] = {"field": scores.path, "better": guess_direction(scores.path, scores.words)}
                doubts += [doubt_direction(scores.path, suggest_direction(scores.path, scores.words))]
        if prompt and axes:
            why = [f"'{answers.path}' is a list of answers, and {', '.join(axes)} has a number for each of them"]
            return Guess({"prompt": path_setting(prompt), "answers": answers.path, "scores": axes}, 0.8, why, doubts)
    return None


def _recognise_list_of_two(columns: Columns) -> Guess | None:
    """Recognises two answers in fields of their own, and a list with a number for each of them."""
    sides = find_two_answers(columns)
    if sides is None or not sides.prompt or sides.marks is None or find_judgement(columns, sides) is not None:
        return None
    lists = [c for c in columns.of_kind("numbers") if columns.role(c) == "judgement"]
    lists = [c for c in lists if {len(value) for value in c.values} == {2}]
    axes: dict[str, Any] = {}
    doubts: list[str] = []
    for scores in lists:
        better = guess_direction(scores.path, scores.words)
        axes[scores.name] = {"field": [f"{scores.path}.0", f"{scores.path}.1"], "better": better}
        doubts.append(f"that the first number of '{scores.path}' is about '{sides.first}'")
        if better == PLACEHOLDER:
            doubts.append(doubt_direction(scores.path, suggest_direction(scores.path, scores.words)))
    mapping = {"prompt": path_setting(sides.prompt), "answers": [sides.first, sides.second], "scores": axes}
    why = f"{', '.join(axes)} has a number for each of them"
    return Guess(mapping, 0.85, [sides.why, why], doubts) if axes else None


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
    return Guess(mapping, 0.9, [sides.why, judgement.why], judgement.doubts)


def _recognise_series(columns: Columns) -> Guess | None:
    """Recognises three or more answers in fields of their own, each with its scores."""
    answers = find_series(columns)
    prompt, named = find_prompt(columns, answers)
    axes: dict[str, Any] = {}
    doubts: list[str] = []
    for scores in find_number_series(columns, answers) if prompt else []:
        if are_ranks([list(numbers) for numbers in zip(*(c.numbers for c in scores), strict=False)]):
            continue
        name = "_".join(word for word in scores[0].words if len(word) > 1) or "score"
        better = guess_direction(scores[0].path, scores[0].words)
        axes[name] = {"field": [c.path for c in scores], "better": better}
        if better == PLACEHOLDER:
            doubts.append(doubt_direction(scores[0].path, suggest_direction(scores[0].path, scores[0].words)))
    if not axes:
        return None
    mapping = {"prompt": path_setting(prompt), "answers": [c.path for c in answers], "scores": axes}
    why = [f"{len(answers)} fields hold answers, and {', '.join(axes)} has a number for each of them"]
    return Guess(mapping, 0.9 if named else 0.75, why, doubts)


def _recognise_mappings(columns: Columns) -> Guess | None:
    """Recognises a mapping of answers and a mapping of their scores, with the names of models as keys."""
    found = find_named_numbers(columns)
    if found is None or are_ranks(found.by_row):
        return None
    prompt, named = find_prompt(columns, [c for c in columns.all if c.path.startswith(f"{found.answers}.")])
    if not prompt:
        return None
    words = split_words(found.numbers.rpartition(".")[2])
    better = guess_direction(found.numbers, words)
    mapping = {"prompt": path_setting(prompt), "answers": found.answers}
    axis = {"field": found.numbers, "better": better}
    why = [f"'{found.answers}' holds answers and '{found.numbers}' a number for each, under the same names"]
    doubts = [doubt_direction(found.numbers, suggest_direction(found.numbers, words))] * (better == PLACEHOLDER)
    return Guess({**mapping, "scores": {"score": axis}}, 0.9 if named else 0.75, why, doubts)


def _recognise_scored_texts(columns: Columns) -> Guess | None:
    """Recognises texts under the names of models, each with a number under the same name: `gpt` and `gpt_score`."""
    axes = find_scored_texts(columns)
    answers = [text for text, _ in next(iter(axes.values()), [])]
    prompt, named = find_prompt(columns, answers) if answers else ([], False)
    if not prompt:
        return None
    scores: dict[str, Any] = {}
    doubts: list[str] = []
    for axis, couples in axes.items():
        numbers = [number for _, number in couples]
        better, words = guess_direction(axis, split_words(axis)), split_words(axis)
        scores[axis] = {"field": [c.path for c in numbers], "better": better, **describe_scale(numbers[0])}
        doubts += [doubt_direction(axis, suggest_direction(axis, words))] * (better == PLACEHOLDER)
    why = [f"{', '.join(c.path for c in answers)} are answers, each with a number under its name: {', '.join(axes)}"]
    mapping = {"prompt": path_setting(prompt), "answers": [c.path for c in answers], "scores": scores}
    return Guess(mapping, 0.9 if named else 0.75, why, doubts)


class ListAxis(Scale):
    """Where the scores of one axis are, for all answers of a row."""

    field: Path | PathList
    """If the answers are mappings: path of the score inside an answer. If they are texts: path of a list of scores in
    the row, in the same order. Or one path per answer, in the row. With `key`: path, in the row, of a mapping key ->
    score (`scores.*.help` if a key has several), or of a list of scores."""
    key: Path | None = None
    """Path of the list of keys to which a list of scores belongs, as in `ratings.*.model`."""


class RatedList(SeveralAnswers):
    """A prompt and several answers with their scores on one or many axes, all in one row."""

    scores: dict[str, ListAxis] = Field(min_length=1)
    """Axis name -> where its scores are. Of several, the source's `axis` says which
    decides."""

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

    @model_validator(mode="after")
    def _keys_are_matched(self) -> "RatedList":
        for name, axis in self.scores.items():
            if axis.key is not None and isinstance(axis.field, list):
                raise ValueError(f"'key' of '{name}' needs one path in 'field', of a list")
        return self

    def axes(self) -> dict[str, Axis]:
        """The declared axes, in order."""
        return {name: axis.axis() for name, axis in self.scores.items()}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a list of answers with numbers in it or in a parallel list, or two answers with a number each."""
        return (
            _recognise_items(columns)
            or _recognise_lists(columns)
            or _recognise_two_fields(columns)
            or _recognise_list_of_two(columns)
            or _recognise_series(columns)
            or _recognise_mappings(columns)
            or _recognise_scored_texts(columns)
        )

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with all answers and their scores, and a reject for each answer or score that cannot be
        used.
        """
        items = self.read_items(row)
        names = self.read_names(row, items)
        values: dict[str, list[Any]] = {}
        rejects: list[Reject] = []
        for name, axis in self.scores.items():
            values[name], unmatched = self._axis_values(row, axis, items, names)
            rejects += unmatched
        responses: list[Response] = []
        prompts: list[str | None] = []
        for i, item in enumerate(items):
            try:
                prompt, answer = self.read_turns(item)
                ratings = {
                    name: axis.rate(values[name][i], f"{item.place}.{name}") for name, axis in self.scores.items()
                }
            except Reject as reject:
                rejects.append(reject)
                continue
            prompts.append(prompt)
            responses.append(
                Response(
                    messages=answer, scores=scores_of(ratings), raters=raters_of(ratings), each=scores_of_each(ratings)
                )
            )
        if not responses:
            raise rejects[0]
        yield Feedback(prompt=self.read_shared_prompt(row, prompts, items[0].place), responses=responses)
        yield from rejects

    def _axis_values(
        self, row: Row, axis: ListAxis, items: list[Item], names: list[str | None] | None
    ) -> tuple[list[Any], list[Reject]]:
        """Returns one value per answer, None where it has none, and a reject for each score without an answer."""
        is_named = self.key is not None or axis.key is not None or (names is not None and not self.has_mappings)
        if is_named and isinstance(axis.field, str):
            if names is None:
                raise Reject(Reason.MISSING_FIELD, "the answers have no names: set 'key' of the mapping", axis.field)
            by_answer, rejects = match_names(read_named_values(row, axis.field, axis.key, "key"), names, "score")
            return [values[0] if len(values) == 1 else values or None for values in by_answer], rejects
        if isinstance(axis.field, list) or not self.has_mappings:
            return values_per_answer(row, axis.field, len(items), "scores"), []
        return [get_or_none(item.value, axis.field) for item in items], []
