import csv
import gzip
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pyarrow import feather

import unipref
from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.core.records import Reason, Reject
from unipref.evaluate.readers.documents import Document, read_documents
from unipref.sources import Limits, compressed, parts, peek, read
from unipref.sources.arrow_messages import read_messages
from unipref.sources.csv_rows import column_names
from unipref.sources.json_rows import lines, read_json
from unipref.sources.limits import RowLimit
from unipref.unify import bucket_groups
from unipref.unify.inspection import inspect

SMALL = Limits(row_bytes=100)
LONG = "x" * 300


def read_all(path: Path, bounds: Limits = SMALL) -> list[Any]:
    """The rows of a file; a reject by its reason."""
    found = [row for part in parts([str(path)], path.parent, "s", limits=bounds) for _, row in read(part)]
    return [row.reason if isinstance(row, Reject) else row for row in found]


def row(text: str) -> dict[str, str]:
    return {"prompt": text, "chosen": "a"}


ROWS = [row("first"), row(LONG), row("last")]
RIGHT = [row("first"), Reason.OVER_LIMIT, row("last")]


def test_a_long_line_is_one_reject(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in ROWS))
    assert read_all(path) == RIGHT
    (reject,) = [one for part in parts([str(path)], tmp_path, "s", limits=SMALL) for n, one in read(part) if n == 2]
    assert isinstance(reject, Reject)
    assert "limits.row_bytes" in reject.detail


@pytest.mark.parametrize("indent", [None, 1])
def test_a_long_value_of_a_json_array_is_one_reject(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(ROWS, indent=indent))
    assert read_all(path) == RIGHT


def test_a_long_record_of_a_table_is_one_reject(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["prompt", "chosen"])
        writer.writeheader()
        writer.writerows(ROWS)
    assert read_all(path) == RIGHT


def test_a_long_line_of_a_text_file_is_one_reject(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(f"one\n{LONG}\ntwo\n")
    assert read_all(path) == [{"line": "one"}, Reason.OVER_LIMIT, {"line": "two"}]


def test_a_long_value_of_a_parquet_file_is_one_reject(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    assert read_all(path) == RIGHT


def shared_columns(texts: list[str]) -> dict[str, pa.Array]:
    """Columns of several types whose rows share a memory that a slice does not cut."""
    words = pa.array(texts).dictionary_encode()
    one_each = pa.array(range(len(texts) + 1), pa.int32())
    return {
        "dictionary": words,
        "a list of a dictionary's texts": pa.ListArray.from_arrays(one_each, words),
        "a struct with a dictionary": pa.StructArray.from_arrays([words], ["text"]),
        "a map with a dictionary": pa.MapArray.from_arrays(one_each, words, words),
        "a view": pa.array(texts).cast(pa.string_view()),
        "a list view": pa.array([[text] for text in texts], pa.list_view(pa.string())),
        "a dictionary of numbers": pa.array([len(text) for text in texts]).dictionary_encode(),
    }


@pytest.mark.parametrize("kind", shared_columns(["a"]))
def test_rows_that_share_a_large_memory_are_measured_by_their_own_values(tmp_path: Path, kind: str) -> None:
    texts = [f"answer {i} {'x' * 60}" for i in range(300)]
    texts[7] = LONG
    table = pa.table({"prompt": shared_columns(texts)[kind]})
    feather.write_feather(table, str(tmp_path / "x.feather"))
    rows = read_all(tmp_path / "x.feather", Limits(row_bytes=250))
    rejected = [number for number, one in enumerate(rows) if one is Reason.OVER_LIMIT]
    assert rejected == ([] if "numbers" in kind else [7])
    expected = table.to_pylist()
    if "map" in kind:
        expected = [{"prompt": [list(pair) for pair in one["prompt"]]} for one in expected]
    assert [one for one in rows if isinstance(one, dict)] == [
        one for number, one in enumerate(expected) if number not in rejected
    ]


def test_rows_of_a_large_parquet_dictionary_are_read(tmp_path: Path) -> None:
    texts = [f"answer {i} {'x' * 60}" for i in range(300)]
    pq.write_table(pa.table({"prompt": pa.array(texts).dictionary_encode()}), tmp_path / "x.parquet")
    assert read_all(tmp_path / "x.parquet") == [{"prompt": text} for text in texts]


def test_a_list_that_repeats_one_text_is_measured_as_a_whole(tmp_path: Path) -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 50, pa.int32()), pa.array(["x" * 60]))
    table = pa.table({"prompt": pa.ListArray.from_arrays(pa.array([0, 1, 50], pa.int32()), words)})
    feather.write_feather(table, str(tmp_path / "x.feather"))
    assert read_all(tmp_path / "x.feather", Limits(row_bytes=1000)) == [{"prompt": ["x" * 60]}, Reason.OVER_LIMIT]


