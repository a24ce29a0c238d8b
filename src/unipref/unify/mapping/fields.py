"""The fields of a raw row: where the prompt, the answers and the labels are, and how they are read.

A *path* names a field (`question`), a field inside another (`scores.overall`), an item of a list
(`conversations.0.value`) or every item (`answers.*.text`). If the row has the whole path as a key with dots, that key
is used.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from unipref.core import patterns, yaml_files
from unipref.core.contracts import Settings
from unipref.core.records import Axis, Reason, Reject, Row
from unipref.core.unusable_text import UnusableText
from unipref.core.values import value_key

Path = Annotated[str, Field(min_length=1)]
PathList = Annotated[list[Path], Field(min_length=1)]


def _require_group(pattern: str) -> str:
    if patterns.compile_pattern(pattern).groups < 1:
        raise ValueError("the pattern needs a group in parentheses: the part to extract")
    return pattern


Pattern = Annotated[str, AfterValidator(_require_group)]
"""A regular expression whose first group is the part to extract."""


class Part(Settings):
    """One part of a prompt: a constant text, or a field with options."""

    text: str | None = None
    """A constant text."""
    field: Path | None = None
    """Path of a text."""
    pattern: Pattern | None = None
    """Regular expression; only its first group is used from the field."""
    before: str = ""
    """Text to put before the field's text unless that is empty: a label such as 'Context: '."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Part":
        if (self.text is None) == (self.field is None):
            raise ValueError("give either 'text' or 'field'")
        if self.text is not None and (self.pattern or self.before):
            raise ValueError("'pattern' and 'before' go with 'field'")
        return self


Paths = Path | Part | Annotated[list[Path | Part], Field(min_length=1)]
"""Where a text is: a path, a part, or several of them, which are joined with a blank line between them."""

MAX_SCORE = 1e100
"""Largest absolute score; a larger one is rejected. Sums and differences of smaller scores stay finite."""
NULL_CODE = " (null)"
"""The code of null. No text has it, because codes of texts have no outer white space."""
MAX_DEPTH = 100
"""Most levels of nesting in a value that `keep` stores."""


def get_path(row: Any, path: str) -> Any:
    """Returns the value at a path.

    Raises:
        Reject: `missing_field` if the path does not exist; null is a value. `wrong_type` for an `UnusableText`.
    """
    value = row
    if isinstance(row, dict) and path in row:
        return _check_usable(row[path], path)
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
            raise Reject(Reason.MISSING_FIELD, f"the field is missing; found {describe_fields(value)}", path)
    return _check_usable(value, path)


def _check_usable(value: Any, path: str) -> Any:
    """Returns a value, unless it is a text that nobody wrote, such as the result of a formula."""
    if isinstance(value, UnusableText):
        raise Reject(Reason.WRONG_TYPE, value.why, path)
    return value


def values_per_answer(row: Row, paths: str | list[str], count: int, noun: str) -> list[Any]:
    """Returns one value per answer: one path per answer, or one path of a list.

    Args:
        row: the raw row.
        paths: one path per answer, or the path of a list.
        count: number of answers.
        noun: what the values are, in the plural, for the error.

    Raises:
        Reject: `wrong_type` if the number of values is not `count`.
    """
    values: Any = [get_path(row, path) for path in paths] if isinstance(paths, list) else get_path(row, paths)
    if not isinstance(values, list) or len(values) != count:
        size = len(values) if isinstance(values, list) else type(values).__name__
        detail = f"expected {count} {noun}, one per answer, found {size}"
        raise Reject(Reason.WRONG_TYPE, detail, str(paths))
    return values


def describe_fields(value: Any) -> str:
    """Describes the fields of a value for an error message."""
    if isinstance(value, dict):
        return "the fields " + ", ".join(str(k) for k in list(value)[:12]) if value else "no fields"
    return f"a list of {len(value)}" if isinstance(value, list) else f"a {type(value).__name__}"


