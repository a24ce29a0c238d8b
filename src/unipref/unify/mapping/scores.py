"""Scores: where they are, the scale they are on, and how the scores of several raters become one."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, model_validator

from unipref.core.contracts import Settings
from unipref.core.display import quote_yaml
from unipref.core.records import Axis, Reason, Reject
from unipref.unify.mapping.codes import string_keys, to_code
from unipref.unify.mapping.fields import Decimal, Path, PathList, Pattern, decimal_hint, extract_group, read_number
from unipref.unify.mapping.paths import collect_values, get_path, is_star
from unipref.unify.mapping.people import Judged


class Rating(NamedTuple):
    """A score, the number of people whose scores it combines, and these scores; None and 0 if nobody gave one. `given`
    are the scores of all people with their places, None for those who gave none; empty for a single score.
    """

    score: float | None
    raters: int
    each: Sequence[float] = ()
    given: Sequence[Judged] = ()


class Scale(Settings):
    """How the scores of one axis are read. You declare low, high and direction; unipref never guesses them."""

    better: Literal["high", "low"]
    """Which end of the scale is better."""
    low: float | None = None
    """Lowest possible score; a score below it is rejected."""
    high: float | None = None
    """Highest possible score; a score above it is rejected."""
    codes: Annotated[dict[str, float | None], BeforeValidator(string_keys)] = {}
    """Score in words -> number, as in {good: 1, bad: 0, N/A: null}; null: no score."""
    missing: float | None = None
    """Score of an answer whose score is missing, such as 0 for a count of likes; null: the answer has no score."""
    pattern: Pattern | None = None
    """Regular expression whose first group is the score in a text such as 'Rating: 4/5'."""
    decimal: Decimal = "point"
    """What separates the fraction of a score in a text: 4.5 or 4,5."""
    raters: Literal["mean", "median"] = "mean"
    """How the scores of several people, in a list, become one; null and empty scores are skipped."""

    @model_validator(mode="after")
    def _range_is_ordered(self) -> "Scale":
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.missing is not None and not _is_on_scale(self.missing, self.low, self.high):
            raise ValueError(f"'missing' is {self.missing:g}, which is outside the declared scale")
        for code, score in self.codes.items():
            if score is not None and not _is_on_scale(score, self.low, self.high):
                raise ValueError(f"the code {code!r} stands for {score:g}, which is outside the declared scale")
        return self

    def axis(self) -> Axis:
        """Returns the scale in the form that the projection uses."""
        return Axis(better=self.better, low=self.low, high=self.high)

    def read(self, value: Any, field: str) -> float | None:
        """Reads a value, or the list of the values of several raters, as a score; None if there is no score.

        Raises:
            Reject: a value is neither a code nor a number, not finite, or outside the declared scale.
        """
        return self.rate(value, field).score

    def rate(self, value: Any, field: str) -> Rating:
        """Reads a value as `read` does; returns the score with the number of raters."""
        if not isinstance(value, list):
            score = self._read_one(value, field)
            return Rating(self.missing, 0) if score is None else Rating(score, 1, given=[Judged(field, score)])
        places = [f"{field}.{i}" for i in range(len(value))]
        return self.combine([Judged(p, self._read_one(item, p)) for p, item in zip(places, value, strict=True)])

    def combine(self, given: Sequence[Judged]) -> Rating:
        """Combines the scores of several people; those without a score are skipped."""
        each = [one.value for one in given if one.value is not None]
        if not each:
            return Rating(self.missing, 0, given=given)
        combined = statistics.median(each) if self.raters == "median" else math.fsum(each) / len(each)
        return Rating(combined, len(each), each, given)

    def _read_one(self, value: Any, field: str) -> float | None:
        if self.codes and (code := to_code(value)) in self.codes:
            return self.codes[code]
        if self.pattern is not None and isinstance(value, str) and value.strip():
            value = extract_group(value, self.pattern, field)
        try:
            return read_score(value, self.low, self.high, field, self.decimal)
        except Reject as reject:
            if reject.reason != Reason.WRONG_TYPE or not (hint := self._hint(value, field)):
                raise
            raise Reject(reject.reason, reject.detail + hint, field) from reject

    def _hint(self, value: Any, field: str) -> str:
        """The end of an error about a value that is no number but may be a score; empty for others."""
        if isinstance(value, dict):
            return f"; for the scores of several people in a mapping, write '{field}.*'"
        if not isinstance(value, str) or decimal_hint(value, self.decimal):
            return ""
        return f"; what it means goes in codes, as in codes: {{{quote_yaml(to_code(value)[:20])}: null}} for no score"


class AxisSpec(Scale):
    """Where the scores of one axis are, and how to read them."""

    field: Path | PathList
    """Path of the score, or of a list with the scores of several people; or one path per person."""

    def score(self, row: Any) -> float | None:
        """Returns the row's score on this axis; `missing` if the row has none.

        Raises:
            Reject: as for `read`.
        """
        return self.rate_row(row).score

    def rate_row(self, row: Any) -> Rating:
        """Returns the row's score on this axis with the number of raters.

        Raises:
            Reject: as for `read`.
        """
        values: list[Judged] = []
        for n, path in enumerate([self.field] if isinstance(self.field, str) else self.field):
            try:
                if isinstance(self.field, str) and not is_star(path):
                    return self.rate(get_path(row, path), path)
                values += [Judged(place, value, n) for place, value in collect_values(row, path)]
            except Reject as reject:
                if reject.reason != Reason.MISSING_FIELD:
                    raise
        return self.combine([one._replace(value=self._read_one(one.value, one.place)) for one in values])


def read_score(
    value: Any, low: float | None, high: float | None, field: str, decimal: Decimal = "point"
) -> float | None:
    """Reads a score on a declared scale; None if there is no score.

    Raises:
        Reject: the value is not a number, not finite, or outside the scale.
    """
    score = read_number(value, field, decimal)
    if score is None:
        return None
    if not _is_on_scale(score, low, high):
        raise Reject(
            Reason.BAD_SCORE,
            f"{score:g} is outside the declared scale {_format_bound(low)}..{_format_bound(high)}",
            field,
        )
    return score


def _is_on_scale(score: float, low: float | None, high: float | None) -> bool:
    return (low is None or score >= low) and (high is None or score <= high)


def _format_bound(bound: float | None) -> str:
    return "" if bound is None else f"{bound:g}"


def read_ratings(row: Any, specs: Mapping[str, AxisSpec]) -> dict[str, Rating]:
    """Returns axis -> rating for every axis on which the row has a score."""
    return {axis: rating for axis, spec in specs.items() if (rating := spec.rate_row(row)).score is not None}


def scores_of(ratings: Mapping[str, Rating]) -> dict[str, float]:
    """Returns axis -> score."""
    return {axis: rating.score for axis, rating in ratings.items() if rating.score is not None}


def raters_of(ratings: Mapping[str, Rating]) -> dict[str, int]:
    """Returns axis -> number of raters, for the axes with several."""
    return {axis: rating.raters for axis, rating in ratings.items() if rating.raters > 1}


def scores_of_each(ratings: Mapping[str, Rating]) -> dict[str, list[float]]:
    """Returns axis -> the score of each rater, for the axes with several."""
    return {axis: [*rating.each] for axis, rating in ratings.items() if rating.raters > 1}