def write_arrow(path: Path, batches: list[pa.RecordBatch], codec: str | None) -> Path:
    """Writes a stream (.arrow) or a file (.feather)."""
    make = pa.ipc.new_stream if path.suffix == ".arrow" else pa.ipc.new_file
    with make(str(path), batches[0].schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return path


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
@pytest.mark.parametrize("name", ["x.arrow", "x.feather"])
def test_an_arrow_batch_that_unpacks_to_too_much_is_one_reject(tmp_path: Path, name: str, codec: str) -> None:
    texts = [["first", "second"], ["x" * (1 << 20)] * 20, ["last"]]
    batches = [pa.record_batch({"prompt": pa.array(part), "n": pa.array([1] * len(part))}) for part in texts]
    path = write_arrow(tmp_path / name, batches, codec)
    assert path.stat().st_size < 1 << 20
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    try:
        entries = [
            one for part in parts([name], tmp_path, "s", limits=Limits(page_bytes=1 << 20)) for one in read(part)
        ]
    finally:
        pa.set_memory_pool(before)
    assert pool.max_memory() < 10 << 20
    assert [number for number, _ in entries] == [1, 2, 3, 23]
    assert [one["prompt"] for _, one in entries if isinstance(one, dict)] == ["first", "second", "last"]
    reject = entries[2][1]
    assert isinstance(reject, Reject)
    assert reject.reason is Reason.OVER_LIMIT
    assert reject.detail.startswith("rows 3 to 22 are not read: their batch has 20,971,")
    assert "limits.page_bytes" in reject.detail
    assert len(read_all(path, Limits())) == 23


@pytest.mark.parametrize("name", ["x.arrow", "x.feather"])
def test_an_arrow_dictionary_that_unpacks_to_too_much_is_named(tmp_path: Path, name: str) -> None:
    words = pa.array(["x" * (1 << 20)] * 20 + ["y"]).dictionary_encode()
    path = write_arrow(tmp_path / name, [pa.record_batch({"prompt": words})], "zstd")
    (reject,) = [one for part in parts([name], tmp_path, "s", limits=Limits(page_bytes=1000)) for _, one in read(part)]
    assert isinstance(reject, Reject)
    assert reject.detail.startswith("the file from row 1 on is not read: a dictionary of texts has 1,048,")
    assert len(read_all(path, Limits())) == 21


@pytest.mark.parametrize("name", ["x.arrow", "x.feather"])
def test_damage_anywhere_in_an_arrow_file_never_raises(tmp_path: Path, name: str) -> None:
    words = pa.array(["one", "two", "one"]).dictionary_encode()
    path = write_arrow(tmp_path / name, [pa.record_batch({"prompt": words})] * 3, "zstd")
    content = path.read_bytes()
    assert len(read_all(path)) == 9
    for place in range(0, len(content), 23):
        path.write_bytes(content[:place])
        assert len(read_all(path)) <= 10
        with path.open("rb") as file:
            messages = read_messages(file)
        assert all(message.end >= message.start for message in messages)
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with path.open("rb") as file:
            read_messages(file)


def test_a_workbook_with_a_long_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for cells in (["prompt"], ["first"], ["x" * 5000]):
        sheet.append(cells)
    book.save(path)
    assert read_all(path, Limits()) == [{"prompt": "first"}, {"prompt": "x" * 5000}]
    assert read_all(path, Limits(row_bytes=2000)) == [Reason.UNREADABLE]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_no_block_size_changes_which_lines_are_too_long(size: int) -> None:
    content = b"ab\n\nabcdef\nabc"
    blocks = (content[start : start + size] for start in range(0, len(content), size))
    found = [line if isinstance(line, bytes) else None for line in lines(blocks, RowLimit(3, "row_bytes"))]
    assert found == [b"ab", b"", None, b"abc"]


def test_a_value_that_is_nested_too_deeply_costs_only_its_row() -> None:
    text = '[{"a": 1}, ' + "[" * 5000 + "]" * 5000 + ', {"a": 2}]'
    found = [one.reason if isinstance(one, Reject) else one for _, one in read_json(iter([text.encode()]))]
    assert found == [{"a": 1}, Reason.NOT_JSON, {"a": 2}]


@pytest.mark.parametrize("ending", ["gz", "zst", "zip"])
def test_a_file_that_unpacks_to_too_much_is_read_up_to_the_limit(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed, "PACKED_FLOOR", 1 << 20)
    content = b'{"prompt": "Q"}\n' + b" " * (32 << 20) + b'\n{"prompt": "R"}\n'
    path = tmp_path / f"x.{'zip' if ending == 'zip' else 'jsonl.' + ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.jsonl", content)
    else:
        path.write_bytes(gzip.compress(content) if ending == "gz" else zstandard.compress(content))
    assert read_all(path, Limits(unpack_ratio=20)) == [{"prompt": "Q"}, Reason.UNREADABLE]
    assert read_all(path, Limits(unpacked_bytes=1 << 20)) == [{"prompt": "Q"}, Reason.UNREADABLE]
    assert read_all(path, Limits(unpack_ratio=10**6, row_bytes=1 << 20))[-1] == {"prompt": "R"}


