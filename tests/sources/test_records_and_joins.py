"""Rows inside rows, and tables joined by id or row number."""

import json
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unipref.core.errors import UserError
from unipref.core.records import Reason, Reject
from unipref.pipeline import api
from unipref.sources import Join, Part, fingerprint, joined, parts, read, with_tables


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def inside(path: Path, records: str) -> list[tuple[Any, Any]]:
    (part,) = parts([path.name], path.parent, "s.path")
    return list(read(msgspec.structs.replace(part, records=records)))


# --- records ---------------------------------------------------------------------------------------------------------


def test_one_object_that_holds_the_list(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(json.dumps({"version": 2, "data": [{"q": "a"}, {"q": "b"}]}), encoding="utf-8")
    assert inside(tmp_path / "d.json", "data") == [
        ("1.1", {"q": "a", "parent": {"version": 2}}),
        ("1.2", {"q": "b", "parent": {"version": 2}}),
    ]


def test_several_instances_in_each_row_deep_inside_it(tmp_path: Path) -> None:
    rows = [
        {"id": 7, "body": {"lang": "en", "items": [{"a": 1}, "text"]}},
        {"id": 8, "body": {"items": [{"parent": "own"}]}},
        {"id": 9, "body": {"items": []}},
        {"id": 10, "body": {"items": 3}},
        {"id": 11, "body": {"item": []}},
        [1],
    ]
    found = inside(jsonl(tmp_path / "d.jsonl", rows), "body.items")
    assert found[:3] == [
        ("1.1", {"a": 1, "parent": {"id": 7, "body": {"lang": "en"}}}),
        ("1.2", {"value": "text", "parent": {"id": 7, "body": {"lang": "en"}}}),
        ("2.1", {"parent": "own"}),
    ]
    reasons = [Reason.UNSCORED, Reason.WRONG_TYPE, Reason.MISSING_FIELD, Reason.NOT_AN_OBJECT]
    assert [(number, reject.reason) for number, reject in found[3:]] == list(zip((3, 4, 5, 6), reasons, strict=True))


def test_an_object_of_rows_by_key(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"x7": {"q": "a"}, "x9": {"q": "b"}}', encoding="utf-8")
    assert inside(tmp_path / "d.json", ".") == [
        ("1.1", {"parent": {}, "key": "x7", "q": "a"}),
        ("1.2", {"parent": {}, "key": "x9", "q": "b"}),
    ]


# --- joins -----------------------------------------------------------------------------------------------------------


def source(tmp_path: Path, *joins: dict[str, Any], files: str = "q.jsonl") -> list[Part]:
    made = [Join.model_validate(join) for join in joins]
    return with_tables(parts([files], tmp_path, "s.path"), made, tmp_path, "s.join")


def looked_up(tmp_path: Path, found: list[Part]) -> list[tuple[Any, Any]]:
    with joined(found, tmp_path) as read_joined:
        again = pickle.loads(pickle.dumps(read_joined))
        return [entry for part in found for entry in again(part)]


def test_by_row_number_a_parallel_file(tmp_path: Path) -> None:
    jsonl(tmp_path / "q.jsonl", [{"q": "a"}, {"q": "b"}, {"q": "c"}])
    (tmp_path / "q-labels.lst").write_text("1\n\n2\n", encoding="utf-8")
    found = looked_up(tmp_path, source(tmp_path, {"path": "q-labels.lst", "on": "row"}))
    assert found[0] == (1, {"q": "a", "q-labels": {"line": "1"}})
    assert (found[1][0], found[1][1].reason) == (2, Reason.MISSING_FIELD)
    assert found[1][1].detail == "q-labels.lst has no row 2"
    assert found[2] == (3, {"q": "c", "q-labels": {"line": "2"}})


@pytest.mark.parametrize("ending", ["csv", "tsv", "xlsx"])
def test_by_row_number_the_header_does_not_count(tmp_path: Path, ending: str) -> None:
    rows = [["q"], ["two\nlines"], ["b"], ["c"]]
    if ending == "xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / "q.xlsx")
    else:
        (tmp_path / f"q.{ending}").write_text("".join(f'"{row[0]}"\n' for row in rows), encoding="utf-8")
    jsonl(tmp_path / "t.jsonl", [{"x": 1}, {"x": 2}])
    found = looked_up(tmp_path, source(tmp_path, {"path": "t.jsonl", "on": "row"}, files=f"q.{ending}"))
    assert [row["t"]["x"] for _, row in found[:2]] == [1, 2]
    assert [number for number, _ in found] == ([2, 3, 4] if ending == "xlsx" else [2, 4, 5])
    back = looked_up(tmp_path, source(tmp_path, {"path": f"q.{ending}", "on": "row"}, files="t.jsonl"))
    assert [row["q"]["q"] for _, row in back] == ["two\nlines", "b"]
    jsonl(tmp_path / "t.jsonl", [{"x": n} for n in range(4)])
    (*_, (_, missing)) = looked_up(tmp_path, source(tmp_path, {"path": f"q.{ending}", "on": "row"}, files="t.jsonl"))
    assert missing.detail == f"q.{ending} has no row 4 below its header"


def test_by_id_across_shapes_where_7_and_its_text_are_one_id(tmp_path: Path) -> None:
    jsonl(
        tmp_path / "q.jsonl", [{"id": 7, "q": "a"}, {"id": " 8 ", "q": "b"}, {"id": 7.0}, {"id": True}, {"id": "9"}, {}]
    )
    (tmp_path / "answers.csv").write_text('ref,text\n7,"seven\nlines"\n8,eight\n', encoding="utf-8")
    found = looked_up(tmp_path, source(tmp_path, {"path": "answers.csv", "left": "id", "right": "ref", "as": "answer"}))
    assert [row["answer"]["text"] for _, row in found[:3]] == ["seven\nlines", "eight", "seven\nlines"]
    assert [(n, r.reason, r.field) for n, r in found[3:]] == [(n, Reason.MISSING_FIELD, "id") for n in (4, 5, 6)]
    assert "answers.csv has no row with ref '9'" in found[4][1].detail


def test_two_tables_nested_ids_and_a_row_that_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"meta": {"a": "x", "b": 1}}\nnot json\n', encoding="utf-8")
    pq.write_table(pa.table({"k": ["x"], "t": ["one"]}), tmp_path / "left.parquet")
    (tmp_path / "right.json").write_text('[{"inner": {"k": 1}, "t": "two"}]', encoding="utf-8")
    joins = [
        {"path": "left.parquet", "left": "meta.a", "right": "k"},
        {"path": "right.json", "left": "meta.b", "right": "inner.k"},
    ]
    (_, row), (number, reject) = looked_up(tmp_path, source(tmp_path, *joins))
    assert (row["left"]["t"], row["right"]["t"]) == ("one", "two")
    assert (number, reject.reason) == (2, Reason.NOT_JSON)


