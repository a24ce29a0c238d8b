"""The columns of some raw rows: each field with all its values, and what kind of thing those are.

A kind is told from the values alone; neither the field's nor the file's name has a say in it.
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
from unipref.unify.mapping.turns import KNOWN_ROLES, turn_keys

TRANSCRIPT = re.compile(r"^\s*Human:.*\n\nAssistant:", re.DOTALL)
IDENTIFIER = re.compile(r"[\w.:/@+#-]+")
LITERAL = re.compile(r"\s*[\[{].*[\]}]\s*", re.DOTALL)
NUMERAL = re.compile(r"[-+]?\d+(\.\d+)?")
VERDICT = re.compile(r"\b(tie|draw|better|worse|both|neither|equal)\b", re.IGNORECASE)
PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
MAX_NESTING = 3
FEW = 10
"""Different values up to which a column may hold codes."""
MOST = 0.9
"""Share of a column's values that make its kind; public files have odd cells."""
INNER = 1500
"""Items of lists that are looked into, over all rows."""


def words_of(name: str) -> list[str]:
    """The words of a field's name in lower case: `pickResponse_A2` -> pick, response, a, 2."""
    return [piece.lower() for piece in PIECE.findall(name)]


@dataclass(frozen=True)
class Column:
    """All values of one field, nested ones by their path.

    Attributes:
        kind: text, transcript, turns, turn, texts, numbers, flags, items (mappings), exchanges (pairs of texts), flag,
            code, number, messages_tree, empty or other.
        values: those that are not null or empty, in row order.
        rows: the row of each value.
        share: of the rows that have one.
    """

    path: str
    kind: str
    values: list[Any]
    rows: list[int]
    share: float

    @property
    def name(self) -> str:
        """The last part of the path, lower case."""
        return self.path.rsplit(".", 1)[-1].lower()

    @functools.cached_property
    def words(self) -> list[str]:
        """The words of its name."""
        return words_of(self.path.rsplit(".", 1)[-1])

    @functools.cached_property
    def different(self) -> list[str]:
        """Its different values as text, sorted."""
        return sorted({str(value) for value in self.values})

    @property
    def distinct(self) -> int:
        """How many different values it has."""
        return len(self.different)

    @functools.cached_property
    def mean_length(self) -> float:
        """Mean length of its values as text, in characters."""
        return sum(len(str(value)) for value in self.values) / max(len(self.values), 1)

    @functools.cached_property
    def numbers(self) -> list[float]:
        """Its values as numbers; empty unless all of them are finite ones."""
        found = [finite(value) for value in self.values]
        return [] if None in found else [number for number in found if number is not None]

    @functools.cached_property
    def is_identifier(self) -> bool:
        """Whether it names or numbers its rows: single words with signs in them, or whole numbers that only
        grow or never come back.
        """
        if self.kind in ("text", "code") and not self.numbers:
            single = [v for v in self.values if isinstance(v, str) and IDENTIFIER.fullmatch(v.strip())]
            marked = [v for v in single if re.search(r"[\d_./:-]", v.strip(".")) or len(v) > 24]
            return len(single) > 0.95 * len(self.values) and len(marked) > 0.6 * len(self.values)
        whole = [n for n in self.numbers if n == int(n)]
        grows = all(a <= b for a, b in itertools.pairwise(whole))
        if self.distinct <= FEW or len(whole) < len(self.values):
            return False
        return grows or max(whole) > 1e8 or self.distinct == len(self.values)

    @property
    def is_category(self) -> bool:
        """Whether its values come back so often that they sort the rows."""
        return self.kind == "code" or (self.mean_length <= 30 and self.distinct <= len(self.values) / 8)

    def called(self, *words: str) -> bool:
        """Whether its name holds one of the words, or all the words of one that is several."""
        return any(word == self.name or set(word.split("_")) <= set(self.words) for word in words)

    def inner(self) -> "Columns":
        """The columns of the mappings in its lists."""
        return Columns([item for value in self.values for item in value if isinstance(item, dict)][:INNER])


class Columns:
    """The columns of some rows.

    Attributes:
        rows: the rows, with texts that are literals read.
        all: the columns, in the order of the rows' fields.
        literals: paths of the texts that are JSON or Python literals.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows, self.literals = _with_literals_read(rows)
        found: dict[str, list[tuple[int, Any]]] = {}
        for number, row in enumerate(self.rows):
            for path, value in _leaves(row, "", 0):
                found.setdefault(path, []).append((number, value))
        self.all = [_column(path, values, len(rows)) for path, values in found.items()]

    def of(self, *kinds: str) -> list[Column]:
        """The columns of these kinds, in the order of the rows' fields."""
        return [column for column in self.all if column.kind in kinds]

    def at(self, path: str) -> Column | None:
        """The column of that path."""
        return next((column for column in self.all if column.path == path), None)

    def named(self, kinds: Sequence[str], *words: str) -> Column | None:
        """The first column of these kinds whose name holds one of the words; earlier words go first."""
        for word in words:
            for column in self.of(*kinds):
                if column.called(word):
                    return column
        return None

    @functools.cached_property
    def prose(self) -> list[Column]:
        """The columns of text that are neither identifiers nor categories."""
        return [c for c in self.of("text") if not c.is_identifier and not c.is_category]


