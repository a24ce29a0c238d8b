"""What the select stage writes and says."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unipref.select
from unipref.core.records import preference_schema
from unipref.select import choose
from unipref.select.candidates import join_contents, read_candidates
from unipref.select.strategies.all import All
from unipref.select.strategies.cluster_quality import ClusterQuality
from unipref.select.strategies.random import Random


def test_rows_are_written_in_input_order_with_the_same_schema(make, write, tmp_path, monkeypatch):
    # Batches of 3 over 10 rows: kept rows must be found again across batch borders.
    monkeypatch.setattr(unipref.select, "ROWS_AT_ONCE", 3)
    rows = [make(f"prompt {i}", i / 10) for i in range(10)]
    out = tmp_path / "out"
    out.mkdir()
    summary = choose(ClusterQuality(fraction=0.5, clusters=1), write(rows), out, 0, tmp_path)
    table = pq.read_table(out / "train.parquet")
    assert table.schema == preference_schema()
    expected = pa.Table.from_pylist(rows[5:], schema=preference_schema())
    assert table.to_pylist() == expected.to_pylist()
    assert summary["candidates"] == 10
    assert summary["kept"] == 5
    # (0 + .1 + … + .9) / 10 and (.5 + … + .9) / 5
    assert summary["mean_margin"] == pytest.approx([0.45, 0.7])


def test_the_summary_counts_sources_and_objectives(make, write, tmp_path):
    rows = [make("a", 0.5), make("b", None, source="b"), make("c", None, source="b", objective="bias")]
    summary = choose(All(), write(rows), tmp_path, 0, tmp_path)
    assert summary["by_source"] == {"a": [1, 1], "b": [2, 2]}
    assert summary["by_objective"] == {"bias": [1, 1], "instruction": [2, 2]}
    assert summary["mean_margin"] == [0.5, 0.5]
    assert summary["seconds"] >= 0


def test_no_rows_and_no_scores(make, write, tmp_path):
    summary = choose(All(), write([]), tmp_path, 0, tmp_path)
    assert summary["kept"] == 0
    assert summary["by_source"] == {}
    assert summary["mean_margin"] == [None, None]
    assert pq.read_schema(tmp_path / "train.parquet") == preference_schema()
    (tmp_path / "second").mkdir()
    assert choose(All(), write([make("a")]), tmp_path / "second", 0, tmp_path)["mean_margin"] == [None, None]


def test_a_fraction_that_leaves_nothing_out_is_a_warning(make, write, tmp_path):
    rows = write([make(f"prompt {i}", None) for i in range(10)])
    for unscored, kept, warnings in (
        ("keep", 10, ["all 10 candidates are kept, although the fraction is 0.4: see the notes of the selection."]),
        ("sample", 4, []),
    ):
        out = tmp_path / unscored
        out.mkdir()
        found = choose(Random(fraction=0.4, unscored=unscored), rows, out, 0, tmp_path)
        assert found["kept"] == kept
        assert [one for one in found["account"]["warnings"] if "fraction" in one] == warnings


def test_the_same_input_gives_the_same_bytes(make, write, tmp_path):
    path = write([make(f"prompt {i}", i / 10) for i in range(10)])
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        choose(ClusterQuality(), path, tmp_path / name, 0, tmp_path)
    assert (tmp_path / "one/train.parquet").read_bytes() == (tmp_path / "two/train.parquet").read_bytes()


def test_candidates_are_read_in_file_order(make, write, tmp_path):
    turns = [{"role": "user", "content": "one two"}, {"role": "assistant", "content": "three"}]
    rows = [
        make("Say  hello\nnow", 0.25, group="g1"),  # 3 words + 4 of chosen + 1 of rejected
        make("x", None, source="b", prompt=turns, rejected=None),  # 3 words + 4
    ]
    candidates = read_candidates(write(rows), tmp_path, 1)
    assert candidates.ids.tolist() == [row["id"] for row in rows]
    assert candidates.sources.tolist() == ["a", "b"]
    assert candidates.groups[0] == "g1"
    assert candidates.tokens.tolist() == [8, 7]
    assert candidates.margin_percentiles[0] == 0.25
    assert np.isnan(candidates.margin_percentiles[1])


def test_contents_are_joined_by_row_even_in_a_slice():
    lists = [[("user", "a"), ("assistant", "b")], None, [("user", "c")], []]
    messages = [None if row is None else [{"role": r, "content": c} for r, c in row] for row in lists]
    array = pa.array(messages, type=preference_schema().field("prompt").type)
    assert join_contents(array).to_pylist() == ["a\nb", "", "c", ""]
    assert join_contents(array[1:3]).to_pylist() == ["", "c"]
