"""Writing held-out parts without the prompts that some models were trained on."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

BATCH = 4096
"""Preferences held in memory with their text at a time."""


def drop_prompts(splits: Mapping[str, Path], files: Collection[Path], out: Path) -> dict[str, tuple[int, int]]:
    """Writes each part without the groups in the files.

    Args:
        splits: part -> its file.
        files: the preferences that models were trained on.
        out: where the parts are written, under the names of their files.

    Returns:
        Part -> how many of its preferences are left out, and of how many.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    groups = {group for file in files for batch in _batches(file, ["group"]) for group in batch["group"].to_pylist()}
    known = pa.array(sorted(groups), pa.string())
    counts = {}
    for part, path in splits.items():
        gone = n = 0
        with pq.ParquetWriter(out / path.name, pq.read_schema(path), compression="zstd") as writer:
            for batch in _batches(path):
                new = pc.invert(pc.is_in(batch["group"], value_set=known))
                n += len(batch)
                gone += len(batch) - (pc.sum(new).as_py() or 0)
                writer.write_batch(batch.filter(new))
        counts[part] = (gone, n)
    return counts


def _batches(path: Path, columns: list[str] | None = None) -> "Iterator[Any]":
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=BATCH, columns=columns)
