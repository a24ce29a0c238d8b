"""Arrow values that Python, or this machine, lacks: they stop nothing in a column that nobody maps."""

import datetime
import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

import unipref
from unipref.core.errors import UserError
from unipref.core.records import Reason, Reject
from unipref.pipeline.raw_rows import shorten_row
from unipref.sources import parts, read, spill_rows
from unipref.sources.arrow_values import batch_rows
from unipref.unify.inspection import inspect

FAR = 10**14
"""A time in seconds, in the year 3170843."""
IDS = [uuid.UUID(int=5).bytes, None, uuid.UUID(int=2**127).bytes]


def not_utf8(kind: pa.DataType, binary: pa.DataType) -> pa.Array:
    bytes_array = pa.array([b"ok", b"caf\xe9", None], binary)
    return pa.Array.from_buffers(kind, 3, bytes_array.buffers())


def lists(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), values)


TEXT = not_utf8(pa.string(), pa.binary())
UUIDS = pa.ExtensionArray.from_storage(pa.uuid(), pa.array(IDS, pa.binary(16)))
UUID_TEXTS = [str(uuid.UUID(bytes=value)) if value else None for value in IDS]
TIMES = pa.array([0, FAR, None], pa.timestamp("s"))
COLUMNS: dict[str, tuple[pa.Array, list[Any]]] = {
    "uuid": (UUIDS, UUID_TEXTS),
    "uuids in lists": (lists(UUIDS), [[value] for value in UUID_TEXTS]),
    "far date": (pa.array([1, 10**7, None], pa.int32()).cast(pa.date32()), ["1970-01-02", "29349-01-26", None]),
    "date before Christ": (
        pa.array([1, -(10**6), None], pa.int32()).cast(pa.date32()),
        ["1970-01-02", "-768-02-04", None],
    ),
    "far time": (TIMES, ["1970-01-01T00:00:00", "3170843-11-07T09:46:40", None]),
    "far times in lists": (lists(TIMES), [["1970-01-01T00:00:00"], ["3170843-11-07T09:46:40"], [None]]),
    "unknown zone": (
        pa.array([0, 1, None], pa.timestamp("us", tz="Mars/Phobos")),
        ["1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00.000001+00:00", None],
    ),
    "nanoseconds in an unknown zone": (
        pa.array([0, 1001, None], pa.timestamp("ns", tz="Nowhere")),
        ["1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00.000001+00:00", None],
    ),
    "known zone": (
        pa.array([0, FAR, None], pa.timestamp("s", tz="Europe/Berlin")),
        ["1970-01-01T01:00:00+01:00", "3170843-11-07T09:46:40+00:00", None],
    ),
    "long duration": (pa.array([1, 2**62, None], pa.duration("s")), [1.0, float(2**62), None]),
    "text": (TEXT, ["ok", "caf\udce9", None]),
    "large text": (not_utf8(pa.large_string(), pa.large_binary()), ["ok", "caf\udce9", None]),
    "text in a dictionary": (
        pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), TEXT.slice(0, 2)),
        ["ok", "caf\udce9", None],
    ),
    "text in lists": (lists(TEXT), [["ok"], ["caf\udce9"], [None]]),
    "text in structs": (
        pa.StructArray.from_arrays([TEXT, pa.array([1, 2, 3])], ["a", "b"], mask=pa.array([False, False, True])),
        [{"a": "ok", "b": 1}, {"a": "caf\udce9", "b": 2}, None],
    ),
    "text in maps": (
        pa.MapArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), pa.array(["x", "y", "z"]), TEXT),
        [[["x", "ok"]], [["y", "caf\udce9"]], [["z", None]]],
    ),
    "fields of one name": (
        pa.StructArray.from_arrays([pa.array([4, 5, 6]), pa.array([1, 2, 3])], ["a", "a"]),
        [{"a": 4, "a_2": 1}, {"a": 5, "a_2": 2}, {"a": 6, "a_2": 3}],
    ),
    "large decimals": (pa.array([None, None, 10**70], pa.decimal256(76, 2)), [None, None, 1e70]),
    "JSON": (pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", "[1]", None])), ["{}", "[1]", None]),
    "half floats": (pa.array(np.array([1, 2, 3], np.float16)), [1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_values_of_a_column(name: str) -> None:
    array, expected = COLUMNS[name]
    batch = pa.RecordBatch.from_arrays([pa.array([1, 2, 3]), array], ["n", "x"])
    assert batch_rows(batch) == [{"n": n, "x": value} for n, value in enumerate(expected, 1)]
    # Slices have offsets into the same buffers.
    assert batch_rows(batch.slice(1, 2)) == [{"n": n, "x": value} for n, value in enumerate(expected[1:], 2)]
    json.dumps(batch_rows(batch))


def preferences(tmp_path: Path, path: str, **mapping: Any) -> tuple[list[str], list[dict[str, Any]]]:
    """Returns the prompts of the preferences and the rejects of a study."""
    fields = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected", **mapping}
    source = {"name": "s", "path": path, "format": "pairs", "map": fields}
    study: dict[str, Any] = {"sources": [source], "data_root": str(tmp_path), "split": {"dev": 0, "test": 0}}
    out = unipref.run(study, out=tmp_path / "run")
    table = pq.read_table(out / "unified" / "preferences.parquet").to_pylist()
    rejects = pq.read_table(out / "unified" / "rejects.parquet").to_pylist()
    return [row["prompt"][0]["content"] for row in table], rejects


def pairs(**columns: Any) -> pa.Table:
    texts = {name: pa.array([f"{name} {i}" for i in range(3)]) for name in ("prompt", "chosen", "rejected")}
    return pa.table({**texts, **columns})


def test_a_study_reads_the_mapped_columns(tmp_path: Path) -> None:
    columns = {name.replace(" ", "_"): array for name, (array, _) in COLUMNS.items() if "dictionary" not in name}
    columns.pop("fields_of_one_name")
    pq.write_table(pairs(**columns), tmp_path / "a.parquet")
    prompts, rejects = preferences(tmp_path, "a.parquet")
    assert sorted(prompts) == ["prompt 0", "prompt 1", "prompt 2"]
    assert rejects == []
    [inspection] = inspect([tmp_path / "a.parquet"])
    inspection.as_text().encode()
    assert inspection.rows == 3


def test_a_mapped_value_costs_its_row_alone(tmp_path: Path) -> None:
    table = pairs().set_column(0, "prompt", TEXT.fill_null("last"))
    pq.write_table(table, tmp_path / "a.parquet")
    prompts, [reject] = preferences(tmp_path, "a.parquet")
    assert sorted(prompts) == ["last", "ok"]
    assert (reject["reason"], reject["origin"]) == ("not_text", ["a.parquet:2"])
    assert "bytes that are not UTF-8 at character 4" in reject["detail"]


BAD_TEXT = pa.array([b"ok", b"caf\xe9", b"last"]).view(pa.string())
ONE_EACH = pa.array([0, 1, 2, 3], pa.int32())
NESTED_TEXT = {
    "prompt": (BAD_TEXT, "prompt"),
    "dictionary": (pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), BAD_TEXT), "prompt"),
    "struct": (pa.StructArray.from_arrays([BAD_TEXT], ["text"]), "prompt.text"),
    "list": (pa.ListArray.from_arrays(ONE_EACH, BAD_TEXT), "prompt.0"),
    "large list": (pa.LargeListArray.from_arrays(ONE_EACH.cast(pa.int64()), BAD_TEXT), "prompt.0"),
    "fixed list": (pa.FixedSizeListArray.from_arrays(BAD_TEXT, 1), "prompt.0"),
    "map": (pa.MapArray.from_arrays(ONE_EACH, ["a", "b", "c"], BAD_TEXT), "prompt.0.1"),
    "list of structs": (
        pa.ListArray.from_arrays(ONE_EACH, pa.StructArray.from_arrays([BAD_TEXT], ["text"])),
        "prompt.0.text",
    ),
    "list view": (
        pa.ListViewArray.from_arrays(ONE_EACH[:3], pa.array([1, 1, 1], pa.int32()), BAD_TEXT),
        "prompt.0",
    ),
}


@pytest.mark.parametrize("kind", NESTED_TEXT)
def test_a_nested_text_of_an_arrow_file_costs_its_row_alone(tmp_path: Path, kind: str) -> None:
    column, path = NESTED_TEXT[kind]
    pyarrow.feather.write_feather(pairs().set_column(0, "prompt", column), str(tmp_path / "a.feather"))
    prompts, [reject] = preferences(tmp_path, "a.feather", prompt=path)
    assert sorted(prompts) == ["last", "ok"]
    assert (reject["reason"], reject["origin"]) == ("not_text", ["a.feather:2"])


def test_a_far_time_can_be_mapped(tmp_path: Path) -> None:
    pq.write_table(pairs(when=TIMES), tmp_path / "a.parquet")
    prompts, _ = preferences(tmp_path, "a.parquet", where={"when": ["3170843-11-07T09:46:40.000"]})
    assert prompts == ["prompt 1"]


def test_a_dictionary_that_cannot_be_decoded_is_left_out_and_named(tmp_path: Path) -> None:
    pq.write_table(pairs(bad=COLUMNS["text in a dictionary"][0]), tmp_path / "a.parquet")
    prompts, [reject] = preferences(tmp_path, "a.parquet")
    assert len(prompts) == 3
    assert reject["detail"].endswith("They are used without the columns bad.")


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    table = pa.table([pa.array([1, 2]), pa.array([3, 4]), pa.array([5, 6])], ["a", "a", "a_2"])
    pq.write_table(table, tmp_path / "a.parquet")
    pyarrow.feather.write_feather(table.select([0, 2]).rename_columns(["a", "a"]), tmp_path / "b.feather")
    assert rows_of("a.parquet", tmp_path) == [{"a": 1, "a_2": 3, "a_2_2": 5}, {"a": 2, "a_2": 4, "a_2_2": 6}]
    assert rows_of("b.feather", tmp_path) == [{"a": 1, "a_2": 5}, {"a": 2, "a_2": 6}]


def rows_of(given: str, root: Path) -> list[Any]:
    return [row for part in parts([given], root, "s") for _, row in read(part)]


def test_raw_rows_are_shown_as_valid_text() -> None:
    text, _ = shorten_row({"x": "caf\udce9"})
    assert "caf\\udce9" in text
    text.encode()


def test_arrow_tables_in_memory(tmp_path: Path) -> None:
    path = spill_rows(pa.table({"when": TIMES, "id": UUIDS}), tmp_path)
    assert [row["id"] for row in rows_of(path.name, tmp_path)] == UUID_TEXTS
    assert spill_rows([{"id": uuid.UUID(int=5), "at": datetime.date(2020, 1, 1)}], tmp_path).is_file()


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_arrow_files(tmp_path: Path, is_stream: bool, compression: str | None) -> None:
    table = pa.table({"n": list(range(5000)), "t": [f"text {i}" for i in range(5000)]})
    options = pa.ipc.IpcWriteOptions(compression=compression)
    opened = pa.ipc.new_stream if is_stream else pa.ipc.new_file
    path = tmp_path / "a.arrow"
    with opened(path, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=1500)
    [part] = parts(["a.arrow"], tmp_path, "s")
    assert list(read(part)) == list(enumerate(table.to_pylist(), 1))
    (tmp_path / "a.arrow.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert rows_of("a.arrow.gz", tmp_path) == table.to_pylist()
    content = path.read_bytes()
    if is_stream:
        path.write_bytes(content[: len(content) * 2 // 3])
        *rows, last = rows_of("a.arrow", tmp_path)
        assert len(rows) in (1500, 3000)
        assert isinstance(last, Reject)
        assert last.reason == Reason.UNREADABLE
        assert f"after row {len(rows)}" in last.detail


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"FEA1xxxxxx", "Feather version 1"), (b"not arrow at all" * 10, "Arrow data")],
)
def test_files_that_are_not_arrow(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.arrow").write_bytes(content)
    [reject] = rows_of("a.arrow", tmp_path)
    assert says in str(reject)


def test_damaged_arrow_files_do_not_crash(tmp_path: Path) -> None:
    table = pa.table({"t": [f"text {i}" for i in range(200)], "l": [[i, i] for i in range(200)]})
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    content = (tmp_path / "a.arrow").read_bytes()
    random = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 3):
            damaged[place] = random.integers(0, 256)
        (tmp_path / "a.arrow").write_bytes(damaged)
        rows_of("a.arrow", tmp_path)


@pytest.mark.parametrize("is_nested", [False, True])
def test_text_in_arrow_files_that_is_not_utf8(tmp_path: Path, is_nested: bool) -> None:
    table = pairs(x=lists(TEXT) if is_nested else TEXT)
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    rows = rows_of("a.arrow", tmp_path)
    assert [row["prompt"] for row in rows] == ["prompt 0", "prompt 1", "prompt 2"]
    assert [row.get("x") for row in rows] == (
        [["ok"], ["caf\udce9"], [None]] if is_nested else ["ok", "caf\udce9", None]
    )


def test_folders_that_save_to_disk_wrote(tmp_path: Path) -> None:
    rows = [{"prompt": f"q{i}?", "chosen": f"good {i}", "rejected": f"bad {i}"} for i in range(10)]
    dataset = Dataset.from_list(rows)
    dataset.save_to_disk(tmp_path / "one", num_shards=2)
    splits = DatasetDict({"train": dataset, "test": dataset.select([0])})
    splits.save_to_disk(tmp_path / "two")
    assert rows_of("one", tmp_path) == rows
    assert rows_of("two", tmp_path) == [rows[0], *rows]
    assert rows_of("two/train", tmp_path) == rows
    assert rows_of("o*", tmp_path) == rows_of("one/*", tmp_path) == rows_of("**/train", tmp_path) == rows
    (tmp_path / "one" / "cache-1.arrow").write_bytes(b"a cache of datasets.map")
    (tmp_path / "one" / "more.jsonl").write_text('{"prompt": "more"}\n', encoding="utf-8")
    assert rows_of("one", tmp_path) == [*rows, {"prompt": "more"}]
    assert [inspection.format for inspection in inspect([tmp_path / "two"])] == ["pairs", "pairs"]


def test_a_saved_selection_is_named(tmp_path: Path) -> None:
    Dataset.from_list([{"a": 1}, {"a": 2}]).save_to_disk(tmp_path / "one")
    state = json.loads((tmp_path / "one" / "state.json").read_text(encoding="utf-8"))
    state["_indices_data_files"] = [{"filename": "indices.arrow"}]
    (tmp_path / "one" / "state.json").write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(UserError) as error:
        parts(["one"], tmp_path, "s")
    assert "flatten_indices" in (error.value.mend or "")


def test_a_state_of_something_else_is_data(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('[{"a": 1}]', encoding="utf-8")
    (tmp_path / "dataset_info.json").write_text('[{"a": 2}]', encoding="utf-8")
    assert rows_of(".", tmp_path) == [{"a": 2}, {"a": 1}]
