"""The columns of some raw rows: each field with all its values, their kind and their role."""

import ast
import functools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from unipref.core.records import Row
from unipref.unify.detection.column import Column
from unipref.unify.detection.kinds import (
    classify_values,
    find_replies_key,
    is_tree,
    is_turn,
    split_odd_values,
    to_finite_number,
)
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.names import COUNT_NAMES
from unipref.unify.detection.roles import Role, find_role, holds_sources, is_judgement_name
from unipref.unify.detection.row_states import CALL_NAMES, says_success

__all__ = ["Column", "Columns", "find_replies_key", "split_words", "to_finite_number"]

LITERAL = re.compile(r"\s*[\[{].*[\]}]\s*", re.DOTALL)
MAX_NESTING = 6
MAX_COLUMNS = 300
"""Most fields of the rows, nested ones too, that are compared with the formats."""
MAX_INNER_ITEMS = 1500
"""Most items of a list to inspect, over all rows."""
MAX_INNER_CELLS, MIN_INNER_ITEMS = 40_000, 60
"""Most fields of items to inspect, over all lists and rows, and least number of items of a list."""
MAX_TREE_ROWS = 50
"""Rows in which replies to messages are looked for."""
MIN_SENTENCE = 20
"""Mean number of characters from which the texts of a list are sentences rather than tags."""
MIN_CALL_NAMES = 2
"""Least number of words in the names of other fields that show that the rows are calls of a program."""
ASSISTANTS = {"assistant", "bot", "model", "ai", "gpt", "chatbot"}
"""Names of the speaker whose turn is an answer."""
MAX_LIST_DEPTH = 2
"""Most lists of mappings around a field."""


