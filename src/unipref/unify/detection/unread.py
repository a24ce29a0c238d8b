"""Accounts for every field: what looks like a judgement, a score, a system text, a history or tools and is not read.

Such a field is a doubt. It keeps the confidence low, and where the proposal takes every answer for a good one, the
entry gets a question, so that it cannot run.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from unipref.core.terminal import show_name
from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.names import (
    BAD_NAMES,
    COUNT_NAMES,
    GOOD_NAMES,
    HIGH_IS_BETTER,
    LOW_IS_BETTER,
    METADATA_FOLDERS,
    METADATA_NAMES,
    SORT_NAMES,
    TAG_NAMES,
)
from unipref.unify.detection.orders import RANKING_NAMES, doubt_order_text
from unipref.unify.detection.roles import Role
from unipref.unify.detection.side_words import are_orders
from unipref.unify.detection.verdict_words import read_verdict
from unipref.unify.mapping.paths import KEYS

MAX_CONFIDENCE = 0.5
"""Most confidence in a proposal that leaves a field unread which looks like a judgement."""
MAX_VALUES = 4
"""Most values of an unread field to show in a doubt."""
MAX_VALUE_LENGTH = 30
MAX_WORDS = 4
"""Most different words that may be verdicts in a language that is not known."""
KNOWN_NAMES = METADATA_NAMES | METADATA_FOLDERS | TAG_NAMES | COUNT_NAMES | SORT_NAMES
"""Words in the names of fields that sort rows."""
MAX_DOUBTS = 8
"""Most unread fields to name."""
MIN_COUPLES = 20
"""Least number of rows in which two fields must agree to say the same, if their values do not show it."""
MIN_EQUAL = 6
"""The same for fields with the same values."""
NOT_PATHS = {
    *("up", "down", "neutral", "codes", "better", "low", "high", "order", "pattern", "decimal", "counted_from"),
    *("instruction", "roles", "marks", "cut", "separator", "missing", "scale", "text", "objective"),
    *("where", "where_items", "annotators", "annotator_codes"),
}
"""Settings whose values are labels, constants or texts."""
NAMED_SETTINGS = {"scores", "evidence", "counts", "names"}
"""Settings whose keys are names that the user chooses."""
VERSION_NAMES = (
    *("corrected", "correction", "revised", "rewritten", "improved", "ideal", "better", "fixed", "edited", "suggested"),
    *("reference", "gold", "golden", "expected", "preferred", "final", "sent", "published"),
)
"""Words in the names of texts that are another, often a better, version of the answer."""
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
    # An order that no format reads is asked for with the setting 'sequence'.
    asked = RANKING_NAMES if mapping.get("sequence") == PLACEHOLDER else set()
    for column, path, role in _iterate_fields(columns):
        if {*column.words} & asked:
            continue
        listed = path.split(".*.")[0] if ".*." in path else ""
        if is_used(path, used) or column.kind == "empty" or (listed and listed in named_lists and role in NOUNS):
            continue
        judges = role in ("judgement", "unknown", "score")
        if judges and not listed and any(_say_the_same(column, other) for other in read):
            continue
        if role in NOUNS:
            named_lists |= {listed} if listed else set()
            account.doubts.append(_doubt_unread(column, path, role))
            account.judgements += [path] if role in ("judgement", "score") else []
            account.is_serious = True
        elif listed:
            account.doubts += _doubt_inside(column, path, role, used)
        elif doubt := _doubt_other(columns, column, mapping, is_judged):
            may_judge = not is_judged and (role == "unknown" or _may_judge_in_other_words(columns, column))
            account.doubts.append(doubt)
            account.judgements += [path] * may_judge
            account.is_serious |= may_judge
    if len(account.doubts) > MAX_DOUBTS:
        rest = len(account.doubts) - MAX_DOUBTS
        account.doubts = [*account.doubts[:MAX_DOUBTS], f"{rest} more fields that may matter are not read"]
    if columns.n_left_out:
        account.doubts.append(f"{columns.n_left_out} more fields of the rows were not looked at")
        account.is_serious = True
    return account


def _doubt_unread(column: Column, path: str, role: Role) -> str:
    if role == "judgement" and are_orders(column.values):
        return doubt_order_text(column)
    return f"'{path}' looks like {NOUNS[role]}{_show_values(column)} and is not read"


def _doubt_other(columns: Columns, column: Column, mapping: dict[str, Any], is_judged: bool) -> str | None:
    """Returns the doubt about an unread field that may judge, score or hold another answer; None if it does not."""
    path, is_unknown = column.path, columns.role(column) == "unknown" and column.n_distinct > 1
    is_unknown_word = bool(mapping) and _may_judge_in_other_words(columns, column)
    if (is_unknown or is_unknown_word) and not is_judged:
        return f"'{path}'{_show_values(column)} may judge the answers, and is not read"
    if is_unknown and mapping and column.numbers:
        return f"'{path}'{_show_values(column)} may be a score, and is not read"
    if mapping and (what := _describe_texts(columns, column, {*used_paths(mapping)})):
        return f"'{path}' looks like {what} and is not read"
    return None


def _may_judge_in_other_words(columns: Columns, column: Column) -> bool:
    """Whether a few words that repeat may be verdicts that unipref does not know, under a name that says nothing."""
    is_named = bool({*column.words} & KNOWN_NAMES) or any(map(str.isdigit, "".join(column.distinct_values)))
    is_category = columns.role(column) == "category" and column.kind == "code" and not column.numbers
    return is_category and 1 < column.n_distinct <= MAX_WORDS and not is_named and "." not in column.path


def _doubt_inside(column: Column, path: str, role: Role, used: set[str]) -> list[str]:
    """Returns a doubt about numbers in items of which the mapping reads another field; none for others."""
    folder = path.rsplit(".*.", 1)[0]
    if role != "unknown" or not column.numbers or column.n_distinct < 2:
        return []
    is_beside = any(other.startswith(f"{folder}.*.") for other in used)
    return [f"'{path}'{_show_values(column)} may be a score, and is not read"] * is_beside


def _describe_texts(columns: Columns, column: Column, used: set[str]) -> str | None:
    """Says what an unread field of texts may be: another version of the answer, or a list of answers; None if neither.

    Args:
        columns: the columns of the rows.
        column: the unread field.
        used: the paths that the mapping uses.
    """
    if column.kind == "text" and columns.role(column) != "metadata" and column.has_name(*VERSION_NAMES):
        return "another version of the answer (the format 'edit' reads one)"
    if column.kind == "text" and columns.role(column) == "answer":
        return "another answer"
    is_read_in_part = any(path.startswith(f"{column.path}.") for path in used)
    if column.kind == "items" and not is_read_in_part and columns.inner(column).of_role("answer", "text"):
        return "a list of texts"
    return None


def _say_the_same(one: Column, other: Column) -> bool:
    """Whether two columns say the same in other words: each value of one belongs to one value of the other.

    Verdicts that praise and blame alike say the same. Of other values, few rows can agree by chance; and fields whose
    names speak of different things, such as `helpful` and `safe`, never say the same.
    """
    if _qualities(one) != _qualities(other) and _qualities(one) and _qualities(other):
        return False
    values = dict(zip(other.rows, map(_spell, other.values), strict=True))
    couples = {(_spell(v), values.get(row)) for row, v in zip(one.rows, one.values, strict=True)}
    verdicts = [(read_verdict(mine), read_verdict(its)) for mine, its in couples if its is not None]
    if any(a is not None and b is not None and a.grade * b.grade < 0 for a, b in verdicts):
        return False
    speak = all(a is not None and b is not None and not (a.needs_name or b.needs_name) for a, b in verdicts)
    if {mine for mine, _ in couples} & {*values.values()}:
        return all(mine == its for mine, its in couples) and (speak or len(one.rows) >= MIN_EQUAL)
    if other.n_distinct < 2 or not len(couples) == one.n_distinct == other.n_distinct or one.rows != other.rows:
        return False
    return speak or len(one.rows) >= MIN_COUPLES


def _spell(value: Any) -> str:
    """Returns a value as text; true and 1 are one value, and so are false and 0."""
    spelled = str(value).strip().lower()
    return {"true": "1", "false": "0", "1.0": "1", "0.0": "0"}.get(spelled, spelled)


def _qualities(column: Column) -> set[str]:
    """Returns the words of a name that say what is judged."""
    return {*column.words} & (GOOD_NAMES | BAD_NAMES | HIGH_IS_BETTER | LOW_IS_BETTER)


def _iterate_fields(columns: Columns) -> Iterable[tuple[Column, str, Role]]:
    for column in columns.all:
        yield column, column.path, columns.role(column)
    yield from columns.inside


def used_paths(value: Any) -> list[str]:
    """Returns the paths that a mapping names; numbers of items become `*`. Labels and constant texts are no paths.

    A path inside the items of a list that the mapping names as well appears alone and with the list before it.
    """
    texts = [leaf for leaf in _iterate_paths(value) if isinstance(leaf, str) and leaf and leaf != PLACEHOLDER]
    paths = [".".join("*" if part.isdigit() else part for part in text.split(".")) for text in texts]
    # An item named by its number (`label.0`) reads the list.
    lists = [path.removesuffix(end) for end in (".*", f".{KEYS}") for path in paths if path.endswith(end)]
    inside = [f"{one}.*.{other}" for one in paths for other in paths if one != other]
    if isinstance(value, dict) and isinstance(value.get("steps"), str) and isinstance(value.get("versions"), str):
        inside += [f"{value['steps']}.*.{value['versions']}.*.{path}" for path in paths]
    return [*texts, *paths, *lists, *inside]


def _iterate_paths(value: Any) -> Iterator[Any]:
    """Yields the leaves of a mapping that can be paths."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in NAMED_SETTINGS and isinstance(inner, dict):
                # The keys are the user's names, not settings.
                yield from (leaf for one in inner.values() for leaf in _iterate_paths(one))
            elif key not in NOT_PATHS and not (key == "before" and "field" in value):
                yield from _iterate_paths(inner)
    elif isinstance(value, list):
        yield from (leaf for one in value for leaf in _iterate_paths(one))
    else:
        yield value


def is_used(path: str, used: set[str]) -> bool:
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
