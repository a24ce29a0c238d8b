"""Folders of attempts: each attempt at a result writes into a folder of its own, which is renamed when it is done."""

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

_ATTEMPT = re.compile(r"\.partial(-[0-9a-f]{12})?$")
"""The end of the name of an attempt's folder; earlier versions wrote no ID."""
_BESIDE = re.compile(r"\.(.+)-(?:job|work)")
"""The name of a folder beside that of an attempt: of a launched training, or for the rows of a training step."""


@contextlib.contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """Makes an empty folder that takes the place of `folder` when the context ends, unless it raises.

    Its name is unique, so nothing that is left of an earlier attempt can write into it. Whoever calls it holds a lock:
    the folders of all other attempts are removed.
    """
    _remove_attempts(folder)
    attempt = folder.with_name(f"{folder.name}.partial-{uuid.uuid4().hex[:12]}")
    attempt.mkdir(parents=True)
    try:
        yield attempt
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(attempt, folder)
    except BaseException:
        shutil.rmtree(attempt, ignore_errors=True)
        raise


def is_attempt(name: str) -> bool:
    """Whether a folder of this name is an attempt's, or lies beside one."""
    return _ATTEMPT.search(_attempt_of(name)) is not None


def final_name(attempt: str) -> str:
    """Returns the name that the folder of an attempt will have when it is done."""
    return _ATTEMPT.sub("", attempt)


def _attempt_of(name: str) -> str:
    """Returns the name of the attempt that a folder lies beside; any other name as it is."""
    beside = _BESIDE.fullmatch(name)
    return beside[1] if beside else name


def _remove_attempts(folder: Path) -> None:
    """Removes what ended attempts left: their folders, and those beside them."""
    for path in folder.parent.iterdir() if folder.parent.is_dir() else ():
        is_of_folder = is_attempt(path.name) and final_name(_attempt_of(path.name)) == folder.name
        if is_of_folder and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
