import gzip
import hashlib
import json
import zipfile
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unipref.core.errors import UserError
from unipref.core.records import Reason, Reject
from unipref.sources import Limits, Part, parts, read
from unipref.sources.split_files import check_parts


def write(path: Path, text: str = '{"a": 1}\n') -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def origins(found: list[Part]) -> list[str]:
    return [part.origin for part in found]


def test_folder_is_every_data_file_below_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ["b.jsonl", "a/z.csv", "a/b/c.json.gz", "README.md", "labels.lst", ".hidden.json", ".git/x.json"]:
        write(tmp_path / "data" / name)
    found = parts(["data"], tmp_path, "sources.0.path")
    assert origins(found) == ["data/a/b/c.json.gz", "data/a/z.csv", "data/b.jsonl"]
    assert [(part.shape, part.packing) for part in found] == [("json", "gz"), ("csv", ""), ("jsonl", "")]


def test_globs_and_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["x/1.jsonl", "x/2.JSONL", "x/notes.txt", "y/3.jsonl"]:
        write(tmp_path / name)
    assert origins(parts(["x/2.JSONL", "*/*", "x"], tmp_path, "s")) == ["x/2.JSONL", "x/1.jsonl", "y/3.jsonl"]
    assert origins(parts(["**/3.jsonl"], tmp_path, "s")) == ["y/3.jsonl"]
    monkeypatch.setenv("CORPUS", str(tmp_path / "y"))
    assert origins(parts(["$CORPUS/3.jsonl"], tmp_path, "s")) == ["y/3.jsonl"]


def test_brackets_in_a_file_name_are_no_glob(tmp_path: Path) -> None:
    write(tmp_path / "run[1].jsonl")
    assert origins(parts(["run[1].jsonl"], tmp_path, "s")) == ["run[1].jsonl"]


def test_origin_outside_data_root_is_as_given(tmp_path: Path) -> None:
    write(tmp_path / "other" / "a.jsonl")
    (tmp_path / "root").mkdir()
    assert origins(parts(["../other"], tmp_path / "root", "s")) == ["../other/a.jsonl"]
    absolute = str(tmp_path / "other" / "a.jsonl")
    assert origins(parts([absolute], tmp_path / "root", "s")) == [absolute]
    assert origins(parts([absolute], tmp_path, "s")) == ["other/a.jsonl"]


@pytest.mark.parametrize(
    ("path", "what", "mend"),
    [
        ("feed/oast.jsonl", "the file or folder 'feed/oast.jsonl' does not exist", "Did you mean 'oasst.jsonl'?"),
        ("fed/oasst.jsonl", "the file or folder 'fed/oasst.jsonl' does not exist", "Did you mean 'feed'?"),
        ("feed/*.cvs", "matches no data file", "Looked in"),
        ("feed/*.md", "matches no data file, only feed/README.md", "Looked in"),
        ("feed/README.md", "an unknown ending", "Known endings: .jsonl"),
        ("empty", "holds no data file", "Data files end in"),
        ("other.zip", "holds no data file", "members must end in"),
        ("$NO_SUCH_PLACE/a.json", "NO_SUCH_PLACE, which is not set", "Set NO_SUCH_PLACE"),
    ],
)
def test_nothing_there(tmp_path: Path, path: str, what: str, mend: str) -> None:
    write(tmp_path / "feed" / "oasst.jsonl")
    write(tmp_path / "feed" / "README.md")
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    with pytest.raises(UserError) as caught:
        parts([path], tmp_path, "sources.0.path")
    assert caught.value.where == "sources.0.path"
    assert what in caught.value.what
    assert mend in (caught.value.mend or "")


def test_a_large_folder_is_not_listed_whole(tmp_path: Path) -> None:
    for number in range(30):
        write(tmp_path / f"{number:02d}.jsonl")
    with pytest.raises(UserError, match=r"It holds 30 others, such as 00.jsonl, 01.jsonl"):
        parts(["zzzzzzzzzz"], tmp_path, "s")


def test_zip_members_follow_the_rules_of_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("d/one.json", '{"a": 1}\n{"a": 2}\n')
        archive.writestr("d/two.jsonl.gz", gzip.compress(b'{"a": 3}\n'))
        archive.writestr("README.txt", "")
        archive.writestr("__MACOSX/d/._one.json", "\0")
    found = parts(["a.zip"], tmp_path, "s")
    assert origins(found) == ["a.zip!d/one.json", "a.zip!d/two.jsonl.gz"]
    assert [list(read(part)) for part in found] == [[(1, {"a": 1}), (2, {"a": 2})], [(1, {"a": 3})]]


