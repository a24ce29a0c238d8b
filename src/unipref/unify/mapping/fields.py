"""Mapping as data: where in a raw row the prompt, the answers and the labels are.

A *path* names a field (`question`), a field inside another (`scores.overall`), an item of a list
(`conversations.0.value`) or every item (`answers.*.text`). A key that holds a dot is taken whole when the row has it.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from unipref.core import yaml_files
from unipref.core.contracts import Settings
from unipref.core.records import Axis, Reason, Reject, Row

Path = Annotated[str, Field(min_length=1)]


def _has_a_group(pattern: str) -> str:
    try:
        if re.compile(pattern).groups < 1:
            raise ValueError("the pattern needs a group in parentheses: the part that is taken")
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_has_a_group)]
"""A regular expression whose first group is the part that is taken."""


class Part(Settings):
    """One part of a prompt: a constant text, or a field with more to say about it."""

    text: str | None = None
    """A constant."""
    field: Path | None = None
    """Path of a text."""
    pattern: Pattern | None = None
    """Takes only the first group of this regular expression from the field."""
    before: str = ""
    """Stands before the field's text, where there is one: a label such as 'Context: '."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Part":
        if (self.text is None) == (self.field is None):
            raise ValueError("give either 'text' or 'field'")
        if self.text is not None and (self.pattern or self.before):
            raise ValueError("'pattern' and 'before' go with 'field'")
        return self


Paths = Path | Part | Annotated[list[Path | Part], Field(min_length=1)]
"""Where a text is: a path, a part, or several of them, to be joined with a blank line between."""

LARGEST = 1e100
"""A score beyond it is taken for a fault; sums of and gaps between smaller ones stay finite."""
DEEPEST = 100
"""Levels of nesting in a value that is kept."""


def get_path(row: Any, path: str) -> Any:
    """The value at a path.

    Raises:
        Reject: `missing_field` when there is none; a null is a value.
    """
    value = row
    if isinstance(row, dict) and path in row:
        return row[path]
    parts = path.split(".")
    for depth, part in enumerate(parts):
        if part == "*" and isinstance(value, list):
            rest = ".".join(parts[depth + 1 :])
            return [get_path(item, rest) if rest else item for item in value]
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and re.fullmatch(r"-?\d+", part) and -len(value) <= int(part) < len(value):
            value = value[int(part)]
        else:
            raise Reject(Reason.MISSING_FIELD, f"not in the row, which has {fields_of(value)}", path)
    return value


def one_each(row: Row, where: str | list[str], count: int, what: str) -> list[Any]:
    """A value for each of several answers: at a path each, or a list at one path.

    Raises:
        Reject: `wrong_type` when they are not as many; `what` says what they are.
    """
    values: Any = [get_path(row, path) for path in where] if isinstance(where, list) else get_path(row, where)
    if not isinstance(values, list) or len(values) != count:
        found = len(values) if isinstance(values, list) else type(values).__name__
        detail = f"expected {count} {what}, one for each answer, found {found}"
        raise Reject(Reason.WRONG_TYPE, detail, str(where))
    return values


def fields_of(value: Any) -> str:
    """What there is to choose from in a value, for errors."""
    if isinstance(value, dict):
        return "the fields " + ", ".join(str(k) for k in list(value)[:12]) if value else "no fields"
    return f"a list of {len(value)}" if isinstance(value, list) else f"a {type(value).__name__}"


def text(value: Any, field: str) -> str:
    """A value that must be text, outer white space removed.

    Raises:
        Reject: `not_text` for lists of content parts that are not text, `wrong_type` for anything else.
    """
    if isinstance(value, str):
        return _unicode(value.strip(), field)
    if isinstance(value, list) and value and all(isinstance(part, dict) and "type" in part for part in value):
        kinds = {str(part["type"]) for part in value}
        if kinds == {"text"} and all(isinstance(part.get("text"), str) for part in value):
            return _unicode("".join(part["text"] for part in value).strip(), field)
        found = ", ".join(sorted(kinds - {"text"})) or "a part of type text without text"
        raise Reject(Reason.NOT_TEXT, f"holds {found[:80]}; only text is used", field)
    raise Reject(Reason.WRONG_TYPE, f"expected text, found {describe(value)}", field)