def test_an_id_that_the_table_has_twice_is_an_error_unless_the_rows_are_the_same(tmp_path: Path) -> None:
    jsonl(tmp_path / "q.jsonl", [{"id": 1}])
    jsonl(tmp_path / "t.jsonl", [{"id": 1, "t": "a"}, {"id": 1, "t": "a"}])
    found = source(tmp_path, {"path": "t.jsonl", "left": "id", "right": "id"})
    assert looked_up(tmp_path, found) == [(1, {"id": 1, "t": {"id": 1, "t": "a"}})]
    jsonl(tmp_path / "t.jsonl", [{"id": 1, "t": "a"}, {"id": "1", "t": "a"}])
    with pytest.raises(UserError, match=r"join 't': two rows have id '1': t.jsonl:1 and t.jsonl:2") as caught:
        looked_up(tmp_path, found)
    assert "make the table of those rows the source's 'path'" in str(caught.value)
    assert not list(tmp_path.glob(".joined-*"))


def test_a_table_in_which_no_row_has_the_id(tmp_path: Path) -> None:
    jsonl(tmp_path / "q.jsonl", [{"id": 1}])
    jsonl(tmp_path / "t.jsonl", [{"qid": 1}, {"id": None}])
    with pytest.raises(UserError, match=r"no row of t.jsonl has the id 'id'"):
        looked_up(tmp_path, source(tmp_path, {"path": "t.jsonl", "left": "id", "right": "id"}))


def test_a_field_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    jsonl(tmp_path / "q.jsonl", [{"id": 1, "t": "mine"}])
    jsonl(tmp_path / "t.jsonl", [{"id": 1}])
    ((_, reject),) = looked_up(tmp_path, source(tmp_path, {"path": "t.jsonl", "left": "id", "right": "id"}))
    assert isinstance(reject, Reject)
    assert "give the join another name with 'as'" in reject.detail


WRONG: list[tuple[list[dict[str, Any]], str]] = [
    ([{"path": "t.jsonl", "on": "row"}, {"path": "t.jsonl", "on": "row"}], "two tables are called 't'"),
    ([{"path": "u.jsonl", "on": "row"}], "the file or folder 'u.jsonl' does not exist"),
    ([{"path": ["t.jsonl", "q.jsonl"], "on": "row"}], "joining by row number needs one file on each side"),
]


