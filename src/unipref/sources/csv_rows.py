"""CSV and TSV: bytes -> numbered rows."""

import csv
import io
from collections.abc import Iterator
from itertools import chain

from unipref.core.records import Reason, Reject, Row
from unipref.sources.compressed import Broken, ChunkReader
from unipref.sources.json_rows import Numbered

CELL_LIMIT = 16 << 20
"""Longest cell, in characters. The csv module's own limit of 131,072 is too short for long dialogues."""


class _Lines:
    """The lines of a table. Those of an unfinished record are kept, so that they can be read again."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.pending: list[str] = []
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.pending.append(line)
        return line

    def give_back(self) -> None:
        """Makes all pending lines except the first come again."""
        self._lines, self.pending, self.ended = chain(self.pending[1:], self._lines), [], False


def read_table(blocks: Iterator[bytes], delimiter: str) -> Iterator[Numbered]:
    """Yields the records of a CSV with a header, as strings by column; numbered from 1, without header and blank lines.

    A record with more or fewer cells than the header is a reject, and so is one with an unclosed quote: reading
    continues at the next line. Columns without a name are called `column_N`; a repeated name gets `_2`.

    Raises:
        Broken: where the blocks raise it, after the last whole record.
    """
    # The limit belongs to the process; it only ever grows here.
    csv.field_size_limit(max(csv.field_size_limit(), CELL_LIMIT))
    text = io.TextIOWrapper(
        io.BufferedReader(ChunkReader(blocks)), encoding="utf-8", errors="surrogateescape", newline=""
    )
    lines = _Lines(iter(text.readline, ""))
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
            yield Reject(Reason.WRONG_TYPE, f"not a CSV record: {error}.")
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
    names: list[str] = []
    for number, name in enumerate(header, 1):
        name = name or f"column_{number}"
        unique, copy = name, 2
        while unique in names:
            unique, copy = f"{name}_{copy}", copy + 1
        names.append(unique)
    return names


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