def _unicode(content: str, field: str) -> str:
    """A text, checked: a literal or a function can make half a surrogate pair, which is no character."""
    try:
        content.encode()
    except UnicodeEncodeError as error:
        detail = f"half a surrogate pair at character {error.start + 1}, which is no Unicode text"
        raise Reject(Reason.NOT_TEXT, detail, field) from error
    return content


def describe(value: Any) -> str:
    """A value's type and beginning, for errors."""
    return f"{type(value).__name__} {str(value)[:60]!r}"


def answer_text(value: Any, field: str) -> str:
    """Text of an answer, which may not be empty."""
    answer = text(value, field)
    if not answer:
        raise Reject(Reason.EMPTY_RESPONSE, "the answer is empty", field)
    return answer


def parts_of(paths: Paths) -> list[Part]:
    """One or several paths and parts as parts."""
    several: Sequence[str | Part] = paths if isinstance(paths, list) else [paths]
    return [Part(field=part) if isinstance(part, str) else part for part in several]


def place_of(paths: Paths) -> str:
    """The field to name in an error about a joined text."""
    return next((part.field for part in parts_of(paths) if part.field is not None), "text")


def join_texts(row: Row, paths: Paths) -> str:
    """The texts of one or several parts, empty or null ones skipped, with a blank line between."""
    contents = [_content(row, part) for part in parts_of(paths)]
    return "\n\n".join(content for content in contents if content)


def _content(row: Row, part: Part) -> str:
    if part.field is None:
        return part.text or ""
    value = get_path(row, part.field)
    if value is None:
        return ""
    content = text(value, part.field)
    if part.pattern is not None:
        content = extract_group(content, part.pattern, part.field)
    return f"{part.before}{content}" if content else ""


def answer_at(row: Row, place: Path | Part) -> str:
    """Text of an answer at a path, or as a part says; it may not be empty."""
    value = get_path(row, place) if isinstance(place, str) else join_texts(row, place)
    return answer_text(value, place_of(place))


def extract_group(content: str, pattern: str, field: str) -> str:
    """What the first group of a regular expression takes from a text.

    Raises:
        Reject: `bad_label` when it does not match.
    """
    match = re.search(pattern, content)
    if match is None:
        raise Reject(Reason.BAD_LABEL, f"{content[:60]!r} does not match the pattern {pattern!r}", field)
    return (match.group(1) or "").strip()


def number(value: Any, field: str) -> float | None:
    """A score; None for null or an empty CSV cell.

    Raises:
        Reject: `wrong_type` for booleans and text that is no number, `bad_score` for NaN, infinities and the like.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Reject(Reason.WRONG_TYPE, f"expected a number, found {describe(value)}", field)
    try:
        if isinstance(value, str) and "_" in value:
            raise ValueError("Python's own 1_000 is no number in data")
        score = float(value)
    except (ValueError, OverflowError) as error:
        raise Reject(Reason.WRONG_TYPE, f"expected a number, found {describe(value)}", field) from error
    if not abs(score) <= LARGEST:
        raise Reject(Reason.BAD_SCORE, f"expected a finite number, found {score:g}", field)
    return score


def to_json(value: Any, field: str, depth: int = 0) -> Any:
    """A value of a row as what it can be kept as in JSON and between processes.

    NaN and infinities become null, whole numbers beyond 64 bits text.

    Raises:
        Reject: `wrong_type` when it is nested deeper than `DEEPEST` levels, or is nothing that JSON knows.
    """
    if depth > DEEPEST:
        raise Reject(Reason.WRONG_TYPE, f"nested deeper than {DEEPEST} levels", field)
    if isinstance(value, dict):
        return {str(key): to_json(inner, field, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner, field, depth + 1) for inner in value]
    if isinstance(value, str):
        return _unicode(value, field)
    if value is not None and not isinstance(value, bool | int | float):
        raise Reject(Reason.WRONG_TYPE, f"a {type(value).__name__} cannot be kept", field)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, int) and value.bit_length() > 63 else value


def string_keys(codes: Any) -> Any:
    """Codes with their keys as text, so that 1, 1.0 and "1" are one code."""
    return {code_of(key): said for key, said in codes.items()} if isinstance(codes, dict) else codes


def code_of(value: Any) -> str:
    """A label as it is looked up: text without outer blanks, whole numbers without a fraction."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def quoting_hint(label: Any, codes: Iterable[Any]) -> str:
    """The end of an error about a text such as 'true' or '010' that is a code only in quotes; empty for others."""
    if not isinstance(label, str) or isinstance(value := yaml_files.plain_value(label.strip()), str):
        return ""
    if code_of(value) not in map(code_of, codes):
        return ""
    return f'; {label.strip()} without quotes is not text in YAML: write "{label.strip()}"'


