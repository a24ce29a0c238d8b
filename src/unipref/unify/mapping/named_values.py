"""Values that belong to an answer by its name, not by its place: scores by model, ranks by id."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from unipref.core.records import Reason, Reject, Row
from unipref.core.values import value_key
from unipref.unify.mapping.fields import collect_values, get_each, get_path, item_places

STAR = ".*"
"""Stands for each item of a list in a path."""


class NamedValue(NamedTuple):
    """A value, the name of the answer that it belongs to, and its place in the row."""

    name: str | None
    value: Any
    place: str


def read_named_values(row: Row, path: str, key: str | None, setting: str) -> list[NamedValue]:
    """Returns the values at a path with their names.

    Args:
        row: the raw row.
        path: path of a mapping name -> value, of such mappings with a `*` for the name (`scores.*.help`), or of a list.
        key: path of the list of names, if the values are in a list.
        setting: the setting that gives `key`, for errors.

    Raises:
        Reject: `missing_field`; `wrong_type` if there is no mapping and no list of names as long as the values.
    """
    if key is not None:
        if path.count(STAR) > 1 or _holds_lists(row, path):
            return _read_several_lists(row, path, key)
        values, names = get_each(row, path), get_each(row, key)
        if not isinstance(values, list) or not isinstance(names, list) or len(values) != len(names):
            sizes = [len(value) if isinstance(value, list) else type(value).__name__ for value in (values, names)]
            detail = f"expected as many values as names in '{key}', found {sizes[0]} and {sizes[1]}"
            raise Reject(Reason.WRONG_TYPE, detail, path)
        return [NamedValue(*one) for one in zip(map(value_key, names), values, item_places(row, path), strict=True)]
    before, star, _ = path.partition(".*")
    container = get_path(row, before if star else path)
    if not isinstance(container, dict):
        detail = f"expected a mapping name -> value, found {type(container).__name__}; for a list, set '{setting}'"
        raise Reject(Reason.WRONG_TYPE, detail, path)
    values = get_each(row, path) if star else list(container.values())
    places = item_places(row, path) if star else [f"{path}.{name}" for name in container]
    return [NamedValue(*one) for one in zip(map(value_key, container), values, places, strict=True)]


def _holds_lists(row: Row, path: str) -> bool:
    values = get_each(row, path) if STAR in path else None
    return isinstance(values, list) and any(isinstance(value, list) for value in values)


def _read_several_lists(row: Row, path: str, key: str) -> list[NamedValue]:
    """Returns the values of several people, each of whom gave a list, with their names.

    Raises:
        Reject: `missing_field`; `wrong_type` if there are not as many names as values.
    """
    values, names = collect_values(row, path), collect_values(row, key)
    if len(values) != len(names):
        detail = f"expected as many values as names in '{key}', found {len(values)} and {len(names)}"
        raise Reject(Reason.WRONG_TYPE, detail, path)
    return [NamedValue(value_key(name), value, at) for (at, value), (_, name) in zip(values, names, strict=True)]


def match_names(
    values: Sequence[NamedValue], names: Sequence[str | None], noun: str
) -> tuple[list[list[Any]], list[Reject]]:
    """Returns the values of each answer, and a reject for each value that belongs to no answer or to several.

    Args:
        values: the named values.
        names: the name of each answer; None: it has none.
        noun: what a value is, for the errors.
    """
    places: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        if name is not None:
            places.setdefault(name, []).append(index)
    by_answer: list[list[Any]] = [[] for _ in names]
    rejects = []
    for name, value, place in values:
        owners = places.get(name, []) if name is not None else []
        if len(owners) == 1:
            by_answer[owners[0]].append(value)
        elif value is not None and value != "":
            rejects.append(_reject_value(name, len(owners), place, noun))
    return by_answer, rejects


def _reject_value(name: str | None, owners: int, place: str, noun: str) -> Reject:
    if name is None:
        return Reject(Reason.MISSING_FIELD, f"the {noun} has no name of an answer", place)
    if owners:
        return Reject(Reason.BAD_LABEL, f"{owners} answers are named {name[:40]!r}, so the {noun} fits no one", place)
    return Reject(Reason.NO_ANSWER, f"no answer is named {name[:40]!r}, to which the {noun} belongs", place)


def read_order(values: Any, path: str, best_first: bool) -> list[NamedValue]:
    """Returns the names of a list with their ranks, from 0 for the best; the names of an inner list share a rank.

    Raises:
        Reject: `bad_label` if the value is not a list, or a name is null or occurs twice.
    """
    if not isinstance(values, list):
        raise Reject(Reason.BAD_LABEL, f"expected a list of names in order, found {type(values).__name__}", path)
    seen = set[str]()
    order = []
    for place, value in enumerate(values):
        for name in value if isinstance(value, list) else [value]:
            key = value_key(name)
            if key is None or key in seen:
                detail = "a name is missing" if key is None else f"{key[:40]!r} occurs twice"
                raise Reject(Reason.BAD_LABEL, f"{detail} in the order {str(values)[:60]}", path)
            seen.add(key)
            order.append(NamedValue(key, float(place if best_first else len(values) - 1 - place), f"{path}.{place}"))
    return order