def finite(value: Any) -> float | None:
    """A value as a number; None for a boolean, for what is no number and for what is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def replies_key(node: Row) -> str | None:
    """The key under which a message holds its replies: a list of mappings with that key or the same text key."""
    for key, below in node.items():
        if isinstance(below, list) and below and all(isinstance(child, dict) for child in below):
            shared = [set(child) & set(node) - {key} for child in below]
            texts = [k for k in set.intersection(*shared) if all(isinstance(c[k], str) for c in [node, *below])]
            if len(texts) >= 2:
                return key
    return None


def _with_literals_read(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """The rows with every text read that is a list or a mapping written out, as in CSV cells."""
    names = dict.fromkeys(name for row in rows for name in row)
    read: dict[str, dict[int, Any]] = {}
    for name in names:
        texts = [(i, row[name]) for i, row in enumerate(rows) if row.get(name) not in (None, "")]
        if texts and all(isinstance(text, str) and LITERAL.fullmatch(text) for _, text in texts):
            values = {i: _literal(text) for i, text in texts}
            if all(isinstance(value, list | dict) for value in values.values()):
                read[name] = values
    if not read:
        return list(rows), []
    made = [{**row, **{name: values[i] for name, values in read.items() if i in values}} for i, row in enumerate(rows)]
    return made, list(read)


def _literal(text: str) -> Any:
    for reader in (json.loads, ast.literal_eval):
        try:
            return reader(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and depth < MAX_NESTING and not _is_turn(value) and not _is_tree(value):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif path:
        yield path, value


def _column(path: str, values: list[tuple[int, Any]], rows: int) -> Column:
    present = [(i, v) for i, v in values if v is not None and v != "" and v != []]
    kept = [v for _, v in present]
    return Column(path, _kind(kept), kept, [i for i, _ in present], len(present) / max(rows, 1))


def _kind(values: list[Any]) -> str:
    if not values:
        return "empty"
    if all(isinstance(v, bool) for v in values) or {str(v).lower() for v in values} <= {"true", "false"}:
        return "flag"
    if all(isinstance(v, list) for v in values):
        return _list_kind([item for value in values for item in value])
    if all(_is_tree(v) for v in values):
        return "messages_tree"
    if _are_turns(values):
        return "turn"
    if all(finite(v) is not None or _is_numeral(v) for v in values):
        numbers = {finite(v) for v in values}
        return "code" if len(numbers) <= FEW and all(n is not None and n.is_integer() for n in numbers) else "number"
    texts = [v for v in values if isinstance(v, str)]
    if len(texts) < MOST * len(values):
        return "other"
    if sum(bool(TRANSCRIPT.match(v)) for v in texts) > len(texts) / 2:
        return "transcript"
    few = len({*texts}) <= min(FEW, len(texts) / 3)
    # One word: a short prompt that comes back with other answers is no code, unless the words are a verdict's.
    single = max(map(len, texts)) <= 24 and not any(" " in v.strip() for v in texts)
    verdict = max(map(len, texts)) <= 40 and any(VERDICT.search(v) for v in texts)
    return "code" if few and (single or verdict) and len(texts) == len(values) else "text"


def _list_kind(items: list[Any]) -> str:
    if not items:
        return "empty"
    kinds: list[tuple[str, Callable[[Any], bool]]] = [
        ("flags", lambda item: isinstance(item, bool)),
        ("numbers", lambda item: finite(item) is not None and not isinstance(item, str)),
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
    """Whether a mapping may be one turn: it has a known role and one more text."""
    if not isinstance(value, dict):
        return False
    if {"role", "content"} <= value.keys() or {"from", "value"} <= value.keys():
        return True
    texts = [v for v in value.values() if isinstance(v, str)]
    return len(texts) == 2 and any(text.lower() in KNOWN_ROLES for text in texts) and len(value) <= FEW / 2


def _are_turns(items: list[Any]) -> bool:
    return all(map(_is_turn, items)) and (
        all({"role", "content"} <= i.keys() or {"from", "value"} <= i.keys() for i in items)
        or turn_keys(items, {}) is not None
    )


def _is_tree(value: Any) -> bool:
    return isinstance(value, dict) and replies_key(value) is not None


def _is_numeral(value: Any) -> bool:
    return isinstance(value, str) and NUMERAL.fullmatch(value.strip()) is not None
