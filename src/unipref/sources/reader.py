"""Reads the rows of a part, each with its number in the file."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import msgspec

from unipref.core.errors import ResourceError, UserError, raise_if_resource
from unipref.core.records import Reason, Reject, Row
from unipref.sources.arrow_rows import read_arrow
from unipref.sources.compressed import Broken, chunks
from unipref.sources.csv_rows import find_delimiter, read_table
from unipref.sources.json_rows import Numbered, read_json, read_json_blocks, read_line_blocks
from unipref.sources.likely_layouts import likely_setting
from unipref.sources.nested_rows import nested_rows
from unipref.sources.oriented_rows import oriented_rows
from unipref.sources.parquet_rows import read_parquet
from unipref.sources.part import Part
from unipref.sources.reading_notes import note_row
from unipref.sources.sampled_tables import sample_table
from unipref.sources.split_files import parts
from unipref.sources.text_lines import read_lines
from unipref.sources.xlsx_rows import read_sheet

PEEK_REJECTS = 1000
PEEK_CHARACTERS = 16 << 20
"""Text after which `peek` stops: a few long rows show as much as many short ones."""


def read(part: Part) -> Iterator[Numbered]:
    """Yields the rows of a part in order, each with its number in the whole file, as a person sees it there.

    CSV, JSON Lines and lines of text are numbered by line, sheets by their rows, other files by record, from 1. Blank
    lines are skipped. If `part.orient` is set, each row is a table that holds the rows (`oriented_rows`). If
    `part.records` is set, the rows are the inner ones (`nested_rows`). Other tables are not joined: `joined` does that.

    Yields:
        (number, row), or (number, `Reject`) for a row that cannot be used. If a file is truncated or
        malformed, everything before that place comes first, and then one `Reject` with `Reason.UNREADABLE`.
    """
    rows = oriented_rows(_outer(part), part.orient) if part.orient else _outer(part)
    return nested_rows(rows, part.records) if part.records else rows


def read_in_lists(reader: Callable[[Part], Iterator[Numbered]], part: Part) -> Iterator[list[Numbered]]:
    """Yields the rows of a part in lists: `read` gives many rows where nothing is noted on them, otherwise one; all
    other readers give one.
    """
    if reader is not read or part.orient or part.records:
        return ([row] for row in reader(part))
    return _outer_blocks(part)


def _outer(part: Part) -> Iterator[Numbered]:
    return chain.from_iterable(_outer_blocks(part))


def _outer_blocks(part: Part) -> Iterator[list[Numbered]]:
    number: int | str = part.first_row - 1
    only: Row | None = None
    is_first = True
    try:
        for block in _row_blocks(part):
            number, row = block[-1]
            only = row if is_first and len(block) == 1 and isinstance(row, dict) else None
            is_first = False
            yield block
    except (MemoryError, OSError, ResourceError) as error:
        raise_if_resource(error, part.origin)
        raise UserError(f"{error}.", where=part.origin, mend="Check that the file can be read.") from error
    except Broken as fault:
        last = int(str(number).partition(".")[0])
        before = f"after row {last}" if last else "from the beginning"
        reject = Reject(Reason.UNREADABLE, f"'{part.origin}' cannot be read {before}: {fault}")
        yield [(last + 1, reject)]
    if part.shape == "json" and only and not (part.orient or part.records):
        _note_table(part, only)


def _note_table(part: Part, row: Row) -> None:
    """Notes that the only row of a file may be a whole table."""
    if setting := likely_setting(row):
        note_row(f"'{part.origin}' is one object and read as one row; if it is a table of rows, set '{setting}'")


def _row_blocks(part: Part) -> Iterator[list[Numbered]]:
    if part.shape != "jsonl" or part.fault:
        return ([row] for row in _rows(part))
    if part.start == 0 and part.end is None:
        return read_json_blocks(chunks(part), part.row_limit, usual="lines")
    return read_line_blocks(chunks(part), part.first_row, part.row_limit)


def _rows(part: Part) -> Iterator[Numbered]:
    """Yields the rows of a part that is not JSON Lines, or cannot be read."""
    if part.fault:
        return iter([(1, Reject(Reason.UNREADABLE, part.fault))])
    if part.shape == "parquet":
        return read_parquet(part)
    if part.shape == "arrow":
        return read_arrow(part)
    if part.shape == "xlsx":
        return read_sheet(part)
    if part.shape == "json":
        return read_json(chunks(part), part.row_limit)
    if part.shape in ("csv", "tsv"):
        return read_table(chunks(part), "," if part.shape == "csv" else "\t", part.row_limit, dict(part.csv))
    return read_lines(chunks(part), part.row_limit)


def peek(path: Path, n: int, orient: str = "", records: str = "") -> list[Row]:
    """The first `n` usable rows of a file, glob or folder, without reading the rest.

    Skips rows that cannot be used, at most 1,000 of them. Stops early when the rows are long. Of a large table in one
    object, that object has only the first `n` rows.

    Args:
        path: of the file, glob or folder.
        n: most rows.
        orient: as in `Part`.
        records: as in `Part`.

    Raises:
        UserError: as `parts`.
    """
    rows: list[Row] = []
    rejects = characters = 0
    for given in parts([str(path)], Path(), str(path), cut_bytes=None):
        part = msgspec.structs.replace(given, orient=orient, records=records)
        table = sample_table(part, n)
        if table is not None:
            _note_table(part, table)
        for _, row in read(part) if table is None else [(1, table)]:
            if isinstance(row, Reject):
                rejects += 1
            else:
                rows.append(row)
                characters += _count_characters(row)
            if len(rows) >= n or rejects >= PEEK_REJECTS or characters >= PEEK_CHARACTERS:
                return rows
    return rows


def unusual_delimiter(path: Path) -> str | None:
    """Returns the character between the cells of a CSV or TSV file, if it is not the usual one for the file's ending.

    Of a folder, glob or archive, the first file decides. None for files of other shapes, and for the usual one.
    """
    part = next(iter(parts([str(path)], Path(), str(path), cut_bytes=None)), None)
    if part is None or part.fault or part.shape not in ("csv", "tsv"):
        return None
    usual = "," if part.shape == "csv" else "\t"
    try:
        delimiter = find_delimiter(chunks(part), usual)
    except Broken:
        return None
    return None if delimiter == usual else delimiter


def _count_characters(row: Row) -> int:
    """Returns the length of all texts in a row, nested to any depth."""
    count, pending = 0, list[object]([row])
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            count += len(value)
        elif isinstance(value, dict):
            pending += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            pending += value
    return count
