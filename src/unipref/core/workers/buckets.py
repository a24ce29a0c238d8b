"""Bucket files: what map tasks leave for reduce tasks.

Each map task appends records to buckets by a hash; each reduce task reads one bucket, task by task. A group of rows
with one key is whole in its bucket, so memory is bounded by a bucket and not by the data. Which task wrote first does
not matter: the order is that of the task numbers.
"""

import contextlib
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from unipref.core.errors import UserError

BUFFER_BYTES = 8 << 20
"""Records held back in all buckets together, in bytes; then they are appended to their files."""

_LENGTH = struct.Struct("<I")


class BucketWriter:
    """Writes one map task's records into bucket files; a context manager.

    One file per bucket that gets a record: `folder/<bucket>/<task>.records`. It is written under a name of its own
    and renamed when the task has ended well, so a task that is run again or twice at once leaves one whole file.

    Args:
        folder: of this piece of row work alone.
        n_buckets: into how many buckets keys are spread.
        task_number: the task's place in the order of the input.
    """

    def __init__(self, folder: Path, n_buckets: int, task_number: int) -> None:
        self._folder, self._n_buckets, self._task = folder, n_buckets, task_number
        self._attempt = uuid.uuid4().hex
        self._held: dict[int, bytearray] = {}
        self._held_bytes = 0
        self._begun: dict[int, Path] = {}

    def write(self, key: int | bytes, record: bytes) -> None:
        """Appends a record to the bucket of its key.

        Args:
            key: a hash that is the same in every process (xxh3, not `hash`), as a number or its bytes, big-endian.
            record: under 4 GiB.

        Raises:
            UserError: the disk is full or cannot be written.
        """
        number = int.from_bytes(key, "big") if isinstance(key, bytes) else key
        held = self._held.setdefault(number % self._n_buckets, bytearray())
        held += _LENGTH.pack(len(record))
        held += record
        self._held_bytes += _LENGTH.size + len(record)
        if self._held_bytes >= BUFFER_BYTES:
            self._append_held()

    def _append_held(self) -> None:
        """Opens one file at a time: there may be more buckets than files a process may have open."""
        try:
            for bucket, records in self._held.items():
                aside = self._begun.get(bucket)
                if aside is None:
                    aside = self._begun[bucket] = self._path(bucket).with_suffix(f".{self._attempt}.partial")
                    aside.parent.mkdir(parents=True, exist_ok=True)
                with open(aside, "ab") as file:
                    file.write(records)
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        self._held, self._held_bytes = {}, 0

    def _path(self, bucket: int) -> Path:
        return self._folder / f"{bucket:05d}" / f"{self._task:06d}.records"

    def __enter__(self) -> "BucketWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._append_held()
                for bucket, aside in self._begun.items():
                    aside.replace(self._path(bucket))
            except BaseException:
                self._remove_begun()
                raise
        else:
            self._remove_begun()

    def _remove_begun(self) -> None:
        for aside in self._begun.values():
            with contextlib.suppress(OSError):
                aside.unlink()


def read_bucket(folder: Path, bucket: int) -> Iterator[bytes]:
    """The records of a bucket, by task number, then in the order they were written; none if nothing was.

    Raises:
        UserError: a file is cut short.
    """
    tasks = (folder / f"{bucket:05d}").glob("*.records")
    for path in sorted(tasks, key=lambda path: int(path.stem)):
        with open(path, "rb") as file:
            while prefix := file.read(_LENGTH.size):
                length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else -1
                record = file.read(length) if length >= 0 else b""
                if len(record) != length:
                    raise UserError(
                        "a bucket file is cut short.", where=str(path), mend=f"Delete '{folder}' and run again."
                    )
                yield record


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"row work cannot be written: {error.strerror or error}.",
        where=str(folder),
        mend="Make room on that disk, or give another run folder with -o.",
    )
