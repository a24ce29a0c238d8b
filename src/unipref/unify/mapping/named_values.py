"""Values that belong to an answer by its name, not by its place: scores by model, ranks by id."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from unipref.core.display import describe_value, name_kind
from unipref.core.records import Reason, Reject, Row
from unipref.core.values import is_missing, value_key
from unipref.unify.mapping.paths import get_each, get_or_none, get_path, item_places, split_at_star

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
        Reject: `missing_field`; `wrong_type` if there is no mapping and no list of names as long as the values. Of
            several lists, as in `people.*.ranks`, each needs as many names as values.
    """
    if key is not None:
        values, names = get_each(row, path), get_each(row, key)
        if not isinstance(values, list) or not isinstance(names, list):
            raise _reject_sizes(values, names, path, key)
        return _pair_items(row, path, key, "")
    before, star, _ = path.partition(".*")
    container = get_path(row, before if star else path)
    if not isinstance(container, dict):
        detail = f"expected a mapping name -> value, found {name_kind(container)}; for a list, set '{setting}'"
        raise Reject(Reason.WRONG_TYPE, detail, path)
    values = get_each(row, path) if star else list(container.values())
    places = item_places(row, path) if star else [f"{path}.{name}" for name in container]
    return [NamedValue(*one) for one in zip(map(value_key, container), values, places, strict=True)]


class _Placed(NamedTuple):
    """A value and its place in the row."""

    value: Any
    place: str


Nested = _Placed | list["Nested"]
"""A value, or the list of what one person gave, or of what several people gave."""


def _nest(item: Any, path: str, start: str) -> Nested:
    """Returns the values at a path with their places, one list inside another for each `*` and for a list at the end.

    Args:
        item: the row, or an item inside it.
        path: the path inside the item; an item without its end has null.
        start: what comes before the path in the places.
    """
    before, star, rest = split_at_star(path)
    if star and not (isinstance(item, dict) and path in item):
        container = get_or_none(item, before) if before else item
        if not isinstance(container, list | dict):
            return _Placed(container, start + before)
        start = f"{start}{before}." if before else start
        keyed = container.items() if isinstance(container, dict) else enumerate(container)
        return [
            _nest(inner, rest, f"{start}{key}.") if rest else _Placed(inner, f"{start}{key}") for key, inner in keyed
        ]
    value = get_or_none(item, path)
    if isinstance(value, list):
        return [_Placed(inner, f"{start}{path}.{i}") for i, inner in enumerate(value)]
    return _Placed(value, start + path)


def _pair_items(item: Any, path: str, key: str, start: str) -> list[NamedValue]:
    """Returns the values with their names. In a list that both paths lead through, each item names its own values.

    Raises:
        Reject: as for `_pair`.
    """
    before, star, rest = split_at_star(path)
    if (before, star) != split_at_star(key)[:2] or not rest or not (key_rest := split_at_star(key)[2]):
        return _pair(_nest(item, path, start), _nest(item, key, start), start + path, key)
    container = (get_or_none(item, before) if before else item) or []
    if not isinstance(container, list | dict):
        raise Reject(Reason.WRONG_TYPE, f"expected a list, found {describe_value(container)}", start + before)
    start = f"{start}{before}." if before else start
    keyed = container.items() if isinstance(container, dict) else enumerate(container)
    return [pair for at, inner in keyed for pair in _pair_items(inner, rest, key_rest, f"{start}{at}.")]


def _pair(values: Nested, names: Nested, path: str, key: str) -> list[NamedValue]:
    """Returns the values with their names. A person without values gave nothing; one name is that of all values.

    Raises:
        Reject: `wrong_type` if a list has not as many values as names, or several people share a list of names that can
            be the names of the people's lists too.
    """
    if isinstance(names, _Placed):
        each = values if isinstance(values, list) else [values]
        flat = [value for value in each if isinstance(value, _Placed)]
        if len(flat) < len(each):
            raise _reject_sizes(values, names, path, key)
        return [NamedValue(value_key(names.value), value.value, value.place) for value in flat]
    if isinstance(values, _Placed):
        return [] if is_missing(values.value) else _pair([values], names, path, key)
    people = [value for value in values if isinstance(value, list) and value]
    if people and not any(isinstance(name, list) for name in names):
        if len(values) == len(names) > 1:
            detail = f"each of these {len(values)} lists can belong to one name in '{key}', or to all of them"
            raise Reject(Reason.WRONG_TYPE, detail, path)
        return [pair for person in people for pair in _pair(person, names, path, key)]
    if len(values) != len(names):
        raise _reject_sizes(values, names, path, key)
    return [pair for each in zip(values, names, strict=True) for pair in _pair(*each, path, key) if each[0] != []]


def _reject_sizes(values: Any, names: Any, path: str, key: str) -> Reject:
    sizes = [len(value) if isinstance(value, list) else name_kind(value) for value in (values, names)]
    detail = f"expected as many values as names in '{key}', found {sizes[0]} and {sizes[1]}"
    return Reject(Reason.WRONG_TYPE, detail, path)


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
        elif not is_missing(value):
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
        raise Reject(Reason.BAD_LABEL, f"expected a list of names in order, found {name_kind(values)}", path)
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
