"""Streams the rows of a Parquet file of preferences."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

BATCH = 1024
"""Number of preferences with their text in memory at a time."""


def stream_rows(preferences: Path, columns: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields (row number in the file, row with these columns) of every preference."""
    import pyarrow.parquet as pq

    place = 0
    with pq.ParquetFile(preferences) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=columns):
            for row in batch.to_pylist():
                yield place, row
                place += 1
