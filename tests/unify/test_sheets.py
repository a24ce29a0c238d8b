"""Tests of `inspect` and `init` on a named sheet of a workbook."""

from pathlib import Path

import openpyxl
import pytest

from unipref.study import draft
from unipref.unify.inspection import inspect


def write_book(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["todo"])
    book.active.append(["ask Ann"])
    for name, answer in (("May", "answer"), ("June", "reply")):
        sheet = book.create_sheet(name)
        sheet.append(["question", answer, "helpful"])
        for n, verdict in enumerate(["yes", "no", "yes"]):
            sheet.append([f"Where does owl {n} sleep?", f"Owl {n} sleeps in an old barn.", verdict])
    book.save(path)


def test_the_named_sheet_is_inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_book(tmp_path / "book.xlsx")
    may, june = inspect(["book.xlsx#May", "book.xlsx#June"])
    assert (may.format, may.map["response"], may.source["path"]) == ("thumbs", "answer", "book.xlsx#May")
    assert (june.format, june.map["response"], june.source["path"]) == ("thumbs", "reply", "book.xlsx#June")
    (first,) = inspect(["book.xlsx"])
    assert first.format is None


def test_init_drafts_each_named_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_book(tmp_path / "book.xlsx")
    written = draft.draft_study(["book.xlsx#May", "book.xlsx#June"])
    assert "response: answer" in written
    assert "response: reply" in written
