"""Tables of text as benchmarks are published: CSV and TSV with a head line, every column that is needed present."""

import csv
from collections.abc import Collection
from pathlib import Path

from unipref.core.errors import UserError, near_name


def data_file(data: Path, name: str) -> Path:
    """The file of that name in a benchmark's folder, or the benchmark's data themselves where they are one file.

    Raises:
        UserError: there is none.
    """
    path = data if data.is_file() else data / name
    if not path.is_file():
        found = [entry.name for entry in data.iterdir()] if data.is_dir() else []
        raise UserError(f"the file {name} is missing.", where=str(data), mend=near_name(name, found))
    return path


def read_table(path: Path, columns: Collection[str], delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of a table, with these columns; others are passed over. `place` names a row by its position here.

    Args:
        path: a file with a head line; quoted cells may hold line breaks only where the delimiter is a comma.
        columns: what every row must have, and not empty.
        delimiter: what stands between the cells.

    Raises:
        UserError: the file cannot be read or has no rows, or a column or a cell is missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if delimiter == ",":
                reader = csv.DictReader(file)
            else:
                reader = csv.DictReader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            head = [name for name in reader.fieldnames or [] if name]
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"it cannot be read as a table: {error}.", where=str(path)) from error
    for name in columns:
        if name not in head:
            raise UserError(
                f"it has no column '{name}'; it has: {', '.join(head) or 'none'}.",
                where=str(path),
                mend=near_name(name, head),
            )
    if not rows:
        raise UserError("it has no rows.", where=str(path))
    for at, row in enumerate(rows):
        if missing := next((name for name in columns if not (row[name] or "").strip()), None):
            raise UserError(f"the row has nothing in column '{missing}'.", where=place(path, at))
    return [{name: row[name] for name in columns} for row in rows]


def place(path: Path, at: int) -> str:
    """A row for a reader: `file:row`, rows counted from 1, the head line aside."""
    return f"{path}:{at + 1}"
