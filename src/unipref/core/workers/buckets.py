"""Bucket files, which pass records from map tasks to reduce tasks.

Each map task appends records to buckets by a hash. Each reduce task reads one bucket, task by task. All rows with one
key are in one bucket, so memory is limited by the largest bucket, not by the data. Records are ordered by task number,
not by time.
"""

import contextlib
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from unipref.core.errors import UserError, resource_error

BUFFER_BYTES = 8 << 20
"""Bytes of records that all buckets together keep in memory before they are written."""
LARGE_BYTES = 128 << 10
"""Bytes of a record from which on it is written at once, and not copied before."""

_LENGTH = struct.Struct("<I")


class BucketWriter:
    """Writes one map task's records into bucket files; a context manager.

    One file per bucket that gets a record: `folder/<bucket>/<task>.records`. It is written under a temporary
    name and renamed when the task succeeds, so a task that runs again, or twice at once, leaves one whole file.

    Args:
        folder: used by these tasks only.
        n_buckets: number of buckets.
        task_number: the task's place in the order of the input.
    """

    def __init__(self, folder: Path, n_buckets: int, task_number: int) -> None:
        self._folder, self._n_buckets, self._task = folder, n_buckets, task_number
        self._attempt = uuid.uuid4().hex
        self._pending: dict[int, bytearray] = {}
        self._pending_bytes = 0
        self._partial_files: dict[int, Path] = {}

    def write(self, key: int | bytes, record: bytes) -> None:
        """Appends a record to the bucket of its key.

        Args:
            key: a hash that is the same in every process (xxh3, not `hash`), as a number or its bytes, big-endian.
            record: under 4 GiB.

        Raises:
            UserError: the disk is full or not writable.
        """
        number = int.from_bytes(key, "big") if isinstance(key, bytes) else key
        bucket, length = number % self._n_buckets, _LENGTH.pack(len(record))
        if len(record) >= LARGE_BYTES:
            pending = self._pending.pop(bucket, bytearray())
            self._pending_bytes -= len(pending)
            self._append(bucket, pending + length, record)
            return
        pending = self._pending.setdefault(bucket, bytearray())
        pending += length
        pending += record
        self._pending_bytes += _LENGTH.size + len(record)
        if self._pending_bytes >= BUFFER_BYTES:
            self._flush()

    def _flush(self) -> None:
        for bucket, records in self._pending.items():
            self._append(bucket, records)
        self._pending, self._pending_bytes = {}, 0

    def _append(self, bucket: int, *several: bytes | bytearray) -> None:
        """Appends records to a bucket's file, which is closed again: there may be more than a process may open."""
        try:
            partial = self._partial_files.get(bucket)
            if partial is None:
                partial = self._partial_files[bucket] = self._path(bucket).with_suffix(f".{self._attempt}.partial")
                # Not its parents: a folder that was removed is that of an attempt that has ended.
                self._folder.mkdir(exist_ok=True)
                partial.parent.mkdir(exist_ok=True)
            with open(partial, "ab") as file:
                for records in several:
                    file.write(records)
        except OSError as error:
            raise resource_error(error, str(self._folder)) or _unwritable(self._folder, error) from error

    def _path(self, bucket: int) -> Path:
        return self._folder / f"{bucket:05d}" / f"{self._task:06d}.records"

    def __enter__(self) -> "BucketWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._flush()
                for bucket, partial in self._partial_files.items():
                    partial.replace(self._path(bucket))
            except BaseException:
                self._remove_partial_files()
                raise
        else:
            self._remove_partial_files()

    def _remove_partial_files(self) -> None:
        for partial in self._partial_files.values():
            with contextlib.suppress(OSError):
                partial.unlink()


def read_bucket(folder: Path, bucket: int) -> Iterator[bytes]:
    """Yields the records of a bucket, by task number, then in the order of writing; nothing for an empty bucket.

    Raises:
        UserError: a file is truncated.
    """
    tasks = (folder / f"{bucket:05d}").glob("*.records")
    for path in sorted(tasks, key=lambda path: int(path.stem)):
        with open(path, "rb") as file:
            while prefix := file.read(_LENGTH.size):
                length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else -1
                record = file.read(length) if length >= 0 else b""
                if len(record) != length:
                    raise UserError(
                        "a bucket file is truncated.", where=str(path), mend=f"Delete '{folder}' and run again."
                    )
                yield record


def bucket_size(folder: Path, bucket: int) -> int:
    """Returns the number of bytes in the files of a bucket."""
    return sum(path.stat().st_size for path in (folder / f"{bucket:05d}").glob("*.records"))


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"a bucket file cannot be written: {error.strerror or error}.",
        where=str(folder),
        mend="Make room on that disk, or give another run folder with -o.",
    )
