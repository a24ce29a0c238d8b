"""Reads the names of the people who judged."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from unipref.core.display import describe_value
from unipref.core.records import Reason, Reject, Row
from unipref.core.values import value_key
from unipref.unify.mapping.paths import collect_values, get_path, is_star

_CONTAINERS = (dict, list, tuple, set)


class Judged(NamedTuple):
    """What one person gave: its value, where it is in the row, and the place of its path in a list of paths."""

    place: str
    value: Any
    path: int = 0


def read_person(value: Any, codes: Mapping[str, str] | None = None) -> str | None:
    """Returns the name of a person, equal for 1, 1.0 and "1"; None if there is none.

    A mapping, a list, bytes or a boolean is no name; the text "true" is one. `codes` replace names by others.
    """
    name = None if isinstance(value, _CONTAINERS) or not _is_usable(value) else value_key(value) or None
    return name if name is None or not codes else codes.get(name, name)


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
    detail = (
        f"expected the name of a person, found {describe_value(value)}{others}; the judgement counts without a name"
    )
    return Reject(Reason.WRONG_TYPE, detail, place)


def collect_judged(row: Row, paths: str | Sequence[str]) -> list[Judged]:
    """Returns what several people gave: one path per person, or one path of a value, of a list, or with a `*`.

    Raises:
        Reject: `missing_field` if a path does not exist.
    """
    several = [paths] if isinstance(paths, str) else paths
    return [Judged(place, value, n) for n, path in enumerate(several) for place, value in collect_values(row, path)]


def name_people(row: Row, path: str, judged: Sequence[Judged], codes: Mapping[str, str]) -> list[str | None]:
    """Returns who gave each judgement, by a path with a `*` that holds one name per person.

    A judgement inside an item has the name in this item (`annotations.*.completed_by`), so a person can have given
    none or several. Names in another list belong to judgements in the same order.

    Raises:
        Reject: `missing_field` if the list of names does not exist; `wrong_type` if these are not as many as the
            judgements.
    """
    rest = path.split(".")[::-1]
    inside = ".".join(rest[: rest.index("*")][::-1])
    names = [(place, read_person(value, codes)) for place, value in collect_values(row, path)]
    owner_of = {place.removesuffix(f".{inside}") if inside else place: name for place, name in names}
    owners = [_find_owner(one.place, owner_of) for one in judged]
    if None not in owners:
        return [owner_of[owner] for owner in owners if owner is not None]
    if len(names) != len(judged):
        detail = f"expected one name per vote, found {len(names)} names and {len(judged)} votes"
        raise Reject(Reason.WRONG_TYPE, detail, path)
    return [name for _, name in names]


def _find_owner(place: str, owner_of: Mapping[str, str | None]) -> str | None:
    """Returns the item around a place that has a name of its own; None if there is none."""
    parts = place.split(".")
    around = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((item for item in around if item in owner_of), None)


def _is_usable(value: Any) -> bool:
    """Whether a value is a name, or says that there is none, as null and an empty list do."""
    if isinstance(value, _CONTAINERS):
        return not value
    return not isinstance(value, bytes) and type(value).__name__ not in ("bool", "bool_")
