"""Reads the CSV and TSV tables of published benchmarks: a header line, and all required columns present."""

import csv
from collections.abc import Collection
from pathlib import Path
from typing import Any

from unipref.core.errors import UserError, near_name


def find_data_file(data: Path, name: str) -> Path:
    """Finds a file in a benchmark's folder; if the benchmark's data are a single file, that file.

    Raises:
        UserError: the file is missing.
    """
    path = data if data.is_file() else data / name
    if not path.is_file():
        names = [entry.name for entry in data.iterdir()] if data.is_dir() else []
        raise UserError(f"the file {name} is missing.", where=str(data), mend=near_name(name, names))
    return path


def read_table(
    path: Path, columns: Collection[str], delimiter: str = ",", also: Collection[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """Reads the given columns of a table, each row with the number of its first line; other columns are ignored.

    Args:
        path: a file with a header line; quoted cells may hold line breaks only if the delimiter is a comma.
        columns: columns that must be present and filled in every row.
        delimiter: the character between cells.
        also: further columns to read; empty text where a table or a row lacks one.

    Raises:
        UserError: the file cannot be read or has no rows, or a column or a cell is missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            is_quoted = delimiter == ","
            records = _numbered_records(
                csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE)
            )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"the file cannot be read as a table: {error}.", where=str(path)) from error
    header = records[0][1] if records else []
    for name in columns:
        if name not in header:
            raise UserError(
                f"the table has no column '{name}'; its columns are: {', '.join(filter(None, header)) or 'none'}.",
                where=str(path),
                mend=near_name(name, list(filter(None, header))),
            )
    rows = [(line, dict.fromkeys(header, "") | dict(zip(header, cells, strict=False))) for line, cells in records[1:]]
    if not rows:
        raise UserError("the table has no rows.", where=str(path))
    for line, row in rows:
        if missing := next((name for name in columns if not row[name].strip()), None):
            raise UserError(f"the row is empty in column '{missing}'.", where=row_location(path, line))
    return [
        (line, {name: row[name] for name in columns} | {name: row.get(name, "").strip() for name in also})
        for line, row in rows
    ]


def _numbered_records(reader: Any) -> list[tuple[int, list[str]]]:
    """Returns the records of a `csv.reader` that are not blank, each with the number of the line on which it begins."""
    records = []
    line = 1
    for cells in reader:
        records += [(line, cells)] if cells else []
        line = reader.line_num + 1
    return records


def row_location(path: Path, line: int) -> str:
    """Names a row in messages by its line, from 1: `file:line`."""
    return f"{path}:{line}"
