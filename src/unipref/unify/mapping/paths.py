"""The values at the paths of a raw row.

A *path* names a field (`question`), a field inside another (`scores.overall`), an item of a list
(`conversations.0.value`), every item (`answers.*.text`), the keys of a mapping whose values are set (`choices.keys()`)
or, of an item, the item itself (`.`). If the row has the whole path, or the beginning of what is left of it, as a key
with dots, that key is used. If the row has `a` and `a.b`, the path `a.b.c` leads into `a`, and if it is missing there,
into `a.b`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from unipref.core.display import describe_value, name_kind
from unipref.core.records import Reason, Reject, Row
from unipref.core.row_paths import has_path, take_key
from unipref.core.unusable_text import UnusableText

ITSELF = "."
"""The path of an item itself, such as a text in a list of texts."""


KEYS = "keys()"
"""The last part of a path of the keys of a mapping, for tools that store a chosen label as a key: {"A": true}."""


UNSET = (None, False, "", 0, "0", "false", "False")
"""Values of keys that were not chosen."""


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
        raise Reject(Reason.WRONG_TYPE, f"expected a list, found {describe_value(container)}", before)
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
        size = len(values) if isinstance(values, list) else name_kind(values)
        detail = f"expected {count} {noun}, one per answer, found {size}"
        raise Reject(Reason.WRONG_TYPE, detail, str(paths))
    return values


def describe_fields(value: Any) -> str:
    """Describes the fields of a value for an error message."""
    if isinstance(value, dict):
        return "the fields " + ", ".join(str(k) for k in list(value)[:12]) if value else "no fields"
    return f"a list of {len(value)}" if isinstance(value, list) else name_kind(value)


def is_star(path: str) -> bool:
    """Whether a path collects every item of a list."""
    return "*" in path and "*" in path.split(".")
