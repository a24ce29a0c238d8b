"""Preferences on disk, made of what a test says about them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from unipref.core.records import preference_schema


def preference(text: str, margin: float | None = None, source: str = "a", **changes: Any) -> dict[str, Any]:
    key = xxhash.xxh3_128_hexdigest(f"{source}|{text}|{margin}".encode())
    row: dict[str, Any] = {
        "id": key,
        "prompt": [{"role": "user", "content": text}],
        "chosen": [{"role": "assistant", "content": "yes, so it is"}],
        "rejected": [{"role": "assistant", "content": "no"}],
        "source": source,
        "kind": "ratings",
        "objective": "instruction",
        "licence": "CC0-1.0",
        "axis": None if margin is None else "help",
        "chosen_score": None,
        "rejected_score": None,
        "axes": [],
        "margin": None,
        "margin_percentile": margin,
        "confidence": None,
        "n_judgements": 1,
        "n_annotators": None,
        "n_responses": 2,
        "group": key,
        "origin": ["a.jsonl:1"],
        "extra": "{}",
    }
    return row | changes


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Sequence[dict[str, Any]]], Path]:
    """Writes preferences to a new Parquet file."""

    def write_rows(rows: Sequence[dict[str, Any]]) -> Path:
        path = tmp_path / f"preferences-{len(list(tmp_path.iterdir()))}.parquet"
        pq.write_table(pa.Table.from_pylist(list(rows), schema=preference_schema()), path)
        return path

    return write_rows


@pytest.fixture
def make() -> Callable[..., dict[str, Any]]:
    """Makes one preference row: `make(text, margin, source, **other_columns)`."""
    return preference
