"""Splits a bucket that is too large into pieces on disk, each with neighbouring groups in the order of first rows.

The records are read twice, batch by batch: once for the place and the size of each group, once to copy them. So the
groups of all pieces, one after the other, have the order that they have in the whole bucket.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from unipref.core.workers.buckets import BucketWriter, read_bucket
from unipref.unify.map_reduce import FEEDBACK_FOLDER
from unipref.unify.rated_rows import FOLDER as RATED_FOLDER
from unipref.unify.rated_rows import KEY_BYTES, ROW_MEMORY, pack_batch, read_batches

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int64]
Ids = npt.NDArray[np.bytes_]

COPIED_BYTES = 16 << 20
"""About how many bytes of records are in memory while they are copied."""
COPIED_ROWS = COPIED_BYTES // ROW_MEMORY
SOURCE_BYTES = 4
ID_BYTES = SOURCE_BYTES + KEY_BYTES


class _Entry(msgspec.Struct, array_like=True):
    """A `GroupEntry` without its feedback, which is not decoded."""

    source: int
    key: str
    place: int


class _Records(msgspec.Struct):
    """Some records of a bucket: packed feedback, or rated rows of one source.

    Attributes:
        ids: (n,) ids of their groups.
        places: (n,) places of their rows.
        sizes: (n,) about how many bytes each takes in memory.
    """

    ids: Ids
    places: Ints
    sizes: Ints
    packed: list[bytes] = []
    source: int = 0
    rated: Any = None


@contextmanager
def split_bucket(folder: Path, bucket: int, piece_bytes: int) -> Iterator[tuple[Path, int]]:
    """Splits a bucket, and removes the pieces afterwards.

    Args:
        folder: of the buckets.
        bucket: number of the bucket.
        piece_bytes: about the bytes of memory that a piece takes. A group is never split.

    Yields:
        A folder with a bucket for each piece, and the number of pieces. Memory holds about 36 bytes per group, and
        `COPIED_BYTES`.
    """
    index = _GroupIndex()
    for records in _read_records(folder, bucket):
        index.add(records)
    ids, pieces, n_pieces = index.assign(piece_bytes)
    # Another attempt at the same task may run at the same time, so each has its own folder.
    with tempfile.TemporaryDirectory(prefix=f"pieces-{bucket:05d}-", dir=folder) as name:
        out = Path(name)
        with (
            BucketWriter(out / FEEDBACK_FOLDER, n_pieces, 0) as feedback,
            BucketWriter(out / RATED_FOLDER, n_pieces, 0) as rated,
        ):
            for records in _read_records(folder, bucket):
                piece_of = pieces[np.searchsorted(ids, records.ids)]
                for piece, record in zip(piece_of.tolist(), records.packed, strict=False):
                    feedback.write(piece, record)
                if records.rated is not None:
                    _copy_rated(records, piece_of, rated)
        yield out, n_pieces


def _copy_rated(records: _Records, piece_of: Ints, out: BucketWriter) -> None:
    order = np.argsort(piece_of, kind="stable")
    table = records.rated.take(order)
    pieces, starts = np.unique(piece_of[order], return_index=True)
    for piece, start, end in zip(pieces.tolist(), starts, [*starts[1:], len(order)], strict=True):
        for batch in table.slice(start, end - start).to_batches():
            out.write(piece, pack_batch(batch, records.source))


class _GroupIndex:
    """The place of the first row, and the size, of each group."""

    def __init__(self) -> None:
        self._added: list[tuple[Ids, Ints, Ints]] = []
        self._n_groups = self._n_added = 0

    def add(self, records: _Records) -> None:
        """Adds records. Rows of the same group are joined as soon as they are as many as the groups."""
        self._added.append((records.ids, records.places, records.sizes))
        self._n_added += len(records.ids)
        if self._n_added >= max(self._n_groups, COPIED_ROWS):
            self._join()

    def _join(self) -> tuple[Ids, Ints, Ints]:
        ids, places, sizes = (np.concatenate(column) for column in zip(*self._added, strict=True))
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
        first, total = np.minimum.reduceat(places[order], starts), np.add.reduceat(sizes[order], starts)
        self._added, self._n_groups, self._n_added = [(ids[starts], first, total)], len(starts), 0
        return self._added[0]

    def assign(self, piece_bytes: int) -> tuple[Ids, Ints, int]:
        """Returns the sorted ids of all groups, the piece of each, and the number of pieces."""
        ids, first, sizes = self._join()
        order = np.argsort(first, kind="stable")
        before = np.cumsum(sizes[order]) - sizes[order]
        numbers, dense = np.unique(before // piece_bytes, return_inverse=True)
        pieces = np.empty(len(ids), dtype=np.int64)
        pieces[order] = dense
        return ids, pieces, len(numbers)


def _read_records(folder: Path, bucket: int) -> Iterator[_Records]:
    """Yields all records of a bucket, some at a time."""
    packed: list[bytes] = []
    size = 0
    for record in read_bucket(folder / FEEDBACK_FOLDER, bucket):
        packed.append(record)
        size += len(record) + ROW_MEMORY
        if size >= COPIED_BYTES:
            yield _index_feedback(packed)
            packed, size = [], 0
    if packed:
        yield _index_feedback(packed)
    yield from _read_rated(folder, bucket)


def _read_rated(folder: Path, bucket: int) -> Iterator[_Records]:
    """Yields the rated rows of a bucket. Small batches are joined, so that not each becomes many smaller ones."""
    batches: list[pa.RecordBatch] = []
    source = size = 0
    for of_batch, batch in read_batches(folder, bucket):
        if batches and (of_batch != source or size >= COPIED_BYTES):
            yield _index_rated(batches, source)
            batches, size = [], 0
        batches.append(batch)
        source = of_batch
        size += batch.nbytes + ROW_MEMORY * len(batch)
    if batches:
        yield _index_rated(batches, source)


def _index_feedback(packed: list[bytes]) -> _Records:
    decoder = msgspec.msgpack.Decoder(_Entry)
    entries = [decoder.decode(record) for record in packed]
    keys = b"".join(_shorten(entry.key) for entry in entries)
    return _Records(
        _make_ids([entry.source for entry in entries], keys),
        np.array([entry.place for entry in entries], dtype=np.int64),
        np.array([len(record) + ROW_MEMORY for record in packed], dtype=np.int64),
        packed=packed,
    )


def _index_rated(batches: "list[pa.RecordBatch]", source: int) -> _Records:
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.Table.from_batches(batches)
    keys = b"".join(key for chunk in table["key"].chunks for key in chunk.to_pylist())
    sizes = np.full(len(table), ROW_MEMORY, dtype=np.int64)
    for name in ("prompt", "answer", "origin"):
        sizes += pc.binary_length(table[name]).to_numpy()
    return _Records(
        _make_ids([source] * len(table), keys), np.array(table["place"].to_numpy()), sizes, source=source, rated=table
    )


def _shorten(key: str) -> bytes:
    """Returns `KEY_BYTES` bytes for the key of a group: those of the key of a prompt, or a hash of another key."""
    return bytes.fromhex(key) if len(key) == 2 * KEY_BYTES and ":" not in key else xxhash.xxh3_128_digest(key.encode())


def _make_ids(sources: list[int], keys: bytes) -> Ids:
    """Returns (n,) source and key, as bytes."""
    rows = np.empty((len(sources), ID_BYTES), dtype=np.uint8)
    rows[:, :SOURCE_BYTES] = np.array(sources, dtype=">u4").reshape(-1, 1).view(np.uint8)
    rows[:, SOURCE_BYTES:] = np.frombuffer(keys, dtype=np.uint8).reshape(-1, KEY_BYTES)
    return rows.view(f"S{ID_BYTES}").reshape(-1)
