"""Tables that JSON files store by column."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unipref.core.records import Reason, Reject
from unipref.pipeline import api
from unipref.sources import fingerprint, parts, peek, read
from unipref.sources.limits import Limits
from unipref.study.source import Source

FRAME = pd.DataFrame({"prompt": ["Tea?", "Milk?", "é?"], "stars": [5, 2, 4]}, index=["b", "a", "7"])
ROWS = [
    {"key": "b", "prompt": "Tea?", "stars": 5},
    {"key": "a", "prompt": "Milk?", "stars": 2},
    {"key": "7", "prompt": "é?", "stars": 4},
]
UNLABELLED = [{"prompt": "Tea?", "stars": 5}, {"prompt": "Milk?", "stars": 2}, {"prompt": "é?", "stars": 4}]


def rows_of(path: Path, orient: str, records: str = "", limits: Limits | None = None) -> list[tuple[Any, Any]]:
    found = parts([str(path)], path.parent, "s.path", **({"limits": limits} if limits else {}))
    changed = [msgspec.structs.replace(part, orient=orient, records=records) for part in found]
    return [entry for part in changed for entry in read(part)]


def written(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


@pytest.mark.parametrize("indent", [0, 2])
@pytest.mark.parametrize("ending", ["json", "json.gz"])
def test_what_pandas_writes_by_default(tmp_path: Path, indent: int, ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    FRAME.to_json(path, indent=indent)
    assert rows_of(path, "columns") == [("1.1", ROWS[0]), ("1.2", ROWS[1]), ("1.3", ROWS[2])]
    FRAME.to_json(path, orient="split", indent=indent)
    assert [row for _, row in rows_of(path, "split")] == ROWS


def test_columns_that_are_lists(tmp_path: Path) -> None:
    assert [row for _, row in rows_of(written(tmp_path / "x.json", FRAME.to_dict("list")), "columns")] == UNLABELLED
    arrow = pa.Table.from_pandas(FRAME, preserve_index=False).to_pydict()
    assert [row for _, row in rows_of(written(tmp_path / "x.json", arrow), "columns")] == UNLABELLED


def test_what_polars_serializes(tmp_path: Path) -> None:
    columns = [
        {"name": name, "datatype": "String", "bit_settings": "", "values": values}
        for name, values in FRAME.to_dict("list").items()
    ]
    path = written(tmp_path / "x.json", {"columns": columns})
    assert [row for _, row in rows_of(path, "columns")] == UNLABELLED


def test_split_without_labels_and_with_typed_or_nested_names(tmp_path: Path) -> None:
    table = {"columns": ["prompt", {"name": "stars", "type": "int"}, ["a", "x"], "prompt"], "data": [["Tea?", 5, 1, 2]]}
    row = {"prompt": "Tea?", "stars": 5, "a.x": 1, "prompt_2": 2}
    assert rows_of(written(tmp_path / "x.json", table), "split") == [("1.1", row)]


def test_one_table_in_each_line(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": [1, 2]}\n{"a": [3]}\n', encoding="utf-8")
    assert rows_of(path, "columns") == [("1.1", {"a": 1}), ("1.2", {"a": 2}), ("2.1", {"a": 3})]


def test_what_stands_beside_the_table_is_the_parent(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", {"version": 3, "a": {"0": 1}})
    assert rows_of(path, "columns") == [("1.1", {"parent": {"version": 3}, "key": "0", "a": 1})]
    path = written(tmp_path / "x.json", {"nrows": 1, "columns": ["a"], "data": [[1]]})
    assert rows_of(path, "split") == [("1.1", {"parent": {"nrows": 1}, "a": 1})]


def test_a_column_called_key_and_labels_that_one_column_lacks(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", {"key": {"0": "k", "1": None}, "a": {"1": 2, "2": 3}})
    assert [row for _, row in rows_of(path, "columns")] == [{"key": "k"}, {"key": None, "a": 2}, {"key": "2", "a": 3}]


def test_lists_inside_a_table(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", {"q": {"0": "Tea?"}, "answers": {"0": [{"t": "Yes."}, {"t": "No."}]}})
    assert [(number, row["t"], row["parent"]["q"]) for number, row in rows_of(path, "columns", "answers")] == [
        ("1.1.1", "Yes.", "Tea?"),
        ("1.1.2", "No.", "Tea?"),
    ]


@pytest.mark.parametrize(
    ("table", "orient", "says"),
    [
        ({"a": [1, 2], "b": [1]}, "columns", "'b' has 1 values, 'a' has 2"),
        ({"a": {"0": 1}, "b": [1]}, "columns", "'a' have labels, 'b' have none"),
        ({"a": 1, "b": 2}, "columns", "needs columns of values, found an object with 'a', 'b'"),
        ({"a": {"0": 1}}, "split", "needs the lists 'columns' and 'data', found an object with 'a'"),
        ({"columns": ["a"], "data": [[1]], "index": [1, 2]}, "split", "1 rows, but 2 labels"),
    ],
)
def test_what_is_no_such_table_is_one_reject(tmp_path: Path, table: Any, orient: str, says: str) -> None:
    ((number, reject),) = rows_of(written(tmp_path / "x.json", table), orient)
    assert number == 1
    assert isinstance(reject, Reject)
    assert says in str(reject)


def test_a_row_with_more_cells_costs_itself_alone(tmp_path: Path) -> None:
    table = {"columns": ["a"], "data": [[1], [2, 3], "x", [4]]}
    found = rows_of(written(tmp_path / "x.json", table), "split")
    assert [row if isinstance(row, dict) else row.reason for _, row in found] == [
        {"a": 1},
        Reason.WRONG_TYPE,
        Reason.WRONG_TYPE,
        {"a": 4},
    ]
    assert [number for number, _ in found] == ["1.1", "1.2", "1.3", "1.4"]


def test_the_table_may_be_longer_than_a_row(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", {"a": ["x" * 300, "y" * 300]})
    limits = Limits(row_bytes=400, outer_row_bytes=2000)
    assert len(rows_of(path, "columns", limits=limits)) == 2
    ((_, reject),) = rows_of(path, "columns", limits=Limits(row_bytes=400, outer_row_bytes=401))
    assert "limits.outer_row_bytes" in reject.detail


def test_peek_and_the_fingerprint(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", FRAME.to_dict("list"))
    assert peek(path, 2, orient="columns") == UNLABELLED[:2]
    (part,) = parts([str(path)], tmp_path, "s.path")
    prints = {fingerprint([msgspec.structs.replace(part, orient=orient)]) for orient in ("", "columns", "split")}
    assert len(prints) == 3


def test_the_setting_of_a_source() -> None:
    assert Source(name="s", orient="columns").orient == "columns"
    for value, advice in (("index", "records: ."), ("table", "records: data"), ("records", "remove 'orient'")):
        with pytest.raises(ValueError, match=advice):
            Source.model_validate({"name": "s", "orient": value})


def test_a_study_reads_a_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame({"prompt": ["Tea?", "Milk?"], "chosen": ["Yes.", "No."], "rejected": ["Fish.", "Cat."]})
    frame.to_json(tmp_path / "x.json")
    source = {"name": "s", "path": "x.json", "orient": "columns", "format": "pairs", "map": {"prompt": "prompt"}}
    preferences = api.unify_feedback({"data_root": str(tmp_path), "sources": [source]}, tmp_path / "run")
    assert [
        (row["prompt"][0]["content"], row["chosen"][0]["content"], row["origin"])
        for row in pq.read_table(preferences).to_pylist()
    ] == [("Tea?", "Yes.", ["x.json:1.1"]), ("Milk?", "No.", ["x.json:1.2"])]
