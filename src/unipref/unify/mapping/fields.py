"""What a mapping reads of a raw row: texts, parts of texts, answers and numbers, at paths (`paths`)."""

import functools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from unipref.core import patterns
from unipref.core.contracts import Settings
from unipref.core.display import describe_value
from unipref.core.records import Reason, Reject, Row
from unipref.unify.mapping.paths import get_path, is_star

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
    """Path of a text, or of several texts, as in `passages.*`, which are joined with a blank line between them."""
    pattern: Pattern | None = None
    """Regular expression; only its first group is used from the field's text, or from each of its texts."""
    before: str = ""
    """Text to put before the field's text unless that is empty: a label such as 'Context: '."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Part":
        if (self.text is None) == (self.field is None):
            raise ValueError("give either 'text' or 'field'")
        if self.text is not None and (self.pattern or self.before):
            raise ValueError("'pattern' and 'before' go with 'field'")
        return self


def _kind_of_place(value: Any) -> str:
    return "<part>" if isinstance(value, Mapping | Part) else "<path>"


def _kind_of_places(value: Any) -> str:
    return "<list>" if isinstance(value, list) else "<one>"


# The tags choose one branch of a union, so that an error is about that branch alone.
Place = Annotated[Annotated[Path, Tag("<path>")] | Annotated[Part, Tag("<part>")], Discriminator(_kind_of_place)]
"""Where an answer is: a path, or a part with a pattern that extracts the answer from a text."""
Places = Annotated[list[Place], Field(min_length=1)]
Paths = Annotated[Annotated[Place, Tag("<one>")] | Annotated[Places, Tag("<list>")], Discriminator(_kind_of_places)]
"""Where a text is: a path, a part, or several of them, which are joined with a blank line between them."""

MAX_SCORE = 1e100
"""Largest absolute score; a larger one is rejected. Sums and differences of smaller scores stay finite."""
Decimal = Literal["point", "comma"]
"""What separates the fraction of a number in a text: 4.5 or 4,5."""
MAX_DEPTH = 100
"""Most levels of nesting in a value that `keep` stores."""


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
    raise Reject(Reason.WRONG_TYPE, f"expected text, found {describe_value(value)}", field)


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


def read_answer(value: Any, field: str) -> str:
    """Returns the text of an answer; an empty answer is a `Reject`."""
    answer = read_text(value, field)
    if not answer:
        raise Reject(Reason.EMPTY_RESPONSE, "the answer is empty", field)
    return answer


def to_parts(paths: Paths) -> list[Part]:
    """Converts one or several paths and parts to a list of parts."""
    several: Sequence[str | Part] = paths if isinstance(paths, list) else [paths]
    return [_path_part(part) if isinstance(part, str) else part for part in several]


@functools.cache
def _path_part(path: str) -> Part:
    """Returns the part of a path; the settings name few paths, and making a part takes as long as reading a field."""
    return Part(field=path)


def extract_part(content: str, part: Part) -> str:
    """Returns what a part takes from a text: the group of its pattern, if it has one, after the text `before`.

    Raises:
        Reject: as for `extract_group`.
    """
    if part.pattern is not None:
        content = extract_group(content, part.pattern, part.field or "text")
    return f"{part.before}{content}" if content else ""


def first_field(paths: Paths) -> str:
    """Returns the field to name in an error about a joined text."""
    if isinstance(paths, str):
        return paths
    return next((part.field for part in to_parts(paths) if part.field is not None), "text")


def join_texts(row: Row, paths: Paths) -> str:
    """Joins the texts of one or several parts, and of their lists, with a blank line between them; skips empty and
    null ones.
    """
    contents = [_read_part(row, part) for part in to_parts(paths)]
    return "\n\n".join(content for content in contents if content)


def _read_part(row: Row, part: Part) -> str:
    if part.field is None:
        return part.text or ""
    content = "\n\n".join(_read_texts(get_path(row, part.field), part.field, part.pattern))
    return f"{part.before}{content}" if content else ""


def _read_texts(value: Any, field: str, pattern: str | None) -> list[str]:
    """Returns the text at a path, or the texts that its `*` collects, without empty and null ones."""
    if is_star(field) and isinstance(value, list):
        return [text for item in value for text in _read_texts(item, field, pattern)]
    if value is None:
        return []
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        detail = f"expected text, found a list of {len(value)} texts; to join them, write '{field}.*'"
        raise Reject(Reason.WRONG_TYPE, detail, field)
    content = read_text(value, field)
    if pattern is not None:
        content = extract_group(content, pattern, field)
    return [content] if content else []


def get_answer(row: Row, place: Place) -> str:
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


def read_number(value: Any, field: str, decimal: Decimal | None = None) -> float | None:
    """Reads a score; None for null or an empty CSV cell.

    Args:
        value: a number, or a text that is one.
        field: its field, for errors.
        decimal: what separates the fraction in a text, if that is a setting. With a comma, a text with a point is not a
            number, because the point may separate thousands.

    Raises:
        Reject: `wrong_type` for booleans and text that is not a number, `bad_score` for NaN, infinities and scores
            beyond `MAX_SCORE`.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Reject(Reason.WRONG_TYPE, f"expected a number, found {describe_value(value)}", field)
    try:
        if isinstance(value, str) and "_" in value:
            raise ValueError("Python accepts 1_000, but it is not a number in data")
        if decimal == "comma" and isinstance(value, str):
            if "." in value:
                raise ValueError("the point may separate thousands")
            score = float(value.replace(",", "."))
        else:
            score = float(value)
    except (ValueError, OverflowError) as error:
        detail = f"expected a number, found {describe_value(value)}{decimal_hint(value, decimal)}"
        raise Reject(Reason.WRONG_TYPE, detail, field) from error
    if not abs(score) <= MAX_SCORE:
        raise Reject(Reason.BAD_SCORE, f"expected a finite number, found {score:g}", field)
    return score


def decimal_hint(value: Any, decimal: Decimal | None) -> str:
    """The end of an error about a text that is a number in the other way of writing decimals."""
    text = value.strip() if isinstance(value, str) else ""
    if decimal == "point" and re.fullmatch(r"[-+]?\d+,\d+", text):
        return "; if the comma is a decimal comma, set 'decimal: comma'"
    return "; with 'decimal: comma', a number has no point" if decimal == "comma" and "." in text else ""


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
