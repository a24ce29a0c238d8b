"""A workbook whose list of sheets is damaged has no known sheets, and never ends in a traceback."""

import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from unipref.sources import parts
from unipref.sources.xlsx_sheets import SHEET_LIST, further_sheets, sheet_names
from unipref.unify.inspection import inspect


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A workbook with two sheets."""
    made = Workbook()
    for sheet in (made.active, made.create_sheet("Two")):
        sheet.append(["prompt", "chosen", "rejected"])
        sheet.append(["Which?", "Tea.", "Mud."])
    made.save(tmp_path / "book.xlsx")
    return tmp_path / "book.xlsx"


def rewrite(book: Path, content: bytes) -> None:
    """Replaces the list of sheets."""
    with zipfile.ZipFile(book) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(book, "w") as archive:
        for name, data in {**members, SHEET_LIST: content}.items():
            archive.writestr(name, data)


def damage_bytes(book: Path) -> None:
    """Overwrites the compressed bytes of the list of sheets."""
    with zipfile.ZipFile(book) as archive:
        info = archive.getinfo(SHEET_LIST)
    data = bytearray(book.read_bytes())
    start = info.header_offset + 30 + len(info.filename)
    data[start : start + info.compress_size] = b"\xff" * info.compress_size
    book.write_bytes(data)


@pytest.mark.parametrize("content", [None, b"<a", b'<?xml version="1.0" encoding="no-such"?><a/>', b"\xff\xfe\x00"])
def test_a_damaged_list_of_sheets_is_none(book: Path, content: bytes | None) -> None:
    (part,) = parts([str(book)], book.parent, "s")
    assert sheet_names(part) == ["Sheet", "Two"]
    if content is None:
        damage_bytes(book)
    else:
        rewrite(book, content)
    assert (sheet_names(part), further_sheets(part)) == (None, [])
    inspect([book])
