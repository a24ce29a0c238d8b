"""Removes the items of a row's lists that do not meet `where_items`, such as cancelled annotations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.core.display import describe_value
from unipref.core.records import Reason, Reject, Row
from unipref.core.row_paths import take_key
from unipref.unify.mapping.conditions import Condition
from unipref.unify.mapping.fields import Path
from unipref.unify.mapping.paths import get_each, get_or_none, get_path

BESIDE = "^"
"""Begins the path, from the row, of a list that holds one value per item of the filtered list."""


@dataclass
class _Place:
    """What was removed at one place of the row: a node of a tree of the parts of paths.

    Attributes:
        inner: part of the path -> the place inside; the items of a list are counted without the removed ones.
        removed, total: number of removed items, and of all items.
        kept: for a filtered list, the index in the raw row of each kept item.
    """

    inner: dict[str, "_Place"] = field(default_factory=dict)
    removed: int = 0
    total: int = 0
    kept: list[int] | None = None

    def find(self, part: str) -> list["_Place"]:
        """Returns the places inside that a part of a path leads to; `*` leads to all items."""
        if part == "*" and part not in self.inner:
            return [place for key, place in self.inner.items() if key.isdigit()]
        return [self.inner[part]] if part in self.inner else []


class ItemFilter:
    """Removes the items of a row's lists that do not meet `where_items`, and remembers their places.

    Args:
        row: the raw row; it is not changed.
        conditions: path of a list, or of a mapping whose values are items -> path inside an item -> condition. After
            `^`, the path is one of a list in the row with one value per item.
        names: the path of one name per item, if it has one. A list of its own (`better.users.*`) loses the same items
            as the list that another one beside it filters.

    Attributes:
        row: the row without the removed items.
        rejects: one for each removed item, with its place in the raw row.
    """

    def __init__(
        self, row: Row, conditions: Mapping[Path, Mapping[Path, Condition]], names: Path | None = None
    ) -> None:
        self._raw, self.row, self.rejects = row, row, list[Reject]()
        self._root = _Place()
        self._has_removed = False
        for path, of_item in conditions.items():
            parts = [path] if path in self.row else path.split(".")
            self.row = self._filter(self.row, parts, "", path, of_item)
            if names is not None and any(inner.startswith(BESIDE) for inner in of_item):
                self._filter_beside(path, names)

    def _filter_beside(self, path: Path, names: Path) -> None:
        """Removes the names of the removed items of a list from another list that has one per item."""
        node, column = self._root, names.removesuffix(".*")
        for part in path.split("."):
            node = node.inner.get(part, _Place())
        several = self._raw.get(column)
        if column != names and node.kept is not None and isinstance(several, list) and len(several) == node.total:
            self.row = {**self.row, column: [several[i] for i in node.kept]}

    def _filter(
        self, value: Any, parts: Sequence[str], place: str, path: str, conditions: Mapping[Path, Condition]
    ) -> Any:
        """Returns a copy of a value in which the list that the rest of the path leads to is filtered."""
        if not parts:
            return self._filter_items(value, place, path, conditions)
        key, *rest = parts
        if key == "*" and isinstance(value, list):
            return [self._filter(item, rest, _join(place, i), path, conditions) for i, item in enumerate(value)]
        if key == "*" and isinstance(value, dict) and key not in value:
            return {k: self._filter(item, rest, _join(place, k), path, conditions) for k, item in value.items()}
        inside: Sequence[str] = rest
        if isinstance(value, dict):
            key, inside = take_key(value, parts) or (key, rest)
        try:
            inner = get_path(value, key)
        except Reject as reject:
            raise Reject(reject.reason, f"{reject.detail}; 'where_items' needs it", _join(place, key)) from reject
        if isinstance(value, dict):
            return {**value, key: self._filter(inner, inside, _join(place, key), path, conditions)}
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
            detail = f"expected a list for 'where_items', found {describe_value(items)}"
            hint = f"; for a list that is written as a text, set literals: [{path}]" if isinstance(items, str) else ""
            raise Reject(Reason.WRONG_TYPE, detail + hint, place)
        beside = {inner: self._read_beside(inner, len(items)) for inner in conditions if inner.startswith(BESIDE)}
        kept = [
            i
            for i, item in enumerate(items)
            if self._is_kept(item, _join(place, i), conditions, {inner: values[i] for inner, values in beside.items()})
        ]
        node = self._count_removed(place, len(items), len(kept))
        if node is not None:
            new_index = {str(old): str(new) for new, old in enumerate(kept)}
            node.inner = {new_index[old]: inner for old, inner in node.inner.items() if old in new_index}
            earlier: Sequence[int] = range(len(items)) if node.kept is None else node.kept
            node.kept = [earlier[i] for i in kept]
        return [items[i] for i in kept]

    def _count_removed(self, place: str, before: int, after: int) -> _Place | None:
        """Counts the items removed at a place, if any, and returns it."""
        if after == before:
            return None
        self._has_removed = True
        node = self._root
        for part in place.split("."):
            node = node.inner.setdefault(part, _Place())
        node.total = node.total or before
        node.removed += before - after
        return node

    def _read_beside(self, inner: Path, count: int) -> list[Any]:
        """Returns the values of a list in the row that holds one value per item of another list."""
        path = inner.removeprefix(BESIDE)
        values = get_each(self._raw, path)
        if not isinstance(values, list) or len(values) != count:
            size = len(values) if isinstance(values, list) else describe_value(values)
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
        if reject.field is None or not self._has_removed:
            return reject
        nodes, raw, removed = [self._root], list[str](), list[str]()
        for part in [*reject.field.split("."), ""]:
            if n := sum(node.removed for node in nodes):
                total = sum(node.total for node in nodes if node.removed)
                removed.append(f"{n} of {total} items of '{'.'.join(raw)}'")
            kept = nodes[0].kept if len(nodes) == 1 else None
            nodes = [inner for node in nodes for inner in node.find(part)]
            raw.append(_raw_index(part, kept))
        detail = reject.detail
        if removed and mentions_removed:
            detail += f"; 'where_items' left out {' and '.join(removed)}"
        return Reject(reject.reason, detail, ".".join(raw[:-1]))


def _raw_index(part: str, kept: Sequence[int] | None) -> str:
    """Returns a part of a path, as an index in the raw row if it counts the items that were kept."""
    if kept is None or not part.removeprefix("-").isdecimal() or not -len(kept) <= int(part) < len(kept):
        return part
    return str(kept[int(part)])


def _join(place: str, key: Any) -> str:
    return f"{place}.{key}" if place else str(key)
