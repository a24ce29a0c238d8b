"""What the columns of some raw rows hold, so that a format can say whether the rows are of its shape.

Content and structure count, file names never do. Which end of a scale or which side is better is taken from a field's
name only where the name says it (`rejected`, `stars`); otherwise it is `ASK`, and the study entry asks for it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from unipref.records import Row

ASK = "?"
"""Stands in a proposed mapping for what the data cannot tell; a study with it in is refused."""

TRANSCRIPT = re.compile(r"^\s*Human:.*\n\nAssistant:", re.DOTALL)
MAX_NESTING = 3
FEW = 10


@dataclass(frozen=True)
class Guess:
    """How a format would read some rows.

    Attributes:
        map: the format's settings.
        confidence: in [0, 1]: how sure it is that the rows are of this shape.
        why: what speaks for it.
        doubts: what the rows do not tell.
    """

    map: dict[str, Any]
    confidence: float
    why: list[str]
    doubts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Column:
    """All values of one field, nested ones by their path.

    Attributes:
        kind: text, transcript, turns, turn, texts, flag, code, number, messages_tree, empty or other.
        values: those that are not null, in row order.
        share: of the rows that have one.
    """

    path: str
    kind: str
    values: list[Any]
    share: float

    @property
    def name(self) -> str:
        """The last part of the path, lower case."""
        return self.path.rsplit(".", 1)[-1].lower()

    @property
    def distinct(self) -> int:
        """How many different values it has."""
        return len({str(value) for value in self.values})

    @property
    def mean_length(self) -> float:
        """Mean length of its values as text, in characters."""
        return sum(len(str(value)) for value in self.values) / max(len(self.values), 1)

    def called(self, *words: str) -> bool:
        """Whether its name holds one of the words."""
        return any(word in re.split(r"[^a-z0-9]+", self.name) or word == self.name for word in words)


class Columns:
    """The columns of some rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        found: dict[str, list[Any]] = {}
        for row in rows:
            for path, value in _leaves(row, "", 0):
                found.setdefault(path, []).append(value)
        self.all = [_column(path, values, len(rows)) for path, values in found.items()]

    def of(self, *kinds: str) -> list[Column]:
        """The columns of these kinds, in the order of the rows' fields."""
        return [column for column in self.all if column.kind in kinds]

    def named(self, kinds: Sequence[str], *words: str) -> Column | None:
        """The first column of these kinds whose name holds one of the words; earlier words go first."""
        for word in words:
            for column in self.of(*kinds):
                if column.called(word):
                    return column
        return None

    def prompt_and_answer(self) -> tuple[list[str], str, float] | None:
        """Paths of the prompt's parts, path of the answer, and how sure that is; None when there are no two texts."""
        texts = [c for c in self.of("text") if c.share > 0.5]
        answer = self.named(["text"], "response", "output", "answer", "completion", "reply", "system_output")
        first = self.named(["text"], "prompt", "instruction", "question", "query", "source", "input")
        if answer is not None and first is not None and answer is not first:
            more = [
                c.path
                for c in self.of("text", "empty")
                if c not in (answer, first) and c.called("input", "context") and any(c.values)
            ]
            return [first.path, *more], answer.path, 0.9
        long = sorted(texts, key=lambda c: -c.mean_length)[:2]
        if len(long) < 2:
            return None
        repeated = min(long, key=lambda c: c.distinct)
        other = next(c for c in long if c is not repeated)
        if repeated.distinct < other.distinct:
            return [repeated.path], other.path, 0.5
        ahead, behind = sorted(long, key=self.all.index)
        return [ahead.path], behind.path, 0.3


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and depth < MAX_NESTING and not _is_turn(value) and not _is_tree(value):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif path:
        yield path, value


def _column(path: str, values: list[Any], rows: int) -> Column:
    present = [v for v in values if v is not None and v != "" and v != []]
    return Column(path, _kind(present), present, len(present) / max(rows, 1))


def _kind(values: list[Any]) -> str:
    if not values:
        return "empty"
    if all(isinstance(v, bool) for v in values) or {str(v).lower() for v in values} <= {"true", "false"}:
        return "flag"
    if all(isinstance(v, list) for v in values):
        inner = [item for value in values for item in value]
        if inner and all(isinstance(item, str) for item in inner):
            return "texts"
        return "turns" if inner and all(_is_turn(item) for item in inner) else "other"
    if all(_is_turn(v) for v in values):
        return "turn"
    if all(_is_tree(v) for v in values):
        return "messages_tree"
    if all(isinstance(v, int | float) or _is_number(v) for v in values):
        numbers = {v if isinstance(v, int) else float(v) for v in values}
        whole = all(isinstance(v, int) or v.is_integer() for v in numbers)
        return "code" if whole and len(numbers) <= FEW else "number"
    if all(isinstance(v, str) for v in values):
        if sum(bool(TRANSCRIPT.match(v)) for v in values) > len(values) / 2:
            return "transcript"
        few = len({*values}) <= min(FEW, len(values) / 3)
        # One word: a short prompt that comes back with other answers is no code.
        return "code" if few and max(map(len, values)) <= 24 and not any(" " in v.strip() for v in values) else "text"
    return "other"


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and ({"role", "content"} <= value.keys() or {"from", "value"} <= value.keys())


def _is_tree(value: Any) -> bool:
    return isinstance(value, dict) and replies_key(value) is not None


def replies_key(node: Row) -> str | None:
    """The key under which a message holds its replies: a list of mappings with that key or the same text key."""
    for key, below in node.items():
        if isinstance(below, list) and below and all(isinstance(child, dict) for child in below):
            shared = [set(child) & set(node) - {key} for child in below]
            texts = [k for k in set.intersection(*shared) if all(isinstance(c[k], str) for c in [node, *below])]
            if len(texts) >= 2:
                return key
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d+)?", value.strip()) is not None
