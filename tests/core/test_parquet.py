import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.core.work_progress import show_work


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": [str(i) for i in range(10)], "turns": [[{"role": "user"}]] * 10}), path)
    return path


def test_batches_hold_no_more_rows_than_asked_for(path: Path) -> None:
    batches = list(parquet.read_batches(path, ["id"], rows_at_once=4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert batches[0].schema.names == ["id"]


@pytest.mark.parametrize(("rows_at_once", "lengths"), [(4099, [4099, 4099, 802]), (130, [130] * 69 + [30])])
def test_any_number_of_rows_at_once_is_decoded_many_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int, lengths: list[int]
) -> None:
    path = tmp_path / "many.parquet"
    pq.write_table(pa.table({"id": range(9000)}), path)
    decoded: list[int] = []
    original = pq.ParquetFile.iter_batches

    def iter_batches(file: pq.ParquetFile, batch_size: int, **options: Any) -> Any:
        decoded.append(batch_size)
        return original(file, batch_size, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    batches = list(parquet.read_batches(path, rows_at_once=rows_at_once))
    assert [len(batch) for batch in batches] == lengths
    assert decoded == [parquet.FEW_ROWS]
    assert [row for batch in batches for row in batch["id"].to_pylist()] == list(range(9000))


def test_rows_come_as_dicts_in_order(path: Path) -> None:
    assert [row["id"] for row in parquet.read_rows(path, rows_at_once=3)] == [str(i) for i in range(10)]


def test_a_column_inside_another_can_be_read(path: Path) -> None:
    assert next(parquet.read_rows(path, ["turns.list.element.role"])) == {"turns": [{"role": "user"}]}


def test_count_and_schema(path: Path) -> None:
    assert parquet.count_rows(path) == 10
    assert parquet.read_schema(path).names == ["id", "turns"]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.parquet: the file is missing"):
        list(parquet.read_rows(tmp_path / "none.parquet"))


def test_a_damaged_file_is_an_error(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"(?s)cannot be read as Parquet: .*\n  Copy it again\."):
        parquet.count_rows(path, mend="Copy it again.")


def test_a_missing_column_is_an_error(path: Path) -> None:
    with pytest.raises(UserError, match="the file has no column chosen, rejected"):
        next(parquet.read_batches(path, ["id", "chosen", "rejected"]))


def test_an_error_of_the_reader_of_the_rows_is_left_alone(path: Path) -> None:
    def fail() -> None:
        for _ in parquet.read_rows(path):
            raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        fail()


def test_text_that_is_not_utf8_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xc3"))
    pq.write_table(pa.table({"a": broken}), tmp_path / "x.parquet")
    with pytest.raises(UserError, match="cannot be read as Parquet") as caught:
        list(parquet.read_rows(tmp_path / "x.parquet"))
    assert caught.value.where == str(tmp_path / "x.parquet")


def test_batches_written_beside_are_those_of_a_plain_writer(tmp_path: Path) -> None:
    schema = pa.schema([("n", pa.int64())])
    batches = [pa.RecordBatch.from_pydict({"n": list(range(start, start + 50))}, schema=schema) for start in (0, 50, 9)]
    with parquet.write_beside(tmp_path / "beside.parquet", schema) as write:
        for batch in batches:
            write(batch)
    with pq.ParquetWriter(tmp_path / "plain.parquet", schema, compression="zstd") as file:
        for batch in batches:
            file.write_batch(batch)
    assert (tmp_path / "beside.parquet").read_bytes() == (tmp_path / "plain.parquet").read_bytes()


@pytest.mark.parametrize("n_after", [0, 1])
def test_the_error_of_a_batch_written_beside_is_raised(tmp_path: Path, n_after: int) -> None:
    schema = pa.schema([("n", pa.int64())])
    other = pa.RecordBatch.from_pydict({"m": ["text"]})

    def write_all() -> None:
        with parquet.write_beside(tmp_path / "file.parquet", schema) as write:
            for _ in range(1 + n_after):
                write(other)

    with pytest.raises(ValueError, match="schema"):
        write_all()


def test_batches_read_ahead_are_those_that_are_read(path: Path) -> None:
    ahead = list(parquet.read_ahead(path, ["id"], rows_at_once=4))
    assert [batch.to_pydict() for batch in ahead] == [
        batch.to_pydict() for batch in parquet.read_batches(path, ["id"], rows_at_once=4)
    ]


def test_errors_of_reading_ahead_are_those_of_reading(path: Path) -> None:
    with pytest.raises(UserError, match="no column score"):
        next(parquet.read_ahead(path, ["score"]))


def test_reading_ahead_can_be_left_early(path: Path) -> None:
    batches = parquet.read_ahead(path, ["id"], rows_at_once=2)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPool")]


@pytest.mark.parametrize(
    ("group", "decodings"), [(1000, [(1024, [0]), (1024, [1]), (1024, [2])]), (1025, [(128, [0, 1, 2])])]
)
def test_row_groups_that_were_cut_by_size_are_decoded_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int, decodings: list[tuple[int, list[int]]]
) -> None:
    path = tmp_path / "groups.parquet"
    pq.write_table(pa.table({"id": range(3000)}), path, row_group_size=group)
    decoded: list[tuple[int, list[int]]] = []
    original = pq.ParquetFile.iter_batches

    def iter_batches(file: pq.ParquetFile, batch_size: int, **options: Any) -> Any:
        decoded.append((batch_size, options["row_groups"]))
        return original(file, batch_size, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    assert sum(len(batch) for batch in parquet.read_batches(path, rows_at_once=2000)) == 3000
    assert decoded == decodings


def test_an_error_of_what_shows_progress_is_not_one_of_the_file(path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BrokenPipeError("the reader of the progress is gone")

    with show_work(refuse), pytest.raises(BrokenPipeError, match="the reader of the progress"):
        list(parquet.read_batches(path, shown="reading"))
