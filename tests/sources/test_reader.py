import csv
import datetime
import functools
import gzip
import json
import math
import random
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from unipref.core.records import Reason, Reject
from unipref.sources import parts, peek, read

ROWS: list[dict[str, Any]] = [{"q": "Où?", "s": "1"}, {"q": 'line\nbreak, "quoted"', "s": "2"}, {"q": "ž", "s": ""}]


def rows_of(path: Path) -> list[tuple[int, Any]]:
    return [entry for part in parts([path.name], path.parent, "s") for entry in read(part)]


def good(path: Path) -> list[Any]:
    return [row for _, row in rows_of(path) if not isinstance(row, Reject)]


def rejects(path: Path) -> list[tuple[int, Reason, str]]:
    return [(row, found.reason, found.detail) for row, found in rows_of(path) if isinstance(found, Reject)]


def table(delimiter: str) -> bytes:
    import io

    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, ["q", "s"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue().encode()


def parquet() -> bytes:
    import io

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out)
    return out.getvalue()


SHAPES: dict[str, Callable[[], bytes]] = {
    "jsonl": lambda: "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "json": lambda: json.dumps(ROWS, indent=1, ensure_ascii=False).encode(),
    "csv": lambda: table(","),
    "tsv": lambda: table("\t"),
    "parquet": parquet,
}


