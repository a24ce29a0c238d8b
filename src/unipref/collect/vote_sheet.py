"""The sheet in which people vote on pairs: how it is written, and how it is read when they have filled it in."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from unipref import sources
from unipref.core.contracts import PairToJudge
from unipref.core.messages import show_message
from unipref.core.records import Reject, Row
from unipref.core.values import is_missing

COLUMNS = ("pair", "prompt", "first", "second", "vote", "annotator")
_FORMULA = ("=", "+", "-", "@")
"""A spreadsheet takes a cell that begins so for a formula."""

V = TypeVar("V")


class SheetVote(NamedTuple, Generic[V]):
    """What somebody voted in a row: the key of the pair, the vote, who voted if there is a name, and where."""

    pair: str
    vote: V
    annotator: str | None
    place: str


class FaultyRows(NamedTuple):
    """Rows that count for nothing: why, their number, and where the first one is."""

    why: str
    number: int
    first: str

    def describe(self, file: str) -> str:
        """Describes them as rows of a file."""
        return f"{self.number} rows of {file} count for nothing: {self.why} (first: {self.first})"


def read_sheet(
    path: Path, keys: set[str], meanings: Mapping[str, V], where: str
) -> tuple[list[SheetVote[V]], list[FaultyRows]]:
    """Reads a sheet that people have filled in: CSV, TSV, Excel or JSON Lines.

    Args:
        path: the file.
        keys: of the pairs that can be voted on.
        meanings: what may stand in the column `vote` in lower case -> the vote.
        where: what names the file, for errors.

    Returns:
        The votes in the order of the rows, and the rows that count for nothing. Rows without a vote are neither.

    Raises:
        UserError: the file is missing or cannot be read.
    """
    votes: list[SheetVote[V]] = []
    faults: Counter[str] = Counter()
    places: dict[str, str] = {}
    for part in sources.parts([str(path)], Path(), where):
        for number, row in sources.read(part):
            place = f"{path.name}:{number}"
            read = _read_row(row, keys, meanings, place)
            if isinstance(read, str):
                faults[read] += 1
                places.setdefault(read, place)
            elif read is not None:
                votes.append(read)
    return votes, [FaultyRows(why, count, places[why]) for why, count in faults.items()]


def _read_row(row: Row | Reject, keys: set[str], meanings: Mapping[str, V], place: str) -> SheetVote[V] | str | None:
    """Returns the vote of a row, or why it counts for nothing; None if the field is only empty."""
    if isinstance(row, Reject):
        return f"the row cannot be read ({row.reason})"
    if missing := [name for name in ("pair", "vote") if name not in row]:
        return f"the column '{missing[0]}' is missing"
    if is_missing(row["vote"]) or not str(row["vote"]).strip():
        return None
    word = str(row["vote"]).strip().lower()
    if word not in meanings:
        return f"the vote is none of {', '.join(meanings)}"
    key = str(row["pair"]).strip()
    if key not in keys:
        return "the pair is not of this collection"
    person = row.get("annotator")
    written = "" if is_missing(person) else str(person).strip()
    name = written.encode("utf-8", "replace").decode() or None
    return SheetVote(key, meanings[word], name, place)


def is_as_written(content: bytes) -> bool:
    """Whether a sheet has no vote, no annotator and no other form than that in which unipref writes it."""
    try:
        text = content.decode("utf-8")
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return False
    if not rows or rows[0] != list(COLUMNS) or any(len(row) != len(COLUMNS) or any(row[-2:]) for row in rows[1:]):
        return False
    return _format_rows(rows) == text


def format_sheet(pairs: Iterable[PairToJudge]) -> str:
    """Formats pairs as CSV, with empty columns for votes."""
    return _format_rows(_list_rows(pairs))


def _list_rows(pairs: Iterable[PairToJudge]) -> Iterator[Sequence[str]]:
    yield COLUMNS
    for pair in pairs:
        prompt = "\n\n".join(show_message(message) for message in pair.prompt)
        yield [pair.key, *(_as_text(cell) for cell in (prompt, pair.first, pair.second)), "", ""]


def _format_rows(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _as_text(cell: str) -> str:
    """Returns a cell that a spreadsheet takes for text. The texts are not read back: the pair joins the votes."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