def read_text(value: Any, field: str) -> str:
    """Returns a value that must be text, without outer white space.

    Raises:
        Reject: `not_text` for lists of content parts that are not text, `wrong_type` for anything else.
    """
    if isinstance(value, str):
        return _check_unicode(value.strip(), field)
    if isinstance(value, list) and value and all(isinstance(part, dict) and "type" in part for part in value):
        kinds = {str(part["type"]) for part in value}
        if kinds == {"text"} and all(isinstance(part.get("text"), str) for part in value):
            return _check_unicode("".join(part["text"] for part in value).strip(), field)
        content = ", ".join(sorted(kinds - {"text"})) or "a part of type text without text"
        raise Reject(Reason.NOT_TEXT, f"contains {content[:80]}; only text is supported", field)
    raise Reject(Reason.WRONG_TYPE, f"expected text, found {describe(value)}", field)


def _check_unicode(content: str, field: str) -> str:
    """Returns the text if it is valid Unicode; a literal or a user's function can produce half a surrogate
    pair, and Parquet bytes that are not UTF-8.
    """
    try:
        content.encode()
    except UnicodeEncodeError as error:
        is_byte = "\udc80" <= content[error.start] <= "\udcff"
        what = "bytes that are not UTF-8" if is_byte else "invalid Unicode: half a surrogate pair"
        detail = f"{what} at character {error.start + 1}"
        raise Reject(Reason.NOT_TEXT, detail, field) from error
    return content


def describe(value: Any) -> str:
    """Returns a value's type and beginning for an error message."""
    return f"{type(value).__name__} {str(value)[:60]!r}"


def read_answer(value: Any, field: str) -> str:
    """Returns the text of an answer; an empty answer is a `Reject`."""
    answer = read_text(value, field)
    if not answer:
        raise Reject(Reason.EMPTY_RESPONSE, "the answer is empty", field)
    return answer


def to_parts(paths: Paths) -> list[Part]:
    """Converts one or several paths and parts to a list of parts."""
    several: Sequence[str | Part] = paths if isinstance(paths, list) else [paths]
    return [Part(field=part) if isinstance(part, str) else part for part in several]


def first_field(paths: Paths) -> str:
    """Returns the field to name in an error about a joined text."""
    return next((part.field for part in to_parts(paths) if part.field is not None), "text")


def join_texts(row: Row, paths: Paths) -> str:
    """Joins the texts of one or several parts with a blank line between them; skips empty and null ones."""
    contents = [_read_part(row, part) for part in to_parts(paths)]
    return "\n\n".join(content for content in contents if content)


def _read_part(row: Row, part: Part) -> str:
    if part.field is None:
        return part.text or ""
    value = get_path(row, part.field)
    if value is None:
        return ""
    content = read_text(value, part.field)
    if part.pattern is not None:
        content = extract_group(content, part.pattern, part.field)
    return f"{part.before}{content}" if content else ""


def get_answer(row: Row, place: Path | Part) -> str:
    """Returns the text of the answer at a path or in a part; an empty answer is a `Reject`."""
    value = get_path(row, place) if isinstance(place, str) else join_texts(row, place)
    return read_answer(value, first_field(place))


def extract_group(content: str, pattern: str, field: str) -> str:
    """Extracts the first group of a regular expression from a text.

    Raises:
        Reject: `bad_label` if it does not match, `over_limit` if that takes too long.
    """
    match = patterns.search(pattern, content, field)
    if match is None:
        raise Reject(Reason.BAD_LABEL, f"{content[:60]!r} does not match the pattern {pattern!r}", field)
    return (match.group(1) or "").strip()