@pytest.mark.parametrize("packing", ["", ".gz", ".zst", "zip", "gz in zip"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_in_every_packing(tmp_path: Path, shape: str, packing: str) -> None:
    content = SHAPES[shape]()
    name = f"a.{shape}"
    if packing == ".gz":
        name, content = name + ".gz", gzip.compress(content)
    elif packing == ".zst":
        name, content = name + ".zst", zstandard.compress(content)
    elif packing:
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            inner = (name, content) if packing == "zip" else (name + ".gz", gzip.compress(content))
            archive.writestr(*inner)
        name, content = "a.zip", (tmp_path / "a.zip").read_bytes()
    path = tmp_path / name
    path.write_bytes(content)
    # The header is line 1, and the second row has two lines.
    assert rows_of(path) == list(zip([2, 3, 5] if shape in ("csv", "tsv") else [1, 2, 3], ROWS, strict=True))


def test_json_by_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text, expected in [
        ('\ufeff[{"a": 1}, {"a": 2}]', [(1, {"a": 1}), (2, {"a": 2})]),
        ("[]", []),
        ('{"a": {"b": [1]}}', [(1, {"a": {"b": [1]}})]),
        ('{\n "a": [\n{"b": 1}\n]\n}\n', [(1, {"a": [{"b": 1}]})]),
        ('{"a": 1}\n\n{"a": 2}', [(1, {"a": 1}), (3, {"a": 2})]),
        ('{"a": \n1}\n{"a": 2}\n', [(1, {"a": 1}), (2, {"a": 2})]),
    ]:
        path.write_text(text, encoding="utf-8")
        assert rows_of(path) == expected, text


def test_json_lines_named_json_with_a_bad_first_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": "cut off\n{"a": 2}\n')
    assert good(path) == [{"a": 2}]
    assert [(row, reason) for row, reason, _ in rejects(path)] == [(1, Reason.NOT_JSON)]


def test_bad_lines_are_rejects_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        b'\xef\xbb\xbf{"ok": 1}',
        b"{oops",
        b"[1, 2]",
        b"",
        b'{"a": "\xff"}',
        b'{"a": "\\ud83d"}',
        b"null",
        b"[" * 100_000,
        b'{"a": NaN, "b": -Infinity, "c": "\\ud83d\\ude00"}',
        b'{"big": 123456789012345678901234567890}\r',
        b'{"ok": 2',
    ]
    path.write_bytes(b"\n".join(lines))
    found = dict(rows_of(path))
    assert sorted(found) == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    assert found[1] == {"ok": 1}
    assert {row: (r.reason, r.detail) for row, r in found.items() if isinstance(r, Reject)} == {
        2: (
            Reason.NOT_JSON,
            "not JSON: Expecting property name enclosed in double quotes at character 2 of the row; found '{oops'.",
        ),
        3: (Reason.NOT_AN_OBJECT, "a row is an object of named fields, this one is an array: '[1, 2]'."),
        5: (Reason.NOT_JSON, "byte 8 of the row (0xff) is not UTF-8."),
        6: (Reason.NOT_JSON, "an escape such as \\ud83d without its other half: not a character."),
        7: (Reason.NOT_AN_OBJECT, "a row is an object of named fields, this one is null: 'None'."),
        8: (Reason.NOT_JSON, "the values are nested too deeply."),
        11: (Reason.NOT_JSON, "not JSON: Expecting ',' delimiter at character 9 of the row; found '{\"ok\": 2'."),
    }
    assert math.isnan(found[9]["a"])
    assert found[9]["b"] == -math.inf
    assert found[9]["c"] == "😀"
    assert found[10] == {"big": 123456789012345678901234567890}


def test_an_array_named_jsonl_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('[{"a": 1}]')
    assert rows_of(path) == [(1, {"a": 1})]
    path.write_text('[{"a": 1}]\n[{"a": 2}]\n')
    assert [reason for _, reason, _ in rejects(path)] == [Reason.NOT_AN_OBJECT] * 2


@pytest.mark.parametrize("indent", [None, 2])
def test_a_malformed_array_is_read_up_to_the_fault(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "a.json"
    text = json.dumps([{"n": n} for n in range(5)], indent=indent)
    path.write_text(text.replace('"n": 3', '"n" 3'))
    assert good(path) == [{"n": 0}, {"n": 1}, {"n": 2}]
    [(row, reason, detail)] = rejects(path)
    assert (row, reason) == (4, Reason.UNREADABLE)
    # One line: "[" and three rows of 10, then 5 to the blank after "n". Indented: "[\n" and three rows of 20, then 12.
    place = (
        f"row 4, line 1, character {1 + 3 * 10 + 6}" if indent is None else f"row 4, line 12, character {2 + 60 + 13}"
    )
    assert detail == (
        f"'a.json' cannot be read after row 3: Expecting ':' delimiter at {place}: JSON cannot be read past an error."
        " Fix it there, or save as JSON Lines."
    )


@pytest.mark.parametrize(
    ("text", "rows", "says"),
    [
        ('[{"a": 1}, {"a": 2', 1, "the text ends early"),
        ('[{"a": 1}, {"a": "x', 1, "the text ends early"),
        ('[{"a": 1},', 1, "the text ends early"),
        ('[{"a": 1}', 1, "the text ends early"),
        ('[{"a": 1},]          ', 1, "Expecting value"),
        ('[{"a": 1} {"a": 2}]          ', 1, "expected ',' or ']'"),
        ('[{"a": 1}] and more text', 1, "something follows the end of the array"),
        ('[{"a": 1}, {"b": tru}, {"c": 3}]', 1, "Expecting value"),
        ("", 0, "the text ends early"),
        ("just words, no JSON at all", 0, "Expecting value"),
    ],
)
def test_faults_of_json(tmp_path: Path, text: str, rows: int, says: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    assert len(good(path)) == rows
    [(row, reason, detail)] = rejects(path)
    assert (row, reason) == (rows + 1, Reason.UNREADABLE)
    assert says in detail


def test_bad_elements_of_an_array_do_not_end_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"a": "\xff"}, {"a": NaN}, 3, {"a": "\\udc00"}, {"a": 5}]')
    found = dict(rows_of(path))
    assert [found[row].reason for row in (1, 3, 4)] == [Reason.NOT_JSON, Reason.NOT_AN_OBJECT, Reason.NOT_JSON]
    assert math.isnan(found[2]["a"])
    assert found[5] == {"a": 5}


def test_an_array_longer_than_is_decoded_at_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unipref.sources.json_rows.WHOLE_BYTES", 1000)
    monkeypatch.setattr("unipref.sources.compressed.BLOCK", 97)
    rows = [{"n": n, "text": "ü" * (n % 40) + '\\"[]{},', "deep": [{"x": [n, -1.5e3, True, None]}]} for n in range(200)]
    path = tmp_path / "a.json"
    for indent in (None, 3):
        path.write_text(json.dumps(rows, indent=indent, ensure_ascii=False))
        assert rows_of(path) == list(enumerate(rows, 1))
    path.write_text("[" + ", ".join(str(10**n) for n in range(150)) + "]")
    assert [found.detail.split("'")[1] for _, found in rows_of(path)][:60] == [str(10**n) for n in range(60)]


@functools.cache
def noisy_rows() -> list[dict[str, str]]:
    """Rows that take many blocks of a packed file."""
    made = random.Random(0)
    return [{"n": str(n), "t": "".join(made.choices("abcdefgh", k=200))} for n in range(10_000)]


@pytest.mark.parametrize("shape", ["jsonl", "json", "csv"])
@pytest.mark.parametrize(
    ("packing", "says"), [("gz", "the gzip stream ends early"), ("zst", "the zstandard stream ends early")]
)
def test_a_truncated_stream_is_read_up_to_the_break(tmp_path: Path, shape: str, packing: str, says: str) -> None:
    rows = noisy_rows()
    if shape == "csv":
        text = "n,t\n" + "".join(f"{row['n']},{row['t']}\n" for row in rows)
    else:
        text = "\n".join(map(json.dumps, rows)) if shape == "jsonl" else json.dumps(rows)
    packed = gzip.compress(text.encode()) if packing == "gz" else zstandard.compress(text.encode())
    path = tmp_path / f"a.{shape}.{packing}"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    found = good(path)
    assert found == rows[: len(found)]
    assert 0.6 < len(found) / len(rows) < 0.7
    [(row, reason, detail)] = rejects(path)
    last = len(found) + (shape == "csv")
    assert (row, reason) == (last + 1, Reason.UNREADABLE)
    assert detail == f"'{path.name}' cannot be read after row {last}: {says}. Fetch or copy the file again."


@pytest.mark.parametrize("shape", ["jsonl", "json", "csv"])
def test_a_damaged_checksum_loses_no_row(tmp_path: Path, shape: str) -> None:
    packed = bytearray(gzip.compress(SHAPES[shape]()))
    packed[-6] ^= 0xFF
    path = tmp_path / f"a.{shape}.gz"
    path.write_bytes(packed)
    assert good(path) == ROWS
    assert [(row, reason) for row, reason, _ in rejects(path)] == [(6 if shape == "csv" else 4, Reason.UNREADABLE)]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl.gz", b'{"a": 1}', "it is not a gzip file"),
        ("a.jsonl.zst", b'{"a": 1}', "it is not a zstandard file"),
        ("a.zip", b"PK\x03\x04 cut off", "the zip is damaged or incomplete"),
        ("a.parquet", b"PAR1 cut off", "Parquet's index cannot be read"),
        ("a.parquet.gz", gzip.compress(b"PAR1 cut off", mtime=0), "Parquet's index cannot be read"),
        ("a.jsonl", '{"a": 1}'.encode("utf-16"), "the text is UTF-16. Save the file as UTF-8."),
        ("a.csv", "a,b\n1,2".encode("utf-16"), "the text is UTF-16"),
    ],
)
def test_files_that_are_not_what_they_are_called(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    [(row, found)] = rows_of(tmp_path / name)
    assert (row, found.reason) == (1, Reason.UNREADABLE)
    assert found.detail.startswith(f"'{name}' cannot be read from the beginning: ")
    assert says in found.detail


def test_a_damaged_member_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("1.jsonl", '{"a": "one"}\n')
        archive.writestr("2.jsonl", '{"a": "two"}\n')
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"own"', 1))
    assert {"a": "two"} in good(path)
    [(_, reason, detail)] = rejects(path)
    assert reason == Reason.UNREADABLE
    assert "Bad CRC-32" in detail


def test_csv_records_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfq,s\r\none,1\r\n\r\n"two\r\nlines",2\r\nthree\r\nfour,4,4\r\nf\xffve,5\r\nsix,6')
    found = dict(rows_of(path))
    assert [found[row] for row in (2, 4, 9)] == [
        {"q": "one", "s": "1"},
        {"q": "two\r\nlines", "s": "2"},
        {"q": "six", "s": "6"},
    ]
    assert {row: (r.reason, r.field, r.detail) for row, r in found.items() if isinstance(r, Reject)} == {
        6: (
            Reason.WRONG_TYPE,
            None,
            "the row has 1 cells, the header 2. Quote cells that hold a delimiter or a quote.",
        ),
        7: (
            Reason.WRONG_TYPE,
            None,
            "the row has 3 cells, the header 2. Quote cells that hold a delimiter or a quote.",
        ),
        8: (Reason.NOT_TEXT, "q", "bytes that are not UTF-8. Save the file as UTF-8."),
    }


def test_csv_quote_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('q,s\none,1\n"two,2\nthree,3\nfour,4\n')
    assert good(path) == [{"q": "one", "s": "1"}, {"q": "three", "s": "3"}, {"q": "four", "s": "4"}]
    [(row, reason, detail)] = rejects(path)
    assert (row, reason) == (3, Reason.WRONG_TYPE)
    assert detail.startswith("a quote is never closed; the 2 lines after it")


def test_csv_long_cells_and_old_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"q,s\r{'x' * 1_000_000},1\rshort,2\r", newline="")
    assert [len(row["q"]) for row in good(path)] == [1_000_000, 5]


