"""FIFOs, sockets, devices and links among the data: nothing blocks, and no link leads out of the folder unasked."""

import os
import socket
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import unipref
from unipref.core.errors import UserError
from unipref.core.records import Reason, Reject
from unipref.evaluate.readers.documents import read_documents
from unipref.sources import Part, fingerprint, parts, peek, read
from unipref.study.draft import draft_study
from unipref.unify.inspection import inspect

LINE = '{"prompt": "q%s?", "chosen": "good answer %s", "rejected": "bad answer %s"}\n'


def write(path: Path, mark: str = "1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(LINE % (mark, mark, mark), encoding="utf-8")
    return path


def found(given: str, root: Path, **settings: Any) -> tuple[list[str], dict[str, str]]:
    """Returns the origins of the files that are read, and origin -> why the others are not."""
    pieces: list[Part] = parts([given], root, "s", **settings)
    return [p.origin for p in pieces if not p.fault], {p.origin: p.fault for p in pieces if p.fault}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    write(root / "data" / "a.jsonl")
    write(tmp_path / "private" / "secret.jsonl", "secret")
    return root


def test_special_files_in_folders_and_globs_are_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(data / "data" / "pipe.jsonl")
    (data / "data" / "zero.csv").symlink_to("/dev/zero")
    monkeypatch.chdir(data / "data")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("door.json")
    (data / "data" / "gone.json").symlink_to("nowhere.json")
    (data / "data" / "self.json").symlink_to("self.json")
    for given in ("data", "data/*", "**/*", "**"):
        names, faults = found(given, data)
        assert names == ["data/a.jsonl"]
        assert {Path(name).name: text.partition(" is not read: it is ")[2] for name, text in faults.items()} == {
            "pipe.jsonl": "a FIFO (named pipe), not a regular file.",
            "zero.csv": "a device, not a regular file.",
            "door.json": "a socket, not a regular file.",
            "gone.json": "a link to a missing file.",
            "self.json": "a link that leads back to itself.",
        }
    pieces = parts(["data"], data, "s")
    rows = [row for part in pieces for _, row in read(part)]
    assert [row.reason for row in rows if isinstance(row, Reject)] == [Reason.UNREADABLE] * 5
    assert fingerprint(pieces) == fingerprint(pieces)
    assert len(peek(data / "data", 10)) == 1
    texts = [inspection.as_text() for inspection in inspect([data / "data"])]
    assert sum("FIFO" in text for text in texts) == 1
    assert "pipe.jsonl' is not read: it is a FIFO" in draft_study([data / "data"])


def test_special_files_that_are_named_are_errors(data: Path) -> None:
    os.mkfifo(data / "pipe.jsonl")
    (data / "only").mkdir()
    os.mkfifo(data / "only" / "pipe.jsonl")
    (data / "zero.csv").symlink_to("/dev/zero")
    for given, says in (("pipe.jsonl", "FIFO"), ("zero.csv", "a device"), ("only", "no data file"), ("only/*", "data")):
        with pytest.raises(UserError, match=says):
            parts([given], data, "s")


def test_links_that_lead_out_are_named_and_not_followed(data: Path) -> None:
    private = data.parent / "private"
    (data / "data" / "b.jsonl").symlink_to(private / "secret.jsonl")
    (data / "data" / "folder").symlink_to(private)
    for given in ("data", "data/*", "**/*.jsonl"):
        names, faults = (
            found(given, data) if given != "data/f*/*.jsonl" else ([], {"data/folder": "follow_links: true"})
        )
        assert "secret" not in str(names)
        assert all("follow_links: true" in text for text in faults.values())
    with pytest.raises(UserError) as error:
        parts(["data/f*/*.jsonl"], data, "s")
    assert "follow_links: true" in (error.value.mend or "")
    assert {*found("data", data)[1]} == {"data/b.jsonl", "data/folder"}
    for given in ("data", "data/*"):
        assert found(given, data, follow_links=True) == (["data/a.jsonl", "data/b.jsonl"], {})
    assert not any(
        "secret" in inspection.as_text().replace("secret.jsonl", "") for inspection in inspect([data / "data"])
    )


def test_links_inside_are_followed(data: Path) -> None:
    write(data / "other" / "deep" / "c.jsonl", "2")
    (data / "data" / "b.jsonl").symlink_to("../other/deep/c.jsonl")
    (data / "data" / "linked").symlink_to("../other")
    assert found("data", data) == (["data/a.jsonl", "data/b.jsonl"], {})  # each file once
    (data / "data" / "b.jsonl").unlink()
    assert found("data", data) == (["data/a.jsonl", "data/linked/deep/c.jsonl"], {})
    assert found("data/**/*.jsonl", data) == (["data/a.jsonl", "data/linked/deep/c.jsonl"], {})


def test_a_link_that_the_path_names_is_followed(data: Path) -> None:
    private = data.parent / "private"
    (data / "file.jsonl").symlink_to(private / "secret.jsonl")
    (data / "folder").symlink_to(private)
    assert found("file.jsonl", data) == (["file.jsonl"], {})
    assert found("folder", data) == (["folder/secret.jsonl"], {})
    assert found("folder/*.jsonl", data) == (["folder/secret.jsonl"], {})
    # Links in that folder may lead anywhere below it.
    (private / "again.jsonl").symlink_to(private / "secret.jsonl")
    assert found("folder", data) == (["folder/again.jsonl"], {})


@pytest.mark.parametrize("follow_links", [False, True])
def test_loops_of_links_end(data: Path, follow_links: bool) -> None:
    for name in ("x", "y", "z"):
        (data / "data" / name).mkdir()
        for other in ("x", "y", "z", ""):
            (data / "data" / name / f"to_{other}").symlink_to(data / "data" / other)
        write(data / "data" / name / "d.jsonl", name)
    (data / "data" / "up").symlink_to(data)
    expected = ["data/a.jsonl", "data/x/d.jsonl", "data/y/d.jsonl", "data/z/d.jsonl"]
    names, faults = found("data", data, follow_links=follow_links)
    assert names == expected
    assert list(faults) == ["data/up"]
    assert "a link back to a folder that it lies in" in faults["data/up"]
    for given in ("**/*.jsonl", "**", "data/**/**/*.jsonl"):
        names, _ = found(given, data, follow_links=follow_links)
        assert sorted(os.path.realpath(data / name) for name in names) == [str(data / name) for name in expected]


def test_globs_match_as_before(data: Path) -> None:
    import glob

    for name in (
        "data/x/1.jsonl",
        "data/x/y/2.jsonl",
        "data/.h/3.jsonl",
        "e.jsonl",
        "data/x/.4.jsonl",
        "data/[a].jsonl",
    ):
        write(data / name, name)
    from unipref.sources.file_tree import FileTree

    tree = FileTree(str(data), None)
    for pattern in (
        "**/*.jsonl",
        "data/**/y/*.jsonl",
        "**/x/**/*.jsonl",
        "data/*/*.jsonl",
        "**/[[]a].jsonl",
        "**/.h/*",
    ):
        assert tree.matches(pattern) == sorted(set(glob.glob(pattern, root_dir=data, recursive=True))), pattern
    absolute = f"{data}/**/*.jsonl"
    assert tree.matches(absolute) == sorted(set(glob.glob(absolute, recursive=True)))


def test_a_folder_of_the_hub_cache(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "datasets--a--b"
    blob = write(repository / "blobs" / "0123")
    snapshot = repository / "snapshots" / "main" / "data"
    snapshot.mkdir(parents=True)
    (snapshot / "a.jsonl").symlink_to(os.path.relpath(blob, snapshot))
    (tmp_path / "root").mkdir()
    assert found(str(snapshot.parent), tmp_path / "root")[1] == {}
    assert found(f"{snapshot}/*.jsonl", tmp_path / "root")[1] == {}


def test_a_study_names_them_and_goes_on(data: Path, tmp_path: Path) -> None:
    os.mkfifo(data / "data" / "pipe.jsonl")
    (data / "data" / "b.jsonl").symlink_to(data.parent / "private" / "secret.jsonl")
    mapping = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
    source = {"name": "s", "path": "data", "format": "pairs", "map": mapping}
    rows = {}
    for follow in (False, True):
        study: dict[str, Any] = {"sources": [{**source, "follow_links": follow}], "data_root": str(data)}
        out = unipref.run(study, out=tmp_path / f"run{follow}")
        rows[follow] = pq.read_table(out / "unified" / "preferences.parquet").num_rows
        rejects = pq.read_table(out / "unified" / "rejects.parquet").to_pylist()
        assert [reject["origin"] for reject in rejects] == [["data/b.jsonl:1"], ["data/pipe.jsonl:1"]][follow:]
    assert rows == {False: 1, True: 2}


def test_documents_of_a_benchmark_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    assert [getattr(document, "text", None) for document in read_documents(tmp_path, "text")] == ["text"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_are_both_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for mark in ("1", "2", "3"):
            archive.writestr("a.jsonl", LINE % (mark, mark, mark))
        archive.writestr("b.csv", "prompt\nq4?\n")
    pieces = parts(["x.zip"], tmp_path, "s")
    copies = ["a.jsonl", "a.jsonl (copy 2)", "a.jsonl (copy 3)", "b.csv"]
    assert [p.origin for p in pieces] == [f"x.zip!{copy}" for copy in copies]
    rows = [row for part in pieces for _, row in read(part)]
    assert [row["prompt"] for row in rows if isinstance(row, dict)] == ["q1?", "q2?", "q3?", "q4?"]
    assert len(inspect([tmp_path / "x.zip"])) == 1


@pytest.mark.parametrize("target", [".2024", "..2024", ".store/v1"])
def test_a_link_to_a_hidden_folder_inside_is_followed(tmp_path: Path, target: str) -> None:
    write(tmp_path / "data" / target / "a.jsonl")
    write(tmp_path / "data" / "plain" / "b.jsonl")
    (tmp_path / "data" / "current").symlink_to(target)
    (tmp_path / "data" / "same").symlink_to("plain")
    assert found("data", tmp_path) == (["data/current/a.jsonl", "data/plain/b.jsonl"], {})
