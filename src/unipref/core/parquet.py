"""Streams Parquet files that unipref wrote, one batch of rows in memory at a time, with one error for unreadable files.

`sources/parquet_rows.py` reads users' own files. There, an unreadable row group is a rejected row.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core.errors import UserError, first_line, raise_if_resource
from unipref.core.work_progress import RowCount

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS_AT_ONCE, BYTES_AT_ONCE = 4096, 64 << 20
GROUP_ROWS = 1024
"""Most rows of a row group that unify and clean write. They end it earlier where its rows have `BYTES_AT_ONCE`."""
FEW_ROWS = 128
"""Most rows that are decoded before their size is looked at, in files with larger row groups."""
MEND = "Run the stage that writes this file again."


def read_batches(
    path: Path,
    columns: Sequence[str] | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
    mend: str = MEND,
    few: int | None = None,
    shown: str = "",
) -> "Iterator[pa.RecordBatch]":
    """Yields the record batches of a file, in order.

    Args:
        path: the Parquet file.
        columns: names of the columns to read, or paths inside one (`chosen.list.element.role`); None: all.
        rows_at_once: most rows of a batch; fewer if the rows are long.
        mend: how to fix an unreadable file, for the error.
        few: most rows that are decoded before their size is looked at; None: as many as the row groups allow. Each
            time costs as much as many rows of numbers.
        shown: what the rows are read for, to report the progress; empty: nothing is reported.

    Raises:
        UserError: the file is missing or damaged, or has no such column.
    """
    yield from _report(_read_batches(path, columns, rows_at_once, mend, few), path, mend, shown)


def _report(batches: "Iterator[pa.RecordBatch]", path: Path, mend: str, shown: str) -> "Iterator[pa.RecordBatch]":
    """Yields the batches of a file, and reports the rows that the caller is done with."""
    count = RowCount(shown, count_rows(path, mend) if shown else 0)
    for batch in batches:
        yield batch
        count.add(len(batch))


def _read_batches(
    path: Path, columns: Sequence[str] | None, rows_at_once: int, mend: str, few: int | None
) -> "Iterator[pa.RecordBatch]":
    """Yields as `read_batches` does. It reports nothing, so an error of what shows progress is not one of the file."""
    with _open(path, mend) as file:
        if missing := [name for name in columns or () if name.partition(".")[0] not in file.schema_arrow.names]:
            raise UserError(f"the file has no column {', '.join(missing)}.", where=str(path), mend=mend)
        yield from _gather(_decode(file, columns, rows_at_once, few), rows_at_once)


def read_ahead(
    path: Path,
    columns: Sequence[str] | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
    mend: str = MEND,
    shown: str = "",
) -> "Iterator[pa.RecordBatch]":
    """Yields as `read_batches` does; a thread decodes the next batch while the caller works on this one."""
    batches = _read_batches(path, columns, rows_at_once, mend, None)
    yield from _report(_advance_in_thread(batches), path, mend, shown)


def _advance_in_thread(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = thread.submit(next, batches, None)
            yield batch


def read_rows(
    path: Path,
    columns: Sequence[str] | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
    mend: str = MEND,
    shown: str = "",
) -> Iterator[dict[str, Any]]:
    """Yields the rows of a file as dicts, in order; arguments and errors as for `read_batches`."""
    for batch in read_batches(path, columns, rows_at_once, mend, shown=shown):
        yield from list_rows(batch, path, mend)


def list_rows(batch: "pa.RecordBatch", path: Path, mend: str = MEND) -> list[dict[str, Any]]:
    """Lists the rows of a batch of a file as dicts.

    Raises:
        UserError: a text in the file is not UTF-8.
    """
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except UnicodeDecodeError as error:
        raise UserError(f"the file cannot be read as Parquet: {error}.", where=str(path), mend=mend) from error
    return rows


def split_rows(path: Path, least: int, mend: str = MEND) -> list[range]:
    """Splits the rows of a file into ranges of whole row groups, each of at least so many rows, but for the last.

    Errors as for `read_batches`.
    """
    with _open(path, mend) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
    ranges, start, end = list[range](), 0, 0
    for size in sizes:
        end += size
        if end - start >= least:
            ranges.append(range(start, end))
            start = end
    return [*ranges, range(start, end)] if end > start else ranges


def read_range(
    path: Path, rows: range, columns: Sequence[str], rows_at_once: int = ROWS_AT_ONCE, mend: str = MEND
) -> Iterator[dict[str, Any]]:
    """Yields the rows of a file from one row number to another as dicts; arguments and errors as for `read_batches`."""
    with _open(path, mend) as file:
        groups, start, skipped = list[int](), 0, 0
        for number in range(file.metadata.num_row_groups):
            end = start + file.metadata.row_group(number).num_rows
            if start < rows.stop and rows.start < end:
                skipped = rows.start - start if not groups else skipped
                groups.append(number)
            start = end
        batches = _decode(file, columns, rows_at_once, None, groups)
        yield from itertools.islice(
            (row for batch in _gather(batches, rows_at_once) for row in list_rows(batch, path, mend)),
            skipped,
            skipped + len(rows),
        )


def count_rows(path: Path, mend: str = MEND) -> int:
    """Returns the number of rows of a file; errors as for `read_batches`."""
    with _open(path, mend) as file:
        return int(file.metadata.num_rows)


def write_plain(path: Path, schema: "pa.Schema") -> "pq.ParquetWriter":
    """Opens a file that is written and read once, and so is neither packed nor searched for repeated values."""
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema, compression="none", use_dictionary=False, write_statistics=False)


@contextmanager
def write_beside(
    path: Path, schema: "pa.Schema", compression: str = "zstd"
) -> "Iterator[Callable[[pa.RecordBatch | pa.Table], None]]":
    """Opens a file, and yields a function that writes rows in a thread, while the caller makes the next ones.

    The function first waits for the rows before, and raises their error.
    """
    import pyarrow.parquet as pq

    pending: list[Future[None]] = []
    with pq.ParquetWriter(path, schema, compression=compression) as file, ThreadPoolExecutor(1) as thread:

        def write(rows: "pa.RecordBatch | pa.Table") -> None:
            while pending:
                pending.pop().result()
            pending.append(thread.submit(file.write, rows))

        yield write
        while pending:
            pending.pop().result()


def read_schema(path: Path) -> "pa.Schema":
    """Returns the Arrow schema of a file; errors as for `read_batches`."""
    with _open(path, MEND) as file:
        return file.schema_arrow


def _decode(
    file: "pq.ParquetFile",
    columns: Sequence[str] | None,
    rows_at_once: int,
    few: int | None,
    groups: Sequence[int] | None = None,
) -> "Iterator[pa.RecordBatch]":
    """Decodes the rows of a file, or of some of its row groups, in order.

    A row group of at most `GROUP_ROWS` was cut by its size too, so it is decoded at once; two together may be too long.
    """
    groups = range(file.metadata.num_row_groups) if groups is None else groups
    names = None if columns is None else list(columns)
    longest = max((file.metadata.row_group(number).num_rows for number in groups), default=0)
    if few is not None or longest > GROUP_ROWS:
        yield from file.iter_batches(min(few or FEW_ROWS, rows_at_once), row_groups=list(groups), columns=names)
        return
    for number in groups:
        yield from file.iter_batches(min(GROUP_ROWS, rows_at_once), row_groups=[number], columns=names)


def _gather(batches: "Iterator[pa.RecordBatch]", rows_at_once: int) -> "Iterator[pa.RecordBatch]":
    """Joins small batches to batches of `rows_at_once` rows, or of about `BYTES_AT_ONCE` where the rows are long.

    The file does not tell how long its rows are: a value that repeats is stored once.
    """
    import pyarrow as pa

    pending: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        start = 0
        # Few rows at a time only where so many could be too long.
        most = len(batch) if size + batch.nbytes < BYTES_AT_ONCE else FEW_ROWS
        while start < len(batch):
            part = batch.slice(start, min(rows_at_once - rows, most))
            start += len(part)
            pending.append(part)
            rows, size = rows + len(part), size + part.nbytes
            if rows == rows_at_once or size >= BYTES_AT_ONCE:
                yield pa.concat_batches(pending)
                pending, rows, size = [], 0, 0
    if pending:
        yield pa.concat_batches(pending)


@contextmanager
def _open(path: Path, mend: str) -> "Iterator[pq.ParquetFile]":
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UserError("the file is missing.", where=str(path), mend=mend)
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise_if_resource(error, str(path))
        what = f"the file cannot be read as Parquet: {first_line(error)}."
        raise UserError(what, where=str(path), mend=mend) from error