def test_a_large_window_of_zstandard_names_its_setting(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.zst"
    settings = zstandard.ZstdCompressionParameters(window_log=22)
    with path.open("wb") as file, zstandard.ZstdCompressor(compression_params=settings).stream_writer(file) as out:
        out.write(b'{"prompt": "Q"}\n')
    (part,) = parts([str(path)], tmp_path, "s", limits=Limits(window_bytes=1 << 20))
    ((_, reject),) = read(part)
    assert isinstance(reject, Reject)
    assert "limits.window_bytes" in reject.detail
    assert read_all(path, Limits()) == [{"prompt": "Q"}]


def test_a_large_page_of_a_parquet_file_names_its_column_and_setting(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.Table.from_pylist([row("x" * 5000)] * 3), path, row_group_size=3)
    (part,) = parts([str(path)], tmp_path, "s", limits=Limits(page_bytes=4000))
    ((number, reject),) = read(part)
    assert number == 1
    assert isinstance(reject, Reject)
    assert reject.reason is Reason.OVER_LIMIT
    assert "rows 1 to 3" in reject.detail
    assert "'prompt'" in reject.detail
    assert "limits.page_bytes" in reject.detail


def test_an_archive_is_opened_once_for_all_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(200):
            archive.writestr(f"{number}.jsonl", json.dumps(row(str(number))))
    opened = []
    init = zipfile.ZipFile.__init__
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda *args, **more: opened.append(1) or init(*args, **more))
    assert [one["prompt"] for one in read_all(path, Limits())] == [str(number) for number in range(200)]
    assert len(opened) == 1
    with pytest.raises(UserError, match=r"limits\.members"):
        parts([str(path)], tmp_path, "s", limits=Limits(members=100))


@pytest.mark.parametrize("name", ["a", ""])
def test_many_equal_column_names_take_no_quadratic_time(name: str) -> None:
    start = time.process_time()
    names = column_names([name] * 100_000)
    assert time.process_time() - start < 5
    assert len(set(names)) == 100_000
    assert names[:2] == (["a", "a_2"] if name else ["column_1", "column_2"])


def edited_workbook(path: Path, edit: Any) -> Path:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for cells in (["prompt"], ["first"], ["second"]):
        sheet.append(cells)
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, edit(content) if name == "xl/worksheets/sheet1.xml" else content)
    return path


def test_entities_and_impossible_rows_of_a_workbook_are_named(tmp_path: Path) -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    assert read_all(edited_workbook(tmp_path / "e.xlsx", lambda xml: entities + xml), Limits()) == [Reason.UNREADABLE]
    far = edited_workbook(tmp_path / "f.xlsx", lambda xml: xml.replace(b'<row r="3"', b'<row r="1000000000"'))
    assert read_all(far, Limits()) == [Reason.UNREADABLE]
    gap = edited_workbook(tmp_path / "g.xlsx", lambda xml: xml.replace(b'<row r="3"', b'<row r="900000"'))
    assert read_all(gap, Limits()) == [{"prompt": "first"}, {"prompt": "second"}]


