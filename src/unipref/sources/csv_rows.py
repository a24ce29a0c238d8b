"""CSV and TSV: bytes -> numbered rows."""

import csv
import io
from collections import deque
from collections.abc import Iterator

from unipref.core.records import Reason, Reject, Row
from unipref.sources.compressed import Broken, ChunkReader
from unipref.sources.json_rows import Numbered
from unipref.sources.limits import DEFAULT_ROW, RowLimit


class TooLong(csv.Error):
    """A record has more characters than the limit."""


class _Lines:
    """The lines of a table. Those of an unfinished record are kept, so that they can be read again."""

    def __init__(self, lines: Iterator[str], limit: RowLimit = DEFAULT_ROW) -> None:
        self._lines, self._limit = lines, limit
        self._again: deque[str] = deque()
        self._size = 0
        self.pending: list[str] = []
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self._size = len(line) + (self._size if self.pending else 0)
        self.pending.append(line)
        if self._size > self._limit.size:
            raise TooLong(self._limit.reject().detail.rstrip("."))
        return line

    def give_back(self) -> None:
        """Makes all pending lines except the first come again."""
        self._again.extendleft(reversed(self.pending[1:]))
        self.pending, self.ended = [], False


def bounded_lines(text: io.TextIOBase, limit: RowLimit) -> Iterator[str]:
    """Yields the lines of a text with their ends; of one that is too long, a beginning of one character too many."""
    while line := text.readline(limit.size + 1):
        yield line
        while len(line) > limit.size and line[-1] not in "\r\n":
            line = text.readline(limit.size + 1)


def read_table(blocks: Iterator[bytes], delimiter: str, limit: RowLimit = DEFAULT_ROW) -> Iterator[Numbered]:
    """Yields the records of a CSV with a header, as strings by column; numbered from 1, without header and blank lines.

    A record with more or fewer cells than the header is a reject, and so is one with an unclosed quote: reading
    continues at the next line. Columns without a name are called `column_N`; a repeated name gets `_2`.

    Raises:
        Broken: where the blocks raise it, after the last whole record.
    """
    # The limit belongs to the process; it only ever grows here.
    csv.field_size_limit(max(csv.field_size_limit(), limit.size))
    text = io.TextIOWrapper(
        io.BufferedReader(ChunkReader(blocks)), encoding="utf-8", errors="surrogateescape", newline=""
    )
    lines = _Lines(bounded_lines(text, limit), limit)
    header: list[str] | None = None
    row = 0
    for cells in _records(lines, delimiter):
        if isinstance(cells, list) and not cells:
            continue
        if header is None:
            if isinstance(cells, Reject):
                raise Broken(f"the header cannot be read: {cells}")
            header = column_names(cells)
            continue
        row += 1
        yield row, cells if isinstance(cells, Reject) else _record(header, cells)


def _records(lines: _Lines, delimiter: str) -> Iterator[list[str] | Reject]:
    """Yields the cells of each record, or a reject for a line that is not one."""
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        lines.pending.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = Reason.OVER_LIMIT if isinstance(error, TooLong) else Reason.WRONG_TYPE
            yield Reject(reason, f"not a CSV record: {error}.")
        else:
            # Only an open quote makes the reader ask for a line after the last one.
            if not lines.ended:
                yield cells
                continue
            n_swallowed = len(lines.pending) - 1
            yield Reject(
                Reason.WRONG_TYPE,
                f"a quote is never closed; the {n_swallowed} lines after it were read as if the quote were missing."
                " Close it, or double it inside a cell.",
            )
        lines.give_back()
        reader = csv.reader(lines, delimiter=delimiter)


def column_names(header: list[str]) -> list[str]:
    """Unique column names from the cells of a header: an empty cell is `column_N`, a repeated name gets `_2`."""
    names: dict[str, None] = {}
    copies: dict[str, int] = {}
    for number, name in enumerate(header, 1):
        name = name or f"column_{number}"
        unique, copy = name, copies.get(name, 1)
        while unique in names:
            copy += 1
            unique = f"{name}_{copy}"
        copies[name] = copy
        names[unique] = None
    return list(names)


def _record(header: list[str], cells: list[str]) -> Row | Reject:
    if len(cells) != len(header):
        return Reject(
            Reason.WRONG_TYPE,
            f"the row has {len(cells)} cells, the header {len(header)}. Quote cells that hold a delimiter or a quote.",
        )
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        field = next(name for name, cell in zip(header, cells, strict=True) if not _is_text(cell))
        return Reject(Reason.NOT_TEXT, "bytes that are not UTF-8. Save the file as UTF-8.", field)
    return dict(zip(header, cells, strict=True))


def _is_text(cell: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in cell)