class Columns:
    """The columns of some rows.

    Attributes:
        raw_rows: the rows as they are in the file.
        rows: the rows, with JSON and Python literals parsed.
        all: the columns, in the order of the rows' fields; at most `MAX_COLUMNS`.
        n_left_out: the number of further fields.
        literals: paths of the texts that were JSON or Python literals.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.raw_rows = list(rows)
        self.rows, self.literals = _parse_literals(rows)
        values_of: dict[str, list[tuple[int, Any]]] = {}
        left_out: set[str] = set()
        for number, row in enumerate(self.rows):
            for path, value in _iterate_leaves(row, "", 0):
                if path in values_of or len(values_of) < MAX_COLUMNS:
                    values_of.setdefault(path, []).append((number, value))
                else:
                    left_out.add(path)
        self.all = [make_column(path, values, len(rows)) for path, values in values_of.items()]
        self.n_left_out = len(left_out)
        self._by_path = {column.path: column for column in self.all}
        self._roles: dict[Column, Role] = {}
        self._inner: dict[Column, Columns] = {}

    def of_kind(self, *kinds: str) -> list[Column]:
        """Returns the columns of these kinds, in the order of the rows' fields."""
        return [column for column in self.all if column.kind in kinds]

    def of_role(self, *roles: Role) -> list[Column]:
        """Returns the columns of these roles, in the order of the rows' fields."""
        return [column for column in self.all if self.role(column) in roles]

    def role(self, column: Column) -> Role:
        """Returns the role of a column."""
        if column not in self._roles:
            is_about_rows = self._counts_items(column) or self._tells_of_calls(column)
            role = "metadata" if is_about_rows else find_role(column)
            self._roles[column] = "dialogue" if role == "history" and self._is_whole_dialogue(column) else role
        return self._roles[column]

    def _counts_items(self, column: Column) -> bool:
        """Whether a column with the name of a number always holds the length of a list of its row."""
        if not column.numbers or not {*column.words} & COUNT_NAMES:
            return False
        for listed in self.of_kind("texts", "items"):
            lengths = dict(zip(listed.rows, map(len, listed.values), strict=True))
            if all(lengths.get(row, 0) == n for row, n in zip(column.rows, column.numbers, strict=True)):
                return True
        return False

    def _is_whole_dialogue(self, column: Column) -> bool:
        """Whether what is called a history is the dialogue with its answer: no other field holds a prompt or answer."""
        others = [c for c in self.all if c is not column and c.kind in ("text", "turns", "turn", "transcript", "texts")]
        if column.kind != "turns" or any(find_role(c) in ("prompt", "answer", "dialogue") for c in others):
            return False
        last = [value[-1] for value in column.values if isinstance(value[-1], dict)]
        answered = [one for one in last if {str(v).lower() for v in one.values() if isinstance(v, str)} & ASSISTANTS]
        return len(answered) == len(column.values)

    def _tells_of_calls(self, column: Column) -> bool:
        """Whether a flag such as `success` stands beside fields that describe the call of a program."""
        if not says_success(column):
            return False
        others = {word for other in self.all if other is not column for word in other.words}
        return len(others & CALL_NAMES) >= MIN_CALL_NAMES

    def find(self, path: str) -> Column | None:
        """Returns the column with that path; None if there is none."""
        return self._by_path.get(path)

    def place(self, column: Column) -> int:
        """Returns the place of a column among the others."""
        return self._places[column]

    @functools.cached_property
    def _places(self) -> dict[Column, int]:
        return {column: place for place, column in enumerate(self.all)}

    @functools.cached_property
    def prose(self) -> list[Column]:
        """The columns of text that can be a prompt or an answer: no metadata, categories, verdicts or critiques."""
        return self.of_role("prompt", "answer", "text")

    def inner(self, column: Column) -> "Columns":
        """Returns the columns of the mappings in a column of lists."""
        if column not in self._inner:
            items = [item for value in column.values for item in value if isinstance(item, dict)]
            cells = MAX_INNER_CELLS // max(1, len(self.of_kind("items", "turns")))
            fields = max((len(item) for item in items[:MAX_TREE_ROWS]), default=1)
            count = min(MAX_INNER_ITEMS, max(MIN_INNER_ITEMS, cells // max(1, fields)))
            self._inner[column] = Columns(items[:count])
        return self._inner[column]

    @functools.cached_property
    def answer_lists(self) -> list[Column]:
        """The lists of mappings that can be answers: not the replies to a message."""
        keys = {find_replies_key(row) for row in self.rows[:MAX_TREE_ROWS]} - {None}
        return [column for column in self.of_kind("items") if column.path not in keys]

    def are_spans(self, column: Column) -> bool:
        """Whether a column of lists holds pieces of a text: a list as long says where each of them is."""
        lengths = dict(zip(column.rows, map(len, column.values), strict=True))
        return any(
            self.role(places) == "metadata"
            and places.rows == column.rows
            and all(len(value) == lengths[row] for row, value in zip(places.rows, places.values, strict=True))
            for places in self.of_kind("numbers")
        )

    @functools.cached_property
    def has_lists_of_answers(self) -> bool:
        """Whether a list holds sentences, alone or in mappings: then no single text is the answer."""
        texts = [c for c in self.of_kind("texts") if self.role(c) == "list" and c.values]
        # A list that is the same in all rows answers none of their prompts.
        texts = [c for c in texts if len(c.values) == 1 or any(value != c.values[0] for value in c.values)]
        long = [c for c in texts if sum(len(i) for v in c.values for i in v) > MIN_SENTENCE * sum(map(len, c.values))]
        return bool(long) or any(self.inner(column).prose for column in self.answer_lists)

    @functools.cached_property
    def inside(self) -> list[tuple[Column, str, Role]]:
        """The fields inside lists of mappings and turns: each with its whole path (`answers.*.score`) and role."""
        return list(self._iterate_inside("", MAX_LIST_DEPTH))

    def _iterate_inside(self, before: str, depth: int) -> Iterator[tuple[Column, str, Role]]:
        for column in self.of_kind("items", "turns") if depth else []:
            inner = self.inner(column)
            for field in inner.all:
                role = inner.role(field)
                # `quality.*.value` is a judgement, because the list says what the value is.
                role = "judgement" if role in ("unknown", "list") and is_judgement_name(column) else role
                # A score beside a retrieved document says how well the document fits.
                role = "metadata" if role in ("judgement", "score", "unknown") and holds_sources(column) else role
                yield field, f"{before}{column.path}.*.{field.path}", role
            yield from inner._iterate_inside(f"{before}{column.path}.*.", depth - 1)


def make_column(path: str, values: list[tuple[int, Any]], rows: int) -> Column:
    """Makes a column of the values of a field.

    Args:
        path: of the field.
        values: row number and value of each row that has the field.
        rows: number of all rows.
    """
    present = [(i, v) for i, v in values if v is not None and v != "" and v != []]
    kept, odd = split_odd_values(present)
    contents = [v for _, v in kept]
    return Column(path, classify_values(contents), contents, [i for i, _ in kept], len(present) / max(rows, 1), odd=odd)


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
    is_whole = depth > 0 and (is_turn(value) or is_tree(value))
    if isinstance(value, dict) and depth < MAX_NESTING and not is_whole:
        for key, inner in value.items():
            yield from _iterate_leaves(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif path:
        yield path, value