def test_csv_columns_without_and_with_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("q,,q,\n1,2,3,4\n")
    assert good(path) == [{"q": "1", "column_2": "2", "q_2": "3", "column_4": "4"}]


def test_parquet_values_become_json_values(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    when = datetime.datetime(2024, 6, 7, 1, 2, 3, 4)
    columns = {
        "text": pa.array(["a", None]),
        "messages": pa.array([[{"role": "user", "content": "hi"}], []]),
        "when": pa.array([when, None], pa.timestamp("ns")),
        "day": pa.array([when.date(), None]),
        "bytes": pa.array([b"ok", b"\xff"]),
        "price": pa.array([1, 2], pa.decimal128(5, 2)),
        "votes": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    }
    pq.write_table(pa.table(columns), path)
    assert good(path) == [
        {
            "text": "a",
            "messages": [{"role": "user", "content": "hi"}],
            "when": "2024-06-07T01:02:03.000004",
            "day": "2024-06-07",
            "bytes": "ok",
            "price": 1.0,
            "votes": [["a", 1]],
        },
        {"text": None, "messages": [], "when": None, "day": None, "bytes": "/w==", "price": 2.0, "votes": None},
    ]


def test_an_unreadable_row_group_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": list(range(30))}), path, row_group_size=10, compression="none", use_dictionary=False)
    offset = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    damaged = bytearray(path.read_bytes())
    damaged[offset : offset + 20] = b"\xff" * 20
    path.write_bytes(damaged)
    assert [row["n"] for row in good(path)] == [*range(10), *range(20, 30)]
    [(row, reason, detail)] = rejects(path)
    assert (row, reason) == (11, Reason.UNREADABLE)
    assert detail.startswith("rows 11 to 20, in row group 1, cannot be read")


def test_peek_is_quick_and_passes_over_rejects(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        file.write("oops\n")
        for _ in range(40):
            file.write('{"a": 1, "text": "' + "x" * 980_000 + '"}\n')
    begun = time.perf_counter()
    assert [row["a"] for row in peek(path, 2)] == [1, 1]
    assert time.perf_counter() - begun < 1
    path.write_text("oops\n" * 5000)
    assert peek(path, 2) == []


@pytest.mark.shared
def test_row_counts_of_the_public_data(shared: Path) -> None:
    """As the data's README has them; where a folder holds the same records twice, both are counted."""
    expected = {
        "hh_rlhf": 2800,
        "oasst_trees": 70 * 2,
        "winogrande": 2558 + 160,
        "alpaca_eval": 2700,
        "pandalm": 704,
        "kto_thumbs": 300,
        "dpo_sharegpt": 300,
        "oasst_ranked_zh": 775,
        "tulu_preference": 100,
        "alpaca": 1500,
        "seed_tasks": 175,
        "dolly_csv": 100,
        "lima": 600,
        "llmbar": 314,
        "iterater": 1005,
        "topical_chat_ratings": 288,
        "sfres_ratings": 814,
        "bigbench_mistake": 1100,
        "shepherd_critiques": 724,
        "arena_battles": 100,
    }
    folder = shared / "data" / "feedback"
    assert sorted(expected) == sorted(path.name for path in folder.iterdir())
    found = {name: [row for part in parts([name], folder, "s") for _, row in read(part)] for name in expected}
    assert {name: len(rows) for name, rows in found.items()} == expected
    assert not [row for rows in found.values() for row in rows if isinstance(row, Reject)]
