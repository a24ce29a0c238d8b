"""Cells of workbooks that hold formulas and errors, and rows that a sheet stores twice."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from tests.support.study_files import manifest_of

from unipref.core.records import Reason, Reject
from unipref.core.unusable_text import UnusableText
from unipref.pipeline import api
from unipref.sources import parts, read
from unipref.sources.reading_notes import collect_notes

TEXT = '<c r="{}" t="inlineStr"><is><t>{}</t></is></c>'


def sheet(path: Path, *rows: list[str], numbers: list[int] | None = None) -> Path:
    """Writes a workbook whose cells are given as XML (a text without '<' stands for itself)."""
    book = openpyxl.Workbook()
    book.save(path)
    lines = []
    for number, cells in zip(numbers or range(1, len(rows) + 1), rows, strict=True):
        places = [f"{chr(ord('A') + column)}{number}" for column in range(len(cells))]
        made = [
            (cell if cell.startswith("<") else TEXT).format(place, cell)
            for place, cell in zip(places, cells, strict=True)
        ]
        lines.append(f'<row r="{number}">{"".join(made)}</row>')
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    xml = f'<worksheet xmlns="{namespace}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, xml if name == "xl/worksheets/sheet1.xml" else content)
    return path


def rows_of(path: Path) -> tuple[list[Any], list[str]]:
    with collect_notes() as notes:
        return [row for part in parts([str(path)], path.parent, "s") for _, row in read(part)], notes


NUMBER = '<c r="{}"><f>A1+1</f><v>4</v></c>'
BOOLEAN = '<c r="{}" t="b"><f>A1=A1</f><v>1</v></c>'
TEXT_FORMULA = '<c r="{}" t="str"><f>A1&amp;"x"</f><v>Other</v></c>'
EMPTY_TEXT = '<c r="{}" t="str"><f>IF(A1,"","")</f><v></v></c>'
NEVER_COMPUTED = '<c r="{}"><f>A1*2</f></c>'
ERROR_FORMULA = '<c r="{}" t="e"><f>SUM(A1)</f><v>#NAME?</v></c>'
ERROR = '<c r="{}" t="e"><v>#N/A</v></c>'


def test_values_of_formulas(tmp_path: Path) -> None:
    rows, notes = rows_of(sheet(tmp_path / "x.xlsx", ["a", "b", "c", "d"], [NUMBER, BOOLEAN, "#NAME?", EMPTY_TEXT]))
    assert rows == [{"a": 4, "b": True, "c": "#NAME?", "d": None}]
    assert not isinstance(rows[0]["c"], UnusableText)
    assert notes == [
        "'a' comes from a formula; the value saved with it is read",
        "'b' comes from a formula; the value saved with it is read",
        "'c' is '#NAME?', as spreadsheet programs show a formula that failed; it is read as text",
    ]


@pytest.mark.parametrize(
    ("cell", "shown", "says"),
    [
        (TEXT_FORMULA, '=A1&"x"', "the formula '=A1&\"x\"', which gave 'Other'"),
        (NEVER_COMPUTED, "=A1*2", "the formula '=A1*2', which has no saved value"),
        (ERROR_FORMULA, "=SUM(A1)", "the error '#NAME?' of the formula '=SUM(A1)'"),
        (ERROR, "#N/A", "the cell holds the error '#N/A', not a value"),
    ],
)
def test_texts_of_formulas_and_errors_are_marked(tmp_path: Path, cell: str, shown: str, says: str) -> None:
    rows, notes = rows_of(sheet(tmp_path / "x.xlsx", ["a"], [cell]))
    (text,) = rows[0].values()
    assert isinstance(text, UnusableText)
    assert (text, notes) == (shown, [])
    assert says in text.why
    copy = pickle.loads(pickle.dumps(text))
    assert (copy, copy.why) == (text, text.why)


def test_cells_that_a_formula_of_another_cell_fills(tmp_path: Path) -> None:
    area = '<c r="{}" t="str"><f t="array" ref="A2:B3">B1:C2</f><v>x</v></c>'
    filled = '<c r="{}" t="str"><v>y</v></c>'
    path = sheet(
        tmp_path / "x.xlsx", ["a", "b", "c"], [area, filled, "own"], [filled, filled, "own"], ["p", "q", "own"]
    )
    rows, _ = rows_of(path)
    marked = [[isinstance(value, UnusableText) for value in row.values()] for row in rows]
    assert marked == [[True, True, False], [True, True, False], [False, False, False]]
    assert "comes from a formula, which gave 'y'" in rows[1]["a"].why


def test_very_many_areas_are_read(tmp_path: Path) -> None:
    cells = [f'<c r="{{0}}"><f t="array" ref="A{row}:B{row}">C1</f><v>1</v></c>' for row in range(2, 302)]
    rows, _ = rows_of(sheet(tmp_path / "x.xlsx", ["a", "b"], *([cell, "t"] for cell in cells)))
    assert len(rows) == 300
    assert all(isinstance(row["b"], UnusableText) for row in rows)


def test_a_row_number_that_comes_twice_loses_no_row(tmp_path: Path) -> None:
    path = sheet(tmp_path / "x.xlsx", ["a"], ["1"], ["2"], ["3"], ["4"], numbers=[1, 2, 2, 5, 3])
    with collect_notes() as notes:
        rows = [entry for part in parts([path.name], tmp_path, "s") for entry in read(part)]
    assert rows == [(2, {"a": "1"}), (3, {"a": "2"}), (5, {"a": "3"}), (6, {"a": "4"})]
    assert notes == ["its number in the sheet is not above that of the row before it, so it gets the next one"] * 2


def test_a_cell_that_comes_twice_is_noted(tmp_path: Path) -> None:
    twice = TEXT.format("{0}", "one") + TEXT.format("{0}", "two")
    rows, notes = rows_of(sheet(tmp_path / "x.xlsx", ["a", "b"], [twice, "c"]))
    assert rows == [{"a": "two", "b": "c"}]
    assert notes == ["it has two cells in one column of the sheet; the last one is read"]


def test_a_study_rejects_mapped_formulas_and_counts_numbers(tmp_path: Path) -> None:
    header = ["prompt", "answer", "stars", "comment"]
    path = sheet(
        tmp_path / "x.xlsx",
        header,
        ["q1?", "good", NUMBER, TEXT_FORMULA],
        ["q1?", "bad", "1", "-"],
        ["q2?", ERROR_FORMULA, "5", "-"],
        ["q2?", "fine", ERROR, "-"],
        ["q2?", "well", NEVER_COMPUTED, "-"],
    )
    scores = {"stars": {"field": "stars", "low": 1, "high": 5, "better": "high"}}
    mapping = {"prompt": "prompt", "response": "answer", "scores": scores}
    source = {"name": "s", "path": path.name, "format": "ratings", "map": mapping}
    study = {"data_root": str(tmp_path), "sources": [source], "split": {"dev": 0, "test": 0}}
    out = api.unify_feedback(study, tmp_path / "run")
    (preference,) = pq.read_table(out).to_pylist()
    assert (preference["chosen"][0]["content"], preference["rejected"][0]["content"]) == ("good", "bad")
    rejects = pq.read_table(out.with_name("rejects.parquet")).to_pylist()
    assert [(row["reason"], row["field"], row["origin"]) for row in rejects] == [
        ("wrong_type", "answer", ["x.xlsx:4"]),
        ("wrong_type", "stars", ["x.xlsx:5"]),
        ("wrong_type", "stars", ["x.xlsx:6"]),
    ]
    (note,) = manifest_of(tmp_path / "run")["sources"]["s"]["notes"]
    assert note == "1 row: 'stars' comes from a formula; the value saved with it is read; the first: x.xlsx:2"


def test_answers_that_begin_with_a_sign_of_equality(tmp_path: Path) -> None:
    graded = [["q1?", ERROR_FORMULA, "b", "a-is-better"], ["q2?", "a", "b", "a-is-better"]]
    path = sheet(tmp_path / "x.xlsx", ["prompt", "a", "b", "label"], *graded)
    mapping = {"prompt": "prompt", "first": "a", "second": "b", "grade": "label", "codes": {"a-is-better": 1}}
    source = {"name": "s", "path": path.name, "format": "graded_pair", "map": mapping}
    out = api.unify_feedback({"data_root": str(tmp_path), "sources": [source]}, tmp_path / "run")
    assert [row["prompt"][0]["content"] for row in pq.read_table(out).to_pylist()] == ["q2?"]
    (reject,) = pq.read_table(out.with_name("rejects.parquet")).to_pylist()
    assert "the error '#NAME?' of the formula '=SUM(A1)'" in reject["detail"]


def test_a_header_from_formulas(tmp_path: Path) -> None:
    rows, _ = rows_of(sheet(tmp_path / "x.xlsx", [NUMBER, "b"], ["1", "2"]))
    assert rows == [{"4": "1", "b": "2"}]
    assert not any(isinstance(row, Reject) and row.reason is Reason.UNREADABLE for row in rows)


@pytest.mark.parametrize("reference", ["#REF!:#REF!", "A:A", "2:2", "A2:", ":", "B9:A1", ""])
def test_odd_areas_of_formulas_do_not_stop_reading(tmp_path: Path, reference: str) -> None:
    cell = f'<c r="{{}}"><f t="array" ref="{reference}">B1</f><v>1</v></c>'
    rows, _ = rows_of(sheet(tmp_path / "x.xlsx", ["a", "b"], [cell, "t"], ["u", "v"]))
    assert [list(row) for row in rows] == [["a", "b"], ["a", "b"]]
    assert rows[0]["a"] == 1
