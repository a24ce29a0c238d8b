"""Writes the data files that a benchmark's `example` holds, for tests and documentation."""

import json
from pathlib import Path

from unipref.core.contracts import Benchmark


def write_example(benchmark: type[Benchmark], folder: Path) -> Path:
    """Writes `example["files"]` of a benchmark into a folder, which is made, and returns the folder.

    A file's content is text, or a list of rows: `.jsonl` has one row per line, `.json` is the list, `.parquet` a table.

    Raises:
        ValueError: rows for a file of another kind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in benchmark.example["files"].items():
        path = folder / name
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8", newline="")
        elif path.suffix == ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8", newline="")
        elif path.suffix == ".json":
            path.write_text(json.dumps(content), encoding="utf-8", newline="")
        elif path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(list(content)), path)
        else:
            raise ValueError(f"{name}: rows can be written as .jsonl, .json or .parquet; give text for other files")
    return folder
