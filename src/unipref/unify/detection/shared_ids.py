"""Two tables with ids in common: the answers in one, the judgements of them in the other."""

from collections.abc import Sequence
from typing import Any

from unipref.core.records import Row
from unipref.core.values import value_key
from unipref.unify.detection.name_words import split_words

ID_WORDS = {
    "id",
    "ids",
    "uuid",
    "key",
    "idx",
    "index",
    "qid",
    "uid",
    "hash",
    "ref",
    "number",
    "no",
    "nr",
    "ticket",
    "item",
}
MIN_SHARED = 0.8
"""Least share of one table's ids that the other table must hold."""
MIN_IDS = 3
MAX_FIELDS = 60


def find_shared_ids(rows: Sequence[Row], table: Sequence[Row]) -> tuple[str, str] | None:
    """Returns the fields that hold the same ids in both tables; None if there are none.

    An id occurs once in the second table. Fields of one name count first; others must be called an id in both.

    Args:
        rows: the rows that get the rows of the table.
        table: the rows to look up.
    """
    right = {name: ids for name, ids in _find_ids(table).items() if len(set(ids)) == len(table)}
    left = _find_ids(rows)
    couples = [(a, b) for a in left for b in right if a == b] + [(a, b) for a in left for b in right if a != b]
    for a, b in couples:
        if a != b and not (_is_id_name(a) and _is_id_name(b)):
            continue
        if a == b and not _is_id_name(a):
            continue
        ids, known = set(left[a]), set(right[b])
        if len(ids) >= MIN_IDS and len(ids & known) >= MIN_SHARED * len(ids):
            return a, b
    return None


def _is_id_name(name: str) -> bool:
    return bool({*split_words(name)} & ID_WORDS)


def _find_ids(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Returns field -> the ids in it, for the fields that hold a text or a whole number in every row."""
    names = list(rows[0])[:MAX_FIELDS] if rows else []
    columns = {name: [row.get(name) for row in rows] for name in names}
    return {
        name: [value_key(value) or "" for value in values]
        for name, values in columns.items()
        if all(_can_be_id(value) for value in values)
    }


def _can_be_id(value: Any) -> bool:
    if isinstance(value, bool) or value in (None, ""):
        return False
    return isinstance(value, int) or (isinstance(value, str) and len(value) <= 100)
