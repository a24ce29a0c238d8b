"""Keeps two processes from writing one folder at the same time."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from unipref.core.errors import ResourceError, UserError, report_missing_resources, resource_error

LOCKS = ".locks"
"""Folder with the lock files: one for the whole folder, and one for each stage that is being executed."""
WHOLE_FOLDER = "run.lock"


def make_lock_path(folder: Path, name: str) -> Path:
    """Returns the path of a lock file in a folder, and makes the folder of locks.

    Raises:
        UserError: a link or a file is in its place; the lock would be written elsewhere.
    """
    locks = folder / LOCKS
    check_real_folder(locks)
    locks.mkdir(parents=True, exist_ok=True)
    path = locks / name
    if path.is_symlink():
        raise UserError("a lock file is a link.", where=str(path), mend="Delete it and run again.")
    return path


def check_real_folder(path: Path) -> None:
    """Checks that a path, if it exists, is a folder and not a link to one.

    Raises:
        UserError: it is a link or a file. unipref neither follows nor deletes it.
    """
    if path.is_symlink():
        raise UserError("expected a folder, found a link.", where=str(path), mend="Move it away and run again.")
    if path.exists() and not path.is_dir():
        raise UserError("expected a folder, found a file.", where=str(path), mend="Move it away and run again.")


def make_folder(folder: Path) -> None:
    """Makes a run folder and its parents, unless it exists.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        missing = resource_error(error)
        what = f"the run folder cannot be created: {error.strerror}."
        kind = UserError if missing is None else ResourceError
        raise kind(what, where=str(folder), mend=missing.mend if missing else None) from error


def is_in_use(folder: Path) -> bool:
    """Whether a process holds the lock of a folder. Writes nothing into a folder that has no lock."""
    from filelock import FileLock, Timeout

    path = folder / LOCKS / WHOLE_FOLDER
    if path.is_symlink() or not path.is_file():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return True
    lock.release()
    return False


@contextlib.contextmanager
def use_alone(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder; it is released when the context or the process ends.

    Raises:
        UserError: another process holds it, or the folder cannot be made.
    """
    from filelock import FileLock, Timeout

    make_folder(folder)
    with report_missing_resources(str(folder)):
        lock = FileLock(make_lock_path(folder, WHOLE_FOLDER))
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UserError(
                "another command is using this folder.",
                where=str(folder),
                mend="Wait until it has ended, or give another folder with -o.",
            ) from error
    try:
        yield
    finally:
        lock.release()
