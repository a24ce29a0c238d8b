"""Progress of a job in another process or on another machine: a file that the job writes and the scheduler reads."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from unipref.core.folder_lock import make_lock_path
from unipref.core.json_files import write_json
from unipref.core.work_progress import Unit

SECONDS_BETWEEN_WRITES = 0.5


class JobProgress(msgspec.Struct):
    """The latest progress of a job; attributes as in `ProgressListener.progress`."""

    label: str
    done: int
    total: int | None
    figures: dict[str, Any]
    unit: Unit
    rows: int | None


class ProgressFile:
    """Writes the progress of one job, at most twice a second for each label.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._label: str | None = None
        self._written = 0.0

    def write(self, progress: JobProgress) -> None:
        """Writes the progress. A file that cannot be written is left out: the job does not depend on it."""
        now = time.monotonic()
        if progress.label == self._label and now - self._written < SECONDS_BETWEEN_WRITES:
            return
        self._label, self._written = progress.label, now
        with contextlib.suppress(OSError):
            write_json(self._path, msgspec.structs.asdict(progress))


@contextlib.contextmanager
def open_progress(folder: Path, job: str) -> Iterator[ProgressFile]:
    """Opens the file for the progress of a job; it is removed when the job ends.

    Args:
        folder: the run folder.
        job: its name.
    """
    try:
        yield ProgressFile(_find_path(folder, job))
    finally:
        remove_progress(folder, job)


def remove_progress(folder: Path, job: str) -> None:
    """Removes the progress of a job, such as one that was killed."""
    with contextlib.suppress(OSError):
        _find_path(folder, job).unlink(missing_ok=True)


def read_progress(folder: Path, job: str) -> JobProgress | None:
    """Returns the latest progress of a job; None if it has not written any, or has ended."""
    try:
        # JSON as Python writes it: a metric may be NaN.
        return msgspec.convert(json.loads(_find_path(folder, job).read_bytes()), JobProgress)
    except (OSError, ValueError):
        return None


def _find_path(folder: Path, job: str) -> Path:
    return make_lock_path(folder, f"{job.replace('/', '@')}.progress")
