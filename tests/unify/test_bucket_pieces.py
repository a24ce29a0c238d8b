"""A bucket that is too large is read piece by piece: the same files, with bounded memory."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from support.golden import resolve_source
from support.small_studies import (
    HASHES,
    RATED,
    SmallStudy,
    hash_bytes,
    hash_study,
    iterate_studies,
    run_study,
    to_lines,
)
from unipref.core.workers import buckets
from unipref.unify import bucket_groups, bucket_pieces, rated_rows
from unipref.unify.map_reduce import FEEDBACK_FOLDER, GroupEntry, ReduceTask, pack
from unipref.unify.rated_rows import ROW_MEMORY, RatedReader, RatedWriter, iterate_feedback, read_batches, to_batch

STUDIES = dict(iterate_studies())
ONE_AXIS = {"prompt": "q", "response": "a", "scores": {"help": {"field": "help", "better": "high"}}}
TEXT_BYTES, N_ROWS = 4000, 1000
PIECE_BYTES = 400_000


@pytest.mark.parametrize("name", ["rated/2", "rated/3", "golden/ratings", "golden/steps", "pairs/all"])
def test_pieces_give_the_files_of_the_whole_bucket(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one bucket, some groups in a piece, and few records in memory while it is split."""
    monkeypatch.setattr(bucket_groups, "GROUP_BYTES", 3000)
    monkeypatch.setattr(bucket_pieces, "COPIED_BYTES", 5000)
    monkeypatch.setattr(bucket_pieces, "COPIED_ROWS", 4)
    assert hash_study(STUDIES[name], tmp_path) == json.loads(HASHES.read_text(encoding="utf-8"))[name]


def test_pieces_give_the_bytes_of_the_whole_bucket_for_many_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several row groups, and of sources that share prompts."""
    rows = [
        {"q": f"Q{number % 701}", "a": f"A{number}", "help": number * 7 % 11, "scores": {"harm": 1}, "tone": 1}
        for number in range(2500)
    ]
    rows[3::50] = [{**row, "a": {"role": "assistant", "content": row["a"]}} for row in rows[3::50]]
    sources: list[Any] = [(name, "ratings", RATED, f"{name}.jsonl", to_lines(rows), "help") for name in ("one", "two")]
    study = SmallStudy(sources)
    whole = run_study(study, tmp_path / "whole")
    monkeypatch.setattr(bucket_groups, "GROUP_BYTES", 300_000)
    pieces = run_study(study, tmp_path / "pieces")
    assert (hash_bytes(pieces[0]), pieces[1]) == (hash_bytes(whole[0]), whole[1])


@pytest.fixture
def reader_and_task(tmp_path: Path) -> tuple[RatedReader, ReduceTask]:
    folder = tmp_path / "bucket"
    folder.mkdir()
    (folder / "d.jsonl").write_text("{}\n", encoding="utf-8")
    source = resolve_source("ratings", ONE_AXIS, folder / "d.jsonl")
    reader = rated_rows.find_reader(source.format, source.projection)
    assert reader is not None
    return reader, ReduceTask(0, [source], folder, folder)


def make_rows(reader: RatedReader) -> Iterator[rated_rows.RatedRows]:
    """Two answers per prompt, far apart; of every fourth prompt both have the same score, so columns cannot decide."""
    for number in range(N_ROWS):
        prompt = number % (N_ROWS // 2)
        score = 1 if prompt % 4 == 0 else number
        row = reader.read([{"q": f"Q{prompt}", "a": f"{number} " + "z" * TEXT_BYTES, "help": score}])
        assert row is not None
        row.places, row.origins = [number], [f"d:{number}"]
        yield row


@pytest.mark.parametrize("kind", ["columns", "feedback"])
def test_a_large_bucket_is_never_in_memory_as_a_whole(
    kind: str, reader_and_task: tuple[RatedReader, ReduceTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts the rows of each piece and of each copy, and the bytes that Python holds at most."""
    reader, task = reader_and_task
    monkeypatch.setattr(bucket_groups, "GROUP_BYTES", PIECE_BYTES)
    monkeypatch.setattr(bucket_pieces, "COPIED_BYTES", PIECE_BYTES)
    monkeypatch.setattr(rated_rows, "BLOCK_BYTES", PIECE_BYTES)
    monkeypatch.setattr(buckets, "BUFFER_BYTES", PIECE_BYTES)
    if kind == "columns":
        with RatedWriter(task.folder, 1, 0, 0, 1) as writer:
            for row in make_rows(reader):
                writer.add(row)
    else:
        with buckets.BucketWriter(task.folder / FEEDBACK_FOLDER, 1, 0) as feedback:
            for row in make_rows(reader):
                table = pa.Table.from_batches([to_batch(row, 1)])
                for place, key, of_row in iterate_feedback(table, reader.axes):
                    feedback.write(0, pack(GroupEntry(0, key, place, of_row)))
    n_decided = n_others = 0
    most = 2 + 2 * PIECE_BYTES // (2 * (TEXT_BYTES + ROW_MEMORY))
    copied: list[int] = []
    copy = bucket_pieces._copy_rated

    def count(records: Any, *rest: Any) -> None:
        copied.append(len(records.ids))
        copy(records, *rest)

    monkeypatch.setattr(bucket_pieces, "_copy_rated", count)
    for _ in bucket_groups.read_sources(task):
        pass  # loads modules, which take memory too
    copied.clear()
    tracemalloc.start()
    try:
        for source, groups in bucket_groups.read_sources(task):
            assert source == 0
            decided = 0 if groups.decided is None else len(groups.decided.table)
            others = sum(len(group.parts) for group in groups.others)
            assert 0 < decided + others <= most
            n_decided, n_others = n_decided + decided, n_others + others
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (n_decided, n_others) == ((750, 250) if kind == "columns" else (0, 1000))
    assert peak < 5 * PIECE_BYTES < N_ROWS * TEXT_BYTES
    assert (sum(copied), max(copied, default=0) <= 2 * most) == (N_ROWS if kind == "columns" else 0, True)
    assert not list(task.folder.glob("pieces-*"))


def test_a_block_has_few_rows_although_their_texts_are_short(
    reader_and_task: tuple[RatedReader, ReduceTask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, _ = reader_and_task
    monkeypatch.setattr(rated_rows, "BLOCK_BYTES", 100 * ROW_MEMORY)
    with RatedWriter(tmp_path, 1, 0, 0, 1) as writer:
        for place in range(1000):
            row = reader.read([{"q": f"{place % 10}", "a": "y", "help": 1}])
            assert row is not None
            row.places, row.origins = [place], ["d:1"]
            writer.add(row)
    sizes = [len(batch) for _, batch in read_batches(tmp_path, 0)]
    assert sum(sizes) == 1000
    assert 90 <= max(sizes) <= 100
