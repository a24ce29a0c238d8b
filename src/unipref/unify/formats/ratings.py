"""One rated answer per row, on one or many axes. The answers to one prompt are grouped across rows."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from unipref.core.contracts import Grouping
from unipref.core.records import Axis, Feedback, Reason, Reject, Response, Row
from unipref.unify.detection.guess import (
    MAX_WEAK_CONFIDENCE,
    PLACEHOLDER,
    Column,
    Columns,
    Guess,
    ask_for_scores,
    describe_scale,
    doubt_direction,
    find_scores,
    guess_axes,
    guess_direction,
    quote_names,
    suggest_direction,
)
from unipref.unify.detection.names import CODE_NAMES
from unipref.unify.detection.one_answer import find_one_answer, find_word_scores
from unipref.unify.detection.score_bounds import doubt_single_answers, find_score_thumbs, repeats_prompts
from unipref.unify.detection.several_raters import find_criteria, find_raters
from unipref.unify.detection.verdict_codes import TWO_NUMBERS
from unipref.unify.detection.verdict_lists import find_lists_of_kinds
from unipref.unify.format_bases.dialogue import OneAnswer
from unipref.unify.mapping.fields import Path, PathList
from unipref.unify.mapping.people import Judged
from unipref.unify.mapping.scores import AxisSpec, Rating, raters_of, read_ratings, scores_of, scores_of_each

WITHOUT_RIVALS = 0.6
"""Factor of the confidence if no prompt has two answers: then ratings give no pair."""


def _find_listed_scores(columns: Columns) -> list[Column]:
    """Returns what several people gave the one answer: a list of numbers, or of mappings with a number."""
    lists = [c for c in columns.of_kind("numbers") if columns.role(c) == "judgement"]
    numbers = [Column(c.path, "number", [n for v in c.values for n in v], [], c.share) for c in lists]
    kinds = find_lists_of_kinds(columns)
    dialogues = {c.path for c in columns.of_kind("turns")}
    for column, path, role in columns.inside:
        if path.split(".*.")[0] in dialogues:
            continue  # the verdict of a turn does not rate the end of the dialogue
        if path.rsplit(".*.", 1)[0] in kinds:
            continue
        if role in ("judgement", "score") and column.numbers and path.count(".*.") == 1 and column.n_distinct > 1:
            numbers.append(Column(path, column.kind, column.values, column.rows, column.share))
    named = [column for column in numbers if column.numbers]
    return [*named, *_find_scores_beside(columns, named)]


def _find_scores_beside(columns: Columns, named: Sequence[Column]) -> list[Column]:
    """Returns further criteria: numbers without a telling name in the lists of scores, on the same scale."""
    ends = {c.path.rsplit(".*.", 1)[0]: (min(c.numbers), max(c.numbers)) for c in named}
    beside = []
    for column, path, role in columns.inside:
        low, high = ends.get(path.rsplit(".*.", 1)[0], (1, 0))
        if role == "unknown" and column.numbers and low <= min(column.numbers) < max(column.numbers) <= high:
            beside.append(Column(path, column.kind, column.values, column.rows, column.share))
    return beside


def _find_raters(columns: Columns, scores: Sequence[Column]) -> list[Column]:
    """Returns the numbers of several people, if all of the scores are theirs: `rater_2`, `rating_b`."""
    raters = find_raters(columns, scores[0]) if scores else None
    people = raters.columns if raters is not None and raters.is_certain else []
    is_alike = len({str(describe_scale(c)) for c in people}) == 1
    return people if is_alike and {c.path for c in scores} <= {c.path for c in people} else []


def _join_raters(people: Sequence[Column]) -> tuple[dict[str, Any], list[str]] | None:
    """Returns one axis for the scores of several people, and the doubts; None without people."""
    if not people:
        return None
    low, high = min(min(c.numbers) for c in people), max(max(c.numbers) for c in people)
    axis = {"field": [c.path for c in people], "better": PLACEHOLDER, **describe_scale(people[0])}
    doubts = [
        f"that {quote_names(c.path for c in people)} are several people's scores of one kind; their mean counts",
        f"range in these rows: {low:g} to {high:g}; declare 'low' and 'high', so that others are rejected",
        doubt_direction("', '".join(c.path for c in people), PLACEHOLDER),
    ]
    return {"rating": axis}, doubts


def _join_criteria(columns: Columns, scores: Sequence[Column]) -> tuple[dict[str, Any], list[str]] | None:
    """Returns one axis for each criterion that several people scored, and the doubts; None without such fields."""
    criteria = find_criteria(columns, scores)
    if not criteria or any(len({str(describe_scale(c)) for c in people}) > 1 for people in criteria.values()):
        return None
    axes, doubts = {}, []
    for name, people in criteria.items():
        low, high = min(min(c.numbers) for c in people), max(max(c.numbers) for c in people)
        better = guess_direction(people[0].path, people[0].words)
        axes[name] = {"field": [c.path for c in people], "better": better, **describe_scale(people[0])}
        paths = "', '".join(c.path for c in people)
        span = f"{low:g} to {high:g}"
        doubts.append(f"that '{paths}' ({span}) are several people's scores of one kind; their mean counts")
        doubts += [doubt_direction(paths, suggest_direction(people[0].path, people[0].words))] * (better == PLACEHOLDER)
    return axes, doubts


class Ratings(OneAnswer):
    """A dialogue, or a prompt and an answer, with scores of the answer. Rows with the same prompt form one group.
    Prompts with a single answer are left out, as in the paper (A.2). An answer that is rated twice counts once, with
    the mean of its scores.
    """

    scores: dict[str, AxisSpec] = Field(min_length=1)
    """Axis name -> where its score is. Of several, the source's `axis` says which
    decides."""

    has_annotator_per_vote: ClassVar[bool] = True
    grouping: ClassVar[Grouping] = "prompt"
    needs: ClassVar[tuple[str, ...]] = ("a prompt", "an answer", "a number that scores it")
    example: ClassVar[dict[str, Any]] = {
        "settings": {
            "prompt": "question",
            "response": "answer",
            "scores": {"help": {"field": "stars", "low": 1, "high": 5, "better": "high"}},
        },
        "rows": [
            {"question": "How do I boil an egg?", "answer": "Eight minutes in boiling water.", "stars": 5},
            {"question": "How do I boil an egg?", "answer": "With heat.", "stars": 2},
        ],
    }

    @model_validator(mode="after")
    def _counts_each_person(self) -> "Ratings":
        if any(spec.raters == "median" for spec in self.scores.values()) and self.names_each:
            raise ValueError("'raters: median' makes one score of several people's; named people count one by one")
        return self

    def fields_of_people(self) -> dict[str, Path | PathList]:
        """The scores."""
        return {f"scores.{axis}.field": spec.field for axis, spec in self.scores.items()}

    def axes(self) -> dict[str, Axis]:
        """The declared axes, in order."""
        return {name: spec.axis() for name, spec in self.scores.items()}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises a prompt, an answer and numbers; repeated prompts with other answers raise the confidence."""
        answer = find_one_answer(columns)
        if answer is None or answer.has_rivals(columns):
            return None
        is_repeated = bool(repeats_prompts(columns, answer))
        scores = [
            c
            for c in find_scores(columns)
            if is_repeated or columns.role(c) == "score" or {*c.numbers} not in TWO_NUMBERS
        ]
        named = [c for c in scores if columns.role(c) != "unknown" and not {*c.words} & CODE_NAMES]
        words = find_word_scores(columns)
        listed = [] if named else _find_listed_scores(columns)
        named = named or listed
        if not (named or words or scores):
            return None
        raters = [] if words and not named else _find_raters(columns, named or scores)
        joined = _join_criteria(columns, named) or _join_raters(raters)
        axes, doubts = joined or (guess_axes(named) if named else words or ask_for_scores(scores))
        why = [answer.why, f"the answer has scores: {', '.join(axes)}"]
        why += ["the same prompts are repeated with other answers"] if is_repeated else []
        mapping = {**answer.map, "scores": axes}
        confidence = (0.25 + 0.7 * answer.confidence) * (1.0 if is_repeated else 0.9)
        if not (named or words or raters):
            confidence = min(confidence, MAX_WEAK_CONFIDENCE) * (1.0 if is_repeated else 0.9)
        if find_score_thumbs(columns, answer) is not None:
            confidence *= WITHOUT_RIVALS
        elif repeats_prompts(columns, answer) is False:
            doubts = [*doubts, "each prompt of these rows has one answer: 'thumbs' can read one of the scores"]
        doubts = [*doubts, *doubt_single_answers(columns, answer, named)]
        return Guess(mapping, confidence, why, [*answer.doubts, *doubts])

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with one scored answer, or one per named person.

        Raises:
            Reject: `unscored` if nobody scored the answer.
        """
        prompt, answer = self.read_dialogue(row)
        ratings = read_ratings(row, self.scores)
        if all(rating.score is None for rating in ratings.values()):
            names = ", ".join(f"'{axis}'" for axis in self.scores)
            raise Reject(Reason.UNSCORED, f"the answer has no score on {names}", self._first_field())
        for name, given in self._ratings_of_people(row, ratings).items():
            response = Response(
                messages=answer, scores=scores_of(given), raters=raters_of(given), each=scores_of_each(given)
            )
            yield Feedback(prompt=prompt, responses=[response], annotator=name)

    def _first_field(self) -> str | None:
        """Returns the path of the first axis, if it is one path."""
        field = next(iter(self.scores.values())).field
        return field if isinstance(field, str) else None

    def _ratings_of_people(self, row: Row, ratings: dict[str, Rating]) -> dict[str | None, dict[str, Rating]]:
        """Returns person -> axis -> rating; None for those whom the row does not name one by one."""
        of_people: dict[str | None, dict[str, list[Judged]]] = {}
        unnamed: dict[str, Rating] = {}
        for axis, rating in ratings.items():
            names = self.name_judges(row, rating.given)
            has_values = any(one.value is not None for one in rating.given)
            if not any(names) or (rating.score is not None and not has_values):
                unnamed[axis] = rating  # the score that `missing` gives is nobody's
                continue
            for name, one in zip(names, rating.given, strict=True):
                if one.value is not None:
                    of_people.setdefault(name, {}).setdefault(axis, []).append(one)
        named = {
            name: {axis: self.scores[axis].combine(given) for axis, given in by_axis.items()}
            for name, by_axis in of_people.items()
        }
        return {**named, None: {**named.get(None, {}), **unnamed}} if unnamed or not named else named