def test_a_study_sets_the_limits(tmp_path: Path) -> None:
    rows = [{**row(str(number)), "rejected": "b"} for number in range(3)]
    rows[1]["prompt"] = LONG
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    source = {"name": "x", "path": str(tmp_path / "x.jsonl"), "format": "pairs", "map": {"prompt": "prompt"}}
    study = {"sources": [source], "workers": 1}
    assert pq.read_table(unipref.unify_feedback(study, tmp_path / "run")).num_rows == 3
    bounded = unipref.unify_feedback({**study, "limits": {"row_bytes": 100}}, tmp_path / "run")
    assert pq.read_table(bounded).num_rows == 2, "other limits are other inputs of the stage"


def test_a_bucket_that_is_too_large_gives_the_same_preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**row(f"question {number % 40}"), "rejected": f"b{number}"} for number in range(120)]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    source = {"name": "x", "path": str(tmp_path / "x.jsonl"), "format": "pairs", "map": {"prompt": "prompt"}}
    found = []
    for name, size in (("whole", bucket_groups.GROUP_BYTES), ("split", 2000)):
        monkeypatch.setattr(bucket_groups, "GROUP_BYTES", size)
        file = unipref.unify_feedback({"sources": [source], "workers": 1}, tmp_path / name)
        found.append(pq.read_table(file).to_pylist())
    assert found[0] == found[1]
    assert len(found[0]) > 0


def test_batches_of_long_rows_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BYTES_AT_ONCE", 1 << 20)
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["x" * 10_000] * 1000 + ["y"] * 1000}), path)
    sizes = [len(batch) for batch in parquet.read_batches(path, rows_at_once=1000)]
    assert sum(sizes) == 2000
    assert max(sizes[:5]) < 300


def bombs(folder: Path) -> Iterator[tuple[Path, int]]:
    """Files of a few KB that held hundreds of MB when they were read, and how many of their rows are good."""
    zeros = folder / "zeros.jsonl.zst"
    with zeros.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as out:
        out.write(b'{"prompt": "Q"}\n')
        for _ in range(600):
            out.write(b"0" * (1 << 20))
    yield zeros, 1
    table = folder / "zeros.csv.gz"
    with gzip.open(table, "wb") as file:
        file.write(b"prompt\nQ\n")
        for _ in range(400):
            file.write(b"0" * (1 << 20))
    yield table, 1
    repeated = folder / "repeated.parquet"
    pq.write_table(pa.table({"prompt": ["x" * 1_000_000] * 600}), repeated)
    yield repeated, 600
    book = edited_workbook(folder / "cell.xlsx", lambda xml: xml.replace(b"first", b"x" * (300 << 20)))
    yield book, 0


PEAK = """
import resource, sys
from pathlib import Path
from unipref.core.records import Reject
from unipref.sources import parts, read
import pyarrow.parquet, openpyxl
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
good = sum(not isinstance(row, Reject) for part in parts([sys.argv[1]], Path(), "s") for _, row in read(part))
print(good, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has other units elsewhere")
def test_small_files_do_not_take_all_memory(tmp_path: Path) -> None:
    for path, n_good in bombs(tmp_path):
        assert path.stat().st_size < 1 << 20
        done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
        good, megabytes = map(int, done.stdout.split())
        assert good == n_good, path.name
        assert megabytes < 250, path.name


def test_inspect_looks_at_no_more_than_it_needs(tmp_path: Path) -> None:
    wide = tmp_path / "wide.csv"
    names = ["prompt", "chosen", "rejected", *["more"] * 20_000]
    values = ["What is it?", "A good answer.", "A bad answer.", *["z"] * 20_000]
    wide.write_text("".join(",".join(line) + "\n" for line in (names, values, values)))
    start = time.process_time()
    (found,) = inspect([wide])
    assert time.process_time() - start < 20
    assert found.rows == 2
    long = tmp_path / "long.jsonl"
    long.write_text(json.dumps({"prompt": "x" * 6_000_000}) + "\n")
    long.write_text(long.read_text() * 5)
    assert len(peek(long, 100)) == 3


def test_documents_with_a_long_row_name_no_setting(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "' + b"x" * (17 << 20) + b'"}\n{"text": "short"}\n')
    reject, document = read_documents(tmp_path / "x.jsonl", "text")
    assert isinstance(reject, Reject)
    assert reject.detail == "the row is longer than 16,777,216 bytes."
    assert isinstance(document, Document)
    assert document.text == "short"
