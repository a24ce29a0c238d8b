"""Joins with relative folders, tables with faults, and what is noted about the rows of a table."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.sources.test_formulas import ERROR_FORMULA, NUMBER, TEXT_FORMULA, sheet
from tests.support.study_files import manifest_of
from typer.testing import CliRunner

from unipref import cli
from unipref.core.errors import UserError
from unipref.pipeline import api

STUDY = """
name: j
sources:
  - name: s
    path: a.jsonl
    join: [{{path: b.csv, left: q, right: id, as: b}}, {{path: labels.lst, on: row}}]
    format: {format}
    map: {{prompt: p, response: b.answer, keep: [labels.line]}}
"""


def write_rows(folder: Path) -> None:
    (folder / "a.jsonl").write_text('{"q": 1, "p": "Why?"}\n{"q": 2, "p": "How?"}\n', encoding="utf-8")
    (folder / "b.csv").write_text("id,answer\n1,Because.\n2,So.\n", encoding="utf-8")
    (folder / "labels.lst").write_text("A\nB\n", encoding="utf-8")


@pytest.mark.parametrize("out", [(), ("-o", "out"), ("-o", "../other/out"), ("-o", "ABSOLUTE")])
def test_relative_run_folders(tmp_path: Path, out: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work #1 %20"
    folder.mkdir()
    write_rows(folder)
    (folder / "study.yaml").write_text(STUDY.format(format="demonstration"), encoding="utf-8")
    words = [str(tmp_path / "absolute") if word == "ABSOLUTE" else word for word in out]
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(cli.app, ["unify", "study.yaml", *words])
    assert result.exit_code == 0, result.output
    run = folder / (words[1] if words else "runs/study")
    rows = pq.read_table(run / "unified" / "preferences.parquet").to_pylist()
    assert [(row["chosen"][0]["content"], json.loads(row["extra"])) for row in rows] == [
        ("Because.", {"labels.line": "A"}),
        ("So.", {"labels.line": "B"}),
    ]


def joined(root: Path, join: dict[str, Any], response: str = "t.answer", **source: Any) -> list[dict[str, Any]]:
    """Returns the rejects of a study that reads the answers of a table."""
    mapping = {"prompt": "p", "response": response}
    entry = {"name": "s", "path": "a.jsonl", "join": [{"as": "t", **join}], "format": "demonstration", "map": mapping}
    out = api.unify_feedback({"data_root": str(root), "sources": [{**entry, **source}]}, root / "run")
    return pq.read_table(out.with_name("rejects.parquet")).to_pylist()


def test_texts_of_formulas_in_a_table_stay_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"q": 1, "p": "A?"}\n{"q": 2, "p": "B?"}\n{"q": 4, "p": "C?"}\n', encoding="utf-8"
    )
    sheet(
        tmp_path / "t.xlsx",
        ["id", "answer", "n"],
        ["1", TEXT_FORMULA, NUMBER],
        ["2", "Yes.", NUMBER],
        [NUMBER, ERROR_FORMULA, "x"],
        [TEXT_FORMULA, "a", "x"],
    )
    rejects = joined(tmp_path, {"path": "t.xlsx", "left": "q", "right": "id"})
    assert [(row["field"], row["origin"]) for row in rejects] == [
        ("t.answer", ["a.jsonl:1"]),
        ("t.answer", ["a.jsonl:3"]),
    ]
    assert "comes from the formula" in rejects[0]["detail"]
    assert manifest_of(tmp_path / "run")["sources"]["s"]["notes"] == [
        "2 rows: in the joined table 't', 'n' comes from a formula; the value saved with it is read; the first: "
        "a.jsonl:1",
        "1 row: in the joined table 't', 'id' comes from a formula; the value saved with it is read; the first: "
        "a.jsonl:3",
    ]


def test_a_missing_row_names_the_faults_of_its_table(tmp_path: Path) -> None:
    write_rows(tmp_path)
    (tmp_path / "b.csv").write_text("id,answer\n1,Because.\n2,So.,x\n", encoding="utf-8")
    (reject,) = joined(tmp_path, {"path": "b.csv", "left": "q", "right": "id"})
    assert reject["reason"] == "missing_field"
    assert (
        "b.csv has no row with id '2' (1 of its rows cannot be used, the first: b.csv:3: the row has 3 cells"
        in (reject["detail"])
    )


def test_a_table_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    write_rows(tmp_path)
    (tmp_path / "t.json").write_text('[{"id": 1', encoding="utf-8")
    with pytest.raises(UserError, match=r"no row of t\.json has the id 'id'; the first fault: t\.json:1"):
        joined(tmp_path, {"path": "t.json", "left": "q", "right": "id"})


def test_ids_and_rows_that_sqlite_or_json_cannot_hold(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"], pa.binary()).buffers())
    pq.write_table(pa.table({"q": bad, "p": ["A?"]}), tmp_path / "a.parquet")
    deep = '{"id": 3, "answer": ' + "[" * 3000 + "]" * 3000 + "}"
    text = f'{{"id": "\\ufffd", "answer": "x"}}\n{deep}\n{{"id": 1, "answer": "y"}}\n'
    (tmp_path / "t.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="no preference could be made from 1 rows"):
        joined(tmp_path, {"path": "t.jsonl", "left": "q", "right": "id"}, path="a.parquet")
    write_rows(tmp_path)
    (reject,) = joined(tmp_path, {"path": "t.jsonl", "left": "q", "right": "id"})
    assert "1 of its rows cannot be used, the first: t.jsonl:2" in reject["detail"]


def test_a_table_in_a_folder_with_a_link_out(tmp_path: Path) -> None:
    write_rows(tmp_path)
    (tmp_path / "tables").mkdir()
    os.rename(tmp_path / "b.csv", tmp_path / "tables" / "b.csv")
    (tmp_path / "tables" / "c.csv").symlink_to("/dev/zero")
    assert joined(tmp_path, {"path": "tables", "left": "q", "right": "id"}) == []


@pytest.mark.parametrize(
    ("table", "settings"),
    [
        ({"1": {"answer": "Because."}, "2": {"answer": "So."}}, {"records": ".", "right": "key"}),
        ({"data": [{"id": 1, "answer": "Because."}, {"id": 2, "answer": "So."}]}, {"records": "data", "right": "id"}),
        ({"id": {"0": 1, "1": 2}, "answer": {"0": "Because.", "1": "So."}}, {"orient": "columns", "right": "id"}),
    ],
)
def test_tables_inside_one_object(tmp_path: Path, table: Any, settings: dict[str, str]) -> None:
    write_rows(tmp_path)
    (tmp_path / "t.json").write_text(json.dumps(table), encoding="utf-8")
    assert joined(tmp_path, {"path": "t.json", "left": "q", **settings}) == []
    rows = pq.read_table(tmp_path / "run" / "unified" / "preferences.parquet").to_pylist()
    assert [row["chosen"][0]["content"] for row in rows] == ["Because.", "So."]


def test_rows_inside_rows_have_no_number_to_join_by(tmp_path: Path) -> None:
    write_rows(tmp_path)
    (tmp_path / "t.json").write_text('{"a": [{"answer": "x"}]}', encoding="utf-8")
    with pytest.raises(UserError, match="rows inside rows cannot be joined by row number"):
        joined(tmp_path, {"path": "t.json", "on": "row", "records": "a"})
