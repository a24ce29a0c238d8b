"""Removes the items of a row's lists that do not meet `where_items`, such as cancelled annotations."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from unipref.core.records import Reason, Reject, Row
from unipref.unify.mapping.conditions import Condition
from unipref.unify.mapping.fields import Path, describe, get_each, get_or_none, get_path

BESIDE = "^"
"""Begins the path, from the row, of a list that holds one value per item of the filtered list."""


class ItemFilter:
    """Removes the items of a row's lists that do not meet `where_items`, and remembers their places.

    Args:
        row: the raw row; it is not changed.
        conditions: path of a list, or of a mapping whose values are items -> path inside an item -> condition. After
            `^`, the path is one of a list in the row with one value per item.

    Attributes:
        row: the row without the removed items.
        rejects: one for each removed item, with its place in the raw row.
    """

    def __init__(self, row: Row, conditions: Mapping[Path, Mapping[Path, Condition]]) -> None:
        self._raw, self.row, self.rejects = row, row, list[Reject]()
        self._kept: dict[str, list[int]] = {}
        self._removed: dict[str, tuple[int, int]] = {}
        for path, of_item in conditions.items():
            parts = [path] if path in self.row else path.split(".")
            self.row = self._filter(self.row, parts, "", path, of_item)

    def _filter(self, value: Any, parts: list[str], place: str, path: str, conditions: Mapping[Path, Condition]) -> Any:
        """Returns a copy of a value in which the list that the rest of the path leads to is filtered."""
        if not parts:
            return self._filter_items(value, place, path, conditions)
        key, *rest = parts
        if key == "*" and isinstance(value, list):
            return [self._filter(item, rest, _join(place, i), path, conditions) for i, item in enumerate(value)]
        if key == "*" and isinstance(value, dict) and key not in value:
            return {k: self._filter(item, rest, _join(place, k), path, conditions) for k, item in value.items()}
        try:
            inner = get_path(value, key)
        except Reject as reject:
            raise Reject(reject.reason, f"{reject.detail}; 'where_items' needs it", _join(place, key)) from reject
        if isinstance(value, dict):
            return {**value, key: self._filter(inner, rest, _join(place, key), path, conditions)}
        index = int(key) % len(value)
        filtered = self._filter(inner, rest, _join(place, index), path, conditions)
        return [*value[:index], filtered, *value[index + 1 :]]

    def _filter_items(self, items: Any, place: str, path: str, conditions: Mapping[Path, Condition]) -> Any:
        if items is None:
            return None
        if isinstance(items, dict):
            if unusable := [inner for inner in conditions if inner.startswith(BESIDE)]:
                raise Reject(Reason.WRONG_TYPE, f"'{unusable[0]}' needs a list of items, found a mapping", place)
            kept_items = {k: item for k, item in items.items() if self._is_kept(item, _join(place, k), conditions, {})}
            self._count_removed(place, len(items), len(kept_items))
            return kept_items
        if not isinstance(items, list):
            detail = f"expected a list for 'where_items', found {describe(items)}"
            hint = f"; for a list that is written as a text, set literals: [{path}]" if isinstance(items, str) else ""
            raise Reject(Reason.WRONG_TYPE, detail + hint, place)
        beside = {inner: self._read_beside(inner, len(items)) for inner in conditions if inner.startswith(BESIDE)}
        kept = [
            i
            for i, item in enumerate(items)
            if self._is_kept(item, _join(place, i), conditions, {inner: values[i] for inner, values in beside.items()})
        ]
        self._count_removed(place, len(items), len(kept))
        if len(kept) < len(items):
            self._renumber(place, kept)
            earlier = self._kept.get(place, range(len(items)))
            self._kept[place] = [earlier[i] for i in kept]
        return [items[i] for i in kept]

    def _count_removed(self, place: str, before: int, after: int) -> None:
        if after < before:
            removed, total = self._removed.get(place, (0, before))
            self._removed[place] = (removed + before - after, total)

    def _renumber(self, place: str, kept: Sequence[int]) -> None:
        """Changes the places of lists inside the items of a list, some of which are now removed."""
        new_index = {str(old): str(new) for new, old in enumerate(kept)}

        def renumbered(inner: str) -> str | None:
            if not inner.startswith(f"{place}."):
                return inner
            index, dot, rest = inner[len(place) + 1 :].partition(".")
            return f"{place}.{new_index[index]}{dot}{rest}" if index in new_index else None

        self._kept = {new: value for old, value in self._kept.items() if (new := renumbered(old)) is not None}
        self._removed = {new: value for old, value in self._removed.items() if (new := renumbered(old)) is not None}

    def _read_beside(self, inner: Path, count: int) -> list[Any]:
        """Returns the values of a list in the row that holds one value per item of another list."""
        path = inner.removeprefix(BESIDE)
        values = get_each(self._raw, path)
        if not isinstance(values, list) or len(values) != count:
            size = len(values) if isinstance(values, list) else describe(values)
            raise Reject(Reason.WRONG_TYPE, f"expected {count} values, one per item, found {size}", path)
        return values

    def _is_kept(self, item: Any, place: str, conditions: Mapping[Path, Condition], beside: Mapping[Path, Any]) -> bool:
        for inner, condition in conditions.items():
            value = beside[inner] if inner in beside else get_or_none(item, inner)
            try:
                if condition.accepts(value, inner):
                    continue
                reject = Reject(Reason.LEFT_OUT, f"'{inner}': {condition.explain(value)} in 'where_items'", place)
            except Reject as error:
                reject = Reject(error.reason, f"'{inner}': {error.detail}; the item is left out", place)
            self.rejects.append(self.restore_places(reject, mentions_removed=False))
            return False
        return True

    def restore_places(self, reject: Reject, mentions_removed: bool = True) -> Reject:
        """Returns a reject whose field counts the items of the raw row.

        Args:
            reject: its field counts the items that were kept.
            mentions_removed: whether its detail says how many items are left out before that field.
        """
        if reject.field is None or not self._removed:
            return reject
        field, removed = reject.field, []
        for place in sorted(self._removed, key=len, reverse=True):
            parts = [rf"(?:{part}|\*)" if part.isdigit() else re.escape(part) for part in place.split(".")]
            match = re.match(rf"({r'[.]'.join(parts)})(?:\.(-?\d+))?(?=\.|\Z)", field)
            if match is None:
                continue
            removed.append("{} of {} items of '{}'".format(*self._removed[place], match[1]))
            kept = self._kept.get(place, [])
            if match[2] is not None and -len(kept) <= int(match[2]) < len(kept):
                field = f"{match[1]}.{kept[int(match[2])]}{field[match.end() :]}"
        detail = reject.detail
        if removed and mentions_removed:
            detail += f"; 'where_items' left out {' and '.join(reversed(removed))}"
        return Reject(reject.reason, detail, field)


def _join(place: str, key: Any) -> str:
    return f"{place}.{key}" if place else str(key)