@pytest.mark.parametrize(("joins", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_wrong_is_said_before_work_starts(tmp_path: Path, joins: list[dict[str, Any]], said: str) -> None:
    jsonl(tmp_path / "q.jsonl", [{"id": 1}])
    jsonl(tmp_path / "t.jsonl", [{"id": 1}])
    with pytest.raises(UserError, match=said):
        source(tmp_path, *joins)


@pytest.mark.parametrize("join", [{}, {"on": "row", "left": "a", "right": "b"}, {"left": "a"}, {"right": "b"}])
def test_a_join_says_how(join: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give either 'on: row', or 'left' and 'right'"):
        Join.model_validate({"path": "t.jsonl", **join})


def test_tables_and_records_count_in_the_fingerprint(tmp_path: Path) -> None:
    jsonl(tmp_path / "q.jsonl", [{"id": 1}])
    jsonl(tmp_path / "t.jsonl", [{"id": 1, "t": "a"}])
    bare = parts(["q.jsonl"], tmp_path, "s.path")
    one = source(tmp_path, {"path": "t.jsonl", "left": "id", "right": "id"})
    other = source(tmp_path, {"path": "t.jsonl", "left": "id", "right": "t"})
    nested = [msgspec.structs.replace(part, records="x") for part in bare]
    keys = [fingerprint(found) for found in (bare, one, other, nested)]
    jsonl(tmp_path / "t.jsonl", [{"id": 1, "t": "b"}])
    assert len({*keys, fingerprint(one)}) == 5
    assert fingerprint(bare) == keys[0]


def test_the_table_is_looked_up_on_disk(tmp_path: Path) -> None:
    jsonl(tmp_path / "q.jsonl", [{"id": 1}])
    jsonl(tmp_path / "t.jsonl", [{"id": i, "t": "x" * 100} for i in range(2000)])
    found = source(tmp_path, {"path": "t.jsonl", "left": "id", "right": "id"})
    with joined(found, tmp_path):
        (index,) = tmp_path.glob(".joined-*/*.sqlite")
        with sqlite3.connect(index) as opened:
            assert opened.execute("SELECT count(*) FROM found").fetchone() == (2000,)
    assert not index.exists()


# --- a whole study ---------------------------------------------------------------------------------------------------


def study(root: Path, workers: int) -> dict[str, Any]:
    mapping = {
        "prompt": "sentence",
        "options": ["option1", "option2"],
        "answer": "label.line",
        "first": 1,
    }
    return {
        "data_root": str(root),
        "sources": [
            {
                "name": "blanks",
                "path": "blanks.json",
                "records": "data",
                "format": "multiple_choice",
                "map": {**mapping, "answer": "gold.label"},
                "join": [{"path": "gold.csv", "left": "id", "right": "id", "as": "gold"}],
            },
            {
                "name": "lines",
                "path": "lines.jsonl",
                "format": "multiple_choice",
                "map": mapping,
                "join": [{"path": "labels.lst", "on": "row", "as": "label"}],
            },
        ],
        "workers": workers,
    }


@pytest.mark.slow
def test_a_study_with_tables_is_the_same_in_one_process_and_in_several(tmp_path: Path) -> None:
    rows = [
        {"id": i, "sentence": f"The {i} man saw the {i} dog because _ ran.", "option1": "man", "option2": "dog"}
        for i in range(60)
    ]
    (tmp_path / "blanks.json").write_text(json.dumps({"data": rows}), encoding="utf-8")
    (tmp_path / "gold.csv").write_text(
        "id,label\n" + "".join(f"{i},{i % 2 + 1}\n" for i in range(59)), encoding="utf-8"
    )
    jsonl(tmp_path / "lines.jsonl", [row | {"sentence": f"Later, {row['sentence']}"} for row in rows])
    (tmp_path / "labels.lst").write_text("".join(f"{2 - i % 2}\n" for i in range(60)), encoding="utf-8")
    files = [api.unify_feedback(study(tmp_path, n), tmp_path / f"run{n}") for n in (1, 2)]
    assert files[0].read_bytes() == files[1].read_bytes()
    found = pq.read_table(files[0]).to_pylist()
    assert len(found) == 59 + 60
    assert found[0]["origin"] == ["blanks.json:1.1"]
    assert [p["chosen"][-1]["content"] for p in found[:2]] == ["man", "dog"]
    assert [p["chosen"][-1]["content"] for p in found[59:61]] == ["dog", "man"]
    rejects = pq.read_table(files[0].with_name("rejects.parquet")).to_pylist()
    assert [(r["reason"], r["origin"]) for r in rejects] == [("missing_field", ["blanks.json:1.60"])]
    assert {p.name for p in files[0].parent.iterdir()} >= {"preferences.parquet", "rejects.parquet"}
    assert not [p for p in files[0].parent.iterdir() if p.name.startswith(".joined")]


def test_why_an_id_cannot_be_looked_up(tmp_path: Path) -> None:
    jsonl(tmp_path / "q.jsonl", [{"id": 2.0**60}, {"id": 7}, {"id": None}])
    jsonl(tmp_path / "t.jsonl", [{"id": "7.0", "t": "a"}, {"id": "7.00", "t": "b"}])
    pieces = source(tmp_path, {"path": "t.jsonl", "left": "id", "right": "id"})
    (_, rounded), (_, several), (_, missing) = looked_up(tmp_path, pieces)
    assert rounded.reason is Reason.WRONG_TYPE
    assert "1152921504606846976 may be rounded" in rounded.detail
    assert several.reason is Reason.WRONG_TYPE
    assert "2 rows with id '7', written in several ways" in several.detail
    assert missing.reason is Reason.MISSING_FIELD
