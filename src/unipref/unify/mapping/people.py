"""Reads the names of the people who judged."""

from typing import Any

from unipref.core.records import Reason, Reject, Row
from unipref.core.values import value_key
from unipref.unify.mapping.paths import collect_values, describe, get_path, is_star

_CONTAINERS = (dict, list, tuple, set)


def read_person(value: Any) -> str | None:
    """Returns the name of a person, equal for 1, 1.0 and "1"; None if there is none.

    A mapping, a list, bytes or a boolean is no name; the text "true" is one.
    """
    return None if isinstance(value, _CONTAINERS) or not _is_usable(value) else value_key(value) or None


def find_bad_person(row: Row, path: str) -> Reject | None:
    """Returns the reject of the part of a row where a name should be and is none; its judgement has no name.

    Args:
        row: the raw row.
        path: of one name, or of one per vote.
    """
    places = collect_values(row, path) if is_star(path) else [(path, get_path(row, path))]
    bad = [(place, value) for place, value in places if not _is_usable(value)]
    if not bad:
        return None
    place, value = bad[0]
    others = f", and {len(bad) - 1} more like it" if len(bad) > 1 else ""
    detail = f"expected the name of a person, found {describe(value)}{others}; the judgement counts without a name"
    return Reject(Reason.WRONG_TYPE, detail, place)


def _is_usable(value: Any) -> bool:
    """Whether a value is a name, or says that there is none, as null and an empty list do."""
    if isinstance(value, _CONTAINERS):
        return not value
    return not isinstance(value, bytes) and type(value).__name__ not in ("bool", "bool_")
