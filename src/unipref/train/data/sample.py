"""A sample of a preferences file, evenly spread over it, so that checks before training take seconds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ROWS = 2000
"""Most rows checked before training; a file with fewer rows is checked whole."""


def write_sample(preferences: Path, out: Path, most: int = ROWS) -> tuple[int, int]:
    """Copies at most `most` rows, evenly spread over the file and in its order.

    Returns:
        How many rows the file has, and how many were copied.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(preferences) as file:
        n = file.metadata.num_rows
        wanted = _spread(n, most)
        with pq.ParquetWriter(out, file.schema_arrow) as writer:
            start = 0
            for batch in file.iter_batches(4096):
                inside = wanted[(wanted >= start) & (wanted < start + batch.num_rows)] - start
                if len(inside):
                    writer.write_batch(batch.take(pa.array(inside)))
                start += batch.num_rows
    return n, len(wanted)


def pairs_of(sample: Path, most: int) -> list[dict[str, Any]]:
    """At most `most` two-sided preferences of a sample, evenly spread."""
    import pyarrow.parquet as pq

    rows = pq.read_table(sample, columns=["prompt", "chosen", "rejected"]).to_pylist()
    pairs = [row for row in rows if row["chosen"] and row["rejected"]]
    return [pairs[at] for at in _spread(len(pairs), most)]


def _spread(n: int, most: int) -> "npt.NDArray[np.int64]":
    """At most `most` of n positions, evenly spread and ascending."""
    import numpy as np

    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)) if n else np.empty(0, np.int64)
