"""Writes held-out parts without the prompts that some models were trained on."""

from collections.abc import Collection, Mapping
from pathlib import Path

from unipref.core import parquet


def write_without_prompts(splits: Mapping[str, Path], files: Collection[Path], out: Path) -> dict[str, tuple[int, int]]:
    """Writes each part without the prompt groups that occur in the files.

    Args:
        splits: part -> its file.
        files: the preferences that the models were trained on.
        out: folder for the parts, which keep their file names.

    Returns:
        Part -> number of preferences left out, and of all preferences.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    groups = {row["group"] for file in files for row in parquet.read_rows(file, ["group"])}
    trained_on = pa.array(sorted(groups), pa.string())
    counts = {}
    for part, path in splits.items():
        left_out = n = 0
        with pq.ParquetWriter(out / path.name, parquet.read_schema(path), compression="zstd") as writer:
            for batch in parquet.read_batches(path):
                unseen = pc.invert(pc.is_in(batch["group"], value_set=trained_on))
                n += len(batch)
                left_out += len(batch) - (pc.sum(unseen).as_py() or 0)
                writer.write_batch(batch.filter(unseen))
        counts[part] = (left_out, n)
    return counts
