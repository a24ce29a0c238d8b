"""The columns of some raw rows: each field with all its values and their kind.

The kind follows from the values alone, not from the names of the field or the file.
"""

import ast
import functools
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unipref.core.records import Row
from unipref.unify.mapping.turns import KNOWN_ROLES, find_turn_keys

TRANSCRIPT = re.compile(r"^\s*Human:.*\n\nAssistant:", re.DOTALL)
IDENTIFIER = re.compile(r"[\w.:/@+#-]+")
LITERAL = re.compile(r"\s*[\[{].*[\]}]\s*", re.DOTALL)
NUMERAL = re.compile(r"[-+]?\d+(\.\d+)?")
VERDICT = re.compile(r"\b(tie|draw|better|worse|both|neither|equal)\b", re.IGNORECASE)
NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
MAX_NESTING = 3
MAX_CODES = 10
"""Most different values of a column of codes."""
MIN_KIND_SHARE = 0.9
"""Least share of a column's values that must be of one kind; public files have odd cells."""
MAX_INNER_ITEMS = 1500
"""Most items of lists to inspect, over all rows."""


def split_words(name: str) -> list[str]:
    """Splits a field's name into words in lower case: `pickResponse_A2` -> pick, response, a, 2."""
    return [piece.lower() for piece in NAME_WORD.findall(name)]


@dataclass(frozen=True)
class Column:
    """All values of one field, nested ones by their path.

    Attributes:
        kind: text, transcript, turns, turn, texts, numbers, flags, items (mappings), exchanges (pairs of texts), flag,
            code, number, messages_tree, empty or other.
        values: the values that are not null or empty, in row order.
        rows: the row number of each value.
        share: the share of rows that have a value.
    """

    path: str
    kind: str
    values: list[Any]
    rows: list[int]
    share: float

    @property
    def name(self) -> str:
        """The last part of the path, in lower case."""
        return self.path.rsplit(".", 1)[-1].lower()

    @functools.cached_property
    def words(self) -> list[str]:
        """The words of the column's name."""
        return split_words(self.path.rsplit(".", 1)[-1])

    @functools.cached_property
    def distinct_values(self) -> list[str]:
        """The different values as text, sorted."""
        return sorted({str(value) for value in self.values})

    @property
    def n_distinct(self) -> int:
        """The number of different values."""
        return len(self.distinct_values)

    @functools.cached_property
    def mean_length(self) -> float:
        """Mean length of the values as text, in characters."""
        return sum(len(str(value)) for value in self.values) / max(len(self.values), 1)

    @functools.cached_property
    def numbers(self) -> list[float]:
        """The values as numbers; empty unless all of them are finite numbers."""
        numbers = [to_finite_number(value) for value in self.values]
        return [] if None in numbers else [number for number in numbers if number is not None]

    @functools.cached_property
    def is_identifier(self) -> bool:
        """Whether the column names or numbers its rows: single words with digits or signs, or whole numbers that only
        grow or never repeat.
        """
        if self.kind in ("text", "code") and not self.numbers:
            single = [v for v in self.values if isinstance(v, str) and IDENTIFIER.fullmatch(v.strip())]
            marked = [v for v in single if re.search(r"[\d_./:-]", v.strip(".")) or len(v) > 24]
            return len(single) > 0.95 * len(self.values) and len(marked) > 0.6 * len(self.values)
        whole = [n for n in self.numbers if n == int(n)]
        grows = all(a <= b for a, b in itertools.pairwise(whole))
        if self.n_distinct <= MAX_CODES or len(whole) < len(self.values):
            return False
        return grows or max(whole) > 1e8 or self.n_distinct == len(self.values)

    @property
    def is_category(self) -> bool:
        """Whether the values repeat so often that they divide the rows into categories."""
        return self.kind == "code" or (self.mean_length <= 30 and self.n_distinct <= len(self.values) / 8)

    def has_name(self, *words: str) -> bool:
        """Whether the column's name contains one of `words`, or all parts of one such as `pos_response`."""
        return any(word == self.name or set(word.split("_")) <= set(self.words) for word in words)

    def inner_columns(self) -> "Columns":
        """Returns the columns of the mappings in its lists."""
        return Columns([item for value in self.values for item in value if isinstance(item, dict)][:MAX_INNER_ITEMS])


class Columns:
    """The columns of some rows.

    Attributes:
        rows: the rows, with JSON and Python literals parsed.
        all: the columns, in the order of the rows' fields.
        literals: paths of the texts that were JSON or Python literals.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows, self.literals = _parse_literals(rows)
        values_of: dict[str, list[tuple[int, Any]]] = {}
        for number, row in enumerate(self.rows):
            for path, value in _iterate_leaves(row, "", 0):
                values_of.setdefault(path, []).append((number, value))
        self.all = [_make_column(path, values, len(rows)) for path, values in values_of.items()]

    def of_kind(self, *kinds: str) -> list[Column]:
        """Returns the columns of these kinds, in the order of the rows' fields."""
        return [column for column in self.all if column.kind in kinds]

    def find(self, path: str) -> Column | None:
        """Returns the column with that path; None if there is none."""
        return next((column for column in self.all if column.path == path), None)

    def find_named(self, kinds: Sequence[str], *words: str) -> Column | None:
        """Returns the first column of these kinds whose name contains one of the words; earlier words have priority."""
        for word in words:
            for column in self.of_kind(*kinds):
                if column.has_name(word):
                    return column
        return None

    @functools.cached_property
    def prose(self) -> list[Column]:
        """The columns of text that are neither identifiers nor categories."""
        return [c for c in self.of_kind("text") if not c.is_identifier and not c.is_category]


