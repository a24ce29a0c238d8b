"""A sample of a preferences file, evenly spread over it, so that checks before training take seconds."""

from pathlib import Path
from typing import Any

from unipref.core import parquet
from unipref.core.stats.sampling import sample_evenly

ROWS = 2000
"""Most rows checked before training; a file with fewer rows is checked whole."""


def write_sample(preferences: Path, out: Path, most: int = ROWS) -> tuple[int, int]:
    """Copies at most `most` rows, evenly spread over the file and in its order.

    Returns:
        How many rows the file has, and how many were copied.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = parquet.count_rows(preferences)
    wanted = np.array(sample_evenly(n, most), dtype=np.int64)
    with pq.ParquetWriter(out, parquet.read_schema(preferences)) as writer:
        start = 0
        for batch in parquet.read_batches(preferences):
            inside = wanted[(wanted >= start) & (wanted < start + batch.num_rows)] - start
            if len(inside):
                writer.write_batch(batch.take(pa.array(inside)))
            start += batch.num_rows
    return n, len(wanted)


def pairs_of(sample: Path, most: int) -> list[dict[str, Any]]:
    """At most `most` two-sided preferences of a sample, evenly spread."""
    rows = parquet.read_rows(sample, ["prompt", "chosen", "rejected"])
    pairs = [row for row in rows if row["chosen"] and row["rejected"]]
    return [pairs[at] for at in sample_evenly(len(pairs), most)]