def read_number(value: Any, field: str) -> float | None:
    """Reads a score; None for null or an empty CSV cell.

    Raises:
        Reject: `wrong_type` for booleans and text that is not a number, `bad_score` for NaN, infinities and scores
            beyond `MAX_SCORE`.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Reject(Reason.WRONG_TYPE, f"expected a number, found {describe(value)}", field)
    try:
        if isinstance(value, str) and "_" in value:
            raise ValueError("Python accepts 1_000, but it is not a number in data")
        score = float(value)
    except (ValueError, OverflowError) as error:
        raise Reject(Reason.WRONG_TYPE, f"expected a number, found {describe(value)}", field) from error
    if not abs(score) <= MAX_SCORE:
        raise Reject(Reason.BAD_SCORE, f"expected a finite number, found {score:g}", field)
    return score


def to_json(value: Any, field: str, depth: int = 0) -> Any:
    """Converts a value of a row to a value that JSON and messages between processes can hold.

    NaN and infinities become null; whole numbers beyond 64 bits become text.

    Raises:
        Reject: `wrong_type` if it is nested deeper than `MAX_DEPTH` levels, or of a type that JSON does not have.
    """
    if depth > MAX_DEPTH:
        raise Reject(Reason.WRONG_TYPE, f"nested deeper than {MAX_DEPTH} levels", field)
    if isinstance(value, dict):
        return {str(key): to_json(inner, field, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner, field, depth + 1) for inner in value]
    if isinstance(value, str):
        return _check_unicode(value, field)
    if value is not None and not isinstance(value, bool | int | float):
        raise Reject(Reason.WRONG_TYPE, f"a value of type {type(value).__name__} cannot be stored", field)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, int) and value.bit_length() > 63 else value


def string_keys(codes: Any) -> Any:
    """Converts the keys of codes to text by `to_code`, so that 1, 1.0 and "1" are one code.

    Raises:
        ValueError: two keys are one value but have different meanings.
    """
    if not isinstance(codes, dict):
        return codes
    meanings: dict[str, Any] = {}
    for key, meaning in codes.items():
        code = key if key == NULL_CODE else to_code(key)
        if code in meanings and meanings[code] != meaning:
            raise ValueError(f"two keys are the same value {code!r}, with the meanings {meanings[code]} and {meaning}")
        meanings[code] = meaning
    return meanings


def to_code(value: Any) -> str:
    """Converts a label to its key in `codes`: `value_key`, and `NULL_CODE` for null."""
    key = value_key(value)
    return NULL_CODE if key is None else key


def label_hint(label: Any, codes: Iterable[Any]) -> str:
    """The end of an error about a label that is nearly one of the codes; empty for others.

    It explains text such as '010', which is a code only in quotes, and true in place of 1 or false in place of 0.
    """
    keys = {to_code(code) for code in codes}
    plain = yaml_files.plain_value(label.strip()) if isinstance(label, str) else ""
    if not isinstance(plain, str) and to_code(plain) in keys:
        return f'; {label.strip()} without quotes is not text in YAML: write "{label.strip()}"'
    alike = {"True": "1", "False": "0", "1": "True", "0": "False"}.get(to_code(label))
    if alike in keys:
        return f"; {to_code(label).lower()} and {alike.lower()} are two values: list both if they mean the same"
    return ""


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
        """Reads a value as a score; None if there is no score.

        Raises:
            Reject: the value is neither a code nor a number, not finite, or outside the declared scale.
        """
        if self.codes and (code := to_code(value)) in self.codes:
            return self.codes[code]
        if self.pattern is not None and isinstance(value, str):
            value = extract_group(value, self.pattern, field)
        score = read_score(value, self.low, self.high, field)
        return self.missing if score is None else score


class AxisSpec(Scale):
    """Where the scores of one axis are, and how to read them."""

    field: Path
    """Path of the score."""

    def score(self, row: Any) -> float | None:
        """Returns the row's score on this axis; `missing` if the row has none.

        Raises:
            Reject: as for `read`.
        """
        try:
            value = get_path(row, self.field)
        except Reject as reject:
            if reject.reason is not Reason.MISSING_FIELD:
                raise
            return self.missing
        return self.read(value, self.field)


def read_score(value: Any, low: float | None, high: float | None, field: str) -> float | None:
    """Reads a score on a declared scale; None if there is no score.

    Raises:
        Reject: the value is not a number, not finite, or outside the scale.
    """
    score = read_number(value, field)
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


def read_scores(row: Any, specs: dict[str, AxisSpec]) -> dict[str, float]:
    """Returns axis -> score for every axis on which the row has a score."""
    return {axis: score for axis, spec in specs.items() if (score := spec.score(row)) is not None}
