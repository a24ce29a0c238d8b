"""Arrays made from buffers are those that pyarrow makes, and neither they nor a small unify import pandas."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import trials
from unipref.core import arrow_arrays
from unipref.core.records import preference_schema

NAMED = pa.struct([("name", pa.string()), ("size", pa.float64())])
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): st.text(),
    pa.int32(): st.integers(-5, 5),
    pa.int64(): st.integers(-(2**60), 2**60),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.list_(pa.string()): st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=3),
    NAMED: st.fixed_dictionaries({}, optional={"name": st.text(max_size=3), "size": st.none()}),
    pa.list_(NAMED): st.lists(st.one_of(st.none(), st.just({"name": "a", "size": 2.0})), max_size=3),
}


@pytest.mark.parametrize("kind", VALUES, ids=str)
@settings(max_examples=trials.count(50, 1000), derandomize=True, deadline=None)
@given(data=st.data())
def test_values_become_the_same_array(kind: pa.DataType, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.one_of(st.none(), VALUES[kind]), max_size=5))
    array = arrow_arrays.from_values(values, kind)
    array.validate(full=True)
    assert array.equals(pa.array(values, kind))


@pytest.mark.parametrize("count", [0, 1, arrow_arrays.MANY_ROWS])
def test_rows_become_the_same_table(count: int) -> None:
    row = {"id": "é", "prompt": [{"role": "user", "content": "Why?"}], "axes": [], "margin": 0.5, "n_responses": 3}
    rows = [row, {**row, "chosen": None}] * count
    table = arrow_arrays.from_rows(rows, preference_schema())
    assert table.equals(pa.Table.from_pylist(rows, preference_schema()))


@settings(max_examples=trials.count(50, 1000), derandomize=True, deadline=None)
@given(values=st.lists(st.one_of(st.none(), st.integers(-9, 9)), max_size=20), start=st.integers(0, 20))
def test_numbers_and_flags_are_read_as_written(values: list[int | None], start: int) -> None:
    array = pa.array(values, pa.float64()).slice(start)
    expected = np.array(values[start:], dtype=np.float64)
    np.testing.assert_array_equal(arrow_arrays.read_numbers(array), expected)
    np.testing.assert_array_equal(arrow_arrays.read_flags(array.is_null()), np.isnan(expected))
    assert arrow_arrays.from_numbers(expected, np.isnan(expected)).equals(array)
    assert arrow_arrays.from_flags(np.isnan(expected)).equals(array.is_null())


def test_repeated_texts_and_lists() -> None:
    assert arrow_arrays.repeat_text("é", 2).to_pylist() == ["é", "é"]
    assert arrow_arrays.take_texts(["a", "b"], np.array([1, 0, 1])).to_pylist() == ["b", "a", "b"]
    lists = arrow_arrays.make_lists(arrow_arrays.from_texts(["a", None]), np.array([0, 0, 2]))
    assert lists.to_pylist() == [[], ["a", None]]


UNIFY = """
import sys
from pathlib import Path
from support.golden import resolve_source
from unipref import sources
from unipref.core.workers import make_engine
from unipref.unify import UnifySettings, unify

folder = Path(sys.argv[1])
axes = {name: {"field": name, "low": 1, "high": 5, "better": "high"} for name in ("help", "tone")}
source = resolve_source("ratings", {"prompt": "q", "response": "a", "scores": axes}, folder / "d.jsonl")
with make_engine("local", 1) as engine:
    unify([source], UnifySettings(), folder, engine=engine, read=sources.read)
sys.exit(" ".join({"pandas", "scipy.special"} & sys.modules.keys()) or None)
"""


def test_a_small_unify_imports_neither_pandas_nor_scipy(tmp_path: Path) -> None:
    rows = [{"q": f"Q{row // 2}", "a": f"A{row}", "help": 1 + row % 2, "tone": 2 + row % 2} for row in range(41)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "-c", UNIFY, str(tmp_path)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert pq.read_metadata(tmp_path / "preferences.parquet").num_rows == 20