def test_a_zip_member_whose_name_is_damaged_is_named_and_costs_itself_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("one.jsonl", '{"a": 1}\n')
        archive.writestr("x.jsonl", '{"a": 2}\n')
    raw = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(raw.replace(b"x.jsonl", b"\0.jsonl"))
    first, second = parts(["a.zip"], tmp_path, "s")
    assert list(read(first)) == [(1, {"a": 1})]
    ((_, reject),) = read(second)
    assert (reject.reason, second.origin) == (Reason.UNREADABLE, "a.zip!(member 2)")


def test_a_zip_that_asks_for_a_later_version_of_the_format_is_unreadable(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("one.jsonl", '{"a": 1}\n')
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    raw[raw.index(b"PK\x01\x02") + 6] = 199  # "version needed to extract" of the member: 19.9
    (tmp_path / "a.zip").write_bytes(raw)
    ((_, reject),) = [row for part in parts(["a.zip"], tmp_path, "s") for row in read(part)]
    assert (reject.reason, "version 19.9" in reject.detail) == (Reason.UNREADABLE, True)


def digest(found: list[Part]) -> str:
    rows = [f"{part.origin}:{row} {shown}" for part in found for row, shown in shown_rows(part)]
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def shown_rows(part: Part) -> list[tuple[int, str]]:
    return [(row, str(found) if isinstance(found, Reject) else json.dumps(found)) for row, found in read(part)]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False], ids=["closed", "open"])
def test_ranges_give_the_rows_and_row_numbers_of_the_whole(tmp_path: Path, ending: str, last: bool) -> None:
    lines = [json.dumps({"n": n, "text": "é" * (n * 7 % 50)}, ensure_ascii=False) for n in range(300)]
    lines[17], lines[18], lines[40], lines[200] = "", "   ", "not json", "[1]"
    path = tmp_path / "a.jsonl"
    path.write_bytes((ending.join(lines) + (ending if last else "")).encode())
    whole = parts(["a.jsonl"], tmp_path, "s")
    assert len(whole) == 1
    assert [row for row, _ in read(whole[0])] == [n for n in range(1, 301) if n not in (18, 19)]
    for cut in (1, 7, 64, 100, 1000, path.stat().st_size // 2):
        ranges = parts(["a.jsonl"], tmp_path, "s", cut_bytes=cut)
        assert len(ranges) > 1
        assert sum(part.size for part in ranges) == path.stat().st_size
        assert digest(ranges) == digest(whole)


def test_a_border_at_a_line_end_starts_no_empty_range(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", '{"a":1}\n' * 4)
    found = parts(["a.jsonl"], tmp_path, "s", cut_bytes=16)
    assert [(part.start, part.end, part.first_row) for part in found] == [(0, 16, 1), (16, 32, 3)]


def test_json_lines_named_json_is_cut_and_an_array_is_not(tmp_path: Path) -> None:
    write(tmp_path / "lines.json", '{"a": 1}\n' * 20)
    write(tmp_path / "array.json", json.dumps([{"a": 1}] * 20))
    assert len(parts(["lines.json"], tmp_path, "s", cut_bytes=30)) == 5
    assert len(parts(["array.json"], tmp_path, "s", cut_bytes=30)) == 1


def test_parquet_is_cut_by_row_groups(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": list(range(10))}), tmp_path / "a.parquet", row_group_size=4)
    found = parts(["a.parquet"], tmp_path, "s", cut_bytes=1)
    assert [(part.start, part.end, part.first_row) for part in found] == [(0, 1, 1), (1, 2, 5), (2, 3, 9)]
    rows = [entry for part in found for entry in read(part)]
    assert rows == [(n + 1, {"n": n}) for n in range(10)]
    assert rows == list(read(parts(["a.parquet"], tmp_path, "s")[0]))


def test_parts_are_checked_with_the_limits_they_were_made_with(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.jsonl", '{"a": 1}\n')
    given = parts(["z.zip"], tmp_path, "s", limits=Limits(members=3))
    check_parts(given)
    with pytest.raises(UserError, match="more than 2"):
        check_parts([msgspec.structs.replace(part, limits=Limits(members=2)) for part in given])
