"""The fields of a raw row: where the prompt, the answers and the labels are, and how they are read.

A *path* names a field (`question`), a field inside another (`scores.overall`), an item of a list
(`conversations.0.value`), every item (`answers.*.text`), the keys of a mapping whose values are set (`choices.keys()`)
or, of an item, the item itself (`.`). If the row has the whole
path, or the beginning of what is left of it, as a key with dots, that key is used. If the row has `a` and
`a.b`, the path `a.b.c` leads into `a`, and if it is missing there, into `a.b`.
"""

import functools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from unipref.core import patterns, yaml_files
from unipref.core.contracts import Settings
from unipref.core.records import Reason, Reject, Row
from unipref.core.row_paths import has_path, take_key
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

ITSELF = "."
"""The path of an item itself, such as a text in a list of texts."""
KEYS = "keys()"
"""The last part of a path of the keys of a mapping, for tools that store a chosen label as a key: {"A": true}."""
UNSET = (None, False, "", 0, "0", "false", "False")
"""Values of keys that were not chosen."""
MAX_SCORE = 1e100
"""Largest absolute score; a larger one is rejected. Sums and differences of smaller scores stay finite."""
Decimal = Literal["point", "comma"]
"""What separates the fraction of a number in a text: 4.5 or 4,5."""
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
    if path == ITSELF:
        return _check_usable(row, path)
    parts = path.split(".")
    depth = 0
    while depth < len(parts):
        part = parts[depth]
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif part == "*" and isinstance(value, list | dict):
            before, rest = ".".join(parts[:depth]), ".".join(parts[depth + 1 :])
            items = value.items() if isinstance(value, dict) else enumerate(value)
            return [_get_from_item(item, rest, f"{before}.{key}") if rest else item for key, item in items]
        elif isinstance(value, list) and re.fullmatch(r"-?\d+", part) and -len(value) <= int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and (key_and_rest := take_key(value, parts[depth:])):
            value, depth = value[key_and_rest[0]], len(parts) - len(key_and_rest[1])
            continue
        elif part == KEYS and isinstance(value, dict):
            value = [key for key, inner in value.items() if isinstance(inner, list | dict) or inner not in UNSET]
        elif depth and has_path(row, parts):
            return _get_by_other_key(row, parts)
        else:
            detail = f"the field is missing; found {describe_fields(value)}{_inside_text_hint(row, path)}"
            raise Reject(Reason.MISSING_FIELD, detail, path)
        depth += 1
    return _check_usable(value, path)


def _get_by_other_key(row: Any, parts: Sequence[str]) -> Any:
    """Returns the value at a path that leads through a key with dots, beside a key that is the first part of it."""
    key_and_rest = take_key(row, parts) if isinstance(row, Mapping) else None
    key, rest = key_and_rest if key_and_rest is not None else (parts[0], parts[1:])
    inner = row[key] if isinstance(row, Mapping) else row[int(key)]
    return _get_from_item(inner, ".".join(rest), key) if rest else _check_usable(inner, key)


def _inside_text_hint(row: Any, path: str) -> str:
    """The end of an error about a path into a text that can be JSON; empty for others."""
    parts: Sequence[str] = path.split(".")
    value = row
    while isinstance(value, dict) and parts and (key_and_rest := take_key(value, parts)):
        value, parts = value[key_and_rest[0]], key_and_rest[1]
    if not isinstance(value, str) or not parts or not value.lstrip().startswith(("{", "[")):
        return ""
    return f"; for a path into a text that is JSON, set literals: [{path.removesuffix('.' + '.'.join(parts))}]"


def _check_usable(value: Any, path: str) -> Any:
    """Returns a value, unless it is a text that nobody wrote, such as the result of a formula."""
    if isinstance(value, UnusableText):
        raise Reject(Reason.WRONG_TYPE, value.why, path)
    return value


def _get_from_item(item: Any, path: str, place: str) -> Any:
    """Returns the value at a path inside an item of a list; errors name the item's place."""
    try:
        return get_path(item, path)
    except Reject as reject:
        raise Reject(reject.reason, reject.detail, f"{place}.{reject.field}") from reject


def item_places(row: Any, path: str) -> list[str]:
    """Returns the place of each value that `get_path` collects: of the items of a list, or of the items at the `*`."""
    before, star, rest = split_at_star(path)
    container = get_path(row, before) if before else row
    keys = container if isinstance(container, dict) else range(len(container))
    return [".".join(filter(None, (before, str(key), rest))) for key in keys] if star else [f"{path}.{k}" for k in keys]


def get_each(row: Any, path: str) -> Any:
    """Returns the value at a path like `get_path`, but null for each item that lacks the field after a `*`.

    Raises:
        Reject: `missing_field` if the path before the `*`, or a path without one, does not exist.
    """
    if "*" not in path:
        return get_path(row, path)
    before, star, rest = split_at_star(path)
    if not star or not rest or (isinstance(row, dict) and path in row):
        return get_path(row, path)
    container = get_path(row, before) if before else row
    if not isinstance(container, list | dict):
        return get_path(row, path)
    return [get_or_none(item, rest) for item in (container.values() if isinstance(container, dict) else container)]


def collect_values(row: Any, path: str) -> list[tuple[str, Any]]:
    """Returns the places and values of what several people gave: one value, a list, or what the `*` of a path collect.

    An item without the field after a `*` has null: that person gave nothing.

    Raises:
        Reject: `missing_field` if the path before the first `*`, or a path without one, does not exist.
    """
    before, star, rest = split_at_star(path)
    if not star or (isinstance(row, dict) and path in row):
        value = get_path(row, path)
        return [(f"{path}.{i}", item) for i, item in enumerate(value)] if isinstance(value, list) else [(path, value)]
    container = get_path(row, before) if before else row
    if container is None:
        return []
    if not isinstance(container, list | dict):
        raise Reject(Reason.WRONG_TYPE, f"expected a list, found {describe(container)}", before)
    collected: list[tuple[str, Any]] = []
    for key, item in container.items() if isinstance(container, dict) else enumerate(container):
        place = f"{before}.{key}" if before else str(key)
        if not rest:
            collected.append((place, item))
            continue
        try:
            collected += [(f"{place}.{inner}", value) for inner, value in collect_values(item, rest)]
        except Reject as reject:
            if reject.reason != Reason.MISSING_FIELD:
                raise Reject(reject.reason, reject.detail, f"{place}.{reject.field}") from reject
            collected.append((f"{place}.{rest}", None))
    return collected


def get_or_none(item: Any, path: str) -> Any:
    """Returns the value at a path; null if the path does not exist.

    Raises:
        Reject: the value is a text that must not be read as data.
    """
    try:
        return get_each(item, path)
    except Reject as reject:
        if reject.reason is not Reason.MISSING_FIELD:
            raise
        return None


def split_at_star(path: str) -> tuple[str, bool, str]:
    """Returns the path before the first `*`, whether there is one, and the path after it."""
    parts = path.split(".")
    place = parts.index("*") if "*" in parts else len(parts)
    return ".".join(parts[:place]), place < len(parts), ".".join(parts[place + 1 :])


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


def is_star(path: str) -> bool:
    """Whether a path collects every item of a list."""
    return "*" in path and "*" in path.split(".")


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
        raise Reject(Reason.WRONG_TYPE, f"expected a number, found {describe(value)}", field)
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
        detail = f"expected a number, found {describe(value)}{decimal_hint(value, decimal)}"
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
