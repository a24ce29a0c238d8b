"""Runs made by hand: a folder with the preferences, rejects and books a test spells out."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.audit_rows import books
from unipref.core.records import preference_schema, reject_schema


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run; `changes` are laid over the pages of the manifest, source by source."""

    def make(
        preferences: list[dict[str, Any]], rejects: Sequence[dict[str, Any]] = (), **changes: dict[str, Any]
    ) -> Path:
        unified = tmp_path / "run" / "unified"
        unified.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(preferences, preference_schema()), unified / "preferences.parquet")
        pq.write_table(pa.Table.from_pylist([*rejects], reject_schema()), unified / "rejects.parquet")
        names = dict.fromkeys([row["source"] for row in [*preferences, *rejects]])
        pages = {name: books(preferences, rejects, name) | changes.get(name, {}) for name in names}
        (unified.parent / "manifest.json").write_text(json.dumps({"sources": pages}))
        return unified.parent

    return make
