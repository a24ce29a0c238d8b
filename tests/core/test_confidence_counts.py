"""How many preferences have a confidence, counted from the columns of a table."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.audit_rows import preference
from unipref.core.errors import UserError
from unipref.core.records import preference_schema
from unipref.core.run_folder import ConfidenceCounts, count_confidence


def row(source: str, confidence: float | None, rejected: str | None = "no", n: int = 1) -> dict[str, Any]:
    return preference(source, "f:1", "Why?", "yes", rejected) | {"confidence": confidence, "n_judgements": n}


def test_pairs_with_and_without_a_confidence_are_counted_by_source(tmp_path: Path) -> None:
    rows = [row("a", 0.7), row("a", 1.0, n=3), row("a", 0.0), row("a", 0.449), row("a", None), row("a", None, n=2)]
    rows += [row("a", 0.9, rejected=None), row("b", None), row("b", None)]
    path = tmp_path / "preferences.parquet"
    # Two row groups: the counts of a source add up.
    table = pa.Table.from_pylist(rows, preference_schema())
    pq.write_table(table, path, row_group_size=4)
    bins = [0] * 20
    bins[14], bins[19], bins[0], bins[8] = 1, 1, 1, 1
    counts = count_confidence(path)
    assert counts == {"a": ConfidenceCounts(7, 6, 4, 1, bins), "b": ConfidenceCounts(2, 2, 0, 2)}
    assert [one.judged_more_often for one in counts.values()] == [1, 0]


def test_a_missing_table_has_no_counts_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "preferences.parquet"
    assert count_confidence(path) == {}
    path.write_bytes(b"PAR1 cut")
    with pytest.raises(UserError, match=r"preferences\.parquet"):
        count_confidence(path)