class Scale(Settings):
    """How the scores of one axis are read. Low, high and direction are declared, never guessed."""

    better: Literal["high", "low"]
    """Which end of the scale is better."""
    low: float | None = None
    """Lowest possible score; a score below it is a reject."""
    high: float | None = None
    """Highest possible score; a score above it is a reject."""
    codes: Annotated[dict[str, float | None], BeforeValidator(string_keys)] = {}
    """What a score in words is as a number, as in {good: 1, bad: 0, N/A: null}; null: no score."""
    missing: float | None = None
    """What counts where there is no score, such as 0 for a count of likes; null: then the answer has no score."""
    pattern: Pattern | None = None
    """Takes a score out of a text such as 'Rating: 4/5': the first group of this regular expression."""

    @model_validator(mode="after")
    def _range_is_ordered(self) -> "Scale":
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.missing is not None and not _on_scale(self.missing, self.low, self.high):
            raise ValueError(f"'missing' stands for {self.missing:g}, which is outside the declared scale")
        for code, score in self.codes.items():
            if score is not None and not _on_scale(score, self.low, self.high):
                raise ValueError(f"the code {code!r} stands for {score:g}, which is outside the declared scale")
        return self

    def axis(self) -> Axis:
        """The scale as the projection uses it."""
        return Axis(better=self.better, low=self.low, high=self.high)

    def read(self, value: Any, field: str) -> float | None:
        """A value as a score; None where there is none.

        Raises:
            Reject: neither a code nor a number, not finite, or outside the declared scale.
        """
        if self.codes and (code := code_of(value)) in self.codes:
            return self.codes[code]
        if self.pattern is not None and isinstance(value, str):
            value = extract_group(value, self.pattern, field)
        score = within(value, self.low, self.high, field)
        return self.missing if score is None else score


class AxisSpec(Scale):
    """Where one axis of scores is, and how to read it."""

    field: Path
    """Path of the score."""

    def score(self, row: Any) -> float | None:
        """The row's score on this axis; `missing` when the row has none.

        Raises:
            Reject: as `read`.
        """
        try:
            value = get_path(row, self.field)
        except Reject:
            return self.missing
        return self.read(value, self.field)


def within(value: Any, low: float | None, high: float | None, field: str) -> float | None:
    """A score on a declared scale; None where there is none.

    Raises:
        Reject: no number, not finite, or outside the scale.
    """
    score = number(value, field)
    if score is None:
        return None
    if not _on_scale(score, low, high):
        raise Reject(Reason.BAD_SCORE, f"{score:g} is outside the declared scale {_end(low)}..{_end(high)}", field)
    return score


def _on_scale(score: float, low: float | None, high: float | None) -> bool:
    return (low is None or score >= low) and (high is None or score <= high)


def _end(bound: float | None) -> str:
    return "" if bound is None else f"{bound:g}"


def scores_of(row: Any, specs: dict[str, AxisSpec]) -> dict[str, float]:
    """Axis -> score for every axis the row has a score on."""
    return {axis: score for axis, spec in specs.items() if (score := spec.score(row)) is not None}
