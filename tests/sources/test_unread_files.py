"""What a path covers and is not read is named: other endings, hidden files, further sheets, links out."""

import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.chart import BarChart
from tests.support.study_files import manifest_of

from unipref.core.progress import ProgressListener
from unipref.pipeline import api
from unipref.sources import UnreadFiles, parts
from unipref.unify.inspection import inspect

ROW = '{"prompt": "q", "chosen": "a", "rejected": "b"}\n'


def write(path: Path, text: str = ROW) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def unread(root: Path, *paths: str, follow_links: bool = False) -> UnreadFiles:
    named = UnreadFiles()
    parts(list(paths), root, "s.path", follow_links=follow_links, unread=named)
    return named


def workbook(path: Path, filled: tuple[str, ...] = ("Rows", "More", "Last"), empty: str = "Empty") -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in filled:
        sheet = book.create_sheet(name)
        for cells in (["prompt", "chosen", "rejected"], ["q", "a", "b"]):
            sheet.append(cells)
    book.create_sheet(empty)
    book.create_chartsheet("Chart").add_chart(BarChart())
    book.save(path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("a.jsonl", "b.jsonl.bz2", "c.jsonl.xz", "d.xls", "sub/e.ods", "notes.txt", ".f.jsonl", ".g/h.jsonl"):
        write(tmp_path / "data" / name)
    for name in (".gitattributes", "._a.jsonl", ".git/config"):
        write(tmp_path / "data" / name)
    return tmp_path


def test_other_endings_and_hidden_files_of_a_folder(data: Path) -> None:
    named = unread(data, "data")
    assert sorted(named.endings) == [
        "data/b.jsonl.bz2",
        "data/c.jsonl.xz",
        "data/d.xls",
        "data/notes.txt",
        "data/sub/e.ods",
    ]
    assert sorted(named.hidden) == ["data/.f.jsonl", "data/.g"]
    assert named.as_notes() == [
        "not read: 5 files with another ending: data/b.jsonl.bz2, data/c.jsonl.xz, data/d.xls, data/notes.txt, "
        "data/sub/e.ods; 2 hidden files and folders: data/.f.jsonl, data/.g"
    ]


def test_what_a_glob_matches_and_what_another_path_names(data: Path) -> None:
    assert sorted(unread(data, "data/*").endings) == [
        f"data/{name}" for name in ("b.jsonl.bz2", "c.jsonl.xz", "d.xls", "notes.txt", "sub/e.ods")
    ]
    assert unread(data, "data/*.jsonl").as_notes() == []
    assert "data/notes.txt" not in unread(data, "data", "data/notes.txt").endings


def test_members_of_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.jsonl", "b.txt", "in/c.zip", "d.jsonl.bz2", ".e.jsonl", "__MACOSX/._a.jsonl", ".x/.hidden"):
            archive.writestr(name, ROW)
    named = unread(tmp_path, "a.zip")
    assert (named.endings, named.hidden) == (["a.zip!b.txt", "a.zip!in/c.zip", "a.zip!d.jsonl.bz2"], ["a.zip!.e.jsonl"])
    write(tmp_path / "data" / "a.jsonl")
    with zipfile.ZipFile(tmp_path / "data" / "empty.zip", "w"):
        pass
    assert unread(tmp_path, "data").as_notes() == ["not read: 1 archive without data files: data/empty.zip"]


def test_sheets_after_the_first(tmp_path: Path) -> None:
    workbook(tmp_path / "b.xlsx")
    assert unread(tmp_path, "b.xlsx").sheets == ["b.xlsx#More", "b.xlsx#Last"]
    assert unread(tmp_path, "b.xlsx#More").sheets == []
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(tmp_path / "b.xlsx", "b.xlsx")
    assert unread(tmp_path, "z.zip").sheets == ["z.zip!b.xlsx#More", "z.zip!b.xlsx#Last"]
    (tmp_path / "bad.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    assert unread(tmp_path, "bad.xlsx").as_notes() == []


def test_linked_folders_that_a_glob_passes_by(tmp_path: Path) -> None:
    write(tmp_path / "root" / "data" / "a.jsonl")
    write(tmp_path / "outside" / "b.jsonl")
    (tmp_path / "root" / "data" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "data" / "loop").symlink_to(tmp_path / "root" / "data")
    named = unread(tmp_path / "root", "data/**/*.jsonl")
    assert named.links == ["data/out"]
    assert named.as_notes() == ["not read: 1 linked folder outside of the path (see 'follow_links'): data/out"]
    assert unread(tmp_path / "root", "data/**/*.jsonl", follow_links=True).links == []


def test_names_are_bounded_and_shown_safely() -> None:
    (note,) = UnreadFiles(endings=[f"{n}\n\x1b.xls" for n in range(9)]).as_notes()
    assert note.endswith("4\\u000a\\u001b.xls and 4 more")
    assert "\n" not in note


def test_the_run_the_manifest_and_inspect_name_them(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workbook(data / "data" / "book.xlsx")
    write(data / "more" / "t.csv", "id,x\nq,1\n")
    write(data / "more" / "u.csv.bz2")
    join = {"path": "more", "left": "prompt", "right": "id", "as": "t"}
    source = {"name": "s", "path": "data", "format": "pairs", "map": {"prompt": "prompt"}, "join": [join]}
    said: list[str] = []

    class Listener(ProgressListener):
        def note(self, text: str) -> None:
            said.append(text)

    api.unify_feedback({"data_root": str(data), "sources": [source]}, data / "run", listener=Listener())
    (note,) = manifest_of(data / "run")["sources"]["s"]["notes"]
    for name in ("data/d.xls", "data/.f.jsonl", "data/book.xlsx#Last"):
        assert name in note
    assert "6 files" in note
    assert f"s: {note}" in said
    monkeypatch.chdir(data)
    first, *_ = inspect(["data"])
    assert "data/book.xlsx#Last" in first.as_text()
    # A finished stage is not repeated, but what lies beside its files is named as it is now.
    (data / "data" / "d.xls").unlink()
    api.unify_feedback({"data_root": str(data), "sources": [source]}, data / "run", listener=Listener())
    assert "d.xls" not in manifest_of(data / "run")["sources"]["s"]["notes"][0]
