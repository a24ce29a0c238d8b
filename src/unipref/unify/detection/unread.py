"""Accounts for every field: what looks like a judgement, a score, a system text, a history or tools and is not read.

Such a field is a doubt. It keeps the confidence low, and where the proposal takes every answer for a good one, the
entry gets a question, so that it cannot run.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from unipref.core.leaves import iterate_leaves
from unipref.core.terminal import show_name
from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.roles import Role

MAX_CONFIDENCE = 0.5
"""Most confidence in a proposal that leaves a field unread which looks like a judgement."""
MAX_VALUES = 4
"""Most values of an unread field to show in a doubt."""
MAX_VALUE_LENGTH = 30
MAX_DOUBTS = 8
"""Most unread fields to name."""
NOUNS: dict[Role, str] = {
    "judgement": "a judgement",
    "score": "a score",
    "system": "a system text",
    "history": "earlier turns",
    "tools": "tools or calls of tools",
    "sources": "texts that the question is about",
}


@dataclass
class Account:
    """What a mapping leaves unread.

    Attributes:
        doubts: one for each unread field.
        judgements: paths of the unread fields that look like a judgement or a score.
        is_serious: whether one of the fields should lower the confidence.
    """

    doubts: list[str] = field(default_factory=list)
    judgements: list[str] = field(default_factory=list)
    is_serious: bool = False


def account_for_columns(columns: Columns, mapping: dict[str, Any], is_judged: bool) -> Account:
    """Names the fields that look as if they mattered and that a mapping does not use.

    Args:
        columns: the columns of the rows.
        mapping: the proposed settings.
        is_judged: whether the mapping reads a judgement, rather than taking every answer for a good one.
    """
    used = set(used_paths(mapping))
    account = Account()
    read = [c for c in columns.all if c.path in used and columns.role(c) in ("judgement", "score", "unknown")]
    named_lists: set[str] = set()
    for column, path, role in _iterate_fields(columns):
        if _is_used(path, used) or column.kind == "empty":
            continue
        listed = path.split(".*.")[0] if ".*." in path else ""
        if (
            role in ("judgement", "unknown", "score")
            and not listed
            and any(_say_the_same(column, other) for other in read)
        ):
            continue
        if role in NOUNS:
            if listed and listed in named_lists:
                continue
            named_lists |= {listed} if listed else set()
            account.doubts.append(f"'{path}' looks like {NOUNS[role]}{_show_values(column)} and is not read")
            account.judgements += [path] if role in ("judgement", "score") else []
            account.is_serious = True
        elif role == "unknown" and not is_judged and not listed and column.n_distinct > 1:
            account.doubts.append(f"'{path}'{_show_values(column)} may judge the answers, and is not read")
            account.is_serious = True
        elif mapping and role == "unknown" and column.numbers and not listed and column.n_distinct > 1:
            account.doubts.append(f"'{path}'{_show_values(column)} may be a score, and is not read")
    if len(account.doubts) > MAX_DOUBTS:
        rest = len(account.doubts) - MAX_DOUBTS
        account.doubts = [*account.doubts[:MAX_DOUBTS], f"{rest} more fields that may matter are not read"]
    if columns.n_left_out:
        account.doubts.append(f"{columns.n_left_out} more fields of the rows were not looked at")
        account.is_serious = True
    return account


def _say_the_same(one: Column, other: Column) -> bool:
    """Whether two columns say the same in other words: each value of one belongs to one value of the other."""
    values = dict(zip(other.rows, map(str, other.values), strict=True))
    couples = {(str(v), values.get(row)) for row, v in zip(one.rows, one.values, strict=True)}
    if {*one.distinct_values} & {*other.distinct_values}:
        return all(mine == its for mine, its in couples)
    return other.n_distinct > 1 and len(couples) == one.n_distinct == other.n_distinct and one.rows == other.rows


def _iterate_fields(columns: Columns) -> Iterable[tuple[Column, str, Role]]:
    for column in columns.all:
        yield column, column.path, columns.role(column)
    yield from columns.inside


def used_paths(value: Any) -> list[str]:
    """Returns the paths that a mapping names; numbers of items become `*`.

    A path inside the items of a list that the mapping names as well appears alone and with the list before it.
    """
    leaves = (leaf for _, leaf in iterate_leaves(value))
    texts = [leaf for leaf in leaves if isinstance(leaf, str) and leaf and leaf != PLACEHOLDER]
    paths = [".".join("*" if part.isdigit() else part for part in text.split(".")) for text in texts]
    # An item named by its number (`label.0`) reads the list.
    lists = [path.removesuffix(".*") for path in paths if path.endswith(".*")]
    inside = [f"{one}.*.{other}" for one in paths for other in paths if one != other]
    if isinstance(value, dict) and isinstance(value.get("steps"), str) and isinstance(value.get("versions"), str):
        inside += [f"{value['steps']}.*.{value['versions']}.*.{path}" for path in paths]
    return [*texts, *paths, *lists, *inside]


def _is_used(path: str, used: set[str]) -> bool:
    """Whether a mapping names a path, or a mapping or a list of plain values around it."""
    if path in used:
        return True
    parts = path.split(".")
    # The path of a mapping stands for all its fields, that of a list of mappings only for the fields named besides.
    return any(".".join(parts[:i]) in used and "*" not in parts[i:] for i in range(1, len(parts)))


def _show_values(column: Column) -> str:
    if column.kind in ("code", "flag", "number"):
        values = [value[:MAX_VALUE_LENGTH] for value in column.distinct_values[:MAX_VALUES]]
        # Binary data can hold bytes that are not text.
        shown = [show_name(value.encode(errors="backslashreplace").decode()) for value in values]
        return f" ({', '.join(shown)})" if shown else ""
    return ""