def to_finite_number(value: Any) -> float | None:
    """Converts a value to a finite number; None if it is a boolean, not a number or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def find_replies_key(node: Row) -> str | None:
    """Returns the key under which a message holds its replies: a list of mappings that share two text keys with it."""
    for key, replies in node.items():
        if isinstance(replies, list) and replies and all(isinstance(child, dict) for child in replies):
            shared = [set(child) & set(node) - {key} for child in replies]
            texts = [k for k in set.intersection(*shared) if all(isinstance(c[k], str) for c in [node, *replies])]
            if len(texts) >= 2:
                return key
    return None


def _parse_literals(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Parses every text that is a list or a mapping written as a literal, as in CSV cells; returns rows and paths."""
    names = dict.fromkeys(name for row in rows for name in row)
    parsed: dict[str, dict[int, Any]] = {}
    for name in names:
        texts = [(i, row[name]) for i, row in enumerate(rows) if row.get(name) not in (None, "")]
        if texts and all(isinstance(text, str) and LITERAL.fullmatch(text) for _, text in texts):
            values = {i: _parse_literal(text) for i, text in texts}
            if all(isinstance(value, list | dict) for value in values.values()):
                parsed[name] = values
    if not parsed:
        return list(rows), []
    result = [
        {**row, **{name: values[i] for name, values in parsed.items() if i in values}} for i, row in enumerate(rows)
    ]
    return result, list(parsed)


def _parse_literal(text: str) -> Any:
    for reader in (json.loads, ast.literal_eval):
        try:
            return reader(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _iterate_leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and depth < MAX_NESTING and not _is_turn(value) and not _is_tree(value):
        for key, inner in value.items():
            yield from _iterate_leaves(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif path:
        yield path, value


def _make_column(path: str, values: list[tuple[int, Any]], rows: int) -> Column:
    present = [(i, v) for i, v in values if v is not None and v != "" and v != []]
    kept = [v for _, v in present]
    return Column(path, _classify_values(kept), kept, [i for i, _ in present], len(present) / max(rows, 1))


def _classify_values(values: list[Any]) -> str:
    if not values:
        return "empty"
    if all(isinstance(v, bool) for v in values) or {str(v).lower() for v in values} <= {"true", "false"}:
        return "flag"
    if all(isinstance(v, list) for v in values):
        return _classify_items([item for value in values for item in value])
    if all(_is_tree(v) for v in values):
        return "messages_tree"
    if _are_turns(values):
        return "turn"
    if all(to_finite_number(v) is not None or _is_numeral(v) for v in values):
        numbers = {to_finite_number(v) for v in values}
        return (
            "code" if len(numbers) <= MAX_CODES and all(n is not None and n.is_integer() for n in numbers) else "number"
        )
    texts = [v for v in values if isinstance(v, str)]
    if len(texts) < MIN_KIND_SHARE * len(values):
        return "other"
    if sum(bool(TRANSCRIPT.match(v)) for v in texts) > len(texts) / 2:
        return "transcript"
    has_few_values = len({*texts}) <= min(MAX_CODES, len(texts) / 3)
    # A short prompt that is repeated with other answers is not a code: only single words or verdicts are.
    is_single_word = max(map(len, texts)) <= 24 and not any(" " in v.strip() for v in texts)
    is_verdict = max(map(len, texts)) <= 40 and any(VERDICT.search(v) for v in texts)
    return "code" if has_few_values and (is_single_word or is_verdict) and len(texts) == len(values) else "text"


def _classify_items(items: list[Any]) -> str:
    if not items:
        return "empty"
    kinds: list[tuple[str, Callable[[Any], bool]]] = [
        ("flags", lambda item: isinstance(item, bool)),
        ("numbers", lambda item: to_finite_number(item) is not None and not isinstance(item, str)),
        ("texts", lambda item: isinstance(item, str)),
        ("exchanges", lambda item: isinstance(item, list) and [type(i) for i in item] == [str, str]),
    ]
    for kind, fits in kinds:
        if all(map(fits, items)):
            return kind
    if _are_turns(items):
        return "turns"
    return "items" if all(isinstance(item, dict) for item in items) else "other"


def _is_turn(value: Any) -> bool:
    """Whether a mapping can be a turn: it has a known role and one other text."""
    if not isinstance(value, dict):
        return False
    if {"role", "content"} <= value.keys() or {"from", "value"} <= value.keys():
        return True
    texts = [v for v in value.values() if isinstance(v, str)]
    return len(texts) == 2 and any(text.lower() in KNOWN_ROLES for text in texts) and len(value) <= MAX_CODES / 2


def _are_turns(items: list[Any]) -> bool:
    return all(map(_is_turn, items)) and (
        all({"role", "content"} <= i.keys() or {"from", "value"} <= i.keys() for i in items)
        or find_turn_keys(items, {}) is not None
    )


def _is_tree(value: Any) -> bool:
    return isinstance(value, dict) and find_replies_key(value) is not None


def _is_numeral(value: Any) -> bool:
    return isinstance(value, str) and NUMERAL.fullmatch(value.strip()) is not None
