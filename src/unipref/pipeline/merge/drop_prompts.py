"""Writing held-out parts without the prompts that some models were trained on."""

from collections.abc import Collection, Mapping
from pathlib import Path

from unipref.core import parquet


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

    groups = {row["group"] for file in files for row in parquet.read_rows(file, ["group"])}
    known = pa.array(sorted(groups), pa.string())
    counts = {}
    for part, path in splits.items():
        gone = n = 0
        with pq.ParquetWriter(out / path.name, parquet.read_schema(path), compression="zstd") as writer:
            for batch in parquet.read_batches(path):
                new = pc.invert(pc.is_in(batch["group"], value_set=known))
                n += len(batch)
                gone += len(batch) - (pc.sum(new).as_py() or 0)
                writer.write_batch(batch.filter(new))
        counts[part] = (gone, n)
    return counts
