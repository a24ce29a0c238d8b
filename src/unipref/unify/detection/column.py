"""One field of some rows with all its values: their kind and what the values alone tell about it."""

import functools
import itertools
import re
from dataclasses import dataclass, field
from typing import Any

from unipref.unify.detection.foreign_names import to_english
from unipref.unify.detection.kinds import MAX_CODES, count_words, read_score_text
from unipref.unify.detection.name_words import split_words

IDENTIFIER = re.compile(r"[\w.:/@+#-]+")
GENERIC_NAMES = {"value", "text", "content", "total", "data", "body", "string", "raw", "mean", "average", "avg", "full"}
"""Last parts of paths that say nothing without the part before."""
DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ,].*)?|"
    r"(\w{3,9},? )?(\d{1,2} )?\w{3,9}\.? (\d{1,2},? )?\d{4}([T ,].*)?|\d{1,2}:\d{2}(:\d{2})?( ?[ap]m)?",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"(https?|ftp|s3|gs|file|weave)://\S+|[\w.+-]+@[\w-]+\.[\w.]+")
MAX_PLAIN_CHARACTERS = 200
"""Longest value that is compared with patterns of dates and addresses."""
SHINGLE_SIZE = 5
MAX_COMPARED_ROWS = 60
MAX_COMPARED_CHARACTERS = 600


@dataclass(frozen=True, eq=False)
class Column:
    """All values of one field, nested ones by their path.

    Attributes:
        kind: text, transcript, turns, turn, texts, numbers, flags, items (mappings), exchanges (pairs of texts), flag,
            code, number, messages_tree, empty or other.
        values: the values that are not null or empty, in row order.
        rows: the row number of each value.
        share: the share of rows that have a value.
        odd: the different texts that are not among the values, because the others are numbers or verdicts: 'N/A'.
    """

    path: str
    kind: str
    values: list[Any]
    rows: list[int]
    share: float
    odd: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The last part of the path, in lower case."""
        return self.path.rsplit(".", 1)[-1].lower()

    @functools.cached_property
    def words(self) -> list[str]:
        """The words of the column's name, in English where they are known. Of `output.value`, both parts count."""
        *before, last = self.path.split(".")
        words = split_words(last)
        if before and {*words} <= GENERIC_NAMES:
            words = [*split_words(before[-1]), *words]
        return [to_english(word) for word in words]

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
        """The values as numbers, also of texts such as '4,5', '80%' and '4/5'; empty unless all are finite numbers."""
        numbers: list[float] = []
        for value in self.values:
            if (number := read_score_text(value)) is None:
                return []
            numbers.append(number)
        return numbers

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

    @functools.cached_property
    def holds_dates_or_addresses(self) -> bool:
        """Whether the values are dates, times, web addresses or e-mail addresses."""
        texts = [v.strip() for v in self.values if isinstance(v, str) and len(v) <= MAX_PLAIN_CHARACTERS]
        if len(texts) < len(self.values) or not texts:
            return False
        matching = sum(bool(DATE.fullmatch(v) or ADDRESS.fullmatch(v)) for v in texts)
        return matching > 0.9 * len(texts)

    @property
    def is_category(self) -> bool:
        """Whether the values repeat so often that they divide the rows into categories."""
        return self.kind == "code" or (self.mean_length <= 30 and self.n_distinct <= len(self.values) / 8)

    @functools.cached_property
    def mean_words(self) -> float:
        """Mean number of words of the values as text."""
        return sum(count_words(str(v)[:MAX_COMPARED_CHARACTERS]) for v in self.values) / max(len(self.values), 1)

    @functools.cached_property
    def shingles(self) -> dict[int, set[str]]:
        """Row number -> the runs of five characters in the beginning of its value, for the first rows."""
        return {
            row: _make_shingles(str(value))
            for row, value in itertools.islice(zip(self.rows, self.values, strict=True), MAX_COMPARED_ROWS)
        }

    def has_name(self, *words: str) -> bool:
        """Whether the column's name contains one of `words`, or all parts of one such as `pos_response`."""
        mine = self._word_set
        if not mine.isdisjoint(words) or self.name in words:
            return True
        return any("_" in word and mine.issuperset(word.split("_")) for word in words)

    @functools.cached_property
    def _word_set(self) -> frozenset[str]:
        return frozenset(self.words)


def _make_shingles(content: str) -> set[str]:
    content = content[:MAX_COMPARED_CHARACTERS].lower()
    return {content[i : i + SHINGLE_SIZE] for i in range(max(len(content) - SHINGLE_SIZE + 1, 1))}
