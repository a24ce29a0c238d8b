"""XLSX workbooks and text files of one value per line."""

import datetime
import gzip
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from unipref.core.errors import UserError
from unipref.core.records import Reason, Reject
from unipref.sources import fingerprint, parts, read


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def rows_of(given: str, root: Path) -> list[tuple[Any, Any]]:
    return [entry for part in parts([given], root, "s.path") for entry in read(part)]


RATINGS = [
    ["question", "answer", "stars", None, "question"],
    ["Tea?", "Yes.", 5, True, "a"],
    [],
    ["Milk?", None, 2.5, False, None],
    ["Soup?", "No.", 3, None, "b", "one too many"],
    [datetime.datetime(2024, 5, 1, 12, 30), 7, "3"],
]


def test_cells_keep_their_types_and_rows_are_made_whole(tmp_path: Path) -> None:
    workbook(tmp_path / "r.xlsx", First=RATINGS, Second=[["x"], [1]])
    header = ("question", "answer", "stars", "column_4", "question_2")
    found = rows_of("r.xlsx", tmp_path)
    assert found[0] == (2, dict(zip(header, ["Tea?", "Yes.", 5, True, "a"], strict=True)))
    assert found[1] == (4, dict(zip(header, ["Milk?", None, 2.5, False, None], strict=True)))
    assert (found[2][0], found[2][1].reason) == (5, Reason.WRONG_TYPE)
    assert "the row has 6 cells, the header 5" in found[2][1].detail
    assert found[3] == (6, dict(zip(header, ["2024-05-01T12:30:00", 7, "3", None, None], strict=True)))
    assert len(found) == 4


def test_a_sheet_is_named_after_the_file(tmp_path: Path) -> None:
    workbook(tmp_path / "r.xlsx", First=RATINGS, Second=[["x"], [1], [2]])
    (part,) = parts(["r.xlsx#Second"], tmp_path, "s.path")
    assert list(read(part)) == [(2, {"x": 1}), (3, {"x": 2})]
    assert part.origin == "r.xlsx#Second"
    both = parts(["r.xlsx#First", "r.xlsx#Second", "r.xlsx#Second"], tmp_path, "s.path")
    assert [p.sheet for p in both] == ["First", "Second"]
    assert fingerprint(both[:1]) != fingerprint(both[1:])
    with pytest.raises(UserError, match=r"'r.xlsx' has no sheet 'Secnd'.\n  Did you mean 'Second'"):
        parts(["r.xlsx#Secnd"], tmp_path, "s.path")


def test_a_file_whose_name_has_the_sign_is_that_file(tmp_path: Path) -> None:
    workbook(tmp_path / "r.xlsx#1.xlsx", Only=[["x"], [1]])
    assert rows_of("r.xlsx#1.xlsx", tmp_path) == [(2, {"x": 1})]


def test_workbooks_in_archives(tmp_path: Path) -> None:
    plain = workbook(tmp_path / "r.xlsx", First=[["x"], ["one"]])
    (tmp_path / "r.xlsx.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(plain, "in/r.xlsx")
        archive.writestr("in/notes.txt", "no data")
    assert rows_of("r.xlsx.gz", tmp_path) == [(2, {"x": "one"})]
    assert rows_of("all.zip", tmp_path) == [(2, {"x": "one"})]


def test_what_is_no_workbook_is_one_reject(tmp_path: Path) -> None:
    (tmp_path / "r.xlsx").write_bytes(b"question,stars\n")
    ((number, reject),) = rows_of("r.xlsx", tmp_path)
    assert (number, reject.reason) == (1, Reason.UNREADABLE)
    assert "the workbook is damaged" in reject.detail
    whole = workbook(tmp_path / "w.xlsx", First=[["x"], *([i] for i in range(500))]).read_bytes()
    (tmp_path / "w.xlsx").write_bytes(whole[: len(whole) // 2])
    assert [r.reason for _, r in rows_of("w.xlsx", tmp_path) if isinstance(r, Reject)] == [Reason.UNREADABLE]


def test_an_empty_sheet_has_no_rows(tmp_path: Path) -> None:
    workbook(tmp_path / "r.xlsx", First=[], Second=[["only", "a header"]])
    assert rows_of("r.xlsx", tmp_path) == []
    assert rows_of("r.xlsx#Second", tmp_path) == []


def test_lines_are_numbered_and_blank_ones_are_none(tmp_path: Path) -> None:
    (tmp_path / "labels.lst").write_bytes(b"1\r\n\n 2 \n\xff\nzw\xc3\xb6lf")
    found = rows_of("labels.lst", tmp_path)
    assert found[:2] == [(1, {"line": "1"}), (3, {"line": " 2 "})]
    assert (found[2][0], found[2][1].reason) == (4, Reason.NOT_TEXT)
    assert found[3:] == [(5, {"line": "zwölf"})]


def test_text_files_are_read_only_when_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/LICENSE.txt").write_text("MIT", encoding="utf-8")
    (tmp_path / "d/a.jsonl").write_text('{"x": 1}\n', encoding="utf-8")
    assert rows_of("d", tmp_path) == [(1, {"x": 1})]
    assert rows_of("d/*", tmp_path) == [(1, {"x": 1})]
    assert rows_of("d/*.txt", tmp_path) == [(1, {"line": "MIT"})]
    assert rows_of("d/LICENSE.txt", tmp_path) == [(1, {"line": "MIT"})]


@pytest.mark.parametrize("stated", ["A1:C3", "B2:C4", "A1"])
def test_rows_beyond_the_size_that_a_sheet_states_are_read(tmp_path: Path, stated: str) -> None:
    sound, path = tmp_path / "sound.xlsx", tmp_path / "x.xlsx"
    rows = [{"q": f"q{n}?", "a": f"a{n}", "b": f"b{n}"} for n in range(6)]
    pd.DataFrame(rows).to_excel(sound, index=False)
    with zipfile.ZipFile(sound) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert b'ref="A1:C7"' in content
                content = content.replace(b'ref="A1:C7"', f'ref="{stated}"'.encode())
            new.writestr(name, content)
    (part,) = parts([str(path)], tmp_path, "path")
    assert [row for _, row in read(part)] == rows
