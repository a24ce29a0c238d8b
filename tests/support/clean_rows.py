"""Writes preferences to a file and cleans them, for the tests of clean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unipref.clean import CleanSettings, SplitSettings, clean
from unipref.core.messages import have_parts
from unipref.core.records import preference_schema


def preference(
    identity: str, text: str | list[dict[str, str]], group: str, source: str = "s", **sides: Any
) -> dict[str, Any]:
    said = {"chosen": "good", "rejected": "bad", **sides}
    messages = {k: None if v is None else [{"role": "assistant", "content": v}] for k, v in said.items()}
    return {
        **dict.fromkeys(preference_schema().names),
        **messages,
        "id": identity,
        "prompt": [{"role": "user", "content": text}] if isinstance(text, str) else text,
        "group": group,
        "source": source,
        "kind": "pairs",
        "objective": "instruction",
        "licence": "CC0",
        "axes": [],
        "origin": [f"{source}.jsonl:1"],
        "extra": "{}",
        "n_judgements": 1,
        "n_responses": 2,
    }


def counts(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: result[key] for key in ("train", "dev", "test", "removed")}


def run(
    rows: list[dict[str, Any]],
    folder: Path,
    split: SplitSettings | None = None,
    settings: CleanSettings | None = None,
    benchmarks: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    folder.mkdir(parents=True)
    file = folder / "preferences.parquet"
    has_parts = any(have_parts(row[side]) for row in rows for side in ("prompt", "chosen", "rejected"))
    pq.write_table(pa.Table.from_pylist(rows, preference_schema(has_parts)), file, row_group_size=7)
    (folder / "out").mkdir()
    return clean(file, split or SplitSettings(), settings or CleanSettings(), folder / "out", benchmarks)


def removed(folder: Path) -> list[dict[str, str]]:
    return pq.read_table(folder / "out/removed.parquet").to_pylist()


def part(folder: Path, name: str, column: str = "id") -> list[str]:
    return pq.read_table(folder / f"out/{name}.parquet")[column].to_pylist()


def grouped(n_groups: int, per_group: int = 3) -> list[dict[str, Any]]:
    """Makes preferences whose groups are not adjacent."""
    return [preference(f"{i}-{g}", f"{g} turn {i}", f"g{g}") for i in range(per_group) for g in range(n_groups)]
