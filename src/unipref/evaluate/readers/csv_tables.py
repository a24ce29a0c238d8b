"""Reads the CSV and TSV tables of published benchmarks: a header line, and all required columns present."""

import csv
from collections.abc import Collection
from pathlib import Path

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
) -> list[dict[str, str]]:
    """Reads the given columns of a table; other columns are ignored. `row_location` names a row by its position here.

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
            if delimiter == ",":
                reader = csv.DictReader(file)
            else:
                reader = csv.DictReader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            header = [name for name in reader.fieldnames or [] if name]
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"the file cannot be read as a table: {error}.", where=str(path)) from error
    for name in columns:
        if name not in header:
            raise UserError(
                f"the table has no column '{name}'; its columns are: {', '.join(header) or 'none'}.",
                where=str(path),
                mend=near_name(name, header),
            )
    if not rows:
        raise UserError("the table has no rows.", where=str(path))
    for at, row in enumerate(rows):
        if missing := next((name for name in columns if not (row[name] or "").strip()), None):
            raise UserError(f"the row is empty in column '{missing}'.", where=row_location(path, at))
    return [
        {name: row[name] for name in columns} | {name: (row.get(name) or "").strip() for name in also} for row in rows
    ]


def row_location(path: Path, at: int) -> str:
    """Names a row in messages: `file:row`, counted from 1 without the header line."""
    return f"{path}:{at + 1}"
