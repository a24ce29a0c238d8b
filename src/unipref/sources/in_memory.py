"""Rows in memory -> a JSON Lines file, so that the pipeline reads them like rows on disk."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import xxhash

from unipref.core.errors import UserError
from unipref.sources.arrow_values import batch_rows
from unipref.sources.json_values import plain, without_nan

Rows: TypeAlias = Iterable[Mapping[str, Any]] | Any
"""An iterable of mappings, a pandas or polars DataFrame, or an Arrow table."""

SLICE_ROWS = 4096


def spill_rows(rows: Rows, folder: Path) -> Path:
    """Writes rows as JSON Lines into a folder, in a file named by its content: the same rows, the same file.

    Args:
        rows: what to write. `json_values.plain` converts the values; a DataFrame's NaN is a missing value, like None.
        folder: created if missing.

    Returns:
        The file.

    Raises:
        UserError: not such an iterable, or a value that JSON cannot hold (with its row and field).
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = xxhash.xxh3_128()
    aside = folder / f".rows-{uuid.uuid4().hex}.partial"
    try:
        with open(aside, "wb") as file:
            for number, row in enumerate(_rows(rows), 1):
                line = _line(row, number)
                digest.update(line)
                file.write(line)
        path = folder / f"{digest.hexdigest()}.jsonl"
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return path


def _rows(rows: Any) -> Iterator[Any]:
    """Iterates over the rows, one slice of a table at a time."""
    if hasattr(rows, "iter_rows"):  # polars
        return (_without_missing(row) for row in rows.iter_rows(named=True))
    if hasattr(rows, "iloc") and hasattr(rows, "to_dict"):  # pandas
        slices = (rows.iloc[start : start + SLICE_ROWS] for start in range(0, len(rows), SLICE_ROWS))
        return (_without_missing(row) for piece in slices for row in piece.to_dict("records"))
    if hasattr(rows, "to_batches"):  # Arrow
        return (row for batch in rows.to_batches(max_chunksize=SLICE_ROWS) for row in batch_rows(batch))
    if isinstance(rows, Iterable) and not isinstance(rows, str | bytes | Mapping):
        return iter(rows)
    raise UserError(
        f"rows must be an iterable of dicts or a DataFrame; this is a {type(rows).__name__}.",
        mend="Give a list of dicts, a pandas or polars DataFrame, or the path of a file.",
    )


def _without_missing(row: Mapping[str, Any]) -> Any:
    return {name: without_nan(plain(value)) for name, value in row.items()}


def _line(row: Any, number: int) -> bytes:
    """One row as a line of JSON. A row that is not a mapping is written too, and rejected for that reason when read."""
    try:
        text = json.dumps(plain(row), ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise UserError(f"{error}.", where=_place(row, number), mend="Convert it to text or a number first.") from error
    return text.encode("utf-8", "surrogatepass") + b"\n"


def _place(row: Any, number: int) -> str:
    """The row, and the field whose value cannot be written."""
    if isinstance(row, Mapping):
        for name, value in row.items():
            try:
                plain(value)
            except (TypeError, ValueError):
                return f"row {number}, field '{name}'"
    return f"row {number}"
