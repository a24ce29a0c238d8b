import contextlib
import functools
import hashlib
import json
from pathlib import Path

import msgspec
import pytest
import xxhash

from unipref.core.errors import UserError
from unipref.core.workers import BucketWriter, Local, read_bucket
from unipref.sources import Part, parts, read

BUCKETS = 7


def test_records_come_by_task_and_then_as_written(tmp_path: Path) -> None:
    for task, words in [(10, [b"e", b""]), (2, [b"c", b"d"]), (0, [b"a", b"b"])]:
        with BucketWriter(tmp_path, 2, task) as buckets:
            for word in words:
                buckets.write(4, word)
            buckets.write(5, b"odd %d" % task)
    assert list(read_bucket(tmp_path, 0)) == [b"a", b"b", b"c", b"d", b"e", b""]
    assert list(read_bucket(tmp_path, 1)) == [b"odd 0", b"odd 2", b"odd 10"]
    assert list(read_bucket(tmp_path, 2)) == []


def test_bytes_are_a_big_endian_number(tmp_path: Path) -> None:
    with BucketWriter(tmp_path, 10, 0) as buckets:
        buckets.write(b"\x01\x02", b"258")
    assert list(read_bucket(tmp_path, 258 % 10)) == [b"258"]


def test_nothing_is_left_of_a_task_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unipref.core.workers.buckets.BUFFER_BYTES", 10)
    with contextlib.suppress(ZeroDivisionError), BucketWriter(tmp_path, 2, 0) as buckets:
        buckets.write(0, b"x" * 100)
        assert [path.suffix for path in tmp_path.rglob("*.*")] == [".partial"]
        raise ZeroDivisionError
    assert list(tmp_path.rglob("*.*")) == []


def test_a_task_run_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    for word in (b"first", b"again"):
        with BucketWriter(tmp_path, 1, 3) as buckets:
            buckets.write(0, word)
    assert list(read_bucket(tmp_path, 0)) == [b"again"]


def test_little_is_held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unipref.core.workers.buckets.BUFFER_BYTES", 1000)
    with BucketWriter(tmp_path, 2, 0) as buckets:
        for n in range(100):
            buckets.write(n, bytes([n]) * 50)
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.partial")) > 100 * 54 - 1000
    assert list(read_bucket(tmp_path, 1)) == [bytes([n]) * 50 for n in range(1, 100, 2)]


@pytest.mark.parametrize("lost", [1, 3, 6])
def test_a_file_cut_short_is_an_error(tmp_path: Path, lost: int) -> None:
    with BucketWriter(tmp_path, 1, 0) as buckets:
        buckets.write(0, b"whole")
        buckets.write(0, b"cut")
    path = tmp_path / "00000" / "000000.records"
    path.write_bytes(path.read_bytes()[:-lost])
    records = read_bucket(tmp_path, 0)
    assert next(records) == b"whole"
    with pytest.raises(UserError, match="a bucket file is truncated"):
        next(records)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="a bucket file cannot be written") as caught:
        write_one(tmp_path / "file")
    assert "another run folder" in (caught.value.mend or "")


def write_one(folder: Path) -> None:
    with BucketWriter(folder, 1, 0) as buckets:
        buckets.write(0, b"x")


def spread(folder: Path, task: tuple[int, Part]) -> int:
    number, part = task
    rows = 0
    with BucketWriter(folder, BUCKETS, number) as buckets:
        for row, found in read(part):
            assert isinstance(found, dict)
            rows += 1
            key = xxhash.xxh3_64_intdigest(str(found["prompt"]).encode())
            buckets.write(key, msgspec.msgpack.encode([f"{part.origin}:{row}", found]))
    return rows


def digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.records")):
        whole.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return whole.hexdigest()


@pytest.mark.slow
def test_the_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    """Map, spill and read back: ranges of a file in one process and in two."""
    (tmp_path / "data").mkdir()
    rows = [{"prompt": n * 37 % 50, "response": "ab" * (n % 9)} for n in range(400)]
    (tmp_path / "data" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pieces = list(enumerate(parts(["data"], tmp_path, "s", cut_bytes=3000)))
    assert len(pieces) > 4
    digests = set()
    for workers in (1, 2):
        folder = tmp_path / f"with {workers}"
        with Local(workers) as engine:
            counts = list(engine.map(functools.partial(spread, folder), pieces, label="reading"))
        assert sum(counts) == 400
        digests.add(digest(folder))
    assert len(digests) == 1
    found = [msgspec.msgpack.decode(record) for b in range(BUCKETS) for record in read_bucket(folder, b)]
    assert dict(found) == {f"data/a.jsonl:{n}": row for n, row in enumerate(rows, 1)}
    homes = [{msgspec.msgpack.decode(record)[1]["prompt"] for record in read_bucket(folder, b)} for b in range(BUCKETS)]
    assert sum(len(home) for home in homes) == len(set.union(*homes)) == 50
