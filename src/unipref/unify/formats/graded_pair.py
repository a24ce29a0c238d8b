"""Two answers and a grade of how much better one is: -3..3, 1..2 with 1.5 as a tie, or "a-is-slightly-better"."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, model_validator

from unipref.core.contracts import Settings
from unipref.core.records import Axis, Comparison, Feedback, Reason, Reject, Row
from unipref.unify.detection.guess import Columns, Guess
from unipref.unify.detection.judgements import ask_for_sides, combine_confidence, find_judgement
from unipref.unify.detection.two_answers import find_two_answers
from unipref.unify.format_bases.two_answers import TwoAnswers
from unipref.unify.mapping.codes import label_hint, string_keys, to_code
from unipref.unify.mapping.fields import Decimal, Path, PathList, Place, read_number
from unipref.unify.projection.order import STRENGTH


class Ends(Settings):
    """The ends of a numeric scale. A grade in the middle is a tie unless `tie` names another value."""

    first: float
    """The grade that means: the first answer is much better."""
    second: float
    """The grade that means: the second answer is much better."""
    tie: float | None = None
    """The grade that means a tie; default: the middle."""
    decimal: Decimal = "point"
    """What separates the fraction of a grade in a text: 1.5 or 1,5."""

    @model_validator(mode="after")
    def _has_two_ends(self) -> "Ends":
        if self.first == self.second:
            raise ValueError("'first' and 'second' must differ")
        if self.tie is not None and not min(self.first, self.second) < self.tie < max(self.first, self.second):
            raise ValueError("'tie' must lie between 'first' and 'second'")
        return self

    def towards_first(self, grade: float) -> float:
        """Returns the grade's distance from a tie, in the scale's units; positive when the first answer is better."""
        middle = (self.first + self.second) / 2 if self.tie is None else self.tie
        return (grade - middle) * (1.0 if self.first > self.second else -1.0)

    def holds(self, grade: float) -> bool:
        """Whether a grade is on the scale, apart from rounding."""
        low, high = sorted((self.first, self.second))
        slack = 1e-6 * (high - low)
        return low - slack <= grade <= high + slack


class GradedPair(TwoAnswers):
    """Two answers with a grade that says which one is better and by how much. The grade's strength becomes the margin;
    a strength of zero is a tie.
    """

    first: Place
    """Path of the first answer or dialogue; or a part, as in {field: text, pattern: REGEX}."""
    second: Place
    """Path of the second answer or dialogue; or a part."""
    grade: Path | PathList
    """Path of the grade, or of a list of grades; or several paths, where several people graded. The mean decides."""
    scale: Ends | None = None
    """The ends of a numeric scale, such as {first: 1, second: 2} or {first: -3, second: 3}."""
    codes: Annotated[dict[str, float], BeforeValidator(string_keys)] = {}
    """Grade in words -> its strength: positive when the first answer is better, 0 for a tie. Codes are looked up before
    the scale, so they can also define exceptions on a numeric scale."""

    has_annotator_per_vote: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {
        "settings": {
            "prompt": "question",
            "first": "a",
            "second": "b",
            "grade": "grade",
            "scale": {"first": -3, "second": 3},
        },
        "rows": [{"question": "What is 2 + 2?", "a": "4", "b": "Five.", "grade": -2}],
    }

    @model_validator(mode="after")
    def _can_be_read(self) -> "GradedPair":
        if self.scale is None and not self.codes:
            raise ValueError("give 'scale' for numeric grades, 'codes' for words, or both")
        return self

    def axes(self) -> dict[str, Axis]:
        """The strength, which decides (more is further from a tie), then the axes of the evidence."""
        return {STRENGTH: Axis(better="high", low=0.0), **super().axes()}

    @classmethod
    def recognise(cls, columns: Columns) -> Guess | None:
        """Recognises two answers and a number or words that say how much better one of them is."""
        if (sides := find_two_answers(columns)) is None or (judgement := find_judgement(columns, sides)) is None:
            return None
        if judgement.kind not in ("grade", "words"):
            return None
        doubts = [*sides.doubts, *judgement.doubts]
        if judgement.kind == "words":
            doubts.append(
                "the strengths of the words are defaults: slightly 1, plain 2, much 3; change them as you like"
            )
        return Guess(
            {**ask_for_sides(sides, judgement), **judgement.map},
            combine_confidence(sides, judgement),
            [sides.why, judgement.why],
            doubts,
        )

    def fields_of_people(self) -> dict[str, Path | PathList]:
        """The grades."""
        return {"grade": self.grade}

    def feedback(self, row: Row) -> Iterator[Feedback | Reject]:
        """Yields one feedback with two answers and one comparison per grade."""
        prompt, endings = self.read_sides(row, (self.first, self.second))
        places = self.read_votes(row, self.grade)
        grades = [place for place in places if place.is_cast(self.codes)]
        if not grades:
            raise Reject(Reason.UNSCORED, "the grade is missing", places[0].field if places else str(self.grade))
        comparisons = []
        for grade in grades:
            lead = self._towards_first(grade.value, grade.field)
            better = 0 if lead >= 0 else 1
            is_tie, strength = abs(lead) <= 1e-9, abs(lead)
            comparisons.append(Comparison(better, 1 - better, is_tie, strength, grade.annotator))
        yield Feedback(
            prompt=prompt,
            responses=self.make_responses(row, endings),
            comparisons=comparisons,
            extra={"grade": [grade.value for grade in grades] if len(places) > 1 else grades[0].value},
        )

    def _towards_first(self, value: Any, path: str) -> float:
        code = to_code(value)
        if code in self.codes:
            return self.codes[code]
        if self.scale is None:
            codes = ", ".join(repr(key) for key in self.codes)
            hint = label_hint(value, self.codes)
            raise Reject(Reason.BAD_LABEL, f"found {code[:40]!r}, which is not in codes ({codes}){hint}", path)
        grade = read_number(value, path, self.scale.decimal)
        if grade is None or not self.scale.holds(grade):
            detail = f"grade {code[:40]} is outside the declared scale {self.scale.first:g}..{self.scale.second:g}"
            raise Reject(Reason.BAD_SCORE, detail, path)
        return self.scale.towards_first(grade)
