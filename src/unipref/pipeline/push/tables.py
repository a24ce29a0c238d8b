"""Writes a table as the Parquet files of a split, named as the hub's datasets are, a batch of rows at a time."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from unipref.core.records import Row

ROWS_PER_FILE = 250_000
BATCH = 1_000


class TableWriter:
    """Writes rows as `SPLIT-00000-of-00002.parquet` and so on.

    Args:
        folder: for the files; made with the first row.
        split: the first part of their names.
        schema: of the rows.
        most: most rows that are added: it gives the number of files.
    """

    def __init__(self, folder: Path, split: str, schema: Any, most: int) -> None:
        self.folder, self.split, self.schema = folder, split, schema
        self.rows = 0
        self._files = max(1, -(-most // ROWS_PER_FILE))
        self._pending: list[Row] = []
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._write()
        self._close()
        if kind is None:
            self._rename()

    def add(self, row: Row) -> None:
        """Adds a row."""
        self._pending.append(row)
        self.rows += 1
        if len(self._pending) == BATCH or self.rows % ROWS_PER_FILE == 0:
            self._write()
        if self.rows % ROWS_PER_FILE == 0:
            self._close()

    def _write(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._pending:
            return
        if self._writer is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            place = self.folder / self._name((self.rows - 1) // ROWS_PER_FILE, self._files)
            self._writer = pq.ParquetWriter(place, self.schema, compression="zstd")
        self._writer.write_batch(pa.RecordBatch.from_pylist(self._pending, schema=self.schema))
        self._pending.clear()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _rename(self) -> None:
        """Corrects the number of files, if fewer rows were added than there could have been."""
        files = max(1, -(-self.rows // ROWS_PER_FILE))
        for number in range(files if files != self._files and self.rows else 0):
            (self.folder / self._name(number, self._files)).rename(self.folder / self._name(number, files))

    def _name(self, number: int, of: int) -> str:
        return f"{self.split}-{number:05d}-of-{of:05d}.parquet"
